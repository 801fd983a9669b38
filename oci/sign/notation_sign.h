// Signs an artifact as Notation does: a JWS envelope beside it, with the certificates of the
// signer.
#ifndef OCI_SIGN_NOTATION_SIGN_H
#define OCI_SIGN_NOTATION_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

struct digest;
struct notation_target;
struct oci_descriptor;
struct oci_repository;
struct sign_key;

// All borrowed.
struct notation_signing {
    const struct sign_key *key;
    const struct vec *chain; // X509 *, the leaf of `key` first, up to the root
    int64_t now_ms;          // wall clock
    int64_t expires_ms;      // 0: never
};

// Whether the chain is the key's, keeps Notation's rules and is valid now. ERROR_INVALID.
int notation_signing_check(const struct notation_signing *signing, struct error *err)
    __attribute__((warn_unused_result));

// The envelope; owned. The signing must have passed the check.
int notation_build_jws(const struct notation_signing *signing, const struct notation_target *target,
                       char **ret_text, struct error *err) __attribute__((warn_unused_result));

// Checks, signs and writes the signature as a referrer. The artifact must be in the repository, or
// in the batch that is open on it. *ret_digest (or NULL): of the signature's manifest.
int notation_sign_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                           const struct notation_signing *signing, struct digest *ret_digest,
                           struct error *err) __attribute__((warn_unused_result));

#endif
