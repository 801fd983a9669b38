// Variables of a kustomization (deprecated in favour of replacements): $(NAME) in the fields that
// varReference lists stands for a field of some object.
#ifndef RENDER_KUSTOMIZE_VARS_H
#define RENDER_KUSTOMIZE_VARS_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/resmap.h"

// Behind the transformers of a kustomization: marks the object that each of its vars (an array of
// checked entries) names in `map`, by any name it has or had, and appends the entries to `all`.
// ERROR_INVALID when more than one object fits, or a name is in `all` already.
int vars_record(struct value *all, const struct value *vars, struct resmap *map, struct error *err)
    __attribute__((warn_unused_result));

// Appends the vars of a base, recorded in its own map. ERROR_INVALID when a name is there already.
int vars_merge(struct value *all, const struct value *others, struct error *err)
    __attribute__((warn_unused_result));

// The text with every $(NAME) of `values` (an object) replaced; "$$" is one '$', unknown names and
// what is no reference stay. Where the text is one reference, its value keeps its type. Adds the
// names used to `used` (an object). Owned; NULL when it would grow by more than 1 MiB.
struct value *vars_expand(const char *text, size_t size, const struct value *values,
                          struct value *used);

// The field of value at a path as kustomize's GetFieldValue takes it: "a.b[0].[name=x].c\.d".
// Borrowed; NULL when there is none.
const struct value *vars_field(const struct value *value, const char *path);

#endif
