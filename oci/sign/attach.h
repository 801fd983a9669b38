// Signs an artifact: writes both signature forms of cosign and the attestations beside it.
#ifndef OCI_SIGN_ATTACH_H
#define OCI_SIGN_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "oci/manifest.h"
#include "oci/sign/statement.h"

struct keyless;
struct oci_repository;
struct sign_key;

// All borrowed. What signatures name is oci_repository_identity.
struct sign_request {
    const struct provenance *provenance; // NULL: none is attached
    const struct release *releases;      // one per channel; their repository may be NULL, and is
    size_t n_releases;                   // then the identity
    int64_t now_ms;                      // wall clock, for the referrers' "created"
    bool fresh; // the artifact was pushed a moment ago: nothing is looked for before writing
};

// Writes what is missing: a layer under "sha256-<hex>.sig", and as referrers a bundle of cosign's
// sign/v1, one of SLSA provenance and one per release. What this key signed already in the same
// words is not signed again (provenance: the same source and renderer; a release: the same channel
// and sequence). `artifact` must be in the repository, or in the batch that is open on it: then all
// of this becomes part of that batch, otherwise it is one of its own.
int sign_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, const struct sign_request *request, struct error *err)
    __attribute__((warn_unused_result));

// The same by an identity: bundles alone, because a layer under the .sig tag has no place for the
// proofs, and new ones every time, because nobody can tell before whether they would be the same.
int sign_artifact_keyless(struct oci_repository *repository, const struct oci_descriptor *artifact,
                          struct keyless *keyless, const struct sign_request *request,
                          struct error *err) __attribute__((warn_unused_result));

// Attaches a release statement for each channel by an identity; older ones stay, because nobody
// can tell which are its own without asking a policy.
int release_attach_keyless(struct oci_repository *repository, const struct oci_descriptor *artifact,
                           struct keyless *keyless, const struct release *releases,
                           size_t n_releases, int64_t now_ms, struct error *err)
    __attribute__((warn_unused_result));

// Attaches newer release statements to an unchanged artifact and then deletes this key's older ones
// of the same channels. Where the registry deletes nothing they stay, which does no harm. No
// batch may be open.
int release_renew(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, const struct release *releases, size_t n_releases,
                  int64_t now_ms, struct error *err) __attribute__((warn_unused_result));

// Attaches an approval of the artifact for approval->channel; what of the repository is NULL is the
// identity. *ret_new: this key had not approved it before. No plain signature is written: that
// would count for every channel.
int approve_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                     const struct sign_key *key, const struct approval *approval, bool *ret_new,
                     struct error *err) __attribute__((warn_unused_result));

// The same by an identity: a new one every time.
int approve_artifact_keyless(struct oci_repository *repository,
                             const struct oci_descriptor *artifact, struct keyless *keyless,
                             const struct approval *approval, struct error *err)
    __attribute__((warn_unused_result));

// Adds signatures (struct oci_descriptor, layers whose blobs are there) to those under a ".sig"
// tag, unless they are among them.
int signatures_add(struct oci_repository *repository, const char *tag, const struct vec *layers,
                   struct error *err) __attribute__((warn_unused_result));

#endif
