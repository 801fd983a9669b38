#include "oci/manifest.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest_internal.h"

#include <stdlib.h>
#include <string.h>

void oci_manifest_release(struct oci_manifest *manifest)
{
    free(manifest->media_type);
    free(manifest->artifact_type);
    oci_descriptor_release(&manifest->config);
    if (manifest->layers.element_size > 0)
        vec_free(&manifest->layers);
    if (manifest->subject != NULL)
        oci_descriptor_release(manifest->subject);
    free(manifest->subject);
    json_decref(manifest->annotations);
    *manifest = (struct oci_manifest){0};
}

const char *oci_manifest_type(const struct oci_manifest *manifest)
{
    if (manifest->artifact_type != NULL)
        return manifest->artifact_type;
    return manifest->config.media_type != NULL ? manifest->config.media_type : "";
}

const char *oci_manifest_annotation(const struct oci_manifest *manifest, const char *key)
{
    return json_string_value(json_object_get(manifest->annotations, key));
}

static int kind_of(const char *media_type, bool *ret_is_index)
{
    if (strcmp(media_type, OCI_MEDIA_MANIFEST) == 0 ||
        strcmp(media_type, OCI_MEDIA_DOCKER_MANIFEST) == 0) {
        *ret_is_index = false;
        return 0;
    }
    if (strcmp(media_type, OCI_MEDIA_INDEX) == 0 ||
        strcmp(media_type, OCI_MEDIA_DOCKER_LIST) == 0) {
        *ret_is_index = true;
        return 0;
    }
    return -1;
}

// mediaType is optional in OCI documents; then the registry's word, then the shape decides.
static int decide_media_type(const json_t *document, const char *content_type,
                             struct oci_manifest *manifest, struct error *err)
{
    if (oci_parse_media_type(document, "mediaType", "the manifest", false, &manifest->media_type,
                             err) < 0)
        return -1;
    cleanup_free char *said = NULL;
    if (content_type != NULL) {
        size_t length = strcspn(content_type, "; \t");
        said = xstrndup(content_type, length);
    }
    if (manifest->media_type != NULL && said != NULL && strcmp(manifest->media_type, said) != 0)
        return error_set(err, ERROR_INVALID,
                         "the manifest says it is %s, but the registry calls it %.100s",
                         manifest->media_type, said);
    if (manifest->media_type == NULL)
        manifest->media_type = said != NULL ? STEAL(said)
                                            : xstrdup(json_object_get(document, "manifests") != NULL
                                                          ? OCI_MEDIA_INDEX
                                                          : OCI_MEDIA_MANIFEST);
    if (kind_of(manifest->media_type, &manifest->is_index) < 0)
        return error_set(err, ERROR_INVALID,
                         "%.100s is no manifest of OCI or Docker schema 2 (is the address one of a "
                         "registry?)",
                         manifest->media_type);
    return 0;
}

// A document that is a manifest to one reader and an index to another is refused (CVE-2021-41190).
static int check_shape(const json_t *document, const struct oci_manifest *manifest,
                       struct error *err)
{
    static const char *const of_manifest[] = {"config", "layers"};
    for (size_t i = 0; i < ARRAY_LENGTH(of_manifest); i++)
        if (manifest->is_index && json_object_get(document, of_manifest[i]) != NULL)
            return error_set(err, ERROR_INVALID, "the index has %s, which only manifests have",
                             of_manifest[i]);
    if (!manifest->is_index && json_object_get(document, "manifests") != NULL)
        return error_set(err, ERROR_INVALID, "the manifest has manifests, which only indexes have");
    if (json_object_get(document, "fsLayers") != NULL)
        return error_set(err, ERROR_INVALID, "the manifest has fsLayers of Docker's schema 1");
    if (jval_int(document, "schemaVersion", 0) != 2)
        return error_set(err, ERROR_INVALID, "the manifest's schemaVersion is not 2");
    return 0;
}

