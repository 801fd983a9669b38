// The state of one parse, and the two halves of the reader: values of scalars and positions for
// messages (yamlvalue_value.c), structure (yamlvalue_parse.c).
#ifndef BASE_YAMLVALUE_READER_INTERNAL_H
#define BASE_YAMLVALUE_READER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "base/yamlvalue.h"

struct yamlvalue_reader {
    yaml_parser_t parser;
    yaml_event_t event; // the one that is looked at
    const char *text;
    size_t size;
    const char *name;
    struct yamlvalue_limits limits;
    size_t nodes;       // made so far in this stream
    size_t bytes;       // text in them
    size_t alias_bytes; // of these by aliases
    size_t alias_nodes; // of those by aliases
    unsigned depth;
    bool in_flow;
    bool in_key;        // a scalar read now is a mapping's key: a date stays as it is written
    struct vec anchors; // struct anchor, of this document
    struct value *anchor_index; // name -> place in `anchors`
    size_t seen_characters;     // how far character_offset has counted, and the byte it is at
    size_t seen_bytes;
};

// "name:line:col: …". Always -1.
int yamlvalue_fail(const struct yamlvalue_reader *reader, yaml_mark_t mark, enum error_code code,
                   struct error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
// What libyaml itself refused. Always -1.
int yamlvalue_fail_by_parser(struct yamlvalue_reader *reader, struct error *err);
// The byte at which libyaml's count of characters stands; cheap while the counts asked for rise.
size_t yamlvalue_offset(struct yamlvalue_reader *reader, size_t characters);

// The value of the scalar event that the reader stands on; owned.
int yamlvalue_scalar_value(struct yamlvalue_reader *reader, struct value **ret_value,
                           struct error *err) __attribute__((warn_unused_result));

// Where the limits ask for it: a value that remembers how the scalar is written (no key, no tag;
// `scalar` NULL when it is quoted), if `value` does not tell. Consumes value.
struct yamlvalue_scalar;
struct value *yamlvalue_with_style(const struct yamlvalue_limits *limits, bool in_flow,
                                   const char *text, size_t length,
                                   const struct yamlvalue_scalar *scalar, struct value *value);

// Reads a stream without libyaml, if it is simple enough: false when it is not, or is wrong, and
// then `documents` is empty. The limits are all set. text has no BOM.
bool yamlvalue_read_quickly(const char *text, size_t size, const struct yamlvalue_limits *limits,
                            struct vec *documents);

// yamlvalue_parse_all by libyaml alone, for tests that compare the two.
int yamlvalue_parse_events(const char *text, size_t size, const char *name,
                           const struct yamlvalue_limits *limits, struct vec *ret_documents,
                           struct error *err) __attribute__((warn_unused_result));

#endif
