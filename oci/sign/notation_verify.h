// Judges one Notation signature by one trust: integrity, authenticity, timestamp, expiry and
// revocation, each enforced, told or left out as the trust says.
// Format: notaryproject/specifications, trust-store-trust-policy.md, "Signature verification".
#ifndef OCI_SIGN_NOTATION_VERIFY_H
#define OCI_SIGN_NOTATION_VERIFY_H

#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/notation_time.h"

struct notation_envelope;
struct notation_target;
struct notation_trust;
struct verify_key;

struct notation_outcome {
    char *subject;                 // of the signer's certificate, as RFC 4514 writes it
    struct verify_key *key;        // of that certificate
    struct notation_window window; // when the judgement holds
    struct vec warnings;           // char *: what failed and is only told
};
void notation_outcome_release(struct notation_outcome *outcome); // may be called twice
#define cleanup_notation_outcome __attribute__((cleanup(notation_outcome_release)))

// The signature and the rules for its certificates, whoever is trusted: once for all trusts.
// ERROR_UNVERIFIED, ERROR_INVALID.
int notation_verify_integrity(const struct notation_envelope *envelope, struct error *err)
    __attribute__((warn_unused_result));
// Whether it is about exactly this artifact: media type, digest and size. ERROR_UNVERIFIED.
int notation_verify_target(const struct notation_envelope *envelope,
                           const struct notation_target *artifact, struct error *err)
    __attribute__((warn_unused_result));
// The rest, of a signature whose integrity holds. ERROR_UNVERIFIED names the check.
int notation_verify(const struct notation_envelope *envelope, const struct notation_trust *trust,
                    struct notation_outcome *ret_outcome, struct error *err)
    __attribute__((warn_unused_result));

#endif
