#include "oci/artifact.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct oci_limits oci_default_limits = {
    .max_compressed = 64 << 20,
    .max_unpacked = 128 << 20,
    .max_file = 16 << 20,
    .max_files = 20000,
    .max_ratio = 500, // deflate cannot exceed 1,032; thousands of like objects reach about 80
};

static size_t or_default(size_t value, size_t fallback)
{
    return value > 0 ? value : fallback;
}

struct oci_limits oci_limits_complete(const struct oci_limits *limits)
{
    const struct oci_limits *def = &oci_default_limits;
    if (limits == NULL)
        return *def;
    return (struct oci_limits){
        .max_compressed = or_default(limits->max_compressed, def->max_compressed),
        .max_unpacked = or_default(limits->max_unpacked, def->max_unpacked),
        .max_file = or_default(limits->max_file, def->max_file),
        .max_files = or_default(limits->max_files, def->max_files),
        .max_ratio = limits->max_ratio > 0 ? limits->max_ratio : def->max_ratio,
    };
}

void oci_file_release(void *file)
{
    struct oci_file *this = file;
    free(this->path);
    free(this->data);
}

void oci_artifact_release(struct oci_artifact *artifact)
{
    free(artifact->layer);
    free(artifact->config);
    free(artifact->manifest);
    oci_descriptor_release(&artifact->layer_descriptor);
    oci_descriptor_release(&artifact->config_descriptor);
    oci_descriptor_release(&artifact->manifest_descriptor);
    *artifact = (struct oci_artifact){0};
}

struct packer {
    const struct oci_limits *limits;
    struct layer_writer *writer;
    size_t entries;
};

static int count_entry(struct packer *packer, struct error *err)
{
    if (packer->entries++ >= packer->limits->max_files)
        return error_set(err, ERROR_LIMIT,
                         "the artifact has more than %zu files; split it into several Bundles",
                         packer->limits->max_files);
    return 0;
}

// The folders of path that the entry before did not lie in.
static int put_folders(struct packer *packer, const char *last, const char *path, struct error *err)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        if (last != NULL && strncmp(last, path, length + 1) == 0)
            continue;
        cleanup_free char *folder = xstrndup(path, length);
        if (count_entry(packer, err) < 0 || layer_write_folder(packer->writer, folder, err) < 0)
            return -1;
    }
    return 0;
}

static int put_file(struct packer *packer, const struct oci_file *last, const struct oci_file *file,
                    struct error *err)
{
    if (layer_path_check(file->path, err) < 0)
        return -1;
    if (file->size > packer->limits->max_file)
        return error_set(err, ERROR_LIMIT, "file \"%s\" has %zu bytes; the limit is %zu",
                         file->path, file->size, packer->limits->max_file);
    size_t length = last != NULL ? strlen(last->path) : 0;
    if (last != NULL && strcmp(last->path, file->path) == 0)
        return error_set(err, ERROR_INVALID, "file \"%s\" is there twice", file->path);
    if (last != NULL && strncmp(last->path, file->path, length) == 0 && file->path[length] == '/')
        return error_set(err, ERROR_INVALID, "\"%s\" is a file, but \"%s\" is below it", last->path,
                         file->path);
    if (put_folders(packer, last != NULL ? last->path : NULL, file->path, err) < 0 ||
        count_entry(packer, err) < 0)
        return -1;
    return layer_write_file(packer->writer, file->path, file->data, file->size, err);
}

static int compare_files(const void *a, const void *b)
{
    const struct oci_file *left = *(const struct oci_file *const *)a;
    const struct oci_file *right = *(const struct oci_file *const *)b;
    return layer_path_compare(left->path, right->path);
}

static int put_files(struct packer *packer, const struct vec *files, struct error *err)
{
    cleanup_vec struct vec sorted = VEC_OF(const struct oci_file *, NULL);
    vec_foreach (const struct oci_file, file, files)
        *(const struct oci_file **)vec_push(&sorted) = file;
    vec_sort(&sorted, compare_files);
    const struct oci_file *last = NULL;
    vec_foreach (const struct oci_file *, file, &sorted) {
        if (put_file(packer, last, *file, err) < 0)
            return -1;
        last = *file;
    }
    return 0;
}

static int pack_layer(const struct vec *files, const char *media_type,
                      const struct oci_limits *limits, struct oci_artifact *artifact,
                      struct error *err)
{
    cleanup_layer_writer struct layer_writer *writer = layer_writer_new(limits);
    struct packer packer = {.limits = limits, .writer = writer};
    struct layer layer;
    if (put_files(&packer, files, err) < 0 || layer_writer_end(writer, &layer, err) < 0)
        return -1;
    artifact->layer = layer.data;
    if (layer.unpacked_size > 1 << 20 && layer.unpacked_size / limits->max_ratio > layer.size)
        return error_set(err, ERROR_LIMIT,
                         "the files shrink to less than a %uth, which looks like a bomb to whoever "
                         "unpacks them",
                         limits->max_ratio);
    artifact->diff_id = layer.diff_id;
    artifact->unpacked_size = layer.unpacked_size;
    artifact->layer_descriptor = oci_descriptor_of(media_type, layer.data, layer.size);
    return 0;
}

