// What `cosign save` leaves on disk: the entry of an artifact has the annotation kind, and so has
// that of its signatures in the older form, which no tag names; bundles are blobs that nothing
// lists.
#include "base/file.h"
#include "base/memory.h"
#include "oci/layout_internal.h"
#include "oci/reference.h"

#include <dirent.h>
#include <string.h>

#define KIND "kind"
#define COSIGN "dev.cosignproject.cosign/"

static bool is_kind(const json_t *entry, const char *kind)
{
    const char *found = layout_entry_annotation(entry, KIND);
    return found != NULL && strcmp(found, kind) == 0;
}

// The entry of the artifact: with this digest, or the first.
static const json_t *find_saved(const json_t *index, const char *digest)
{
    const json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *entry = json_array_get(manifests, i);
        const char *own = layout_entry_digest(entry);
        if (own != NULL && digest_is_valid(own) && (digest == NULL || strcmp(own, digest) == 0) &&
            (is_kind(entry, COSIGN "image") || is_kind(entry, COSIGN "imageIndex")))
            return entry;
    }
    return NULL;
}

const char *layout_saved_tag(const json_t *index, const char *tag)
{
    static const struct {
        const char *suffix, *kind;
    } kinds[] = {{".sig", COSIGN "sigs"}, {".att", COSIGN "atts"}};
    const json_t *manifests = json_object_get(index, "manifests");
    const json_t *saved = find_saved(index, NULL);
    if (saved == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        cleanup_free char *derived = oci_derived_tag(layout_entry_digest(saved), kinds[i].suffix);
        if (strcmp(derived, tag) != 0)
            continue;
        for (size_t j = 0; j < json_array_size(manifests); j++) {
            const json_t *entry = json_array_get(manifests, j);
            const char *own = layout_entry_digest(entry);
            if (own != NULL && digest_is_valid(own) && is_kind(entry, kinds[i].kind))
                return own;
        }
    }
    return NULL;
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
