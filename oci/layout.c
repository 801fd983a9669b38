// An OCI image layout on disk as a repository (image-spec 1.1, image-layout.md).
//
// Blobs and manifests are files named by digest, written under a temporary name and renamed; what
// is listed in index.json exists. Every edit of index.json reads, changes and replaces it under a
// lock on the folder, so several processes can push. Referrers are untagged entries, found by the
// subject in their manifests.
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/layout_internal.h"
#include "oci/repository_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir_of(const struct oci_repository *repository)
{
    return repository->reference.layout_path;
}

static char *blob_path(const struct oci_repository *repository, const char *digest)
{
    return xasprintf("%s/blobs/sha256/%s", dir_of(repository), digest_hex(digest));
}

static int read_blob(const struct oci_repository *repository, const char *digest, size_t max_bytes,
                     char **ret_data, size_t *ret_size, struct error *err)
{
    cleanup_free char *path = blob_path(repository, digest);
    if (file_read(path, max_bytes, ret_data, ret_size, err) < 0)
        return error_wrap(err, "layout %s", dir_of(repository));
    return 0;
}

static int layout_get_manifest(struct oci_repository *repository, const char *digest,
                               char **ret_data, size_t *ret_size, char **ret_content_type,
                               struct error *err)
{
    if (read_blob(repository, digest, OCI_MAX_MANIFEST_BYTES, ret_data, ret_size, err) < 0)
        return -1;
    *ret_content_type = NULL;
    return 0;
}

static int layout_get_blob(struct oci_repository *repository,
                           const struct oci_descriptor *descriptor, char **ret_data,
                           size_t *ret_size, struct error *err)
{
    return read_blob(repository, descriptor->digest.text, (size_t)descriptor->size, ret_data,
                     ret_size, err);
}

static int resolve_digest(struct oci_repository *repository, const char *digest,
                          struct oci_descriptor *ret_descriptor, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(repository, digest, &data, &size, &manifest, err) < 0)
        return -1;
    *ret_descriptor = oci_descriptor_of(manifest.media_type, data, size);
    return 0;
}

static int layout_resolve(struct oci_repository *repository, const char *tag_or_digest,
                          struct oci_descriptor *ret_descriptor, struct error *err)
{
    if (digest_is_valid(tag_or_digest))
        return resolve_digest(repository, tag_or_digest, ret_descriptor, err);
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    const char *digest = NULL;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *entry = json_array_get(manifests, i);
        const char *name = layout_entry_annotation(entry, LAYOUT_REF_NAME);
        const char *own = layout_entry_digest(entry);
        if (name == NULL || own == NULL || strcmp(name, tag_or_digest) != 0)
            continue;
        if (digest != NULL && strcmp(digest, own) != 0)
            return error_set(err, ERROR_INVALID, "layout %s has two manifests with tag %s",
                             dir_of(repository), tag_or_digest);
        digest = own;
    }
    if (digest == NULL)
        return error_set(err, ERROR_NOT_FOUND, "layout %s has no tag %s", dir_of(repository),
                         tag_or_digest);
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "layout %s: tag %s names no sha256 digest",
                         dir_of(repository), tag_or_digest);
    return resolve_digest(repository, digest, ret_descriptor, err);
}

static int layout_has_blob(struct oci_repository *repository, const char *digest, bool *ret_has,
                           struct error *err)
{
    (void)err;
    cleanup_free char *path = blob_path(repository, digest);
    *ret_has = file_exists(path);
    return 0;
}

static int write_blob(const struct oci_repository *repository,
                      const struct oci_descriptor *descriptor, const void *data, struct error *err)
{
    cleanup_free char *path = blob_path(repository, descriptor->digest.text);
    struct stat st;
    // A size that differs is a damaged file, which is replaced.
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == descriptor->size)
        return 0;
    return file_write_swap(path, data, (size_t)descriptor->size, 0644, err);
}

static int layout_put_blob(struct oci_repository *repository,
                           const struct oci_descriptor *descriptor, const void *data,
                           struct error *err)
{
    if (layout_make(dir_of(repository), repository->access.cancel, err) < 0 ||
        write_blob(repository, descriptor, data, err) < 0)
        return error_wrap(err, "push to layout %s", dir_of(repository));
    return 0;
}

// To the disk, whoever wrote it; for what is there already that costs next to nothing.
static int sync_blob(const struct oci_repository *repository, const char *digest, struct error *err)
{
    cleanup_free char *path = blob_path(repository, digest);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "blob %s, which the manifest names, is not there",
                         digest);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "fsync %s", path);
    return 0;
}

// What index.json is about to list must survive a crash, so all its parts are synced before.
static int sync_parts(const struct oci_repository *repository, const struct oci_manifest *manifest,
                      const struct oci_descriptor *descriptor, struct error *err)
{
    vec_foreach (const struct oci_descriptor, part, &manifest->layers)
        if (sync_blob(repository, part->digest.text, err) < 0)
            return -1;
    if (!manifest->is_index && sync_blob(repository, manifest->config.digest.text, err) < 0)
        return -1;
    cleanup_free char *dir = path_join(dir_of(repository), "blobs/sha256");
    if (sync_blob(repository, descriptor->digest.text, err) < 0)
        return -1;
    return file_sync_dir(dir, err);
}

