#include "oci/manifest.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest_internal.h"

#include <stdlib.h>
#include <string.h>

void oci_descriptor_release(void *descriptor)
{
    struct oci_descriptor *this = descriptor;
    free(this->media_type);
    free(this->artifact_type);
    json_decref(this->annotations);
    *this = (struct oci_descriptor){0};
}

struct oci_descriptor oci_descriptor_of(const char *media_type, const void *data, size_t size)
{
    return (struct oci_descriptor){
        .media_type = xstrdup(media_type), .digest = digest_of(data, size), .size = (int64_t)size};
}

struct oci_descriptor oci_descriptor_copy(const struct oci_descriptor *descriptor)
{
    return (struct oci_descriptor){
        .media_type = xstrdup_or_null(descriptor->media_type),
        .digest = descriptor->digest,
        .size = descriptor->size,
        .artifact_type = xstrdup_or_null(descriptor->artifact_type),
        .annotations =
            descriptor->annotations != NULL ? json_deep_copy(descriptor->annotations) : NULL,
    };
}

const char *oci_descriptor_annotation(const struct oci_descriptor *descriptor, const char *key)
{
    return json_string_value(json_object_get(descriptor->annotations, key));
}

// RFC 6838: type "/" subtype.
static bool media_type_is_valid(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$&-^_.+";
    size_t type = strspn(text, allowed);
    if (type == 0 || text[type] != '/')
        return false;
    size_t subtype = strspn(text + type + 1, allowed);
    return subtype > 0 && text[type + 1 + subtype] == '\0' && type + 1 + subtype <= 255;
}

int oci_parse_media_type(const json_t *object, const char *key, const char *what, bool required,
                         char **ret_text, struct error *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL && !required)
        return 0;
    const char *text = json_string_value(value);
    // oras and others write an empty artifactType where they mean none.
    if (text != NULL && *text == '\0' && !required)
        return 0;
    if (text == NULL || !media_type_is_valid(text))
        return error_set(err, ERROR_INVALID, "%s: %s is missing or no media type", what, key);
    *ret_text = xstrdup(text);
    return 0;
}

int oci_parse_annotations(const json_t *object, const char *what, json_t **ret_annotations,
                          struct error *err)
{
    json_t *value = json_object_get(object, "annotations");
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_object(value))
        return error_set(err, ERROR_INVALID, "%s: annotations is no object", what);
    const char *key;
    json_t *text;
    json_object_foreach (value, key, text) {
        if (!json_is_string(text))
            return error_set(err, ERROR_INVALID, "%s: annotation %s is no string", what, key);
    }
    *ret_annotations = json_deep_copy(value);
    return 0;
}

static int check_inline_data(const json_t *value, const char *what,
                             const struct oci_descriptor *descriptor, struct error *err)
{
    const json_t *data = json_object_get(value, "data");
    if (data == NULL)
        return 0;
    if (!json_is_string(data))
        return error_set(err, ERROR_INVALID, "%s: data is no base64 text", what);
    cleanup_free unsigned char *bytes = NULL;
    size_t size = 0;
    if (base64_decode(json_string_value(data), json_string_length(data), &bytes, &size, err) < 0)
        return error_wrap(err, "%s: data", what);
    struct digest digest = digest_of(bytes, size);
    if ((int64_t)size != descriptor->size || strcmp(digest.text, descriptor->digest.text) != 0)
        return error_set(err, ERROR_INVALID, "%s: data is not what its digest and size say", what);
    return 0;
}

int oci_descriptor_parse(const json_t *value, const char *what,
                         struct oci_descriptor *ret_descriptor, struct error *err)
{
    if (!json_is_object(value))
        return error_set(err, ERROR_INVALID, "%s is missing or no object", what);
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    if (oci_parse_media_type(value, "mediaType", what, true, &descriptor.media_type, err) < 0)
        return -1;
    const char *digest = jval_string(value, "digest");
    if (digest == NULL || !digest_is_valid(digest))
        return error_set(err, ERROR_INVALID,
                         "%s: digest is missing or not sha256: and 64 hex digits", what);
    memcpy(descriptor.digest.text, digest, sizeof descriptor.digest.text);
    const json_t *size = json_object_get(value, "size");
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return error_set(err, ERROR_INVALID, "%s: size is missing or no count of bytes", what);
    descriptor.size = json_integer_value(size);
    if (oci_parse_media_type(value, "artifactType", what, false, &descriptor.artifact_type, err) <
            0 ||
        oci_parse_annotations(value, what, &descriptor.annotations, err) < 0 ||
        check_inline_data(value, what, &descriptor, err) < 0)
        return -1;
    *ret_descriptor = descriptor;
    descriptor = (struct oci_descriptor){0};
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

json_t *oci_sorted_annotations(json_t *annotations)
{
    cleanup_vec struct vec keys = VEC_OF(const char *, NULL);
    const char *key;
    json_t *value;
    json_object_foreach (annotations, key, value) {
        *(const char **)vec_push(&keys) = key;
    }
    vec_sort(&keys, compare_keys);
    json_t *sorted = json_object();
    vec_foreach (const char *, name, &keys)
        json_object_set(sorted, *name, json_object_get(annotations, *name));
    return sorted;
}

json_t *oci_descriptor_json(const struct oci_descriptor *descriptor)
{
    json_t *value = json_object();
    jval_set_string(value, "mediaType", descriptor->media_type);
    jval_set_string(value, "digest", descriptor->digest.text);
    jval_set_int(value, "size", descriptor->size);
    if (json_object_size(descriptor->annotations) > 0)
        jval_set(value, "annotations", oci_sorted_annotations(descriptor->annotations));
    jval_set_string(value, "artifactType", descriptor->artifact_type);
    return value;
}
