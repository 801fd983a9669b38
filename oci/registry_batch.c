// A batch in a registry. What does not depend on each other goes in parallel:
//
//     edited tags and tags to be written once: what is there now
//       -> all blobs -> manifests without a subject -> those with one, and edited tags
//       -> lists of referrers, where the registry keeps none -> edited tags, read again
//       -> tags
//
// Up to the last step nothing that a consumer follows has changed.
#include "base/memory.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>

enum { EDIT_TRIES = 5 };

// A tag whose manifest is merged with what is there.
struct merging {
    const struct batch_edit *edit; // borrowed
    bool written;                  // this round
    struct digest digest;          // of what was written
};

// A manifest that is to be stored under a tag or its digest.
struct store {
    const struct batch_manifest *item; // borrowed from a batch that no longer grows
    const char *target;
};

struct commit {
    struct registry *registry;
    struct oci_batch *batch;
    struct vec mergings;
};

// --- What is there now

static int read_and_merge(struct commit *commit, struct oci_batch *batch, struct merging *merging,
                          const struct oci_descriptor *found, struct error *err)
{
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (found != NULL && oci_get_manifest(&commit->registry->repository, found->digest.text, &data,
                                          &size, NULL, err) < 0)
        return -1;
    int result = batch_merge(batch, merging->edit, data, size, &merging->digest, err);
    merging->written = result > 0;
    return result < 0 ? -1 : 0;
}

// *ret_found is 1 with the descriptor of what the tag points to, 0 when there is no such tag.
static int look_at_tag(struct commit *commit, const char *tag,
                       struct oci_descriptor *ret_descriptor, bool *ret_found, struct error *err)
{
    cleanup_error struct error cause = {0};
    *ret_found = oci_resolve(&commit->registry->repository, tag, ret_descriptor, &cause) == 0;
    return *ret_found || cause.code == ERROR_NOT_FOUND ? 0 : error_move(err, &cause);
}

static int merge_tag(struct commit *commit, struct oci_batch *batch, struct merging *merging,
                     struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    bool exists = false;
    if (look_at_tag(commit, merging->edit->tag, &found, &exists, err) < 0)
        return -1;
    return read_and_merge(commit, batch, merging, exists ? &found : NULL, err);
}

// Asks for all tags at once which of them are missing; what is there, or not known, is looked at
// one by one.
static int ask_for_tags(struct registry *registry, const struct vec *tags, bool *ret_missing,
                        struct error *err)
{
    struct registry_call *calls = xcalloc(tags->len, sizeof *calls);
    for (size_t i = 0; i < tags->len; i++)
        registry_manifest_call(registry, &calls[i], "HEAD", *(const char **)vec_at(tags, i));
    int result = registry_send_all(registry, calls, tags->len, REGISTRY_PUSH, err);
    for (size_t i = 0; i < tags->len && result == 0; i++)
        ret_missing[i] =
            calls[i].result.error.code == ERROR_NONE && calls[i].result.response.status == 404;
    registry_calls_release(calls, tags->len);
    return result;
}

// Takes a tag that is there already out of the batch.
static int drop_existing(struct commit *commit, const char *tag, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    bool exists = false;
    if (look_at_tag(commit, tag, &found, &exists, err) < 0)
        return -1;
    struct vec *tags = &commit->batch->tags;
    for (size_t i = tags->len; exists && i-- > 0;) {
        const struct batch_tag *other = vec_at(tags, i);
        if (other->once && strcmp(other->tag, tag) == 0)
            vec_remove(tags, i);
    }
    return 0;
}

static int look(struct commit *commit, struct error *err)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    vec_foreach (const struct merging, merging, &commit->mergings)
        vec_push_string(&names, merging->edit->tag);
    vec_foreach (const struct batch_tag, tag, &commit->batch->tags)
        if (tag->once)
            vec_push_string(&names, tag->tag);
    if (names.len == 0)
        return 0;
    cleanup_free bool *missing = xcalloc(names.len, sizeof *missing);
    if (ask_for_tags(commit->registry, &names, missing, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        bool edited = i < commit->mergings.len;
        struct merging *merging = edited ? vec_at(&commit->mergings, i) : NULL;
        int result = 0;
        if (edited && missing[i])
            result = read_and_merge(commit, commit->batch, merging, NULL, err);
        else if (edited)
            result = merge_tag(commit, commit->batch, merging, err);
        else if (!missing[i])
            result = drop_existing(commit, *(char **)vec_at(&names, i), err);
        if (result < 0)
            return -1;
    }
    return 0;
}

