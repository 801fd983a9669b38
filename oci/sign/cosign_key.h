// The encrypted private key of cosign (cosign.key): PEM around JSON with scrypt's parameters and a
// NaCl secretbox that holds PKCS#8. Format: sigstore/cosign pkg/cosign/keys.go and
// secure-systems-lab/go-securesystemslib encrypted/encrypted.go.
#ifndef OCI_SIGN_COSIGN_KEY_H
#define OCI_SIGN_COSIGN_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define COSIGN_KEY_LABEL "ENCRYPTED SIGSTORE PRIVATE KEY"

// Whether a PEM block of this label is such a key (today's label or the older one).
bool cosign_key_is(const char *label);

// `json` is what stands in the PEM block. *ret_der is owned; release it with pem_wipe. Only the
// scrypt parameters that cosign knows are accepted (N of 32768, 65536, 131072; r = 8; p = 1), so
// that a key file cannot ask for gigabytes. ERROR_INVALID; ERROR_DENIED when the password is wrong.
int cosign_key_open(const unsigned char *json, size_t size, const char *password, const char *what,
                    unsigned char **ret_der, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));

// *ret_pem is owned. N is 65536, as cosign writes.
int cosign_key_seal(const unsigned char *der, size_t size, const char *password, char **ret_pem,
                    struct error *err) __attribute__((warn_unused_result));

#endif
