// The older form of attestations, as cosign 2 writes them: each layer of the manifest under
// "sha256-<hex>.att" is a DSSE envelope with one signature. What a certificate needs are
// annotations of the layer, as for signatures; a timestamp is over the whole envelope. Format:
// sigstore/cosign specs/ATTESTATION_SPEC.md and pkg/cosign/verify.go.
#include "oci/sign/collect_internal.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/repository.h"
#include "oci/sign/policy.h"
#include "oci/sign/rekor.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/simple_signing.h"

#include <string.h>

// cosign appends, so the last ones are the newest.
enum { MAX_ATTESTATIONS = 256 };

static unsigned count(const struct evidence_set *set, enum statement_kind kind)
{
    unsigned found = 0;
    vec_foreach (struct evidence, item, &set->items)
        found += item->kind == kind;
    return found;
}

// Whether what was found so far cannot be all that the entry is to be judged by.
static bool lacks(const struct trust_policy *policy, const struct trust_entry *entry,
                  const struct evidence_set *set)
{
    if (entry->approves && count(set, STATEMENT_APPROVAL) < entry->threshold)
        return true;
    return entry->attests &&
           (count(set, STATEMENT_RELEASE) < entry->threshold ||
            (policy->source_repository != NULL && count(set, STATEMENT_PROVENANCE) == 0));
}

bool collect_wants_attestations(const struct collection *collection)
{
    for (size_t i = 0; i < collection->n_policies; i++) {
        const struct trust_policy *policy = &collection->policies[i];
        if (policy->attestations.len > 0)
            return true;
        vec_foreach (const struct trust_entry, entry, &policy->entries)
            if (lacks(policy, entry, collection->notes))
                return true;
    }
    return false;
}

static int parse_layer(const struct oci_descriptor *layer, const char *data, size_t size,
                       struct sigstore_bundle *bundle, struct error *err)
{
    cleanup_json json_t *envelope = NULL;
    if (oci_descriptor_annotation(layer, SIMPLE_SIGNING_CERTIFICATE) != NULL &&
        simple_signing_bundle(layer, bundle, err) < 0)
        return -1;
    bundle->content = SIGSTORE_DSSE;
    if (bundle->hint == NULL)
        bundle->hint = xstrdup("");
    bundle->stamped.data = xmemdup(data, size);
    bundle->stamped.size = size;
    if (jval_parse_object(data, size, "the DSSE envelope", &envelope, err) < 0)
        return -1;
    return dsse_parse(envelope, &bundle->dsse, err);
}

static int read_layer(struct collection *collection, const struct digest *manifest,
                      const struct oci_descriptor *layer, struct error *err)
{
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {.material = SIGSTORE_PUBLIC_KEY};
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (strcmp(layer->media_type, OCI_MEDIA_DSSE) != 0)
        return error_set(err, ERROR_INVALID, "a layer of type %.100s", layer->media_type);
    if (oci_get_blob(collection->repository, layer, SIGSTORE_BUNDLE_MAX_BYTES, &data, &size, err) <
            0 ||
        parse_layer(layer, data, size, &bundle, err) < 0)
        return -1;
    return collect_statement(collection, manifest, &bundle, err);
}

static void read_ahead(struct collection *collection, const struct vec *layers, size_t from)
{
    cleanup_vec struct vec wanted = VEC_OF(const struct oci_descriptor *, NULL);
    for (size_t i = from; i < layers->len && wanted.len < OCI_MAX_AHEAD; i++) {
        const struct oci_descriptor *layer = vec_at(layers, i);
        if (layer->size <= SIGSTORE_BUNDLE_MAX_BYTES)
            *(const struct oci_descriptor **)vec_push(&wanted) = layer;
    }
    oci_read_ahead(collection->repository, &(struct oci_ahead){.blobs = &wanted});
}

static int read_layers(struct collection *collection, const struct digest *manifest,
                       const struct vec *layers, struct error *err)
{
    size_t first = layers->len > MAX_ATTESTATIONS ? layers->len - MAX_ATTESTATIONS : 0;
    collection->notes->cut = collection->notes->cut || first > 0;
    for (size_t i = first; i < layers->len && !collection->ended; i++) {
        cleanup_error struct error cause = {0};
        if ((i - first) % OCI_MAX_AHEAD == 0)
            read_ahead(collection, layers, i);
        collection->notes->looked_at++;
        if (read_layer(collection, manifest, vec_at(layers, i), &cause) == 0)
            continue;
        if (!collect_tolerates(&cause))
            return error_move(err, &cause);
        evidence_note(collection->notes, ".att layer %zu: %s", i + 1, error_message(&cause));
    }
    return 0;
}

int collect_attestations(struct collection *collection, const char *tag, struct error *err)
{
    return collect_tag(collection, tag, read_layers, err);
}
