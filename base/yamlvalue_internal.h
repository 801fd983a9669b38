// What the YAML readers and writers share: which plain scalar means what, and the order of keys.
#ifndef BASE_YAMLVALUE_INTERNAL_H
#define BASE_YAMLVALUE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"

enum yamlvalue_kind {
    YAMLVALUE_STRING,
    YAMLVALUE_NULL,
    YAMLVALUE_BOOL,
    YAMLVALUE_INTEGER,
    YAMLVALUE_UNSIGNED, // above INT64_MAX
    YAMLVALUE_FLOAT,
    YAMLVALUE_NOT_FINITE,
    YAMLVALUE_TIMESTAMP,
};

struct yamlvalue_scalar {
    enum yamlvalue_kind kind;
    bool truth;
    int64_t integer;
    uint64_t unsigned_integer;
    double real;
    char timestamp[40]; // RFC 3339, as Go writes it
};

// Resolves an unquoted scalar as go-yaml v3 does: YAML 1.2 booleans, YAML 1.1 octals, underscores
// in numbers, dates; no base 60.
void yamlvalue_resolve(const char *text, size_t length, struct yamlvalue_scalar *ret);

// The same as go-yaml v2 does where it decodes into no type: more words are booleans, dates are
// text.
void yamlvalue_resolve_11(const char *text, size_t length, struct yamlvalue_scalar *ret);

// Whether text must be quoted because some YAML 1.1 reader would take it for no string.
bool yamlvalue_looks_typed(const char *text, size_t length);

// The text that a folded one is after go-yaml wrote and read it; NULL where it stays.
struct value *yamlvalue_refolded(const char *text, size_t length);

enum { YAMLVALUE_MARKED_SIZE = 72 };
// Whether a text begins with a byte order mark; the alias to write for it; and what turns these
// aliases of the value, which was written behind `from`, into text.
bool yamlvalue_is_marked(const char *text, size_t length);
void yamlvalue_marked_name(const char *text, size_t length, char ret_name[YAMLVALUE_MARKED_SIZE]);
void yamlvalue_marked_restore(const struct value *value, struct strbuf *out, size_t from);

// The shortest text that reads as the same number, in Go's %g.
void yamlvalue_add_real(struct strbuf *out, const struct value *real);
// What a number becomes on kustomize's way through JSON: an integer where its shortest digits are
// one.
struct value *yamlvalue_of_real(double real);

enum { YAMLVALUE_FEW_MEMBERS = 16 };

struct yamlvalue_member {
    const char *name;
    size_t length;
    struct value *value;
};

// The members of an object in the order they are written in; all borrowed from the object.
struct yamlvalue_members {
    struct yamlvalue_member *list;
    size_t n;
    struct yamlvalue_member *owned; // when they are not few
    struct yamlvalue_member few[2 * YAMLVALUE_FEW_MEMBERS];
};
void yamlvalue_members_open(struct yamlvalue_members *members, const struct value *object);
void yamlvalue_members_close(struct yamlvalue_members *members);
#define cleanup_members __attribute__((cleanup(yamlvalue_members_close)))

// yamlvalue_write without libyaml, if the value is simple enough; if not, `out` is as it was.
bool yamlvalue_write_quickly(const struct value *value, struct strbuf *out);
// By libyaml alone.
int yamlvalue_write_events(const struct value *value, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

#endif
