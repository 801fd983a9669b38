// What the YAML readers and writers share: which plain scalar means what, and the order of keys.
#ifndef BASE_YAMLJSON_INTERNAL_H
#define BASE_YAMLJSON_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum yamljson_kind {
    YAMLJSON_STRING,
    YAMLJSON_NULL,
    YAMLJSON_BOOL,
    YAMLJSON_INTEGER,
    YAMLJSON_UNSIGNED, // above INT64_MAX
    YAMLJSON_FLOAT,
    YAMLJSON_NOT_FINITE,
    YAMLJSON_TIMESTAMP,
};

struct yamljson_scalar {
    enum yamljson_kind kind;
    bool truth;
    int64_t integer;
    uint64_t unsigned_integer;
    double real;
    char timestamp[40]; // RFC 3339, as Go writes it
};

// Resolves an unquoted scalar as go-yaml v3 does: YAML 1.2 booleans, YAML 1.1 octals, underscores
// in numbers, dates; no base 60.
void yamljson_resolve(const char *text, size_t length, struct yamljson_scalar *ret);

// The same as go-yaml v2 does where it decodes into no type: more words are booleans, dates are
// text.
void yamljson_resolve_11(const char *text, size_t length, struct yamljson_scalar *ret);

// Whether text must be quoted because some YAML 1.1 reader would take it for no string.
bool yamljson_looks_typed(const char *text, size_t length);

// The shortest text that reads as the same number, in Go's %g.
void yamljson_add_real(struct strbuf *out, double real);

enum { YAMLJSON_FEW_MEMBERS = 16 };

struct yamljson_member {
    const char *name;
    size_t length;
    json_t *value;
};

// The members of an object in the order they are written in; all borrowed from the object.
struct yamljson_members {
    struct yamljson_member *list;
    size_t n;
    struct yamljson_member *owned; // when they are not few
    struct yamljson_member few[2 * YAMLJSON_FEW_MEMBERS];
};
void yamljson_members_open(struct yamljson_members *members, const json_t *object);
void yamljson_members_close(struct yamljson_members *members);
#define cleanup_members __attribute__((cleanup(yamljson_members_close)))

// yamljson_write without libyaml, if the value is simple enough; if not, `out` is as it was.
bool yamljson_write_quickly(const json_t *value, struct strbuf *out);
// By libyaml alone.
int yamljson_write_events(const json_t *value, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
