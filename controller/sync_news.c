// What happens elsewhere, and which Syncs it concerns: a Bundle that one follows, a delivery, a
// policy that governs it, labels of a namespace, a Secret.
#include "controller/syncs_internal.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/reach.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

// What of a Bundle its followers act on.
static char *news_of_bundle(const json_t *bundle)
{
    return xasprintf("%s %lld %lld",
                     jval_string_or(object_status(bundle, "artifact"), "digest", ""),
                     (long long)jval_int(object_status(bundle, "artifact"), "sequence", 0),
                     (long long)object_generation(bundle));
}

void syncs_on_bundle(void *arg, enum store_change change, const json_t *object)
{
    struct syncs *syncs = arg;
    if (change == STORE_DELETED) {
        cleanup_free char *key = roster_key(object);
        roster_remove(&syncs->bundles, key);
    } else if (!roster_put_news(&syncs->bundles, object, news_of_bundle(object))) {
        return;
    }
    vec_foreach (struct roster_entry, sync, &syncs->roster.entries) {
        if (!object_follows(sync->object, object))
            continue;
        struct sync_memory *memory = sync->data;
        free(memory->request_id);
        memory->request_id =
            xstrdup_or_null(jval_string(object_status(object, "artifact"), "requestId"));
        syncs_add_news(syncs, memory);
    }
}

// Of the Sync's own spec, or of the Bundle that it follows; NULL when that is not known. Owned.
static char *repository_of(const struct syncs *syncs, const json_t *sync)
{
    const char *repository = object_spec_string(sync, "artifact.repository");
    char *identity = NULL;
    if (repository != NULL)
        return identity_oci(repository, &identity, NULL) == 0 ? identity : NULL;
    vec_foreach (struct roster_entry, bundle, &syncs->bundles.entries) {
        if (object_follows(sync, bundle->object))
            return xstrdup_or_null(object_status_string(bundle->object, "artifact.repository"));
    }
    return NULL;
}

// A delivery that cannot tell concerns the Sync; one about another repository or tag does not. What
// is attached to an artifact may be the approval that somebody waits for, also where a Bundle tells
// of everything else.
static bool concerns(const struct syncs *syncs, const json_t *sync, const struct delivery *delivery)
{
    bool follows_bundle = object_spec_string(sync, "artifact.repository") == NULL;
    if (delivery == NULL)
        return true;
    if (delivery->ref != NULL)
        return false;
    cleanup_free char *identity = repository_of(syncs, sync);
    if (delivery->repository != NULL &&
        (identity == NULL || strcmp(identity, delivery->repository) != 0))
        return false;
    if (delivery->tag == NULL || oci_tag_is_derived(delivery->tag))
        return true;
    const char *tag = object_spec_string(sync, "artifact.tag");
    return !follows_bundle && (tag == NULL || strcmp(tag, delivery->tag) == 0);
}

void syncs_on_delivery(void *arg, const json_t *hook, const struct delivery *delivery)
{
    struct syncs *syncs = arg;
    vec_foreach (struct roster_entry, entry, &syncs->roster.entries) {
        if (!inbox_reaches(hook, "Sync", entry->object) ||
            !concerns(syncs, entry->object, delivery))
            continue;
        struct sync_memory *memory = entry->data;
        if (delivery != NULL && delivery->request_id != NULL) {
            free(memory->request_id);
            memory->request_id = xstrdup(delivery->request_id);
        }
        syncs_add_news(syncs, memory);
    }
}

void syncs_on_hook(void *arg, enum store_change change, const json_t *hook)
{
    struct syncs *syncs = arg;
    if (change == STORE_DELETED)
        inbox_forget(syncs->inbox, hook);
    else
        inbox_observe(syncs->inbox, hook);
}

// What judges the Sync may have changed: what is known is judged again, and where that comes to the
// same as before, no registry hears of it.
static void judge_again(struct syncs *syncs, struct sync_memory *memory)
{
    memory->rules = true;
    queue_add(syncs->queue, memory->key, 0);
}

// Only Syncs that a policy governed, or governs now, look again when it changes. `old` and `policy`
// may be NULL.
static void judge_governed(struct syncs *syncs, const json_t *old, const json_t *policy)
{
    if (!syncs->synced)
        return;
    vec_foreach (struct roster_entry, entry, &syncs->roster.entries) {
        if ((old != NULL && reach_governs(old, entry->object, &syncs->namespaces)) ||
            (policy != NULL && reach_governs(policy, entry->object, &syncs->namespaces)))
            judge_again(syncs, entry->data);
    }
}

void syncs_on_policy(void *arg, enum store_change change, const json_t *policy)
{
    struct syncs *syncs = arg;
    cleanup_free char *key = roster_key(policy);
    const struct roster_entry *entry = roster_find(&syncs->policies, key);
    cleanup_json json_t *old = entry != NULL ? json_incref(entry->object) : NULL;
    if (change == STORE_DELETED) {
        roster_remove(&syncs->policies, key);
        policies_gone(syncs->judges, key);
        judge_governed(syncs, old, policy);
        return;
    }
    if (!roster_put_news(&syncs->policies, policy,
                         xasprintf("%s %lld %s", object_uid(policy),
                                   (long long)object_generation(policy),
                                   object_problem_message(policy))))
        return;
    judge_governed(syncs, old, policy);
    policies_look(syncs->judges, key);
}

// Labels decide who is governed.
void syncs_on_namespace(void *arg, enum store_change change, const json_t *namespace)
{
    struct syncs *syncs = arg;
    cleanup_free char *key = roster_key(namespace);
    if (change == STORE_DELETED)
        roster_remove(&syncs->namespaces, key);
    else if (!roster_put_news(&syncs->namespaces, namespace,
                              jval_canonical(object_labels(namespace))))
        return;
    vec_foreach (struct roster_entry, entry, &syncs->roster.entries) {
        if (syncs->synced && reach_writes_to(entry->object, object_name(namespace)))
            judge_again(syncs, entry->data);
    }
}

static void on_key_of_policies(struct syncs *syncs, const json_t *secret)
{
    bool found = false;
    if (strcmp(object_namespace(secret), syncs->role.namespace) != 0)
        return;
    vec_foreach (struct roster_entry, policy, &syncs->policies.entries) {
        if (!roster_refers_to_secret(policy->object, object_name(secret)))
            continue;
        found = true;
        judge_governed(syncs, NULL, policy->object);
    }
    if (found)
        policies_look_at_all(syncs->judges);
}

void syncs_on_secret(void *arg, enum store_change change, const json_t *secret)
{
    (void)change;
    struct syncs *syncs = arg;
    on_key_of_policies(syncs, secret);
    vec_foreach (struct roster_entry, entry, &syncs->roster.entries) {
        if (syncs->synced &&
            strcmp(object_namespace(entry->object), object_namespace(secret)) == 0 &&
            roster_refers_to_secret(entry->object, object_name(secret)))
            syncs_add_news(syncs, entry->data);
    }
}
