// Keys as TUF's root metadata writes them.
// Format: The Update Framework Specification 1.0.33, section 4.2.1.
#ifndef OCI_SIGN_TUF_KEY_H
#define OCI_SIGN_TUF_KEY_H

#include <jansson.h>

#include "base/error.h"

struct verify_key;

// {"keytype","scheme","keyval":{"public"}}: Ed25519 in hex; ECDSA and RSA in PEM, P-256 also as a
// point in hex, as old files have it. Type, scheme and key must fit each other. ERROR_INVALID.
int tuf_key_load(const json_t *value, struct verify_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));

#endif
