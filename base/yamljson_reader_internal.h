// The state of one parse, and the two halves of the reader: values of scalars and positions for
// messages (yamljson_value.c), structure (yamljson_parse.c).
#ifndef BASE_YAMLJSON_READER_INTERNAL_H
#define BASE_YAMLJSON_READER_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "base/error.h"
#include "base/vec.h"
#include "base/yamljson.h"

struct yamljson_reader {
    yaml_parser_t parser;
    yaml_event_t event; // the one that is looked at
    const char *text;
    size_t size;
    const char *name;
    struct yamljson_limits limits;
    size_t nodes;       // made so far in this stream
    size_t bytes;       // text in them
    size_t alias_bytes; // of these by aliases
    size_t alias_nodes; // of those by aliases
    unsigned depth;
    bool in_flow;
    bool in_key;            // a scalar read now is a mapping's key: a date stays as it is written
    struct vec anchors;     // struct anchor, of this document
    json_t *anchor_index;   // name -> place in `anchors`
    size_t seen_characters; // how far character_offset has counted, and the byte it is at
    size_t seen_bytes;
};

// "name:line:col: …". Always -1.
int yamljson_fail(const struct yamljson_reader *reader, yaml_mark_t mark, enum error_code code,
                  struct error *err, const char *format, ...) __attribute__((format(printf, 5, 6)));
// What libyaml itself refused. Always -1.
int yamljson_fail_by_parser(struct yamljson_reader *reader, struct error *err);
// The byte at which libyaml's count of characters stands; cheap while the counts asked for rise.
size_t yamljson_offset(struct yamljson_reader *reader, size_t characters);

// The value of the scalar event that the reader stands on; owned.
int yamljson_scalar_value(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
    __attribute__((warn_unused_result));

// Where the limits ask for it: a value that remembers how the scalar is written (no key, no tag;
// `scalar` NULL when it is quoted), if `value` does not tell. Consumes value.
struct yamljson_scalar;
json_t *yamljson_with_style(const struct yamljson_limits *limits, bool in_flow, const char *text,
                            size_t length, const struct yamljson_scalar *scalar, json_t *value);

// Reads a stream without libyaml, if it is simple enough: false when it is not, or is wrong, and
// then `documents` is empty. The limits are all set. text has no BOM.
bool yamljson_read_quickly(const char *text, size_t size, const struct yamljson_limits *limits,
                           struct vec *documents);

// yamljson_parse_all by libyaml alone, for tests that compare the two.
int yamljson_parse_events(const char *text, size_t size, const char *name,
                          const struct yamljson_limits *limits, struct vec *ret_documents,
                          struct error *err) __attribute__((warn_unused_result));

#endif
