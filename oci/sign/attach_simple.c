// The older form. Adding a signature means reading what is under the tag and writing it again with
// one layer more; the registry has no lock for that, so it is read again afterwards.
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

enum { MAX_TRIES = 5, CONFIG_MAX_BYTES = 1 << 20 };

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

static int read_existing(struct oci_repository *repository, const char *tag,
                         struct oci_manifest *manifest, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_error struct error cause = {0};
    if (oci_resolve(repository, tag, &descriptor, &cause) < 0) {
        if (cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        manifest->layers = OCI_DESCRIPTORS;
        return 0;
    }
    if (oci_get_manifest(repository, descriptor.digest.text, &data, &size, manifest, err) < 0)
        return -1;
    return check_existing(manifest, tag, err);
}

// Writes tag anew with `layer` added. *ret_written is the digest that tag then had.
static int write_with(struct oci_repository *repository, const char *tag,
                      const struct oci_descriptor *layer, struct digest *ret_written,
                      struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_descriptor struct oci_descriptor written = {0};
    if (read_existing(repository, tag, &manifest, err) < 0)
        return -1;
    *(struct oci_descriptor *)vec_push(&manifest.layers) = oci_descriptor_copy(layer);
    cleanup_free char *config = build_config(&manifest.layers);
    oci_descriptor_release(&manifest.config);
    if (oci_put_blob(repository, config_media, config, strlen(config), &manifest.config, err) < 0)
        return -1;
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    if (oci_put_manifest(repository, data, size, tag, &written, err) < 0)
        return -1;
    *ret_written = written.digest;
    return 0;
}

// Whether the signature is under the tag now.
static int is_there(struct oci_repository *repository, const char *tag,
                    const struct oci_descriptor *layer, const struct digest *written,
                    bool *ret_there, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor now = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (oci_resolve(repository, tag, &now, err) < 0)
        return -1;
    *ret_there = strcmp(now.digest.text, written->text) == 0;
    if (*ret_there)
        return 0;
    if (oci_get_manifest(repository, now.digest.text, &data, &size, &manifest, err) < 0)
        return -1;
    const char *ours = oci_descriptor_annotation(layer, SIMPLE_SIGNING_ANNOTATION);
    vec_foreach (struct oci_descriptor, other, &manifest.layers) {
        const char *theirs = oci_descriptor_annotation(other, SIMPLE_SIGNING_ANNOTATION);
        *ret_there = *ret_there || (theirs != NULL && strcmp(ours, theirs) == 0);
    }
    return 0;
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
    if (layer.annotations == NULL)
        layer.annotations = json_object();
    json_object_set_new(layer.annotations, SIMPLE_SIGNING_ANNOTATION, json_string(text));
    cleanup_free char *tag = oci_derived_tag(artifact->digest.text, ".sig");
    bool there = false;
    for (int tries = 0; tries < MAX_TRIES && !there; tries++) {
        struct digest written = {0};
        if (write_with(repository, tag, &layer, &written, err) < 0 ||
            is_there(repository, tag, &layer, &written, &there, err) < 0)
            return -1;
    }
    if (!there)
        return error_set(err, ERROR_CONFLICT,
                         "others kept writing tag %s at the same time; sign again", tag);
    return 0;
}
