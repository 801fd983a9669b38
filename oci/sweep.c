#include "oci/sweep.h"

#include "base/clock.h"
#include "base/glob.h"
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/repository_internal.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 8 };

void oci_sweep_item_release(void *item)
{
    vec_free(&((struct oci_sweep_item *)item)->tags);
}

const char *oci_sweep_fate_text(enum oci_sweep_fate fate)
{
    static const char *const texts[] = {
        [OCI_SWEEP_REMOVE] = "remove",   [OCI_SWEEP_TAGGED] = "tagged", [OCI_SWEEP_PART] = "part",
        [OCI_SWEEP_INDEX] = "index",     [OCI_SWEEP_NEWEST] = "newest", [OCI_SWEEP_YOUNG] = "young",
        [OCI_SWEEP_UNDATED] = "undated",
    };
    return texts[fate];
}

// --- What there is

static struct oci_sweep_item *find(const struct vec *items, const char *digest)
{
    vec_foreach (struct oci_sweep_item, item, items)
        if (strcmp(item->digest.text, digest) == 0)
            return item;
    return NULL;
}

static struct oci_sweep_item *find_or_add(struct vec *items, const char *digest)
{
    struct oci_sweep_item *item = find(items, digest);
    if (item != NULL)
        return item;
    item = vec_push(items);
    *item = (struct oci_sweep_item){.tags = VEC_OF(char *, vec_release_string)};
    memcpy(item->digest.text, digest, strlen(digest) + 1);
    return item;
}

