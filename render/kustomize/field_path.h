// Field paths of replacements and vars ("spec.containers.[name=web].image"), as kyaml reads them:
// names separated by dots, "\." for a dot in a name, [a.b/c] for a name with dots, [name=value] for
// the elements of a list, an index, "-" for the last element, "*" for all of them.
#ifndef RENDER_KUSTOMIZE_FIELD_PATH_H
#define RENDER_KUSTOMIZE_FIELD_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/fieldspec.h"

// Pushes the parts (char *, owned). ERROR_LIMIT beyond 100.
int field_path_split(const char *path, struct vec *parts, struct error *err)
    __attribute__((warn_unused_result));

// One place, [name=value] compared as text (PathGetter). *ret_value is borrowed, NULL when there is
// none. ERROR_INVALID when the path meets another kind of value.
int field_path_get(struct value *value, const struct vec *parts, struct value **ret_value,
                   struct error *err) __attribute__((warn_unused_result));

enum field_create { FIELD_FIND, FIELD_CREATE_SCALAR, FIELD_CREATE_OBJECT, FIELD_CREATE_ARRAY };

struct field_match {
    struct slot slot;
    bool created; // an empty place that was made for this
};

// Where a match was made in something that is no part of the value (below a null, or inside text
// that is YAML itself), it is in `detached`: kustomize changes a copy there and says nothing.
struct field_matches {
    struct vec found;       // struct field_match
    struct value *detached; // owned array, keeps them alive
};
void field_matches_release(struct field_matches *matches); // may be called twice, and on zeros
#define cleanup_field_matches __attribute__((cleanup(field_matches_release)))

// Every place; in [name=value] the value is a regular expression that matches anywhere
// (PathMatcher). With `create`, what is missing is made, and an index one beyond a list's end
// appends. ERROR_INVALID.
int field_path_match(struct value *value, const struct vec *parts, enum field_create create,
                     struct field_matches *ret_matches, struct error *err)
    __attribute__((warn_unused_result));

#endif
