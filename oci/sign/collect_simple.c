// The older form: each layer of the manifest under "sha256-<hex>.sig" is a payload, and its
// signature an annotation.
#include "oci/sign/collect_internal.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/simple_signing.h"

#include <stdlib.h>
#include <string.h>

// The payload fetched last: signers of one artifact usually sign the same bytes.
struct payload {
    struct digest digest;
    char *data; // NULL: none yet
    size_t size;
};

static void payload_set(struct payload *payload, const char *digest, char *data, size_t size)
{
    free(payload->data);
    payload->data = data;
    payload->size = size;
    memcpy(payload->digest.text, digest, strlen(digest) + 1);
}

static int get_payload(struct collection *collection, const struct oci_descriptor *layer,
                       struct payload *payload, struct error *err)
{
    char *data = NULL;
    size_t size = 0;
    if (payload->data != NULL && strcmp(payload->digest.text, layer->digest.text) == 0)
        return 0;
    if (oci_get_blob(collection->repository, layer, SIMPLE_SIGNING_MAX_BYTES, &data, &size, err) <
        0)
        return -1;
    payload_set(payload, layer->digest.text, data, size);
    return 0;
}

static int find_signer(struct collection *collection, const struct payload *payload,
                       const char *signature_text, const struct verify_key **ret_key,
                       struct error *err)
{
    cleanup_free unsigned char *signature = NULL;
    size_t size = 0;
    if (base64_decode(signature_text, strlen(signature_text), &signature, &size, err) < 0)
        return -1;
    for (size_t i = 0; i < collection->keys->len; i++) {
        const struct verify_key *key = *(const struct verify_key **)vec_at(collection->keys, i);
        if (verify_key_check(key, payload->data, payload->size, signature, size, err) == 0) {
            *ret_key = key;
            return 0;
        }
    }
    // Of one key it can be said what is wrong.
    if (collection->keys->len == 1)
        return -1;
    return error_set(err, ERROR_UNVERIFIED, "signed by none of the listed keys");
}

// A layer that was signed with a certificate.
static int read_keyless(struct collection *collection, const struct oci_descriptor *layer,
                        const struct payload *payload, const struct evidence *like,
                        struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    struct signed_data data;
    signed_data_of(payload->data, payload->size, &data);
    if (simple_signing_bundle(layer, &bundle, err) < 0)
        return -1;
    return collect_certificate(collection, &bundle, &data, like, err);
}

static int read_layer(struct collection *collection, const struct digest *manifest,
                      const struct oci_descriptor *layer, struct payload *payload,
                      struct error *err)
{
    cleanup_simple_signing struct simple_signing parsed = {0};
    const struct verify_key *key = NULL;
    const char *signature = oci_descriptor_annotation(layer, SIMPLE_SIGNING_ANNOTATION);
    if (strcmp(layer->media_type, SIMPLE_SIGNING_MEDIA) != 0)
        return error_set(err, ERROR_INVALID, "a layer of type %.100s", layer->media_type);
    if (signature == NULL || *signature == '\0')
        return error_set(err, ERROR_INVALID, "a layer without the annotation %s",
                         SIMPLE_SIGNING_ANNOTATION);
    if (get_payload(collection, layer, payload, err) < 0)
        return -1;
    bool keyless = false;
    if (find_signer(collection, payload, signature, &key, err) < 0) {
        if (oci_descriptor_annotation(layer, SIMPLE_SIGNING_CERTIFICATE) == NULL)
            return -1;
        keyless = true;
    }
    if (simple_signing_parse(payload->data, payload->size, &parsed, err) < 0)
        return -1;
    // A valid signature of another artifact, put here.
    if (strcmp(parsed.digest.text, collection->digest) != 0)
        return error_set(err, ERROR_UNVERIFIED, "a signature by %s %s for another artifact, %s",
                         keyless ? "a" : "key",
                         keyless ? "certificate" : verify_key_fingerprint(key)->text,
                         parsed.digest.text);
    struct evidence item = {.form = EVIDENCE_SIMPLE,
                            .kind = STATEMENT_SIGN,
                            .repository = collect_identity(parsed.reference),
                            .manifest = *manifest};
    if (keyless) {
        int result = read_keyless(collection, layer, payload, &item, err);
        evidence_release(&item);
        return result;
    }
    item.signer = *verify_key_fingerprint(key);
    collection->ended = !collection->keep(&item, collection->arg);
    return 0;
}

// The payload that this repository's own signatures have need not be fetched.
static void payload_set_usual(struct payload *payload, const struct collection *collection)
{
    char *usual =
        simple_signing_build(oci_repository_identity(collection->repository), collection->digest);
    payload_set(payload, digest_of(usual, strlen(usual)).text, usual, strlen(usual));
}

int collect_simple_layer(struct collection *collection, const struct digest *manifest,
                         const struct oci_descriptor *layer, struct error *err)
{
    struct payload payload = {0};
    payload_set_usual(&payload, collection);
    int result = read_layer(collection, manifest, layer, &payload, err);
    free(payload.data);
    return result;
}

static int read_layers(struct collection *collection, const struct digest *manifest,
                       const struct vec *layers, struct error *err)
{
    struct payload payload = {0};
    payload_set_usual(&payload, collection);
    int result = 0;
    for (size_t i = 0; i < layers->len && result == 0 && !collection->ended; i++) {
        cleanup_error struct error cause = {0};
        collection->notes->looked_at++;
        if (read_layer(collection, manifest, vec_at(layers, i), &payload, &cause) == 0)
            continue;
        if (collect_tolerates(&cause))
            evidence_note(collection->notes, ".sig layer %zu: %s", i + 1, error_message(&cause));
        else
            result = error_move(err, &cause);
    }
    free(payload.data);
    return result;
}

static int read_tag(struct collection *collection, const char *tag, collect_layers *read,
                    struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (oci_resolve(collection->repository, tag, &descriptor, err) < 0)
        return err->code == ERROR_NOT_FOUND ? 0 : -1;
    if (oci_get_manifest(collection->repository, descriptor.digest.text, &data, &size, &manifest,
                         err) < 0)
        return -1;
    if (manifest.is_index)
        return error_set(err, ERROR_INVALID, "it is an index");
    return read(collection, &descriptor.digest, &manifest.layers, err);
}

int collect_tag(struct collection *collection, const char *tag, collect_layers *read,
                struct error *err)
{
    cleanup_error struct error cause = {0};
    if (read_tag(collection, tag, read, &cause) == 0)
        return 0;
    if (!collect_tolerates(&cause))
        return error_move(err, &cause);
    evidence_note(collection->notes, "tag %s: %s", tag, error_message(&cause));
    return 0;
}

int collect_simple(struct collection *collection, const char *tag, struct error *err)
{
    return collect_tag(collection, tag, read_layers, err);
}
