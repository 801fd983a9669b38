// Signing keys that other programs keep: a helper that speaks oci/sign/signer_protocol.h, or
// `sealift pkcs11-signer`, which asks a PKCS#11 token. Each request is a process of its own, so
// that no vendor's library runs where the other keys are. What comes back is checked with the
// public half before it is used.
#ifndef OCI_SIGN_SIGNER_H
#define OCI_SIGN_SIGNER_H

#include <stdint.h>

#include "base/error.h"
#include "oci/sign/key.h"

struct cancel;

// The running program, as a signer that starts itself.
#define SIGNER_OURSELVES "/proc/self/exe"

struct signer {
    const char *const *argv; // the program, ended by NULL; argv[0] without a slash is in PATH
    const char *key;         // what it calls the key
    const char *namespace;   // of the Bundle that asks, or NULL
    const char *module;      // of `sealift pkcs11-signer` alone: the token's library, or NULL
    const char *pin;         // likewise; secret, or NULL
    int64_t timeout_ms;      // of one request; 0 = 30 s
    struct cancel *cancel;   // NULL = cannot be cancelled; must outlive the key
};

// Asks for the public half. All of `signer` is copied but cancel. ERROR_NOT_FOUND where there is no
// such program, DENIED when it refuses, TIMEOUT, CANCELED, INVALID for what is no answer.
int signer_public_key(const struct signer *signer, struct verify_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));
int sign_key_open(const struct signer *signer, struct sign_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));

#endif
