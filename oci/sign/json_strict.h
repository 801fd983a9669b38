// Reading signed JSON: a member nobody knows is refused, so that two readers cannot understand one
// document differently.
#ifndef OCI_SIGN_JSON_STRICT_H
#define OCI_SIGN_JSON_STRICT_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

// `value` must be an object whose members are all in `names` (NULL at the end). ERROR_INVALID says
// which is not; `what` names the object.
int json_strict_members(const json_t *value, const char *what, const char *const names[],
                        struct error *err) __attribute__((warn_unused_result));
// Base64 text at member `name`; *ret_data is owned with a NUL behind it, and not empty.
int json_strict_bytes(const json_t *object, const char *name, unsigned char **ret_data,
                      size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
// Text at member `name`; borrowed from object.
int json_strict_string(const json_t *object, const char *name, const char **ret_text,
                       struct error *err) __attribute__((warn_unused_result));

#endif