// --- Bytes

static int send_blobs(struct registry *registry, const struct oci_batch *batch, struct error *err)
{
    cleanup_vec struct vec uploads = REGISTRY_UPLOADS;
    vec_foreach (const struct batch_blob, blob, &batch->blobs)
        *(struct registry_upload *)vec_push(&uploads) = (struct registry_upload){
            .descriptor = &blob->descriptor,
            .data = blob->data,
            // Asking costs a request each. What a batch holds is small and new, but for this one.
            .probe = strcmp(blob->descriptor.digest.text, OCI_EMPTY_DIGEST) == 0,
        };
    return registry_put_blobs(registry, &uploads, err);
}

static void add_store(struct vec *stores, const struct batch_manifest *item, const char *target)
{
    *(struct store *)vec_push(stores) = (struct store){.item = item, .target = target};
}

// Stores all at once. Entries of those that the registry does not list itself are appended to
// `unlisted` (struct store).
static int store_all(struct registry *registry, const struct vec *stores, struct vec *unlisted,
                     struct error *err)
{
    if (stores->len == 0)
        return 0;
    struct registry_call *calls = xcalloc(stores->len, sizeof *calls);
    for (size_t i = 0; i < stores->len; i++) {
        const struct store *store = vec_at(stores, i);
        registry_store_call(registry, &calls[i], &store->item->descriptor, store->item->data,
                            store->target);
    }
    int result = registry_send_all(registry, calls, stores->len, REGISTRY_PUSH, err);
    for (size_t i = 0; i < stores->len && result == 0; i++) {
        const struct store *store = vec_at(stores, i);
        struct http_result *answer = &calls[i].result;
        if (answer->error.code != ERROR_NONE)
            result = error_move(err, &answer->error);
        else
            result = registry_check_stored(registry, &store->item->descriptor, store->target,
                                           &answer->response, err);
        if (store->item->manifest.subject != NULL &&
            http_headers_get(&answer->response.headers, "OCI-Subject") == NULL)
            *(struct store *)vec_push(unlisted) = *store;
    }
    registry_calls_release(calls, stores->len);
    return result;
}

static bool is_merged(const struct commit *commit, const struct batch_manifest *item)
{
    vec_foreach (const struct merging, merging, &commit->mergings)
        if (merging->written && strcmp(merging->digest.text, item->descriptor.digest.text) == 0)
            return true;
    return false;
}

// Manifests by digest, with a subject or without. Some registries want a subject to be there first.
static void choose(const struct commit *commit, bool with_subject, struct vec *stores)
{
    vec_foreach (const struct batch_manifest, item, &commit->batch->manifests)
        if (!item->is_there && (item->manifest.subject != NULL) == with_subject &&
            !is_merged(commit, item))
            add_store(stores, item, item->descriptor.digest.text);
}

static void choose_merged(const struct vec *mergings, const struct oci_batch *batch,
                          struct vec *stores)
{
    vec_foreach (const struct merging, merging, mergings)
        if (merging->written)
            add_store(stores, batch_find(batch, merging->digest.text), merging->edit->tag);
}

static int send_manifests(struct commit *commit, struct vec *unlisted, struct error *err)
{
    cleanup_vec struct vec first = VEC_OF(struct store, NULL);
    cleanup_vec struct vec second = VEC_OF(struct store, NULL);
    choose(commit, false, &first);
    choose(commit, true, &second);
    choose_merged(&commit->mergings, commit->batch, &second);
    if (store_all(commit->registry, &first, unlisted, err) < 0)
        return -1;
    return store_all(commit->registry, &second, unlisted, err);
}

