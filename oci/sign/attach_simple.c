// The older form: one tag holds the signatures of all, each a layer, so that adding one is an edit
// of that tag (oci_edit_tag).
#include "oci/sign/attach_internal.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/simple_signing.h"

#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX_BYTES = 1 << 20 };

static const char config_media[] = "application/vnd.oci.image.config.v1+json";

// An image's config as cosign writes it: one history entry and one diff_id per layer.
static char *build_config(const struct vec *layers)
{
    struct strbuf out;
    strbuf_init(&out, CONFIG_MAX_BYTES);
    strbuf_addstr(&out,
                  "{\"architecture\":\"\",\"created\":\"0001-01-01T00:00:00Z\",\"history\":[");
    for (size_t i = 0; i < layers->len; i++)
        strbuf_addf(&out, "%s{\"created\":\"0001-01-01T00:00:00Z\"}", i > 0 ? "," : "");
    strbuf_addstr(&out, "],\"os\":\"\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; i < layers->len; i++)
        strbuf_addf(&out, "%s\"%s\"", i > 0 ? "," : "",
                    ((const struct oci_descriptor *)vec_at(layers, i))->digest.text);
    strbuf_addstr(&out, "]},\"config\":{}}");
    return strbuf_steal(&out);
}

static int check_existing(const struct oci_manifest *manifest, const char *tag, struct error *err)
{
    if (manifest->is_index)
        return error_set(err, ERROR_CONFLICT,
                         "tag %s holds an index, not signatures; remove that tag", tag);
    vec_foreach (struct oci_descriptor, layer, &manifest->layers) {
        if (strcmp(layer->media_type, SIMPLE_SIGNING_MEDIA) != 0)
            return error_set(err, ERROR_CONFLICT,
                             "tag %s holds a layer of type %.100s, not only signatures; remove "
                             "that tag",
                             tag, layer->media_type);
    }
    if (manifest->layers.len >= OCI_MAX_MANIFEST_LAYERS)
        return error_set(err, ERROR_LIMIT,
                         "tag %s holds %zu signatures and takes no more; remove old ones", tag,
                         manifest->layers.len);
    return 0;
}

static bool holds(const struct oci_manifest *manifest, const struct oci_descriptor *layer)
{
    const char *ours = oci_descriptor_annotation(layer, SIMPLE_SIGNING_ANNOTATION);
    vec_foreach (struct oci_descriptor, other, &manifest->layers) {
        const char *theirs = oci_descriptor_annotation(other, SIMPLE_SIGNING_ANNOTATION);
        if (theirs != NULL && strcmp(ours, theirs) == 0)
            return true;
    }
    return false;
}

// oci_merge: what is there, with the layers (a vec of struct oci_descriptor) that it lacks.
static int add_layers(void *arg, const char *tag, const struct oci_manifest *existing,
                      struct oci_merged *ret_merged, struct error *err)
{
    const struct vec *more = arg;
    if (existing != NULL && check_existing(existing, tag, err) < 0)
        return -1;
    cleanup_vec struct vec layers = OCI_DESCRIPTORS;
    for (size_t i = 0; existing != NULL && i < existing->layers.len; i++)
        *(struct oci_descriptor *)vec_push(&layers) =
            oci_descriptor_copy(vec_at(&existing->layers, i));
    size_t before = layers.len;
    vec_foreach (const struct oci_descriptor, layer, more)
        if (existing == NULL || !holds(existing, layer))
            *(struct oci_descriptor *)vec_push(&layers) = oci_descriptor_copy(layer);
    if (layers.len == before)
        return 0;
    char *config = build_config(&layers);
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(config_media, config, strlen(config));
    // What is not named here keeps its value: the struct borrows all of its parts.
    struct oci_manifest manifest = existing != NULL ? *existing : (struct oci_manifest){0};
    manifest.config = descriptor;
    manifest.layers = layers;
    ret_merged->manifest = oci_manifest_build(&manifest, &ret_merged->manifest_size);
    ret_merged->config = config;
    ret_merged->config_size = strlen(config);
    ret_merged->config_type = config_media;
    return 1;
}

static void free_layers(void *arg)
{
    vec_free(arg);
    free(arg);
}

int signatures_add(struct oci_repository *repository, const char *tag, const struct vec *layers,
                   struct error *err)
{
    struct vec *owned = xcalloc(1, sizeof *owned);
    *owned = OCI_DESCRIPTORS;
    vec_foreach (const struct oci_descriptor, layer, layers)
        *(struct oci_descriptor *)vec_push(owned) = oci_descriptor_copy(layer);
    return oci_edit_tag(repository, tag, add_layers, owned, free_layers, err);
}

int attach_simple(struct oci_repository *repository, const struct oci_descriptor *artifact,
                  const struct sign_key *key, struct error *err)
{
    cleanup_free char *payload =
        simple_signing_build(oci_repository_identity(repository), artifact->digest.text);
    cleanup_free unsigned char *signature = NULL;
    size_t signature_size = 0;
    cleanup_oci_descriptor struct oci_descriptor layer = {0};
    if (sign_key_sign(key, payload, strlen(payload), &signature, &signature_size, err) < 0 ||
        oci_put_blob(repository, SIMPLE_SIGNING_MEDIA, payload, strlen(payload), &layer, err) < 0)
        return -1;
    cleanup_free char *text = base64_encode(signature, signature_size);
    layer.annotations = json_object();
    json_object_set_new(layer.annotations, SIMPLE_SIGNING_ANNOTATION, json_string(text));
    cleanup_free char *tag = oci_derived_tag(artifact->digest.text, ".sig");
    cleanup_vec struct vec layers = OCI_DESCRIPTORS;
    *(struct oci_descriptor *)vec_push(&layers) = layer;
    layer = (struct oci_descriptor){0};
    return signatures_add(repository, tag, &layers, err);
}
