// Verifying a Sigstore bundle without asking anybody: who signed, and that it was so at a time when
// the certificate, the logs and the timestamps were good.
// Rules: sigstore architecture-docs client-spec.md, section "Verification".
#ifndef OCI_SIGN_SIGSTORE_VERIFY_H
#define OCI_SIGN_SIGSTORE_VERIFY_H

#include "base/error.h"
#include "oci/sign/rekor.h"

struct certificate;
struct sigstore_bundle;
struct trusted_root;
struct verify_key;

// What a bundle is to be about: bytes, or only their SHA-256. data is borrowed.
void signed_data_of(const void *data, size_t size, struct signed_data *ret_data);
// text is "sha256:" and 64 hex digits. ERROR_INVALID.
int signed_data_of_digest(const char *text, struct signed_data *ret_data, struct error *err)
    __attribute__((warn_unused_result));

// Keyless: the certificate chains to the root at every time observed (at least one: a log's promise
// or a timestamp), a log promised to publish it, at least one log entry verifies, and it made the
// signature. Who it is, and what the signature is over, is the caller's question:
// certificate->subject and ->issuer; sigstore_check_content. `data` is the artifact for a bare
// signature and not looked at for an envelope. *ret_signer is owned. ERROR_UNVERIFIED,
// ERROR_INVALID.
int sigstore_verify_keyless(const struct sigstore_bundle *bundle, const struct trusted_root *root,
                            const struct signed_data *data, struct certificate **ret_signer,
                            struct error *err) __attribute__((warn_unused_result));

// With a key that is trusted by itself: the signature verifies. root may be NULL; with one, log
// entries that the bundle holds must verify, and timestamps of its authorities must be right.
int sigstore_verify_keyed(const struct sigstore_bundle *bundle, const struct verify_key *key,
                          const struct trusted_root *root, const struct signed_data *data,
                          struct error *err) __attribute__((warn_unused_result));

// Whether a verified bundle is about this artifact: the statement in its envelope has it as a
// subject. A bare signature was checked against it already. ERROR_UNVERIFIED, ERROR_INVALID.
int sigstore_check_content(const struct sigstore_bundle *bundle, const struct signed_data *data,
                           struct error *err) __attribute__((warn_unused_result));

#endif
