// The newer form: each bundle is the one layer of a manifest that names the artifact as its
// subject.
#include "oci/sign/collect_internal.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"

#include <stdlib.h>
#include <string.h>

static bool has_bundle_type(const char *media_type)
{
    return strncmp(media_type, SIGSTORE_BUNDLE_PREFIX, strlen(SIGSTORE_BUNDLE_PREFIX)) == 0;
}

// Some registries list the config's type as the artifact's, so the empty type says nothing.
static bool may_be_bundle(const struct oci_descriptor *descriptor)
{
    return descriptor->artifact_type == NULL || *descriptor->artifact_type == '\0' ||
           strcmp(descriptor->artifact_type, OCI_MEDIA_EMPTY) == 0 ||
           has_bundle_type(descriptor->artifact_type);
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
        if (key == NULL)
            return error_set(err, ERROR_UNVERIFIED, "by key %s, which is not listed",
                             fingerprint.text);
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

static int read_bundle(struct collection *collection, const struct digest *manifest,
                       const char *data, size_t size, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    const struct verify_key *key = NULL;
    if (sigstore_bundle_parse(data, size, &bundle, err) < 0)
        return -1;
    if (bundle.material != SIGSTORE_PUBLIC_KEY)
        return error_set(err, ERROR_UNVERIFIED,
                         "it is keyless (signed with a certificate), and only keys are listed");
    if (bundle.content != SIGSTORE_DSSE)
        return error_set(err, ERROR_UNVERIFIED, "it signs bytes, not a statement");
    if (strcmp(bundle.dsse.payload_type, DSSE_IN_TOTO) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its payload is a %.64s, not an in-toto statement",
                         bundle.dsse.payload_type);
    if (find_signer(collection, &bundle, &key, err) < 0)
        return -1;
    struct evidence item = {
        .form = EVIDENCE_BUNDLE, .signer = *verify_key_fingerprint(key), .manifest = *manifest};
    if (statement_parse(bundle.dsse.payload, bundle.dsse.payload_size, collection->digest,
                        &item.statement, err) < 0)
        return error_wrap(err, "by key %s", verify_key_fingerprint(key)->text);
    item.kind = item.statement.kind;
    item.repository = collect_identity(item.statement.subject_name);
    collection->ended = !collection->keep(&item, collection->arg);
    return 0;
}

static int read_referrer(struct collection *collection, const struct oci_descriptor *descriptor,
                         struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *manifest_data = NULL;
    cleanup_free char *data = NULL;
    size_t manifest_size = 0;
    size_t size = 0;
    if (oci_get_manifest(collection->repository, descriptor->digest.text, &manifest_data,
                         &manifest_size, &manifest, err) < 0)
        return -1;
    // Others refer to artifacts too: bills of materials, scans.
    if (manifest.is_index || !has_bundle_type(oci_manifest_type(&manifest)))
        return 0;
    if (manifest.subject == NULL || strcmp(manifest.subject->digest.text, collection->digest) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its subject is another artifact");
    if (manifest.layers.len != 1)
        return error_set(err, ERROR_INVALID, "it has %zu layers, not one", manifest.layers.len);
    const struct oci_descriptor *layer = vec_at(&manifest.layers, 0);
    if (!has_bundle_type(layer->media_type))
        return error_set(err, ERROR_INVALID, "its layer is a %.100s", layer->media_type);
    if (oci_get_blob(collection->repository, layer, SIGSTORE_BUNDLE_MAX_BYTES, &data, &size, err) <
        0)
        return -1;
    return read_bundle(collection, &descriptor->digest, data, size, err);
}

int collect_bundles(struct collection *collection, struct error *err)
{
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (oci_referrers(collection->repository, collection->digest, &referrers, err) < 0)
        return -1;
    for (size_t i = 0; i < referrers.len && !collection->ended; i++) {
        const struct oci_descriptor *descriptor = vec_at(&referrers, i);
        cleanup_error struct error cause = {0};
        if (!may_be_bundle(descriptor))
            continue;
        collection->notes->looked_at++;
        if (read_referrer(collection, descriptor, &cause) == 0)
            continue;
        if (!collect_tolerates(&cause))
            return error_move(err, &cause);
        evidence_note(collection->notes, "referrer %s: %s", descriptor->digest.text,
                      error_message(&cause));
    }
    if (referrers.len >= OCI_MAX_REFERRERS)
        collection->notes->cut = true;
    return 0;
}
