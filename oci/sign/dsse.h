// DSSE envelopes: a payload with its type under one signature.
// Format: secure-systems-lab/dsse protocol.md and envelope.md (v1.0.2).
#ifndef OCI_SIGN_DSSE_H
#define OCI_SIGN_DSSE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

struct sign_key;
struct verify_key;

#define DSSE_IN_TOTO "application/vnd.in-toto+json"

struct dsse_envelope {
    char *payload_type; // owned
    unsigned char *payload;
    size_t payload_size;
    unsigned char *signature;
    size_t signature_size;
};
void dsse_envelope_release(struct dsse_envelope *envelope); // may be called twice
#define cleanup_dsse_envelope __attribute__((cleanup(dsse_envelope_release)))

// What is signed ("pre-authentication encoding"): "DSSEv1 <len type> <type> <len body> <body>".
// Owned, with a NUL behind its *ret_size bytes.
char *dsse_pae(const char *type, const void *body, size_t size, size_t *ret_size);

int dsse_sign(const struct sign_key *key, const char *type, const void *payload, size_t size,
              struct dsse_envelope *ret_envelope, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_UNVERIFIED.
int dsse_verify(const struct dsse_envelope *envelope, const struct verify_key *key,
                struct error *err) __attribute__((warn_unused_result));

// Exactly one signature, exact member names, base64 as in json_proto_bytes; keyid is allowed and
// not believed. ERROR_INVALID.
int dsse_parse(const json_t *value, struct dsse_envelope *ret_envelope, struct error *err)
    __attribute__((warn_unused_result));
// A new reference.
json_t *dsse_json(const struct dsse_envelope *envelope);

#endif
