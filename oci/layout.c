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

static int read_blob(const struct oci_repository *repository, const char *digest, size_t max_bytes,
                     char **ret_data, size_t *ret_size, struct error *err)
{
    cleanup_free char *path = layout_blob_path(dir_of(repository), digest);
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
    const char *digest = layout_saved_tag(index, tag_or_digest);
    if (digest == NULL &&
        layout_index_tag(dir_of(repository), index, tag_or_digest, &digest, err) < 0)
        return -1;
    return resolve_digest(repository, digest, ret_descriptor, err);
}

static int layout_has_blob(struct oci_repository *repository, const char *digest, bool *ret_has,
                           struct error *err)
{
    (void)err;
    cleanup_free char *path = layout_blob_path(dir_of(repository), digest);
    // Whoever asks may be about to name it: layout_clean.c takes it for young then.
    *ret_has = utimensat(AT_FDCWD, path, NULL, 0) == 0 || file_exists(path);
    return 0;
}

static int layout_put_blob(struct oci_repository *repository,
                           const struct oci_descriptor *descriptor, const void *data,
                           struct error *err)
{
    if (layout_make(dir_of(repository), repository->access.cancel, err) < 0 ||
        layout_write_blob(dir_of(repository), descriptor, data, err) < 0)
        return error_wrap(err, "push to layout %s", dir_of(repository));
    return 0;
}

static int layout_put_manifest(struct oci_repository *repository,
                               const struct oci_manifest *manifest,
                               const struct oci_descriptor *descriptor, const void *data,
                               const char *tag, struct error *err)
{
    (void)manifest;
    cleanup_batch struct oci_batch *batch = batch_new();
    struct digest digest;
    if (batch_add_manifest(batch, data, (size_t)descriptor->size, &digest, err) < 0)
        return -1;
    if (tag != NULL)
        batch_add_tag(batch, &digest, tag, false);
    return layout_commit(repository, batch, err);
}

// Appends the entry's descriptor when its manifest names digest as subject. A manifest that is
// missing or cannot be read is no referrer, and none is one twice.
static void add_referrer(struct oci_repository *repository, const char *own, const char *digest,
                         struct vec *descriptors)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(repository, own, &data, &size, &manifest, NULL) < 0 ||
        manifest.subject == NULL || strcmp(manifest.subject->digest.text, digest) != 0)
        return;
    vec_foreach (const struct oci_descriptor, known, descriptors) {
        if (strcmp(known->digest.text, own) == 0)
            return;
    }
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
    cleanup_vec struct vec saved = VEC_OF(char *, vec_release_string);
    layout_saved_blobs(dir_of(repository), index, digest, &saved);
    for (size_t i = 0; i < saved.len && descriptors->len < OCI_MAX_REFERRERS; i++)
        add_referrer(repository, *(char **)vec_at(&saved, i), digest, descriptors);
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

static int layout_list_manifests(struct oci_repository *repository, struct vec *descriptors,
                                 struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    const json_t *manifests = jval_array(index, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
        if (oci_descriptor_parse(json_array_get(manifests, i), "an entry", &descriptor, NULL) < 0)
            continue;
        *(struct oci_descriptor *)vec_push(descriptors) = descriptor;
        descriptor = (struct oci_descriptor){0};
    }
    return 0;
}

static int delete_locked(struct oci_repository *repository, const char *digest, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(dir_of(repository), &index, err) < 0)
        return -1;
    layout_index_remove(index, digest);
    layout_saved_mark(index);
    if (layout_index_write(dir_of(repository), index, err) < 0)
        return -1;
    // Layers stay: another manifest, or one that is being pushed now, may name them.
    cleanup_free char *path = layout_blob_path(dir_of(repository), digest);
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
    .list_manifests = layout_list_manifests,
    .sweep_blobs = layout_sweep_blobs,
    .delete_manifest = layout_delete_manifest,
    .commit = layout_commit,
    .close = layout_close,
};

struct oci_repository *oci_layout_new(void)
{
    struct oci_repository *repository = xcalloc(1, sizeof *repository);
    repository->ops = &layout_ops;
    return repository;
}
