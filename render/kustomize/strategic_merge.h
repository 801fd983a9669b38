// Strategic merge patches as kustomize applies them (kyaml's merge2 and walk), which is not what an
// API server does: $setElementOrder, $deleteFromPrimitiveList and retainKeys mean nothing, elements
// of the patch come first in a keyed list, the lists of kinds without a schema are replaced, and
// walking a list brings together elements of the target alone that have the same key.
#ifndef RENDER_KUSTOMIZE_STRATEGIC_MERGE_H
#define RENDER_KUSTOMIZE_STRATEGIC_MERGE_H

#include "base/error.h"
#include "base/value.h"
#include "render/kustomize/schema.h"

// Changes target (an object that nothing else shares) in place. *ret_value is a new reference to
// what is left: target itself, another object where the patch says `$patch: replace`, or NULL where
// it says delete. patch is not changed. ERROR_INVALID names the field; target may then be changed
// in part. ERROR_LIMIT: lists with irregular keys beyond 2,000 elements.
int strategic_merge(struct schema *schema, struct value *target, const struct value *patch,
                    struct value **ret_value, struct error *err)
    __attribute__((warn_unused_result));

#endif
