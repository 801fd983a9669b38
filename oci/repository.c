#include "oci/repository.h"

#include "base/memory.h"
#include "oci/cache.h"
#include "oci/repository_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int oci_repository_open(const struct oci_reference *reference, const struct oci_access *access,
                        struct oci_repository **ret_repository, struct error *err)
{
    struct oci_repository *repository = NULL;
    if (reference->kind == OCI_LAYOUT)
        repository = oci_layout_new();
    else if (oci_registry_new(reference, access, &repository, err) < 0)
        return -1;
    repository->reference = oci_reference_copy(reference);
    repository->access = *access;
    repository->identity = reference->kind == OCI_LAYOUT && access->identity != NULL
                               ? xstrdup(access->identity)
                               : oci_reference_identity(reference);
    *ret_repository = repository;
    return 0;
}

void oci_repository_close(struct oci_repository *repository)
{
    if (repository == NULL)
        return;
    oci_batch_abort(repository);
    repository->ops->close(repository);
    oci_reference_release(&repository->reference);
    free(repository->identity);
    free(repository);
}

void cleanup_oci_repository_pointer(struct oci_repository **repository)
{
    oci_repository_close(*repository);
}

const struct oci_reference *oci_repository_reference(const struct oci_repository *repository)
{
    return &repository->reference;
}

const char *oci_repository_identity(const struct oci_repository *repository)
{
    return repository->identity;
}

static int check_digest(const struct oci_repository *repository, const char *digest,
                        struct error *err)
{
    if (digest_is_valid(digest))
        return 0;
    return error_set(err, ERROR_INVALID, "%s: \"%.100s\" is no sha256 digest", repository->identity,
                     digest);
}

static int check_tag(const struct oci_repository *repository, const char *tag, struct error *err)
{
    if (oci_tag_is_valid(tag))
        return 0;
    return error_set(err, ERROR_INVALID, "%s: \"%.150s\" is no tag", repository->identity, tag);
}

int oci_resolve(struct oci_repository *repository, const char *tag_or_digest,
                struct oci_descriptor *ret_descriptor, struct error *err)
{
    if (!digest_is_valid(tag_or_digest) && check_tag(repository, tag_or_digest, err) < 0)
        return -1;
    return repository->ops->resolve(repository, tag_or_digest, ret_descriptor, err);
}

static int check_bytes(const struct oci_repository *repository, const char *digest,
                       const void *data, size_t size, struct error *err)
{
    struct digest actual = digest_of(data, size);
    if (strcmp(actual.text, digest) == 0)
        return 0;
    return error_set(err, ERROR_UNVERIFIED,
                     "%s@%s came with other bytes (%zu of them, digest %s); the registry or "
                     "something on the way to it is damaged or hostile",
                     repository->identity, digest, size, actual.text);
}

// Bytes of a digest from the cache; -1 on a miss.
static int from_cache(const struct oci_repository *repository, const char *digest, size_t max_bytes,
                      char **ret_data, size_t *ret_size)
{
    struct oci_cache *cache = repository->access.cache;
    return cache == NULL ? -1 : oci_cache_get(cache, digest, max_bytes, ret_data, ret_size, NULL);
}

void repository_keep(const struct oci_repository *repository, const char *digest, const void *data,
                     size_t size)
{
    // A cache that cannot keep something (a full disk) costs a request later, nothing else.
    if (repository->access.cache != NULL &&
        oci_cache_put(repository->access.cache, digest, data, size, NULL) < 0)
        return;
}

// Bytes of a manifest that waits in the batch; -1 when there is none.
static int from_batch(const struct oci_repository *repository, const char *digest, char **ret_data,
                      size_t *ret_size)
{
    const struct batch_manifest *waits =
        repository->batch != NULL ? batch_find(repository->batch, digest) : NULL;
    if (waits == NULL)
        return -1;
    *ret_size = (size_t)waits->descriptor.size;
    *ret_data = xmemdup(waits->data, *ret_size + 1);
    return 0;
}

int oci_get_manifest(struct oci_repository *repository, const char *digest, char **ret_data,
                     size_t *ret_size, struct oci_manifest *ret_manifest, struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    cleanup_free char *data = NULL;
    cleanup_free char *content_type = NULL;
    size_t size = 0;
    bool cached = from_batch(repository, digest, &data, &size) == 0 ||
                  from_cache(repository, digest, OCI_MAX_MANIFEST_BYTES, &data, &size) == 0;
    if (!cached &&
        (repository->ops->get_manifest(repository, digest, &data, &size, &content_type, err) < 0 ||
         check_bytes(repository, digest, data, size, err) < 0))
        return -1;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_manifest_parse(data, size, content_type, &manifest, err) < 0)
        return error_wrap(err, "%s@%s", repository->identity, digest);
    if (!cached)
        repository_keep(repository, digest, data, size);
    if (ret_manifest != NULL) {
        *ret_manifest = manifest;
        manifest = (struct oci_manifest){0};
    }
    *ret_data = STEAL(data);
    *ret_size = size;
    return 0;
}