// One edit for each subject.
static int list_referrers(struct registry *registry, struct vec *unlisted, struct error *err)
{
    while (unlisted->len > 0) {
        const struct store *last = vec_at(unlisted, unlisted->len - 1);
        const char *subject = last->item->manifest.subject->digest.text;
        cleanup_vec struct vec entries = OCI_DESCRIPTORS;
        for (size_t i = 0; i < unlisted->len;) {
            const struct batch_manifest *item = ((struct store *)vec_at(unlisted, i))->item;
            if (strcmp(item->manifest.subject->digest.text, subject) != 0) {
                i++;
                continue;
            }
            *(struct oci_descriptor *)vec_push(&entries) =
                registry_referrer_entry(&item->manifest, &item->descriptor);
            vec_remove(unlisted, i);
        }
        if (registry_list_referrers(registry, subject, &entries, err) < 0)
            return -1;
    }
    return 0;
}

// --- Edited tags, until they hold

// Whether what was written is still there; else it is merged anew with what came in between.
static int check_merging(struct commit *commit, struct oci_batch *again, struct merging *merging,
                         struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor found = {0};
    bool exists = false;
    if (look_at_tag(commit, merging->edit->tag, &found, &exists, err) < 0)
        return -1;
    if (exists && strcmp(found.digest.text, merging->digest.text) == 0) {
        merging->written = false;
        return 0;
    }
    return read_and_merge(commit, again, merging, exists ? &found : NULL, err);
}

static const struct merging *unsettled(const struct commit *commit)
{
    vec_foreach (const struct merging, merging, &commit->mergings)
        if (merging->written)
            return merging;
    return NULL;
}

static int settle_once(struct commit *commit, struct error *err)
{
    cleanup_batch struct oci_batch *again = batch_new();
    cleanup_vec struct vec stores = VEC_OF(struct store, NULL);
    cleanup_vec struct vec unlisted = VEC_OF(struct store, NULL);
    vec_foreach (struct merging, merging, &commit->mergings)
        if (merging->written && check_merging(commit, again, merging, err) < 0)
            return -1;
    choose_merged(&commit->mergings, again, &stores);
    if (send_blobs(commit->registry, again, err) < 0)
        return -1;
    return store_all(commit->registry, &stores, &unlisted, err);
}

static int settle(struct commit *commit, struct error *err)
{
    for (int try = 0; try < EDIT_TRIES && unsettled(commit) != NULL; try++)
        if (cancel_check(commit->registry->repository.access.cancel, err) < 0 ||
            settle_once(commit, err) < 0)
            return -1;
    const struct merging *left = unsettled(commit);
    if (left == NULL)
        return 0;
    return error_set(err, ERROR_CONFLICT, "others kept writing tag %s at the same time; try again",
                     left->edit->tag);
}

// --- Tags

static bool is_named(const struct vec *stores, const char *tag)
{
    vec_foreach (const struct store, store, stores)
        if (strcmp(store->target, tag) == 0)
            return true;
    return false;
}

// All at once, but one tag never twice: the later one wins.
static int write_tags(struct commit *commit, struct error *err)
{
    cleanup_vec struct vec stores = VEC_OF(struct store, NULL);
    cleanup_vec struct vec unlisted = VEC_OF(struct store, NULL);
    const struct vec *tags = &commit->batch->tags;
    for (size_t i = tags->len; i-- > 0;) {
        const struct batch_tag *tag = vec_at(tags, i);
        if (!is_named(&stores, tag->tag))
            add_store(&stores, batch_find(commit->batch, tag->digest.text), tag->tag);
    }
    return store_all(commit->registry, &stores, &unlisted, err);
}

int registry_commit(struct oci_repository *repository, struct oci_batch *batch, struct error *err)
{
    struct commit commit = {.registry = registry_of(repository),
                            .batch = batch,
                            .mergings = VEC_OF(struct merging, NULL)};
    cleanup_vec struct vec unlisted = VEC_OF(struct store, NULL);
    vec_foreach (const struct batch_edit, edit, &batch->edits)
        *(struct merging *)vec_push(&commit.mergings) = (struct merging){.edit = edit};
    int result = -1;
    if (look(&commit, err) == 0 && send_blobs(commit.registry, batch, err) == 0 &&
        send_manifests(&commit, &unlisted, err) == 0 &&
        list_referrers(commit.registry, &unlisted, err) == 0 && settle(&commit, err) == 0)
        result = write_tags(&commit, err);
    vec_free(&commit.mergings);
    return result;
}
