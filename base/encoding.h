// Hexadecimal and base64 (RFC 4648), strict: no white space, no missing padding, no stray bits.
#ifndef BASE_ENCODING_H
#define BASE_ENCODING_H

#include <stddef.h>

#include "base/error.h"

// Lower case, owned.
char *hex_encode(const void *data, size_t size);
// Exactly `size` bytes from 2 * size digits of either case; text need not be NUL-terminated there.
// -1 when a digit is wrong or text has another length.
int hex_decode(const char *text, void *ret_data, size_t size) __attribute__((warn_unused_result));

// Standard alphabet with padding, owned.
char *base64_encode(const void *data, size_t size);
// URL alphabet without padding, owned.
char *base64url_encode(const void *data, size_t size);
// Standard alphabet with padding. *ret_data is owned and has a NUL after its *ret_size bytes.
// ERROR_INVALID.
int base64_decode(const char *text, size_t length, unsigned char **ret_data, size_t *ret_size,
                  struct error *err) __attribute__((warn_unused_result));

#endif
