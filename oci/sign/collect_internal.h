// What the readers of signatures share.
#ifndef OCI_SIGN_COLLECT_INTERNAL_H
#define OCI_SIGN_COLLECT_INTERNAL_H

#include "oci/manifest.h"
#include "oci/sign/collect.h"

struct signed_data;
struct sigstore_bundle;

struct collection {
    struct oci_repository *repository;
    const char *digest;
    const struct vec *keys;
    const struct trust_policy *policies; // whose keyless identities count
    size_t n_policies;
    struct evidence_set *notes;
    evidence_keep *keep;
    void *arg;
    bool ended;                     // keep said so
    struct oci_descriptor artifact; // of `digest`, once it was asked for (collect_notation.c)
};

// Whether the failure is about one signature (a note) and not about the registry.
bool collect_tolerates(const struct error *err);

// The listed key with this fingerprint; NULL.
const struct verify_key *collect_key(const struct collection *collection, const char *fingerprint);

// The repository that a signature names, in the form of identities; NULL for NULL. Owned.
char *collect_identity(const char *named);

// What a certificate made counts for: one piece of evidence for a listed key, and one for each
// trusted root under which a policy lists the identity (collect_keyless.c). `like` is copied: what
// the evidence says besides the signer. `data` is what a bare signature is over. ERROR_UNVERIFIED
// when it is nobody's that is listed.
int collect_certificate(struct collection *collection, const struct sigstore_bundle *bundle,
                        const struct signed_data *data, const struct evidence *like,
                        struct error *err) __attribute__((warn_unused_result));

// What the signature on an in-toto statement counts for, made with a key or a certificate
// (collect_bundles.c). `manifest` is where it was found.
int collect_statement(struct collection *collection, const struct digest *manifest,
                      const struct sigstore_bundle *bundle, struct error *err)
    __attribute__((warn_unused_result));

// Whether a policy asks for statements that were not found so far. The older form is read last, and
// for policies alone: a mirror that holds all that is needed is then enough, and what the packager
// looks for, and may delete by its manifest, it wrote itself as referrers.
bool collect_wants_attestations(const struct collection *collection);
// All layers under the .att tag (collect_attestations.c).
int collect_attestations(struct collection *collection, const char *tag, struct error *err)
    __attribute__((warn_unused_result));

// Whether a policy lists Notation signers; without, nobody asks for their signatures.
bool collect_wants_notation(const struct collection *collection);
// An envelope that is the layer of a referrer: one piece of evidence for each trust of the policies
// that accepts it. ERROR_UNVERIFIED when none does.
int collect_notation(struct collection *collection, const struct digest *manifest,
                     const char *media_type, const char *data, size_t size, struct error *err)
    __attribute__((warn_unused_result));

typedef int collect_layers(struct collection *collection, const struct digest *manifest,
                           const struct vec *layers, struct error *err);
// Reads the layers of the manifest under a tag, if there is one. What is wrong with it becomes a
// note.
int collect_tag(struct collection *collection, const char *tag, collect_layers *read,
                struct error *err) __attribute__((warn_unused_result));

// All layers under the .sig tag (collect_simple.c).
int collect_simple(struct collection *collection, const char *tag, struct error *err)
    __attribute__((warn_unused_result));
// One such layer, of a referrer, which is read for policies alone: what the packager wrote has the
// tag.
int collect_simple_layer(struct collection *collection, const struct digest *manifest,
                         const struct oci_descriptor *layer, struct error *err)
    __attribute__((warn_unused_result));
// All referrers that are Sigstore bundles, signatures in the older form or Notation's
// (collect_bundles.c).
int collect_bundles(struct collection *collection, struct error *err)
    __attribute__((warn_unused_result));

#endif
