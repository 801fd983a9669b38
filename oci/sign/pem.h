// PEM (RFC 7468, strict form): exactly one block, nothing but white space around it, no headers.
// A second block would be ignored by one tool and believed by another.
#ifndef OCI_SIGN_PEM_H
#define OCI_SIGN_PEM_H

#include <stddef.h>

#include "base/error.h"

#define PEM_LABEL_SIZE 64

enum { PEM_MAX_BYTES = 64 << 10 };

// *ret_data is owned; it may be a private key, so release it with pem_wipe. `what` names the text
// in messages. ERROR_INVALID, ERROR_LIMIT.
int pem_decode(const char *text, size_t size, const char *what, char ret_label[PEM_LABEL_SIZE],
               unsigned char **ret_data, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));
// With lines of 64 characters and a newline at its end. Owned.
char *pem_encode(const char *label, const void *data, size_t size);

// Overwrites, then frees. NULL is fine.
void pem_wipe(unsigned char *data, size_t size);

#endif