int oci_get_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                 size_t max_bytes, char **ret_data, size_t *ret_size, struct error *err)
{
    const char *digest = descriptor->digest.text;
    if (check_digest(repository, digest, err) < 0)
        return -1;
    if (descriptor->size < 0 || (uint64_t)descriptor->size > max_bytes)
        return error_set(err, ERROR_LIMIT, "%s: blob %s has %lld bytes; the limit is %zu",
                         repository->identity, digest, (long long)descriptor->size, max_bytes);
    cleanup_free char *data = NULL;
    size_t size = 0;
    bool cached = from_cache(repository, digest, (size_t)descriptor->size, &data, &size) == 0;
    if (!cached && repository->ops->get_blob(repository, descriptor, &data, &size, err) < 0)
        return -1;
    if (size != (size_t)descriptor->size)
        return error_set(err, ERROR_UNVERIFIED,
                         "%s: blob %s came with %zu bytes, its descriptor says %lld",
                         repository->identity, digest, size, (long long)descriptor->size);
    if (!cached) {
        if (check_bytes(repository, digest, data, size, err) < 0)
            return -1;
        repository_keep(repository, digest, data, size);
    }
    *ret_data = STEAL(data);
    *ret_size = size;
    return 0;
}

int oci_has_blob(struct oci_repository *repository, const char *digest, bool *ret_has,
                 struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    return repository->ops->has_blob(repository, digest, ret_has, err);
}

int oci_referrers(struct oci_repository *repository, const char *digest,
                  struct vec *ret_descriptors, struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    assert(ret_descriptors->element_size == sizeof(struct oci_descriptor));
    cleanup_vec struct vec found = OCI_DESCRIPTORS;
    if (repository->ops->referrers(repository, digest, &found, err) < 0)
        return -1;
    vec_foreach (struct oci_descriptor, descriptor, &found) {
        *(struct oci_descriptor *)vec_push(ret_descriptors) = *descriptor;
        *descriptor = (struct oci_descriptor){0};
    }
    return 0;
}

// Those that the cache does not have.
static void choose_missing(const struct oci_repository *repository, const struct vec *wanted,
                           struct vec *missing)
{
    const struct oci_cache *cache = repository->access.cache;
    for (size_t i = 0; wanted != NULL && i < wanted->len && i < OCI_MAX_AHEAD; i++) {
        const struct oci_descriptor *descriptor =
            *(const struct oci_descriptor **)vec_at(wanted, i);
        if (digest_is_valid(descriptor->digest.text) && descriptor->size >= 0 &&
            (cache == NULL || !oci_cache_has(cache, descriptor->digest.text)))
            *(const struct oci_descriptor **)vec_push(missing) = descriptor;
    }
}

void oci_read_ahead(struct oci_repository *repository, const struct oci_ahead *ahead)
{
    if (repository->ops->read_ahead == NULL)
        return;
    cleanup_vec struct vec manifests = VEC_OF(const struct oci_descriptor *, NULL);
    cleanup_vec struct vec blobs = VEC_OF(const struct oci_descriptor *, NULL);
    choose_missing(repository, ahead->manifests, &manifests);
    choose_missing(repository, ahead->blobs, &blobs);
    const struct oci_ahead missing = {
        .tag = ahead->tag, .referrers = ahead->referrers, .manifests = &manifests, .blobs = &blobs};
    repository->ops->read_ahead(repository, &missing);
}

int oci_list_tags(struct oci_repository *repository, struct vec *ret_tags, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (repository->ops->list_tags(repository, &tags, err) < 0)
        return -1;
    vec_sort(&tags, vec_compare_strings);
    const char *last = NULL;
    vec_foreach (char *, tag, &tags) {
        if (!oci_tag_is_derived(*tag) && (last == NULL || strcmp(last, *tag) != 0))
            vec_push_string(ret_tags, *tag);
        last = *tag;
    }
    return 0;
}

int oci_delete_manifest(struct oci_repository *repository, const char *digest, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(repository, digest, &data, &size, &manifest, err) < 0)
        return -1;
    return repository->ops->delete_manifest(repository, digest, &manifest, err);
}
