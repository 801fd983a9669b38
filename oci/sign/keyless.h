// Signing without a key of one's own: a key that lives for one run, a certificate for it from
// Fulcio in exchange for an identity token, a timestamp that says when each signature was made, and
// an entry in a public log. The only part of oci/sign that talks to servers, and what they answer
// is believed only as far as the trusted root goes: a bundle is handed out after the verifier that
// everybody else has accepted it.
// Interfaces: sigstore/fulcio (POST /api/v2/signingCert), RFC 3161 section 3.4,
// sigstore/rekor-tiles (POST /api/v2/log/entries), sigstore/rekor (POST /api/v1/log/entries).
#ifndef OCI_SIGN_KEYLESS_H
#define OCI_SIGN_KEYLESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cancel;
struct certificate;
struct identity_token;
struct keyless;
struct signing_config;
struct trusted_root;

// All borrowed until keyless_free, but for the token, which is not needed once it is open.
struct keyless_request {
    const struct signing_config *config;
    const struct trusted_root *root; // who is believed
    const struct identity_token *token;
    int64_t now_ms;        // wall clock: which services are valid
    int64_t timeout_ms;    // for the certificate, and again for each signature
    struct cancel *cancel; // NULL = cannot be cancelled
};

// Makes the key and gets its certificate, which is good for some minutes. The token is sent to the
// certificate authority alone, over https or within this host. ERROR_DENIED where it is refused;
// ERROR_UNVERIFIED where an answer is not to be trusted; ERROR_UNAVAILABLE, ERROR_TIMEOUT,
// ERROR_LIMIT, ERROR_INVALID.
int keyless_open(const struct keyless_request *request, struct keyless **ret_keyless,
                 struct error *err) __attribute__((warn_unused_result));
void keyless_free(struct keyless *keyless); // NULL is fine
void cleanup_keyless_pointer(struct keyless **keyless);
#define cleanup_keyless __attribute__((cleanup(cleanup_keyless_pointer)))

// Who signs, as verified; borrowed.
const struct certificate *keyless_certificate(const struct keyless *keyless);

// A bundle of version 0.3 around a bare signature over `data`, or around an in-toto statement in an
// envelope. *ret_bundle is owned. Errors as above.
int keyless_sign_bytes(struct keyless *keyless, const void *data, size_t size, char **ret_bundle,
                       size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
int keyless_sign_statement(struct keyless *keyless, const void *statement, size_t size,
                           char **ret_bundle, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));

#endif
