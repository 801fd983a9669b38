// The walk over maps (strategic_merge.c) and over keyed lists (strategic_list.c).
#ifndef RENDER_KUSTOMIZE_STRATEGIC_MERGE_INTERNAL_H
#define RENDER_KUSTOMIZE_STRATEGIC_MERGE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "render/kustomize/schema.h"

// Where the walk is, for messages.
struct merge_path {
    const struct merge_path *up;
    const char *name; // NULL for an element of a list
};

struct merge_walk {
    struct schema *schema;
    struct schema_place place;
    const struct merge_path *path;
};

enum merge_directive { MERGE_DIRECTIVE_MERGE, MERGE_DIRECTIVE_REPLACE, MERGE_DIRECTIVE_DELETE };

// Merges origin into dest; either may be NULL (absent), and both may be the same value. *ret_value
// is a new reference, or NULL where nothing is left.
int merge_walk_value(const struct merge_walk *walk, struct value *dest, struct value *origin,
                     struct value **ret_value, struct error *err)
    __attribute__((warn_unused_result));
// The same for a list that is joined by keys (0 = by the scalars themselves).
int merge_walk_keyed_list(const struct merge_walk *walk, const char *const *keys, size_t key_count,
                          struct value *dest, struct value *origin, struct value **ret_value,
                          struct error *err) __attribute__((warn_unused_result));

bool merge_is_missing(const struct value *value); // NULL or null
// "spec.template: " in front of the message. Always -1.
int merge_fail(const struct merge_walk *walk, enum error_code code, struct error *err,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
int merge_fail_kind(const struct merge_walk *walk, const char *expected, const struct value *value,
                    struct error *err);

// ElementSetter of kyaml: replaces the elements whose members `keys` have `values` by element, or
// appends it; NULL removes them. Empty elements go in any case. At most key_count values.
int element_set(const struct merge_walk *walk, struct value *list, struct value *element,
                const char *const *keys, size_t key_count, char *const *values, size_t value_count,
                struct error *err) __attribute__((warn_unused_result));
// ElementMatcher: the first element whose members `keys` have exactly `values`; borrowed or NULL.
struct value *element_find(const struct value *list, const char *const *keys, size_t key_count,
                           char *const *values);

#endif
