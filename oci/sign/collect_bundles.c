// The newer form: each bundle is the one layer of a manifest that names the artifact as its
// subject. Notation's signatures lie beside them in the same way, and the older form, where cosign
// was told not to use tags (--registry-referrers-mode=oci-1-1).
#include "oci/sign/collect_internal.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/simple_signing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has_bundle_type(const char *media_type)
{
    return strncmp(media_type, SIGSTORE_BUNDLE_PREFIX, strlen(SIGSTORE_BUNDLE_PREFIX)) == 0;
}

static bool is_wanted(const struct collection *collection, const char *type)
{
    return has_bundle_type(type) ||
           (strcmp(type, NOTATION_SIGNATURE_TYPE) == 0 && collect_wants_notation(collection)) ||
           (strcmp(type, SIMPLE_SIGNING_REFERRER) == 0 && collection->n_policies > 0);
}

// Some registries list the config's type as the artifact's, so the empty type says nothing.
static bool may_be_wanted(const struct collection *collection,
                          const struct oci_descriptor *descriptor)
{
    return descriptor->artifact_type == NULL || *descriptor->artifact_type == '\0' ||
           strcmp(descriptor->artifact_type, OCI_MEDIA_EMPTY) == 0 ||
           is_wanted(collection, descriptor->artifact_type);
}

// Others state much about an artifact; only who signed it may be a packager that was forgotten.
static void note_stranger(const struct collection *collection, const struct sigstore_bundle *bundle,
                          const struct digest *fingerprint)
{
    struct statement statement = {0};
    if (statement_parse(bundle->dsse.payload, bundle->dsse.payload_size, collection->digest,
                        &statement, NULL) == 0 &&
        statement.kind == STATEMENT_SIGN)
        evidence_stranger(collection->notes, fingerprint->text);
    statement_release(&statement);
}

// The key whose fingerprint the hint is. A hint that is no fingerprint says nothing: then every key
// is tried.
static int find_signer(const struct collection *collection, const struct sigstore_bundle *bundle,
                       const struct verify_key **ret_key, struct error *err)
{
    cleanup_free unsigned char *hash = NULL;
    size_t size = 0;
    bool named = base64_decode(bundle->hint, strlen(bundle->hint), &hash, &size, NULL) == 0 &&
                 size == SHA256_SIZE;
    if (named) {
        struct digest fingerprint = digest_from_hash(hash);
        const struct verify_key *key = collect_key(collection, fingerprint.text);
        if (key == NULL) {
            note_stranger(collection, bundle, &fingerprint);
            return error_set(err, ERROR_UNVERIFIED, "by key %s, which is not listed",
                             fingerprint.text);
        }
        if (dsse_verify(&bundle->dsse, key, err) < 0)
            return -1;
        *ret_key = key;
        return 0;
    }
    for (size_t i = 0; i < collection->keys->len; i++) {
        const struct verify_key *key = *(const struct verify_key **)vec_at(collection->keys, i);
        if (dsse_verify(&bundle->dsse, key, err) == 0) {
            *ret_key = key;
            return 0;
        }
    }
    // Of one key it can be said what is wrong.
    if (collection->keys->len == 1)
        return -1;
    return error_set(err, ERROR_UNVERIFIED, "signed by none of the listed keys");
}

int collect_statement(struct collection *collection, const struct digest *manifest,
                      const struct sigstore_bundle *bundle, struct error *err)
{
    const struct verify_key *key = NULL;
    bool keyed = bundle->material == SIGSTORE_PUBLIC_KEY;
    if (bundle->content != SIGSTORE_DSSE)
        return error_set(err, ERROR_UNVERIFIED, "it signs bytes, not a statement");
    if (strcmp(bundle->dsse.payload_type, DSSE_IN_TOTO) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its payload is a %.64s, not an in-toto statement",
                         bundle->dsse.payload_type);
    if (keyed && find_signer(collection, bundle, &key, err) < 0)
        return -1;
    struct evidence item = {.form = EVIDENCE_BUNDLE, .manifest = *manifest};
    if (statement_parse(bundle->dsse.payload, bundle->dsse.payload_size, collection->digest,
                        &item.statement, err) < 0)
        return keyed ? error_wrap(err, "by key %s", verify_key_fingerprint(key)->text) : -1;
    item.kind = item.statement.kind;
    // An approval says itself where it counts.
    item.repository =
        collect_identity(item.kind == STATEMENT_APPROVAL ? item.statement.approval.repository
                                                         : item.statement.subject_name);
    if (!keyed) {
        int result = collect_certificate(collection, bundle, &(struct signed_data){0}, &item, err);
        evidence_release(&item);
        return result;
    }
    item.signer = *verify_key_fingerprint(key);
    collection->ended = !collection->keep(&item, collection->arg);
    return 0;
}

static int read_bundle(struct collection *collection, const struct digest *manifest,
                       const char *data, size_t size, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    if (sigstore_bundle_parse(data, size, &bundle, err) < 0)
        return -1;
    return collect_statement(collection, manifest, &bundle, err);
}

