// Removing what a plan lets go. A registry deletes a manifest with all of its tags, so before each
// deletion it must be known what the tags name: that is looked up for all of them at once, and
// again as removing goes on.
#include "oci/sweep.h"

#include "base/glob.h"
#include "base/memory.h"
#include "oci/repository_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_DEPTH = 8,
    LOOKS_FOR_WORK = 4, // requests of looking at tags that one of removing pays for
};

struct oci_sweep_name {
    char *tag; // owned
    struct digest digest;
};

static void release_name(void *element)
{
    free(((struct oci_sweep_name *)element)->tag);
}

void oci_sweep_init(struct oci_sweep *sweep, struct oci_repository *repository,
                    const struct oci_sweep_policy *policy)
{
    *sweep = (struct oci_sweep){
        .repository = repository,
        .policy = *policy,
        .items = OCI_SWEEP_ITEMS,
        .parts = VEC_OF(struct digest, NULL),
        .names = VEC_OF(struct oci_sweep_name, release_name),
        .removed = VEC_OF(struct digest, NULL),
    };
}

void oci_sweep_release(void *element)
{
    struct oci_sweep *sweep = element;
    vec_free(&sweep->items);
    vec_free(&sweep->parts);
    vec_free(&sweep->names);
    vec_free(&sweep->removed);
}

static bool holds(const struct vec *digests, const char *digest)
{
    vec_foreach (const struct digest, known, digests)
        if (strcmp(known->text, digest) == 0)
            return true;
    return false;
}

static int look_at_tags(struct oci_sweep *sweep, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    vec_clear(&sweep->names);
    if (oci_list_every_tag(sweep->repository, &tags, err) < 0)
        return -1;
    vec_foreach (char *, tag, &tags) {
        cleanup_oci_descriptor struct oci_descriptor found = {0};
        cleanup_error struct error cause = {0};
        if (oci_resolve(sweep->repository, *tag, &found, &cause) == 0)
            *(struct oci_sweep_name *)vec_push(&sweep->names) =
                (struct oci_sweep_name){.tag = xstrdup(*tag), .digest = found.digest};
        else if (cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
    }
    sweep->looked = 1 + tags.len;
    sweep->worked = 0;
    return 0;
}

static void note_removed(struct oci_sweep *sweep, const char *digest)
{
    struct digest *removed = vec_push(&sweep->removed);
    memcpy(removed->text, digest, strlen(digest) + 1);
}

// Whether a derived tag is that of something which is gone, now or since an earlier sweep. Where
// that cannot be told it is not.
static bool is_left_over(struct oci_sweep *sweep, const char *tag)
{
    if (!oci_tag_is_derived(tag))
        return false;
    cleanup_free char *subject = xasprintf("sha256:%.64s", tag + strlen("sha256-"));
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    if (holds(&sweep->removed, subject))
        return true;
    sweep->worked++;
    if (oci_resolve(sweep->repository, subject, &found, &cause) == 0 ||
        cause.code != ERROR_NOT_FOUND)
        return false;
    note_removed(sweep, subject);
    return true;
}

// The tag that is a reason for the manifest to stay, but for `own` (or NULL), under which it is
// being removed; NULL when there is none. Borrowed. A list of referrers (`own` without a suffix) is
// about its subject alone.
static const char *kept_by(struct oci_sweep *sweep, const char *digest, const char *own)
{
    bool list = own != NULL && strchr(own, '.') == NULL;
    vec_foreach (const struct oci_sweep_name, name, &sweep->names) {
        if (strcmp(name->digest.text, digest) != 0 || is_left_over(sweep, name->tag) ||
            (own != NULL && strcmp(name->tag, own) == 0) || (list && oci_tag_is_derived(name->tag)))
            continue;
        return name->tag;
    }
    return NULL;
}

// ---- removing ----

static int remove_manifest(struct oci_sweep *sweep, const char *digest, struct error *err)
{
    cleanup_error struct error cause = {0};
    sweep->worked++;
    if (oci_delete_manifest(sweep->repository, digest, &cause) == 0) {
        sweep->manifests++;
        return 0;
    }
    return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
}

static int remove_tag(struct oci_sweep *sweep, const char *digest, const char *suffix,
                      struct error *err)
{
    cleanup_free char *tag = oci_derived_tag(digest, suffix);
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    sweep->worked++;
    if (oci_resolve(sweep->repository, tag, &found, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    if (kept_by(sweep, found.digest.text, tag) != NULL || holds(&sweep->parts, found.digest.text))
        return 0;
    return remove_manifest(sweep, found.digest.text, err);
}

static bool is_about(struct oci_sweep *sweep, const char *referrer, const char *digest)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    sweep->worked++;
    return oci_get_manifest(sweep->repository, referrer, &data, &size, &manifest, NULL) == 0 &&
           manifest.subject != NULL && strcmp(manifest.subject->digest.text, digest) == 0;
}

// Depth is bounded, so recursion is; what is deeper stays, and nobody finds it.
static int remove_attached(struct oci_sweep *sweep, const char *digest, unsigned depth,
                           struct error *err)
{
    // The list of referrers last: it is how they are found.
    static const char *const suffixes[] = {".sig", ".att", ".sbom", ""};
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (depth > MAX_DEPTH)
        return 0;
    sweep->worked++;
    note_removed(sweep, digest);
    if (oci_referrers(sweep->repository, digest, &referrers, err) < 0)
        return -1;
    vec_foreach (const struct oci_descriptor, referrer, &referrers) {
        const char *own = referrer->digest.text;
        // What somebody tagged, or put into an index, is there for its own sake.
        if (kept_by(sweep, own, NULL) != NULL || holds(&sweep->parts, own) ||
            !is_about(sweep, own, digest))
            continue;
        if (remove_attached(sweep, own, depth + 1, err) < 0 || remove_manifest(sweep, own, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
        if (remove_tag(sweep, digest, suffixes[i], err) < 0)
            return -1;
    return 0;
}

// Tags that keep nothing alive do not hold an artifact either.
static int check_free(struct oci_sweep *sweep, const char *digest, struct error *err)
{
    vec_foreach (const struct oci_sweep_name, name, &sweep->names) {
        if (strcmp(name->digest.text, digest) != 0 ||
            (!oci_tag_is_derived(name->tag) && glob_match(sweep->policy.tags, name->tag)) ||
            is_left_over(sweep, name->tag))
            continue;
        return error_set(err, ERROR_CONFLICT, "%s stays: tag %s has come to name it", digest,
                         name->tag);
    }
    return 0;
}

int oci_sweep_remove(struct oci_sweep *sweep, const struct oci_sweep_item *item, struct error *err)
{
    const char *digest = item->digest.text;
    if (item->fate != OCI_SWEEP_REMOVE)
        return error_set(err, ERROR_INVALID, "%s is to stay (%s)", digest,
                         oci_sweep_fate_text(item->fate));
    if (LOOKS_FOR_WORK * sweep->worked >= sweep->looked && look_at_tags(sweep, err) < 0)
        return -1;
    if (check_free(sweep, digest, err) < 0 || remove_attached(sweep, digest, 0, err) < 0)
        return -1;
    return remove_manifest(sweep, digest, err);
}

int oci_sweep_blobs(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                    struct error *err)
{
    *ret_files = *ret_bytes = 0;
    if (repository->ops->sweep_blobs == NULL)
        return 0;
    return repository->ops->sweep_blobs(repository, ret_files, ret_bytes, err);
}
