// JSON patches (RFC 6902) as the library that kustomize uses applies them (evanphx/json-patch v4):
// negative indexes count from the end, `replace` makes an absent member, a number of `test` is
// equal only when it is written the same way.
#ifndef RENDER_KUSTOMIZE_JSON_PATCH_H
#define RENDER_KUSTOMIZE_JSON_PATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"

struct json_patch;

// A list of operations as JSON or YAML. Owned. ERROR_INVALID: it is no such list; the sentence says
// which operation is wrong. Bounded by yamlvalue's limits.
int json_patch_parse(const char *text, size_t size, const char *name, struct json_patch **ret_patch,
                     struct error *err) __attribute__((warn_unused_result));
size_t json_patch_count(const struct json_patch *patch);
// Whether it copies or moves anything.
bool json_patch_copies(const struct json_patch *patch);
void json_patch_free(struct json_patch *patch); // NULL is fine
void cleanup_json_patch_pointer(struct json_patch **patch);
#define cleanup_json_patch __attribute__((cleanup(cleanup_json_patch_pointer)))

// Changes value (an object or array that nothing else shares) in place; *ret_value is a new
// reference to it, or to what replaced all of it. ERROR_INVALID names operation and path; value may
// then be changed in part. ERROR_LIMIT: copies that grow beyond 16 MiB, or
// beyond 256 MiB in all values that the patch was applied to.
int json_patch_apply(struct json_patch *patch, struct value *value, struct value **ret_value,
                     struct error *err) __attribute__((warn_unused_result));

#endif
