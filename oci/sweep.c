#include "oci/sweep.h"

#include "base/clock.h"
#include "base/glob.h"
#include "base/memory.h"
#include "oci/artifact.h"
#include "oci/repository_internal.h"

#include <stdlib.h>
#include <string.h>

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
        const char *name = oci_descriptor_annotation(descriptor, OCI_ANNOTATION_REF_NAME);
        bool attached = false;
        vec_foreach (const struct digest, digest, &derived)
            attached = attached || strcmp(digest->text, descriptor->digest.text) == 0;
        if (attached)
            continue;
        struct oci_sweep_item *item = find_or_add(items, descriptor->digest.text);
        // Other tools name an entry "registry.example.com/acme/shop:v1", which is no tag here.
        if (name == NULL || oci_tag_is_valid(name))
            continue;
        vec_push_string(&item->tags, name);
        item->fate = OCI_SWEEP_TAGGED;
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

// Signatures or attestations in the older form: of a layout whose derived tag has moved on, or that
// `cosign save` wrote.
static bool is_signature(const struct oci_manifest *manifest)
{
    if (manifest->is_index || manifest->layers.len == 0)
        return false;
    vec_foreach (const struct oci_descriptor, layer, &manifest->layers)
        if (strcmp(layer->media_type, OCI_MEDIA_SIMPLE_SIGNING) != 0 &&
            strcmp(layer->media_type, OCI_MEDIA_DSSE) != 0)
            return false;
    return true;
}

// -1 on error, 0 for what is no artifact of its own (a referrer), 1 for all else.
static int look_at(struct oci_sweep *sweep, struct oci_sweep_item *item, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    if (oci_get_manifest(sweep->repository, item->digest.text, &data, &size, &manifest, err) < 0)
        return -1;
    if ((manifest.subject != NULL || is_signature(&manifest)) && item->fate != OCI_SWEEP_TAGGED)
        return 0;
    if (manifest.is_index && item->fate == OCI_SWEEP_REMOVE)
        item->fate = OCI_SWEEP_INDEX;
    vec_foreach (const struct oci_descriptor, part, &manifest.layers)
        if (manifest.is_index)
            *(struct digest *)vec_push(&sweep->parts) = part->digest;
    take_time(&manifest, &item->created_ms);
    if (item->fate != OCI_SWEEP_REMOVE)
        return 1;
    return take_times_attached(sweep->repository, item, err) < 0 ? -1 : 1;
}

static int look_at_all(struct oci_sweep *sweep, struct error *err)
{
    for (size_t i = sweep->items.len; i-- > 0;) {
        cleanup_error struct error cause = {0};
        int result = look_at(sweep, vec_at(&sweep->items, i), &cause);
        // Gone meanwhile, or listed and never there.
        if (result < 0 && cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        if (result <= 0)
            vec_remove(&sweep->items, i);
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

static void judge(struct oci_sweep *sweep)
{
    const struct oci_sweep_policy *policy = &sweep->policy;
    size_t kept = 0;
    vec_foreach (const struct digest, part, &sweep->parts) {
        struct oci_sweep_item *item = find(&sweep->items, part->text);
        if (item != NULL && item->fate == OCI_SWEEP_REMOVE)
            item->fate = OCI_SWEEP_PART;
    }
    vec_sort(&sweep->items, compare_items);
    vec_foreach (struct oci_sweep_item, item, &sweep->items) {
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

int oci_sweep_plan(struct oci_sweep *sweep, struct error *err)
{
    struct oci_repository *repository = sweep->repository;
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    if (oci_list_every_tag(repository, &tags, err) < 0)
        return -1;
    vec_foreach (char *, tag, &tags)
        if (!oci_tag_is_derived(*tag) &&
            add_tag(repository, &sweep->policy, *tag, &sweep->items, err) < 0)
            return -1;
    if (add_untagged(repository, &tags, &sweep->items, err) < 0 || look_at_all(sweep, err) < 0)
        return -1;
    judge(sweep);
    return 0;
}