// An image config with nothing but the creation time and the layer, as Flux's client writes it.
static char *flux_config(const struct oci_artifact *artifact, const char *created)
{
    cleanup_json json_t *config = json_object();
    jval_set_string(config, "architecture", "");
    jval_set_string(config, "created", created);
    jval_set_string(config, "os", "");
    jval_set_string(config, "rootfs.type", "layers");
    json_t *diff_ids = json_array();
    json_array_append_new(diff_ids, json_string(artifact->diff_id.text));
    jval_set(config, "rootfs.diff_ids", diff_ids);
    jval_set(config, "config", json_object());
    return jval_compact(config);
}

static void annotate(json_t *annotations, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(annotations, key, json_string(text));
}

enum oci_format oci_format_parse(const char *name)
{
    return strcmp(name, "Argo") == 0 ? OCI_FORMAT_ARGO : OCI_FORMAT_FLUX;
}

const char *oci_format_name(enum oci_format format)
{
    return format == OCI_FORMAT_ARGO ? "Argo" : "Flux";
}

enum oci_format oci_layer_format(const struct oci_descriptor *layer)
{
    return strcmp(layer->media_type, OCI_MEDIA_FLUX_CONTENT) == 0 ? OCI_FORMAT_FLUX
                                                                  : OCI_FORMAT_ARGO;
}

static void build_manifest(const struct oci_artifact_info *info, const char *created,
                           struct oci_artifact *artifact)
{
    cleanup_json json_t *annotations =
        info->annotations != NULL ? json_copy(info->annotations) : json_object();
    annotate(annotations, OCI_ANNOTATION_CREATED, created);
    annotate(annotations, OCI_ANNOTATION_SOURCE, info->source);
    annotate(annotations, OCI_ANNOTATION_REVISION, info->revision);
    annotate(annotations, OCI_ANNOTATION_PATH, info->path);
    char size[24];
    snprintf(size, sizeof size, "%zu", artifact->unpacked_size);
    annotate(annotations, OCI_ANNOTATION_UNPACKED_SIZE, size);

    char artifact_type[] = OCI_ARTIFACT_TYPE;
    struct oci_manifest manifest = {
        .artifact_type = info->format == OCI_FORMAT_ARGO ? artifact_type : NULL,
        .config = artifact->config_descriptor,
        .layers = OCI_DESCRIPTORS,
        .annotations = annotations,
    };
    // Borrowed parts: the struct only lives until its bytes are made.
    manifest.layers.release = NULL;
    *(struct oci_descriptor *)vec_push(&manifest.layers) = artifact->layer_descriptor;
    size_t length;
    artifact->manifest = oci_manifest_build(&manifest, &length);
    artifact->manifest_descriptor =
        oci_descriptor_of(OCI_MEDIA_MANIFEST, artifact->manifest, length);
    vec_free(&manifest.layers);
}

int oci_pack(const struct vec *files, const struct oci_artifact_info *info,
             struct oci_artifact *ret_artifact, struct error *err)
{
    cleanup_oci_artifact struct oci_artifact artifact = {0};
    bool flux = info->format == OCI_FORMAT_FLUX;
    const struct oci_limits limits = oci_limits_complete(info->limits);
    if (pack_layer(files, flux ? OCI_MEDIA_FLUX_CONTENT : OCI_MEDIA_LAYER_TAR_GZIP, &limits,
                   &artifact, err) < 0)
        return error_wrap(err, "pack the artifact");
    char created[TIME_TEXT_SIZE];
    time_format(info->created_ms, created);
    artifact.config = flux ? flux_config(&artifact, created) : xstrdup(OCI_EMPTY_JSON);
    artifact.config_descriptor = oci_descriptor_of(flux ? OCI_MEDIA_FLUX_CONFIG : OCI_MEDIA_EMPTY,
                                                   artifact.config, strlen(artifact.config));
    build_manifest(info, created, &artifact);
    *ret_artifact = artifact;
    artifact = (struct oci_artifact){0};
    return 0;
}

int oci_push(struct oci_repository *repository, const struct oci_artifact *artifact,
             char *const *tags, size_t n_tags, struct error *err)
{
    const struct oci_descriptor *layer = &artifact->layer_descriptor;
    const struct oci_descriptor *config = &artifact->config_descriptor;
    if (oci_put_blob(repository, layer->media_type, artifact->layer, (size_t)layer->size, NULL,
                     err) < 0 ||
        oci_put_blob(repository, config->media_type, artifact->config, (size_t)config->size, NULL,
                     err) < 0)
        return -1;
    size_t size = (size_t)artifact->manifest_descriptor.size;
    if (oci_put_manifest(repository, artifact->manifest, size, NULL, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < n_tags; i++)
        if (oci_put_manifest(repository, artifact->manifest, size, tags[i], NULL, err) < 0)
            return -1;
    return 0;
}
