// What the two readers of signatures share.
#ifndef OCI_SIGN_COLLECT_INTERNAL_H
#define OCI_SIGN_COLLECT_INTERNAL_H

#include "oci/sign/collect.h"

struct oci_manifest;

struct collection {
    struct oci_repository *repository;
    const char *digest;
    const struct vec *keys;
    struct evidence_set *notes;
    evidence_keep *keep;
    void *arg;
    bool ended; // keep said so
};

// Whether the failure is about one signature (a note) and not about the registry.
bool collect_tolerates(const struct error *err);

// The listed key with this fingerprint; NULL.
const struct verify_key *collect_key(const struct collection *collection, const char *fingerprint);

// The repository that a signature names, in the form of identities; NULL for NULL. Owned.
char *collect_identity(const char *named);

// All layers under the .sig tag (collect_simple.c).
int collect_simple(struct collection *collection, struct error *err)
    __attribute__((warn_unused_result));
// All referrers that are Sigstore bundles (collect_bundles.c).
int collect_bundles(struct collection *collection, struct error *err)
    __attribute__((warn_unused_result));

#endif
