// Keys in PKCS#11 tokens (smart cards, HSMs, SoftHSM) through OpenSSL's engine "pkcs11" of libp11
// (Debian: libengine-pkcs11-openssl). Only `sealift pkcs11-signer` calls this, a process that
// answers one request: the token's library and the engine, which both keep state in the process,
// are loaded nowhere else.
#ifndef OCI_SIGN_SIGNER_PKCS11_H
#define OCI_SIGN_SIGNER_PKCS11_H

#include "base/error.h"
#include "oci/sign/signer_protocol.h"

// request->key is a PKCS#11 URI without query, module the token's library (NULL: what p11-kit or
// $PKCS11_MODULE_PATH says). ECDSA, and RSA by PKCS#1 v1.5 or, where the token wants it so, PSS;
// the engine knows no Ed25519. The PIN is tried once. ERROR_DENIED with what the engine says.
int signer_pkcs11_answer(const struct signer_request *request, struct signer_answer *ret_answer,
                         struct error *err) __attribute__((warn_unused_result));

#endif
