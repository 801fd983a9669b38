// The layout of `cosign save`: the entry of an artifact has the annotation kind, and so has that of
// its signatures in the older form; no tag names them, and bundles are blobs that nothing lists.
// cosign holds one artifact in a layout, and reads the first of each kind. What has a tag is ours:
// it is listed with all that belongs to it, and has the annotation for cosign's sake alone.
#include "base/file.h"
#include "base/memory.h"
#include "oci/layout_internal.h"
#include "oci/manifest.h"
#include "oci/reference.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define COSIGN "dev.cosignproject.cosign/"

// In the order of an older form's tag and what cosign calls it.
static const struct {
    const char *suffix, *kind;
} derived_kinds[] = {{".sig", COSIGN "sigs"}, {".att", COSIGN "atts"}};

static bool is_kind(const json_t *entry, const char *kind)
{
    const char *found = layout_entry_annotation(entry, LAYOUT_KIND);
    return found != NULL && strcmp(found, kind) == 0;
}

bool layout_entry_is_saved(const json_t *entry)
{
    return layout_entry_annotation(entry, LAYOUT_KIND) != NULL &&
           layout_entry_annotation(entry, LAYOUT_REF_NAME) == NULL;
}

// The entry of the artifact: with this digest, or the first.
static json_t *find_saved(const json_t *index, const char *digest)
{
    const json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *entry = json_array_get(manifests, i);
        const char *own = layout_entry_digest(entry);
        if (own != NULL && digest_is_valid(own) && layout_entry_is_saved(entry) &&
            (digest == NULL || strcmp(own, digest) == 0) &&
            (is_kind(entry, COSIGN "image") || is_kind(entry, COSIGN "imageIndex")))
            return entry;
    }
    return NULL;
}

// cosign's entry of that kind, with its place in the list; NULL: there is none.
static const json_t *find_kind(const json_t *manifests, const char *kind, size_t *ret_index)
{
    for (*ret_index = 0; *ret_index < json_array_size(manifests); ++*ret_index) {
        const json_t *entry = json_array_get(manifests, *ret_index);
        const char *own = layout_entry_digest(entry);
        if (own != NULL && digest_is_valid(own) && layout_entry_is_saved(entry) &&
            is_kind(entry, kind))
            return entry;
    }
    return NULL;
}

const char *layout_saved_tag(const json_t *index, const char *tag)
{
    const json_t *saved = find_saved(index, NULL);
    if (saved == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(derived_kinds); i++) {
        cleanup_free char *derived =
            oci_derived_tag(layout_entry_digest(saved), derived_kinds[i].suffix);
        size_t at;
        if (strcmp(derived, tag) == 0) {
            const json_t *entry =
                find_kind(json_object_get(index, "manifests"), derived_kinds[i].kind, &at);
            return entry != NULL ? layout_entry_digest(entry) : NULL;
        }
    }
    return NULL;
}

static json_t *find_named(const json_t *manifests, const char *tag)
{
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *entry = json_array_get(manifests, i);
        const char *name = layout_entry_annotation(entry, LAYOUT_REF_NAME);
        const char *own = layout_entry_digest(entry);
        if (name != NULL && own != NULL && digest_is_valid(own) &&
            (tag != NULL ? strcmp(name, tag) == 0 : !oci_tag_is_derived(name)))
            return entry;
    }
    return NULL;
}

// Of an entry that has a name, and so annotations.
static void set_kind(json_t *entry, const char *kind)
{
    json_object_set_new(json_object_get(entry, "annotations"), LAYOUT_KIND, json_string(kind));
}

static const char *kind_of(const json_t *entry)
{
    const char *type = json_string_value(json_object_get(entry, "mediaType"));
    bool is_index = type != NULL && (strcmp(type, OCI_MEDIA_INDEX) == 0 ||
                                     strcmp(type, OCI_MEDIA_DOCKER_LIST) == 0);
    return is_index ? COSIGN "imageIndex" : COSIGN "image";
}

void layout_saved_mark(json_t *index)
{
    json_t *manifests = json_object_get(index, "manifests");
    json_t *root = find_saved(index, NULL);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *entry = json_array_get(manifests, i);
        if (layout_entry_annotation(entry, LAYOUT_REF_NAME) != NULL)
            json_object_del(json_object_get(entry, "annotations"), LAYOUT_KIND);
    }
    if (root == NULL && (root = find_named(manifests, NULL)) != NULL)
        set_kind(root, kind_of(root));
    // Removing an entry below may free root.
    cleanup_free char *digest = root != NULL ? xstrdup(layout_entry_digest(root)) : NULL;
    for (size_t i = 0; digest != NULL && i < ARRAY_LENGTH(derived_kinds); i++) {
        cleanup_free char *tag = oci_derived_tag(digest, derived_kinds[i].suffix);
        json_t *entry = find_named(manifests, tag);
        size_t at;
        if (entry == NULL)
            continue;
        set_kind(entry, derived_kinds[i].kind);
        // What was added to has all that cosign's own held.
        if (find_kind(manifests, derived_kinds[i].kind, &at) != NULL)
            json_array_remove(manifests, at);
    }
}

void layout_saved_blobs(const char *dir, const json_t *index, const char *digest,
                        struct vec *digests)
{
    if (find_saved(index, digest) == NULL)
        return;
    cleanup_free char *path = path_join(dir, "blobs/sha256");
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && digests->len < LAYOUT_MAX_SAVED && (entry = readdir(folder)) != NULL) {
        cleanup_free char *own = xasprintf("sha256:%s", entry->d_name);
        if (digest_is_valid(own) && strcmp(own, digest) != 0)
            vec_push_string(digests, own);
    }
    if (folder != NULL)
        closedir(folder);
    // The same order wherever it lies.
    vec_sort(digests, vec_compare_strings);
}