static int add_tag(struct oci_repository *repository, const struct oci_sweep_policy *policy,
                   const char *tag, struct vec *items, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    if (oci_resolve(repository, tag, &found, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    struct oci_sweep_item *item = find_or_add(items, found.digest.text);
    vec_push_string(&item->tags, tag);
    if (!glob_match(policy->tags, tag))
        item->fate = OCI_SWEEP_TAGGED;
    return 0;
}

// In a layout all manifests are listed, whether a tag names them or not.
static int add_untagged(struct oci_repository *repository, const struct vec *tags,
                        struct vec *items, struct error *err)
{
    cleanup_vec struct vec all = OCI_DESCRIPTORS;
    if (repository->ops->list_manifests == NULL)
        return 0;
    if (repository->ops->list_manifests(repository, &all, err) < 0)
        return -1;
    cleanup_vec struct vec derived = VEC_OF(struct digest, NULL);
    vec_foreach (char *, tag, tags) {
        cleanup_oci_descriptor struct oci_descriptor found = {0};
        if (oci_tag_is_derived(*tag) && oci_resolve(repository, *tag, &found, NULL) == 0)
            *(struct digest *)vec_push(&derived) = found.digest;
    }
    vec_foreach (const struct oci_descriptor, descriptor, &all) {
        bool attached = false;
        vec_foreach (const struct digest, digest, &derived)
            attached = attached || strcmp(digest->text, descriptor->digest.text) == 0;
        if (!attached)
            find_or_add(items, descriptor->digest.text);
    }
    return 0;
}

// --- What it is

static void take_time(const struct oci_manifest *manifest, int64_t *created_ms)
{
    const char *text = oci_manifest_annotation(manifest, OCI_ANNOTATION_CREATED);
    int64_t at_ms = 0;
    if (text != NULL && time_parse(text, &at_ms, NULL) == 0 && at_ms > *created_ms)
        *created_ms = at_ms;
}

// A commit may be older than its artifact, and a statement about it is renewed while it is in use.
static int take_times_attached(struct oci_repository *repository, struct oci_sweep_item *item,
                               struct error *err)
{
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (oci_referrers(repository, item->digest.text, &referrers, err) < 0)
        return -1;
    vec_foreach (const struct oci_descriptor, referrer, &referrers) {
        cleanup_free char *data = NULL;
        size_t size = 0;
        cleanup_oci_manifest struct oci_manifest manifest = {0};
        if (oci_get_manifest(repository, referrer->digest.text, &data, &size, &manifest, NULL) ==
                0 &&
            manifest.subject != NULL &&
            strcmp(manifest.subject->digest.text, item->digest.text) == 0)
            take_time(&manifest, &item->created_ms);
    }
    return 0;
}

struct plan {
    struct oci_repository *repository;
    const struct oci_sweep_policy *policy;
    struct vec *items;
    struct vec parts; // struct digest: of indexes that stay
};

// -1 on error, 0 for what is no artifact of its own (a referrer), 1 for all else.
static int look_at(struct plan *plan, struct oci_sweep_item *item, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(plan->repository, item->digest.text, &data, &size, &manifest, err) < 0)
        return -1;
    if (manifest.subject != NULL && item->fate != OCI_SWEEP_TAGGED)
        return 0;
    if (manifest.is_index && item->fate == OCI_SWEEP_REMOVE)
        item->fate = OCI_SWEEP_INDEX;
    vec_foreach (const struct oci_descriptor, part, &manifest.layers)
        if (manifest.is_index)
            *(struct digest *)vec_push(&plan->parts) = part->digest;
    take_time(&manifest, &item->created_ms);
    if (item->fate != OCI_SWEEP_REMOVE)
        return 1;
    return take_times_attached(plan->repository, item, err) < 0 ? -1 : 1;
}

static int look_at_all(struct plan *plan, struct error *err)
{
    for (size_t i = plan->items->len; i-- > 0;) {
        cleanup_error struct error cause = {0};
        int result = look_at(plan, vec_at(plan->items, i), &cause);
        // Gone meanwhile, or listed and never there.
        if (result < 0 && cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        if (result <= 0)
            vec_remove(plan->items, i);
    }
    return 0;
}

static int compare_items(const void *a, const void *b)
{
    const struct oci_sweep_item *one = a;
    const struct oci_sweep_item *other = b;
    if (one->created_ms != other->created_ms)
        return one->created_ms > other->created_ms ? -1 : 1;
    return strcmp(one->digest.text, other->digest.text);
}

static void judge(struct plan *plan)
{
    const struct oci_sweep_policy *policy = plan->policy;
    size_t kept = 0;
    vec_foreach (const struct digest, part, &plan->parts) {
        struct oci_sweep_item *item = find(plan->items, part->text);
        if (item != NULL && item->fate == OCI_SWEEP_REMOVE)
            item->fate = OCI_SWEEP_PART;
    }
    vec_sort(plan->items, compare_items);
    vec_foreach (struct oci_sweep_item, item, plan->items) {
        if (item->fate != OCI_SWEEP_REMOVE)
            continue;
        if (item->created_ms == 0)
            item->fate = OCI_SWEEP_UNDATED;
        else if (kept++ < policy->keep)
            item->fate = OCI_SWEEP_NEWEST;
        else if (policy->now_ms - item->created_ms < policy->younger_than_ms)
            item->fate = OCI_SWEEP_YOUNG;
    }
}

int oci_sweep_plan(struct oci_repository *repository, const struct oci_sweep_policy *policy,
                   struct vec *items, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (oci_list_every_tag(repository, &tags, err) < 0)
        return -1;
    vec_foreach (char *, tag, &tags)
        if (!oci_tag_is_derived(*tag) && add_tag(repository, policy, *tag, items, err) < 0)
            return -1;
    if (add_untagged(repository, &tags, items, err) < 0)
        return -1;
    struct plan plan = {.repository = repository,
                        .policy = policy,
                        .items = items,
                        .parts = VEC_OF(struct digest, NULL)};
    int result = look_at_all(&plan, err);
    if (result == 0)
        judge(&plan);
    vec_free(&plan.parts);
    return result;
}

// --- Removing

static int remove_manifest(struct oci_repository *repository, const char *digest, size_t *removed,
                           struct error *err)
{
    cleanup_error struct error cause = {0};
    if (oci_delete_manifest(repository, digest, &cause) == 0) {
        ++*removed;
        return 0;
    }
    return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
}

static int remove_tag(struct oci_repository *repository, const char *digest, const char *suffix,
                      size_t *removed, struct error *err)
{
    cleanup_free char *tag = oci_derived_tag(digest, suffix);
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    cleanup_error struct error cause = {0};
    if (oci_resolve(repository, tag, &found, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
    return remove_manifest(repository, found.digest.text, removed, err);
}

static bool is_about(struct oci_repository *repository, const char *referrer, const char *digest)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    return oci_get_manifest(repository, referrer, &data, &size, &manifest, NULL) == 0 &&
           manifest.subject != NULL && strcmp(manifest.subject->digest.text, digest) == 0;
}

// Depth is bounded, so recursion is; what is deeper stays, and nobody finds it.
static int remove_attached(struct oci_repository *repository, const char *digest, unsigned depth,
                           size_t *removed, struct error *err)
{
    // The list of referrers last: it is how they are found.
    static const char *const suffixes[] = {".sig", ".att", ".sbom", ""};
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    if (depth > MAX_DEPTH)
        return 0;
    if (oci_referrers(repository, digest, &referrers, err) < 0)
        return -1;
    vec_foreach (const struct oci_descriptor, referrer, &referrers) {
        const char *own = referrer->digest.text;
        if (is_about(repository, own, digest) &&
            (remove_attached(repository, own, depth + 1, removed, err) < 0 ||
             remove_manifest(repository, own, removed, err) < 0))
            return -1;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
        if (remove_tag(repository, digest, suffixes[i], removed, err) < 0)
            return -1;
    return 0;
}

static int check_untagged(struct oci_repository *repository, const struct oci_sweep_policy *policy,
                          const char *digest, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (oci_list_every_tag(repository, &tags, err) < 0)
        return -1;
    vec_foreach (char *, tag, &tags) {
        cleanup_oci_descriptor struct oci_descriptor found = {0};
        cleanup_error struct error cause = {0};
        if (oci_tag_is_derived(*tag) || glob_match(policy->tags, *tag))
            continue;
        if (oci_resolve(repository, *tag, &found, &cause) < 0 && cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        if (strcmp(found.digest.text, digest) == 0)
            return error_set(err, ERROR_CONFLICT, "%s stays: tag %s has come to name it", digest,
                             *tag);
    }
    return 0;
}

int oci_sweep_remove(struct oci_repository *repository, const struct oci_sweep_policy *policy,
                     const struct oci_sweep_item *item, size_t *removed, struct error *err)
{
    const char *digest = item->digest.text;
    if (item->fate != OCI_SWEEP_REMOVE)
        return error_set(err, ERROR_INVALID, "%s is to stay (%s)", digest,
                         oci_sweep_fate_text(item->fate));
    if (check_untagged(repository, policy, digest, err) < 0 ||
        remove_attached(repository, digest, 0, removed, err) < 0)
        return -1;
    return remove_manifest(repository, digest, removed, err);
}

int oci_sweep_blobs(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                    struct error *err)
{
    *ret_files = *ret_bytes = 0;
    if (repository->ops->sweep_blobs == NULL)
        return 0;
    return repository->ops->sweep_blobs(repository, ret_files, ret_bytes, err);
}