// The blob is written under the lock, so that a deletion at the same time cannot leave an entry
// without its file.
static int put_locked(struct oci_repository *repository, const struct oci_manifest *manifest,
                      const struct oci_descriptor *descriptor, const void *data, const char *tag,
                      struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (write_blob(repository, descriptor, data, err) < 0 ||
        sync_parts(repository, manifest, descriptor, err) < 0 ||
        layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    cleanup_json json_t *before = json_deep_copy(index);
    layout_index_put(index, descriptor, tag, manifest->artifact_type,
                     manifest->subject != NULL ? manifest->subject->digest.text : NULL);
    if (json_equal(before, index))
        return 0;
    return layout_index_write(dir_of(repository), index, err);
}

static int layout_put_manifest(struct oci_repository *repository,
                               const struct oci_manifest *manifest,
                               const struct oci_descriptor *descriptor, const void *data,
                               const char *tag, struct error *err)
{
    cleanup_fd int lock = -1;
    if (layout_make(dir_of(repository), repository->access.cancel, err) < 0 ||
        layout_lock(dir_of(repository), repository->access.cancel, &lock, err) < 0 ||
        put_locked(repository, manifest, descriptor, data, tag, err) < 0)
        return error_wrap(err, "push to layout %s", dir_of(repository));
    return 0;
}

// Appends the entry's descriptor when its manifest names digest as subject. A manifest that is
// missing or cannot be read is no referrer.
static void add_referrer(struct oci_repository *repository, const char *own, const char *digest,
                         struct vec *descriptors)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(repository, own, &data, &size, &manifest, NULL) < 0 ||
        manifest.subject == NULL || strcmp(manifest.subject->digest.text, digest) != 0)
        return;
    struct oci_descriptor *descriptor = vec_push(descriptors);
    *descriptor = oci_descriptor_of(manifest.media_type, data, size);
    const char *type = oci_manifest_type(&manifest);
    descriptor->artifact_type = *type != '\0' ? xstrdup(type) : NULL;
    descriptor->annotations = STEAL(manifest.annotations);
}

static int layout_referrers(struct oci_repository *repository, const char *digest,
                            struct vec *descriptors, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests) && descriptors->len < OCI_MAX_REFERRERS;
         i++) {
        const json_t *entry = json_array_get(manifests, i);
        const char *own = layout_entry_digest(entry);
        const char *name = layout_entry_annotation(entry, LAYOUT_REF_NAME);
        const char *subject = layout_entry_annotation(entry, LAYOUT_SUBJECT);
        if (own == NULL || !digest_is_valid(own) || strcmp(own, digest) == 0 ||
            (name != NULL && !oci_tag_is_derived(name)) ||
            (subject != NULL && strcmp(subject, digest) != 0))
            continue;
        add_referrer(repository, own, digest, descriptors);
    }
    return 0;
}

static int layout_list_tags(struct oci_repository *repository, struct vec *tags, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests) && tags->len < OCI_MAX_TAGS; i++) {
        const char *name = layout_entry_annotation(json_array_get(manifests, i), LAYOUT_REF_NAME);
        if (name != NULL && oci_tag_is_valid(name))
            vec_push_string(tags, name);
    }
    return 0;
}

static int delete_locked(struct oci_repository *repository, const char *digest, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    layout_index_remove(index, digest);
    if (layout_index_write(dir_of(repository), index, err) < 0)
        return -1;
    // Layers stay: another manifest, or one that is being pushed now, may name them.
    cleanup_free char *path = blob_path(repository, digest);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(err, errno, "remove %s", path);
    return 0;
}

static int layout_delete_manifest(struct oci_repository *repository, const char *digest,
                                  const struct oci_manifest *manifest, struct error *err)
{
    (void)manifest;
    cleanup_fd int lock = -1;
    if (layout_lock(dir_of(repository), repository->access.cancel, &lock, err) < 0 ||
        delete_locked(repository, digest, err) < 0)
        return error_wrap(err, "delete %s from layout %s", digest, dir_of(repository));
    return 0;
}

static void layout_close(struct oci_repository *repository)
{
    (void)repository;
}

static const struct oci_repository_ops layout_ops = {
    .resolve = layout_resolve,
    .get_manifest = layout_get_manifest,
    .get_blob = layout_get_blob,
    .has_blob = layout_has_blob,
    .put_blob = layout_put_blob,
    .put_manifest = layout_put_manifest,
    .referrers = layout_referrers,
    .list_tags = layout_list_tags,
    .delete_manifest = layout_delete_manifest,
    .close = layout_close,
};

struct oci_repository *oci_layout_new(void)
{
    struct oci_repository *repository = xcalloc(1, sizeof *repository);
    repository->ops = &layout_ops;
    return repository;
}
