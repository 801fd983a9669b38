// Writing to a layout: the files of a batch, then one pass of fsync over all that is about to be
// listed, then index.json replaced once, all under one lock. Before that rename nothing is visible,
// after it everything is.
//
// Manifests are written under the lock, so that a deletion at the same time cannot leave an entry
// without its file.
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/layout_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct commit {
    struct oci_repository *repository;
    const char *dir;
    struct oci_batch *batch;
    json_t *index;     // borrowed
    struct vec synced; // struct digest
};

char *layout_blob_path(const char *dir, const char *digest)
{
    return xasprintf("%s/blobs/sha256/%s", dir, digest_hex(digest));
}

int layout_write_blob(const char *dir, const struct oci_descriptor *descriptor, const void *data,
                      struct error *err)
{
    cleanup_free char *path = layout_blob_path(dir, descriptor->digest.text);
    struct stat st;
    // A size that differs is a damaged file, which is replaced. What is there is made young, so
    // that nobody takes it for forgotten before it is listed.
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == descriptor->size &&
        utimensat(AT_FDCWD, path, NULL, 0) == 0)
        return 0;
    return file_write_swap(path, data, (size_t)descriptor->size, 0644, err);
}

// To the disk, whoever wrote it; for what is there already that costs next to nothing.
static int sync_blob(struct commit *commit, const struct digest *digest, struct error *err)
{
    vec_foreach (const struct digest, synced, &commit->synced)
        if (strcmp(synced->text, digest->text) == 0)
            return 0;
    cleanup_free char *path = layout_blob_path(commit->dir, digest->text);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "blob %s, which the manifest names, is not there",
                         digest->text);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "fsync %s", path);
    *(struct digest *)vec_push(&commit->synced) = *digest;
    return 0;
}

static int sync_parts(struct commit *commit, const struct batch_manifest *item, struct error *err)
{
    const struct oci_manifest *manifest = &item->manifest;
    vec_foreach (const struct oci_descriptor, part, &manifest->layers)
        if (sync_blob(commit, &part->digest, err) < 0)
            return -1;
    if (!manifest->is_index && sync_blob(commit, &manifest->config.digest, err) < 0)
        return -1;
    return sync_blob(commit, &item->descriptor.digest, err);
}

// What index.json is about to list must survive a crash.
static int sync_all(struct commit *commit, struct error *err)
{
    vec_foreach (const struct batch_manifest, item, &commit->batch->manifests)
        if (sync_parts(commit, item, err) < 0)
            return -1;
    cleanup_free char *blobs = path_join(commit->dir, "blobs/sha256");
    return file_sync_dir(blobs, err);
}

static int merge_edit(struct commit *commit, const struct batch_edit *edit, struct error *err)
{
    cleanup_error struct error cause = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    struct digest written;
    const char *digest = layout_saved_tag(commit->index, edit->tag);
    if (digest == NULL &&
        layout_index_tag(commit->dir, commit->index, edit->tag, &digest, &cause) < 0) {
        if (cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
    } else if (oci_get_manifest(commit->repository, digest, &data, &size, NULL, err) < 0) {
        return -1;
    }
    int result = batch_merge(commit->batch, edit, data, size, &written, err);
    if (result > 0)
        batch_add_tag(commit->batch, &written, edit->tag, false);
    return result < 0 ? -1 : 0;
}

static int write_files(struct commit *commit, struct error *err)
{
    vec_foreach (const struct batch_edit, edit, &commit->batch->edits)
        if (merge_edit(commit, edit, err) < 0)
            return -1;
    vec_foreach (const struct batch_blob, blob, &commit->batch->blobs)
        if (layout_write_blob(commit->dir, &blob->descriptor, blob->data, err) < 0)
            return -1;
    vec_foreach (const struct batch_manifest, item, &commit->batch->manifests)
        if (layout_write_blob(commit->dir, &item->descriptor, item->data, err) < 0)
            return -1;
    return sync_all(commit, err);
}

static void put_entry(struct commit *commit, const struct batch_manifest *item, const char *tag)
{
    const struct oci_manifest *manifest = &item->manifest;
    layout_index_put(commit->index, &item->descriptor, tag, manifest->artifact_type,
                     manifest->subject != NULL ? manifest->subject->digest.text : NULL);
}

static void list_all(struct commit *commit)
{
    vec_foreach (const struct batch_manifest, item, &commit->batch->manifests)
        put_entry(commit, item, NULL);
    vec_foreach (const struct batch_tag, tag, &commit->batch->tags) {
        const char *other = NULL;
        if (tag->once && layout_index_tag(commit->dir, commit->index, tag->tag, &other, NULL) == 0)
            continue;
        put_entry(commit, batch_find(commit->batch, tag->digest.text), tag->tag);
    }
}

static int commit_locked(struct commit *commit, struct error *err)
{
    cleanup_json json_t *index = NULL;
    if (layout_index_read(commit->dir, &index, err) < 0)
        return -1;
    cleanup_json json_t *before = json_deep_copy(index);
    layout_remove_litter(commit->dir);
    commit->index = index;
    if (write_files(commit, err) < 0)
        return -1;
    list_all(commit);
    layout_saved_mark(index);
    if (json_equal(before, index))
        return 0;
    return layout_index_write(commit->dir, index, err);
}

int layout_commit(struct oci_repository *repository, struct oci_batch *batch, struct error *err)
{
    struct commit commit = {.repository = repository,
                            .dir = repository->reference.layout_path,
                            .batch = batch,
                            .synced = VEC_OF(struct digest, NULL)};
    struct cancel *cancel = repository->access.cancel;
    cleanup_fd int lock = -1;
    int result = -1;
    if (layout_make(commit.dir, cancel, err) == 0 &&
        layout_lock(commit.dir, cancel, &lock, err) == 0)
        result = commit_locked(&commit, err);
    vec_free(&commit.synced);
    return result == 0 ? 0 : error_wrap(err, "push to layout %s", commit.dir);
}
