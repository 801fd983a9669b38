#include "oci/repository.h"

#include "base/memory.h"
#include "oci/cache.h"
#include "oci/repository_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void close_mirror(void *element)
{
    oci_repository_close(*(struct oci_repository **)element);
}

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
    repository->mirrors = VEC_OF(struct oci_repository *, close_mirror);
    repository_add_mirrors(repository);
    *ret_repository = repository;
    return 0;
}

int oci_repository_open_hasty(const struct oci_reference *reference,
                              const struct oci_access *access,
                              struct oci_repository **ret_repository, struct error *err)
{
    if (oci_repository_open(reference, access, ret_repository, err) < 0)
        return -1;
    oci_registry_be_hasty(*ret_repository);
    return 0;
}

void oci_repository_close(struct oci_repository *repository)
{
    if (repository == NULL)
        return;
    oci_batch_abort(repository);
    vec_free(&repository->mirrors);
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

// A mirror that does not answer at all is left alone from then on. Always false.
static bool mirror_failed(struct oci_repository *mirror, const struct error *cause)
{
    mirror->unreachable =
        mirror->unreachable || cause->code == ERROR_UNAVAILABLE || cause->code == ERROR_TIMEOUT;
    return false;
}

#define foreach_mirror(mirror, repository)                                \
    vec_foreach (struct oci_repository *, mirror, &(repository)->mirrors) \
        if (!(*mirror)->unreachable)

static bool resolve_at(struct oci_repository *mirror, const char *tag_or_digest,
                       struct oci_descriptor *ret_descriptor)
{
    cleanup_error struct error cause = {0};
    return mirror->ops->resolve(mirror, tag_or_digest, ret_descriptor, &cause) == 0 ||
           mirror_failed(mirror, &cause);
}

int oci_resolve(struct oci_repository *repository, const char *tag_or_digest,
                struct oci_descriptor *ret_descriptor, struct error *err)
{
    if (!digest_is_valid(tag_or_digest) && check_tag(repository, tag_or_digest, err) < 0)
        return -1;
    foreach_mirror(mirror, repository)
    {
        if (resolve_at(*mirror, tag_or_digest, ret_descriptor))
            return 0;
    }
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

struct manifest_bytes {
    char *data;
    size_t size;
    char *content_type;
};

static bool manifest_at(struct oci_repository *mirror, const char *digest,
                        struct manifest_bytes *ret)
{
    cleanup_error struct error cause = {0};
    if (mirror->ops->get_manifest(mirror, digest, &ret->data, &ret->size, &ret->content_type,
                                  &cause) == 0 &&
        check_bytes(mirror, digest, ret->data, ret->size, &cause) == 0)
        return true;
    free(ret->data);
    free(ret->content_type);
    *ret = (struct manifest_bytes){0};
    return mirror_failed(mirror, &cause);
}

static int fetch_manifest(struct oci_repository *repository, const char *digest,
                          struct manifest_bytes *ret, struct error *err)
{
    foreach_mirror(mirror, repository)
    {
        if (manifest_at(*mirror, digest, ret))
            return 0;
    }
    if (repository->ops->get_manifest(repository, digest, &ret->data, &ret->size,
                                      &ret->content_type, err) < 0)
        return -1;
    return check_bytes(repository, digest, ret->data, ret->size, err);
}

int oci_get_manifest(struct oci_repository *repository, const char *digest, char **ret_data,
                     size_t *ret_size, struct oci_manifest *ret_manifest, struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    struct manifest_bytes bytes = {0};
    bool cached =
        from_batch(repository, digest, &bytes.data, &bytes.size) == 0 ||
        from_cache(repository, digest, OCI_MAX_MANIFEST_BYTES, &bytes.data, &bytes.size) == 0;
    int result = cached ? 0 : fetch_manifest(repository, digest, &bytes, err);
    cleanup_free char *data = bytes.data;
    cleanup_free char *content_type = bytes.content_type;
    size_t size = bytes.size;
    if (result < 0)
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

static int fetch_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      char **ret_data, size_t *ret_size, struct error *err)
{
    const char *digest = descriptor->digest.text;
    if (repository->ops->get_blob(repository, descriptor, ret_data, ret_size, err) < 0)
        return -1;
    if (*ret_size != (size_t)descriptor->size)
        return error_set(err, ERROR_UNVERIFIED,
                         "%s: blob %s came with %zu bytes, its descriptor says %lld",
                         repository->identity, digest, *ret_size, (long long)descriptor->size);
    return check_bytes(repository, digest, *ret_data, *ret_size, err);
}

static bool blob_at(struct oci_repository *mirror, const struct oci_descriptor *descriptor,
                    char **ret_data, size_t *ret_size)
{
    cleanup_error struct error cause = {0};
    if (fetch_blob(mirror, descriptor, ret_data, ret_size, &cause) == 0)
        return true;
    free(*ret_data);
    *ret_data = NULL;
    return mirror_failed(mirror, &cause);
}

static int blob_from_anywhere(struct oci_repository *repository,
                              const struct oci_descriptor *descriptor, char **ret_data,
                              size_t *ret_size, struct error *err)
{
    foreach_mirror(mirror, repository)
    {
        if (blob_at(*mirror, descriptor, ret_data, ret_size))
            return 0;
    }
    return fetch_blob(repository, descriptor, ret_data, ret_size, err);
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
    bool cached = from_cache(repository, digest, (size_t)descriptor->size, &data, &size) == 0 &&
                  size == (size_t)descriptor->size;
    if (!cached) {
        free(data);
        data = NULL;
        if (blob_from_anywhere(repository, descriptor, &data, &size, err) < 0)
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

int oci_mount_blob(struct oci_repository *repository, const char *digest,
                   const char *other_repository, bool *ret_mounted, struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    *ret_mounted = false;
    if (repository->ops->mount_blob == NULL)
        return 0;
    return repository->ops->mount_blob(repository, digest, other_repository, ret_mounted, err);
}

// Many mirrors do not pass lists of referrers on: an empty one is no answer while the registry
// itself can be asked.
static int find_referrers(struct oci_repository *repository, const char *digest, struct vec *found,
                          struct error *err)
{
    bool answered = false;
    foreach_mirror(mirror, repository)
    {
        cleanup_error struct error cause = {0};
        vec_clear(found);
        if ((*mirror)->ops->referrers(*mirror, digest, found, &cause) == 0)
            answered = true;
        else
            mirror_failed(*mirror, &cause);
        if (answered && found->len > 0)
            return 0;
    }
    vec_clear(found);
    cleanup_error struct error cause = {0};
    if (repository->ops->referrers(repository, digest, found, &cause) == 0)
        return 0;
    bool silent = cause.code == ERROR_UNAVAILABLE || cause.code == ERROR_TIMEOUT;
    vec_clear(found);
    return answered && silent ? 0 : error_move(err, &cause);
}

int oci_referrers(struct oci_repository *repository, const char *digest,
                  struct vec *ret_descriptors, struct error *err)
{
    if (check_digest(repository, digest, err) < 0)
        return -1;
    assert(ret_descriptors->element_size == sizeof(struct oci_descriptor));
    cleanup_vec struct vec found = OCI_DESCRIPTORS;
    if (find_referrers(repository, digest, &found, err) < 0)
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
    struct oci_repository *asked = repository;
    for (size_t i = repository->mirrors.len; i-- > 0;) {
        struct oci_repository *mirror = *(struct oci_repository **)vec_at(&repository->mirrors, i);
        asked = mirror->unreachable ? asked : mirror;
    }
    if (asked->ops->read_ahead == NULL)
        return;
    cleanup_vec struct vec manifests = VEC_OF(const struct oci_descriptor *, NULL);
    cleanup_vec struct vec blobs = VEC_OF(const struct oci_descriptor *, NULL);
    choose_missing(repository, ahead->manifests, &manifests);
    choose_missing(repository, ahead->blobs, &blobs);
    const struct oci_ahead missing = {.tags = {ahead->tags[0], ahead->tags[1]},
                                      .referrers = ahead->referrers,
                                      .manifests = &manifests,
                                      .blobs = &blobs};
    asked->ops->read_ahead(asked, &missing);
}

// The registry itself first: mirrors often list only what they hold.
static int find_tags(struct oci_repository *repository, struct vec *tags, struct error *err)
{
    cleanup_error struct error cause = {0};
    if (repository->ops->list_tags(repository, tags, &cause) == 0)
        return 0;
    if (cause.code == ERROR_UNAVAILABLE || cause.code == ERROR_TIMEOUT) {
        foreach_mirror(mirror, repository)
        {
            vec_clear(tags);
            if ((*mirror)->ops->list_tags(*mirror, tags, NULL) == 0)
                return 0;
        }
    }
    return error_move(err, &cause);
}

int oci_list_tags(struct oci_repository *repository, struct vec *ret_tags, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (find_tags(repository, &tags, err) < 0)
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

int oci_list_every_tag(struct oci_repository *repository, struct vec *ret_tags, struct error *err)
{
    if (repository->ops->list_tags(repository, ret_tags, err) < 0)
        return -1;
    if (ret_tags->len >= OCI_MAX_TAGS)
        return error_set(err, ERROR_LIMIT, "%s has %d tags or more, which is too many to look at",
                         repository->identity, OCI_MAX_TAGS);
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