// A referrer that is looked at. Several are read together.
struct candidate {
    const struct oci_descriptor *descriptor;
    struct oci_manifest manifest;
    const struct oci_descriptor *layer; // of the manifest; NULL: it is no signature
    bool notation;
    bool simple;
    struct error error;
};

static void release_candidate(void *element)
{
    struct candidate *candidate = element;
    oci_manifest_release(&candidate->manifest);
    error_release(&candidate->error);
}

static int read_manifest(const struct collection *collection, struct candidate *candidate,
                         struct error *err)
{
    struct oci_manifest *manifest = &candidate->manifest;
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (oci_get_manifest(collection->repository, candidate->descriptor->digest.text, &data, &size,
                         manifest, err) < 0)
        return -1;
    // Others refer to artifacts too: bills of materials, scans.
    if (manifest->is_index || !is_wanted(collection, oci_manifest_type(manifest)))
        return 0;
    candidate->notation = strcmp(oci_manifest_type(manifest), NOTATION_SIGNATURE_TYPE) == 0;
    candidate->simple = strcmp(oci_manifest_type(manifest), SIMPLE_SIGNING_REFERRER) == 0;
    if (manifest->subject == NULL ||
        strcmp(manifest->subject->digest.text, collection->digest) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its subject is another artifact");
    if (manifest->layers.len != 1)
        return error_set(err, ERROR_INVALID, "it has %zu layers, not one", manifest->layers.len);
    const struct oci_descriptor *layer = vec_at(&manifest->layers, 0);
    if (!candidate->notation && !candidate->simple && !has_bundle_type(layer->media_type))
        return error_set(err, ERROR_INVALID, "its layer is a %.100s", layer->media_type);
    candidate->layer = layer;
    return 0;
}

static int read_layer(struct collection *collection, const struct candidate *candidate,
                      struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (candidate->simple)
        return collect_simple_layer(collection, &candidate->descriptor->digest, candidate->layer,
                                    err);
    if (oci_get_blob(collection->repository, candidate->layer, SIGSTORE_BUNDLE_MAX_BYTES, &data,
                     &size, err) < 0)
        return -1;
    if (candidate->notation)
        return collect_notation(collection, &candidate->descriptor->digest,
                                candidate->layer->media_type, data, size, err);
    return read_bundle(collection, &candidate->descriptor->digest, data, size, err);
}

// Manifests together, then layers together.
static void read_ahead(struct collection *collection, struct vec *candidates)
{
    cleanup_vec struct vec wanted = VEC_OF(const struct oci_descriptor *, NULL);
    vec_foreach (const struct candidate, candidate, candidates)
        *(const struct oci_descriptor **)vec_push(&wanted) = candidate->descriptor;
    oci_read_ahead(collection->repository, &(struct oci_ahead){.manifests = &wanted});
    vec_clear(&wanted);
    vec_foreach (struct candidate, candidate, candidates) {
        // Its error is kept until it is its turn.
        if (read_manifest(collection, candidate, &candidate->error) == 0 &&
            candidate->layer != NULL && !candidate->simple &&
            candidate->layer->size <= SIGSTORE_BUNDLE_MAX_BYTES)
            *(const struct oci_descriptor **)vec_push(&wanted) = candidate->layer;
    }
    oci_read_ahead(collection->repository, &(struct oci_ahead){.blobs = &wanted});
}

static int take_candidates(struct collection *collection, struct vec *candidates, struct error *err)
{
    read_ahead(collection, candidates);
    vec_foreach (struct candidate, candidate, candidates) {
        if (collection->ended)
            return 0;
        collection->notes->looked_at++;
        struct error *cause = &candidate->error;
        if (cause->code == ERROR_NONE &&
            (candidate->layer == NULL || read_layer(collection, candidate, cause) == 0))
            continue;
        if (!collect_tolerates(cause))
            return error_move(err, cause);
        evidence_note(collection->notes, "referrer %s: %s", candidate->descriptor->digest.text,
                      error_message(cause));
    }
    return 0;
}

int collect_bundles(struct collection *collection, struct error *err)
{
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (oci_referrers(collection->repository, collection->digest, &referrers, err) < 0)
        return -1;
    for (size_t i = 0; i < referrers.len && !collection->ended;) {
        cleanup_vec struct vec candidates = VEC_OF(struct candidate, release_candidate);
        for (; i < referrers.len && candidates.len < OCI_MAX_AHEAD; i++) {
            const struct oci_descriptor *descriptor = vec_at(&referrers, i);
            if (may_be_wanted(collection, descriptor))
                *(struct candidate *)vec_push(&candidates) =
                    (struct candidate){.descriptor = descriptor};
        }
        if (take_candidates(collection, &candidates, err) < 0)
            return -1;
    }
    if (referrers.len >= OCI_MAX_REFERRERS)
        collection->notes->cut = true;
    return 0;
}
