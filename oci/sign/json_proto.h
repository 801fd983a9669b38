// Reading proto3 JSON (protobuf.dev/programming-guides/json), in which Sigstore writes bundles and
// trusted roots: null means absent, 64-bit numbers are texts or numbers, bytes are base64, and a
// member is called as in JSON (mediaType) or as in the message (media_type).
#ifndef OCI_SIGN_JSON_PROTO_H
#define OCI_SIGN_JSON_PROTO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bytes {
    unsigned char *data; // owned; NULL when there are none
    size_t size;
};
void bytes_release(void *bytes); // may be called twice
#define cleanup_bytes __attribute__((cleanup(bytes_release)))
bool bytes_equal(const struct bytes *bytes, const void *data, size_t size);

// As jval_parse_object, and every member under its name in JSON. Both names at once are
// ERROR_INVALID.
int json_proto_parse(const char *text, size_t size, const char *what, json_t **ret_value,
                     struct error *err) __attribute__((warn_unused_result));
// The member, or NULL when it is absent or null; borrowed.
const json_t *json_proto_member(const json_t *object, const char *name);
// 0 when absent and not required. From 0 to 2^63 - 1; ERROR_INVALID.
int json_proto_number(const json_t *object, const char *name, bool required, int64_t *ret_number,
                      struct error *err) __attribute__((warn_unused_result));
// At least one byte, in base64 of either alphabet, padded or not. Line ends inside of base64 are
// passed over, because Go's readers do it and some writers leave them there. ERROR_INVALID.
int json_proto_bytes(const json_t *object, const char *name, struct bytes *ret_bytes,
                     struct error *err) __attribute__((warn_unused_result));
// The same of an element of a list, which messages call `what`.
int json_proto_bytes_of(const json_t *value, const char *what, struct bytes *ret_bytes,
                        struct error *err) __attribute__((warn_unused_result));
// Exactly `size` bytes into the caller's memory.
int json_proto_fixed(const json_t *object, const char *name, void *ret_data, size_t size,
                     struct error *err) __attribute__((warn_unused_result));
// *ret_array is NULL when absent. More than `max` elements are ERROR_LIMIT.
int json_proto_array(const json_t *object, const char *name, size_t max, const json_t **ret_array,
                     struct error *err) __attribute__((warn_unused_result));

#endif
