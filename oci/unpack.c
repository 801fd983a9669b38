// From a verified manifest to files in memory.
#include "base/jval.h"
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/layer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIG = 1 << 20 };

static int check_blob(const void *layer, size_t size, const struct oci_descriptor *descriptor,
                      const struct oci_limits *limits, struct error *err)
{
    if (size > limits->max_compressed)
        return error_set(err, ERROR_LIMIT, "it has %zu bytes; the limit is %zu", size,
                         limits->max_compressed);
    if ((int64_t)size != descriptor->size)
        return error_set(err, ERROR_UNVERIFIED, "it has %zu bytes, the manifest says %lld", size,
                         (long long)descriptor->size);
    struct digest digest = digest_of(layer, size);
    if (strcmp(digest.text, descriptor->digest.text) != 0)
        return error_set(err, ERROR_UNVERIFIED, "its digest is %s", digest.text);
    return 0;
}

static int unpack_checked(const void *layer, size_t size, const char *diff_id,
                          const struct oci_limits *limits, struct vec *files, struct error *err)
{
    struct digest unpacked;
    if (layer_read(layer, size, limits, files, &unpacked, err) < 0)
        return -1;
    if (diff_id != NULL && strcmp(unpacked.text, diff_id) != 0)
        return error_set(err, ERROR_UNVERIFIED, "it unpacks to %s, but the config says %s",
                         unpacked.text, diff_id);
    return 0;
}

int oci_unpack(const void *layer, size_t size, const struct oci_descriptor *descriptor,
               const char *diff_id, const struct oci_limits *limits, struct vec *ret_files,
               struct error *err)
{
    struct oci_limits filled = oci_limits_complete(limits);
    cleanup_vec struct vec files = OCI_FILES;
    if (check_blob(layer, size, descriptor, &filled, err) < 0 ||
        unpack_checked(layer, size, diff_id, &filled, &files, err) < 0)
        return error_wrap(err, "layer %s is refused", descriptor->digest.text);
    vec_foreach (struct oci_file, file, &files) {
        *(struct oci_file *)vec_push(ret_files) = *file;
        *file = (struct oci_file){0};
    }
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

int oci_artifact_layer(const struct oci_manifest *manifest, const struct oci_descriptor **ret_layer,
                       struct error *err)
{
    if (manifest->is_index)
        return error_set(err, ERROR_INVALID,
                         "it is an index of %zu manifests, and an artifact is one; name the one "
                         "that is meant by its digest (sealift inspect lists them)",
                         manifest->layers.len);
    size_t count = manifest->layers.len;
    const struct oci_descriptor *layer = NULL;
    vec_foreach (const struct oci_descriptor, each, &manifest->layers) {
        // `helm push` adds a chart's provenance file as a layer, before or behind the chart.
        if (count == 2 && strcmp(each->media_type, OCI_MEDIA_HELM_PROVENANCE) == 0)
            count = 1;
        else
            layer = each;
    }
    if (count != 1 || layer == NULL)
        return error_set(err, ERROR_INVALID, "it has %zu layers; an artifact has one",
                         manifest->layers.len);
    static const char *const ends[] = {"tar+gzip", "tar.gzip"};
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++)
        if (ends_with(layer->media_type, ends[i])) {
            *ret_layer = layer;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "its layer is %s; an artifact's is a tar+gzip",
                     layer->media_type);
}

size_t oci_artifact_unpacked_size(const struct oci_manifest *manifest,
                                  const struct oci_limits *limits)
{
    size_t most = oci_limits_complete(limits).max_unpacked;
    const char *text = oci_manifest_annotation(manifest, OCI_ANNOTATION_UNPACKED_SIZE);
    if (text == NULL || strspn(text, "0123456789") != strlen(text) || strlen(text) == 0 ||
        strlen(text) > 15)
        return most;
    size_t size = (size_t)strtoull(text, NULL, 10);
    return size < most ? size : most;
}

// The digest that the config gives for the one layer's tar; untouched when it gives none.
static int fetch_diff_id(struct oci_repository *repository, const struct oci_descriptor *config,
                         char **ret_diff_id, struct error *err)
{
    if (!ends_with(config->media_type, "json") || strcmp(config->media_type, OCI_MEDIA_EMPTY) == 0)
        return 0;
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_json json_t *document = NULL;
    if (oci_get_blob(repository, config, MAX_CONFIG, &data, &size, err) < 0)
        return -1;
    if (jval_parse(data, size, "the artifact's config", &document, err) < 0)
        return -1;
    const json_t *diff_ids = jval_array(document, "rootfs.diff_ids");
    if (json_array_size(diff_ids) == 0)
        return 0;
    const char *text = json_string_value(json_array_get(diff_ids, 0));
    if (json_array_size(diff_ids) != 1 || text == NULL || !digest_is_valid(text))
        return error_set(err, ERROR_INVALID,
                         "the artifact's config names other layers than its manifest");
    *ret_diff_id = xstrdup(text);
    return 0;
}

static size_t held_bytes(const struct vec *files)
{
    size_t total = 0;
    vec_foreach (const struct oci_file, file, files)
        total += file->size + strlen(file->path) + sizeof *file;
    return total;
}

int oci_pull(struct oci_repository *repository, const struct oci_manifest *manifest,
             const struct oci_limits *limits, struct oci_budget *budget, struct cancel *cancel,
             struct oci_share *ret_share, struct vec *ret_files, struct error *err)
{
    struct oci_limits filled = oci_limits_complete(limits);
    const struct oci_descriptor *layer = NULL;
    if (oci_artifact_layer(manifest, &layer, err) < 0)
        return -1;
    if (layer->size > (int64_t)filled.max_compressed)
        return error_set(err, ERROR_LIMIT, "the layer has %lld bytes; the limit is %zu",
                         (long long)layer->size, filled.max_compressed);
    // More than the manifest announces is refused, so the reservation holds.
    filled.max_unpacked = oci_artifact_unpacked_size(manifest, &filled);
    cleanup_oci_share struct oci_share share = {0};
    if (oci_budget_reserve(budget, filled.max_unpacked + (size_t)layer->size, cancel, 0, &share,
                           err) < 0)
        return -1;
    cleanup_free char *diff_id = NULL;
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (fetch_diff_id(repository, &manifest->config, &diff_id, err) < 0 ||
        oci_get_blob(repository, layer, filled.max_compressed, &data, &size, err) < 0)
        return -1;
    size_t before = held_bytes(ret_files);
    if (oci_unpack(data, size, layer, diff_id, &filled, ret_files, err) < 0)
        return -1;
    oci_share_shrink(&share, held_bytes(ret_files) - before);
    *ret_share = share;
    share = (struct oci_share){0};
    return 0;
}
