// The ending of the names of generated ConfigMaps and Secrets: ten characters that follow from
// their content, so that a change of it is a new object.
#ifndef RENDER_KUSTOMIZE_HASH_H
#define RENDER_KUSTOMIZE_HASH_H

#include "base/error.h"
#include "base/value.h"

enum { KUSTOMIZE_HASH_SIZE = 11 }; // with the NUL

// As api/hasher of kustomize. `value` is a ConfigMap or a Secret (by its kind); of another kind is
// ERROR_INVALID, as kustomize hashes the lines and columns of their source then. The name takes no
// part.
int kustomize_hash(const struct value *value, char ret_hash[KUSTOMIZE_HASH_SIZE], struct error *err)
    __attribute__((warn_unused_result));

#endif