static int parse_list(const json_t *document, const char *key, struct vec *list, struct error *err)
{
    const json_t *array = jval_array(document, key);
    if (array == NULL)
        return error_set(err, ERROR_INVALID, "the manifest has no list of %s", key);
    size_t count = json_array_size(array);
    if (count > OCI_MAX_MANIFEST_LAYERS)
        return error_set(err, ERROR_LIMIT, "the manifest names %zu %s; the limit is %d", count, key,
                         OCI_MAX_MANIFEST_LAYERS);
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *what = xasprintf("%s[%zu]", key, i);
        struct oci_descriptor descriptor = {0};
        if (oci_descriptor_parse(json_array_get(array, i), what, &descriptor, err) < 0)
            return -1;
        *(struct oci_descriptor *)vec_push(list) = descriptor;
    }
    return 0;
}

static int parse_document(const json_t *document, const char *content_type,
                          struct oci_manifest *manifest, struct error *err)
{
    manifest->layers = OCI_DESCRIPTORS;
    if (decide_media_type(document, content_type, manifest, err) < 0 ||
        check_shape(document, manifest, err) < 0)
        return -1;
    if (!manifest->is_index && oci_descriptor_parse(json_object_get(document, "config"), "config",
                                                    &manifest->config, err) < 0)
        return -1;
    if (parse_list(document, manifest->is_index ? "manifests" : "layers", &manifest->layers, err) <
        0)
        return -1;
    if (oci_parse_media_type(document, "artifactType", "the manifest", false,
                             &manifest->artifact_type, err) < 0)
        return -1;
    const json_t *subject = json_object_get(document, "subject");
    if (subject != NULL && !json_is_null(subject)) {
        struct oci_descriptor descriptor = {0};
        if (oci_descriptor_parse(subject, "subject", &descriptor, err) < 0)
            return -1;
        manifest->subject = xmemdup(&descriptor, sizeof descriptor);
    }
    return oci_parse_annotations(document, "the manifest", &manifest->annotations, err);
}

int oci_manifest_parse(const void *data, size_t size, const char *content_type,
                       struct oci_manifest *ret_manifest, struct error *err)
{
    if (size > OCI_MAX_MANIFEST_BYTES)
        return error_set(err, ERROR_LIMIT, "the manifest has %zu bytes; the limit is %d", size,
                         OCI_MAX_MANIFEST_BYTES);
    cleanup_json json_t *document = NULL;
    if (jval_parse_object(data, size, "the manifest", &document, err) < 0)
        return -1;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (parse_document(document, content_type, &manifest, err) < 0)
        return -1;
    *ret_manifest = manifest;
    manifest = (struct oci_manifest){0};
    return 0;
}

char *oci_manifest_build(const struct oci_manifest *manifest, size_t *ret_size)
{
    cleanup_json json_t *document = json_object();
    const char *media_type = manifest->is_index ? OCI_MEDIA_INDEX : OCI_MEDIA_MANIFEST;
    jval_set_int(document, "schemaVersion", 2);
    jval_set_string(document, "mediaType",
                    manifest->media_type != NULL ? manifest->media_type : media_type);
    jval_set_string(document, "artifactType", manifest->artifact_type);
    if (!manifest->is_index)
        jval_set(document, "config", oci_descriptor_json(&manifest->config));
    json_t *list = json_array();
    vec_foreach (const struct oci_descriptor, descriptor, &manifest->layers)
        json_array_append_new(list, oci_descriptor_json(descriptor));
    jval_set(document, manifest->is_index ? "manifests" : "layers", list);
    if (manifest->subject != NULL)
        jval_set(document, "subject", oci_descriptor_json(manifest->subject));
    if (json_object_size(manifest->annotations) > 0)
        jval_set(document, "annotations", oci_sorted_annotations(manifest->annotations));
    char *text = jval_compact(document);
    *ret_size = strlen(text);
    return text;
}
