// Changes inside a string that holds JSON or YAML itself (a ConfigMap's config.yaml), so that the
// rest of the text stays as kustomize would print it: JSON is written anew with sorted names, YAML
// with its order, quotes and flow style.
#ifndef RENDER_KUSTOMIZE_STRUCTURED_TEXT_H
#define RENDER_KUSTOMIZE_STRUCTURED_TEXT_H

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"

// `text` was read as `before` (the first document of it) and shall hold `after`, which differs in
// values, by additions, and by the values of `put` (struct value *; NULL for none) that stand in
// `after` in the place of others. *ret_text is owned. ERROR_INVALID: it cannot be written back
// without losing something (comments, anchors).
int structured_text_update(const char *text, const struct value *before, const struct value *after,
                           const struct vec *put, char **ret_text, struct error *err)
    __attribute__((warn_unused_result));

#endif
