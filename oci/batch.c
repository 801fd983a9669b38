// Writing to a repository: at once, or collected until a commit.
//
//     oci_batch_begin -> put, put, edit, tag … -> oci_batch_commit -> registry_batch.c or
//                                                                     layout_batch.c
#include "base/memory.h"
#include "oci/repository_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_HELD_BLOB = 1 << 20, // larger ones go up at once instead of being copied
    MAX_HELD = 16 << 20,
};

static void release_blob(void *element)
{
    struct batch_blob *blob = element;
    oci_descriptor_release(&blob->descriptor);
    free(blob->data);
}

static void release_manifest(void *element)
{
    struct batch_manifest *manifest = element;
    oci_descriptor_release(&manifest->descriptor);
    oci_manifest_release(&manifest->manifest);
    free(manifest->data);
}

static void release_tag(void *element)
{
    free(((struct batch_tag *)element)->tag);
}

static void release_edit(void *element)
{
    struct batch_edit *edit = element;
    if (edit->free_arg != NULL)
        edit->free_arg(edit->arg);
    free(edit->tag);
}

struct oci_batch *batch_new(void)
{
    struct oci_batch *batch = xcalloc(1, sizeof *batch);
    batch->blobs = VEC_OF(struct batch_blob, release_blob);
    batch->manifests = VEC_OF(struct batch_manifest, release_manifest);
    batch->tags = VEC_OF(struct batch_tag, release_tag);
    batch->edits = VEC_OF(struct batch_edit, release_edit);
    return batch;
}

void batch_free(struct oci_batch *batch)
{
    if (batch == NULL)
        return;
    vec_free(&batch->blobs);
    vec_free(&batch->manifests);
    vec_free(&batch->tags);
    vec_free(&batch->edits);
    free(batch);
}

void cleanup_batch_pointer(struct oci_batch **batch)
{
    batch_free(*batch);
}

struct batch_manifest *batch_find(const struct oci_batch *batch, const char *digest)
{
    vec_foreach (struct batch_manifest, manifest, &batch->manifests)
        if (strcmp(manifest->descriptor.digest.text, digest) == 0)
            return manifest;
    return NULL;
}

// With a NUL behind it, as everywhere.
static char *copy_bytes(struct oci_batch *batch, const void *data, size_t size)
{
    char *copy = xcalloc(1, size + 1);
    memcpy(copy, data, size);
    batch->held_bytes += size;
    return copy;
}

void batch_add_blob(struct oci_batch *batch, const struct oci_descriptor *descriptor,
                    const void *data)
{
    vec_foreach (const struct batch_blob, blob, &batch->blobs)
        if (strcmp(blob->descriptor.digest.text, descriptor->digest.text) == 0)
            return;
    char *copy = copy_bytes(batch, data, (size_t)descriptor->size);
    *(struct batch_blob *)vec_push(&batch->blobs) =
        (struct batch_blob){.descriptor = oci_descriptor_copy(descriptor), .data = copy};
}

int batch_add_manifest(struct oci_batch *batch, const void *data, size_t size,
                       struct digest *ret_digest, struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_manifest_parse(data, size, NULL, &manifest, err) < 0)
        return -1;
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(manifest.media_type, data, size);
    *ret_digest = descriptor.digest;
    if (batch_find(batch, descriptor.digest.text) != NULL)
        return 0;
    char *copy = copy_bytes(batch, data, size);
    *(struct batch_manifest *)vec_push(&batch->manifests) =
        (struct batch_manifest){.descriptor = descriptor, .manifest = manifest, .data = copy};
    descriptor = (struct oci_descriptor){0};
    manifest = (struct oci_manifest){0};
    return 0;
}

void batch_add_tag(struct oci_batch *batch, const struct digest *digest, const char *tag, bool once)
{
    *(struct batch_tag *)vec_push(&batch->tags) =
        (struct batch_tag){.tag = xstrdup(tag), .digest = *digest, .once = once};
}

static int take_merged(struct oci_batch *batch, const struct oci_merged *merged,
                       struct digest *ret_digest, struct error *err)
{
    if (batch_add_manifest(batch, merged->manifest, merged->manifest_size, ret_digest, err) < 0)
        return -1;
    cleanup_oci_descriptor struct oci_descriptor config =
        oci_descriptor_of(merged->config_type, merged->config, merged->config_size);
    batch_add_blob(batch, &config, merged->config);
    return 1;
}

int batch_merge(struct oci_batch *batch, const struct batch_edit *edit, const char *data,
                size_t size, struct digest *ret_digest, struct error *err)
{
    cleanup_oci_manifest struct oci_manifest existing = {0};
    if (data != NULL && oci_manifest_parse(data, size, NULL, &existing, err) < 0)
        return error_wrap(err, "tag %s", edit->tag);
    struct oci_merged merged = {0};
    int result = edit->merge(edit->arg, edit->tag, data != NULL ? &existing : NULL, &merged, err);
    if (result > 0)
        result = take_merged(batch, &merged, ret_digest, err);
    free(merged.manifest);
    free(merged.config);
    return result;
}

void oci_batch_begin(struct oci_repository *repository)
{
    assert(repository->batch == NULL);
    repository->batch = batch_new();
}

bool oci_batch_is_open(const struct oci_repository *repository)
{
    return repository->batch != NULL;
}

void oci_batch_abort(struct oci_repository *repository)
{
    batch_free(repository->batch);
    repository->batch = NULL;
}

