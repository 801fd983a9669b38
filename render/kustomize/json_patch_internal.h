// What reading a JSON patch and applying it share.
#ifndef RENDER_KUSTOMIZE_JSON_PATCH_INTERNAL_H
#define RENDER_KUSTOMIZE_JSON_PATCH_INTERNAL_H

#include "base/value.h"

struct json_patch {
    struct value *operations; // owned; a list of objects
    size_t copied;            // bytes, wherever it was applied
};

// The library ends with numbers as Go's float64, and all nulls written out. A new reference to the
// value, changed in place, or to what takes its place.
struct value *json_patch_settle(struct value *value);

#endif