static int commit(struct oci_repository *repository, struct oci_batch *batch, struct error *err)
{
    if (repository->ops->commit(repository, batch, err) < 0)
        return -1;
    vec_foreach (const struct batch_blob, blob, &batch->blobs)
        repository_keep(repository, blob->descriptor.digest.text, blob->data,
                        (size_t)blob->descriptor.size);
    vec_foreach (const struct batch_manifest, manifest, &batch->manifests)
        repository_keep(repository, manifest->descriptor.digest.text, manifest->data,
                        (size_t)manifest->descriptor.size);
    return 0;
}

int oci_batch_commit(struct oci_repository *repository, struct error *err)
{
    assert(repository->batch != NULL);
    cleanup_batch struct oci_batch *batch = STEAL(repository->batch);
    return commit(repository, batch, err);
}

static int check_tag(const struct oci_repository *repository, const char *tag, struct error *err)
{
    if (oci_tag_is_valid(tag))
        return 0;
    return error_set(err, ERROR_INVALID, "%s: \"%.150s\" is no tag", repository->identity, tag);
}

static void hand_out(struct oci_descriptor *descriptor, struct oci_descriptor *ret_descriptor)
{
    if (ret_descriptor == NULL)
        return;
    *ret_descriptor = *descriptor;
    *descriptor = (struct oci_descriptor){0};
}

static bool is_held(const struct oci_repository *repository, size_t size)
{
    return repository->batch != NULL && size <= MAX_HELD_BLOB &&
           repository->batch->held_bytes + size <= MAX_HELD;
}

int oci_put_blob(struct oci_repository *repository, const char *media_type, const void *data,
                 size_t size, struct oci_descriptor *ret_descriptor, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(media_type, data, size);
    if (is_held(repository, size))
        batch_add_blob(repository->batch, &descriptor, data);
    else if (repository->ops->put_blob(repository, &descriptor, data, err) < 0)
        return -1;
    else
        repository_keep(repository, descriptor.digest.text, data, size);
    hand_out(&descriptor, ret_descriptor);
    return 0;
}

static int put_now(struct oci_repository *repository, const struct oci_manifest *manifest,
                   const struct oci_descriptor *descriptor, const void *data, const char *tag,
                   struct error *err)
{
    if (repository->ops->put_manifest(repository, manifest, descriptor, data, tag, err) < 0)
        return -1;
    repository_keep(repository, descriptor->digest.text, data, (size_t)descriptor->size);
    return 0;
}

static int put_later(struct oci_repository *repository, const void *data, size_t size,
                     const char *tag, struct error *err)
{
    struct digest digest;
    if (batch_add_manifest(repository->batch, data, size, &digest, err) < 0)
        return -1;
    if (tag != NULL)
        batch_add_tag(repository->batch, &digest, tag, false);
    return 0;
}

int oci_put_manifest(struct oci_repository *repository, const void *data, size_t size,
                     const char *tag, struct oci_descriptor *ret_descriptor, struct error *err)
{
    if (tag != NULL && check_tag(repository, tag, err) < 0)
        return -1;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_manifest_parse(data, size, NULL, &manifest, err) < 0)
        return error_wrap(err, "push to %s", repository->identity);
    cleanup_oci_descriptor struct oci_descriptor descriptor =
        oci_descriptor_of(manifest.media_type, data, size);
    if ((repository->batch != NULL
             ? put_later(repository, data, size, tag, err)
             : put_now(repository, &manifest, &descriptor, data, tag, err)) < 0)
        return -1;
    hand_out(&descriptor, ret_descriptor);
    return 0;
}

static int tag_later(struct oci_repository *repository, const char *digest, const char *tag,
                     bool once, struct error *err)
{
    struct oci_batch *batch = repository->batch;
    cleanup_free char *data = NULL;
    size_t size = 0;
    struct digest same;
    bool waits = batch_find(batch, digest) != NULL;
    if (check_tag(repository, tag, err) < 0 ||
        oci_get_manifest(repository, digest, &data, &size, NULL, err) < 0 ||
        batch_add_manifest(batch, data, size, &same, err) < 0)
        return -1;
    if (!waits)
        batch_find(batch, digest)->is_there = true;
    batch_add_tag(batch, &same, tag, once);
    return 0;
}

int oci_tag(struct oci_repository *repository, const char *digest, const char *tag,
            struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (repository->batch != NULL)
        return tag_later(repository, digest, tag, false, err);
    if (oci_get_manifest(repository, digest, &data, &size, NULL, err) < 0)
        return -1;
    return oci_put_manifest(repository, data, size, tag, NULL, err);
}

int oci_tag_once(struct oci_repository *repository, const char *digest, const char *tag,
                 struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    if (repository->batch != NULL)
        return tag_later(repository, digest, tag, true, err);
    if (oci_resolve(repository, tag, &found, &cause) == 0)
        return 0;
    if (cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    return oci_tag(repository, digest, tag, err);
}

int oci_edit_tag(struct oci_repository *repository, const char *tag, oci_merge *merge, void *arg,
                 void (*free_arg)(void *arg), struct error *err)
{
    cleanup_batch struct oci_batch *alone = repository->batch == NULL ? batch_new() : NULL;
    struct oci_batch *batch = alone != NULL ? alone : repository->batch;
    *(struct batch_edit *)vec_push(&batch->edits) =
        (struct batch_edit){.tag = xstrdup(tag), .merge = merge, .arg = arg, .free_arg = free_arg};
    if (check_tag(repository, tag, err) < 0) {
        vec_remove(&batch->edits, batch->edits.len - 1);
        return -1;
    }
    return alone != NULL ? commit(repository, alone, err) : 0;
}
