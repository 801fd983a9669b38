#include "controller/sync.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/series.h"
#include "controller/syncs_internal.h"
#include "oci/cache.h"

#include <stdlib.h>
#include <string.h>

static const int64_t first_retry_ms = 1000;
static const int64_t max_retry_ms = 5 * 60 * 1000;

void sync_memory_pin(struct sync_memory *memory, struct oci_cache *cache, const char *manifest,
                     const char *layer)
{
    const char *wanted[ARRAY_LENGTH(memory->pins)] = {manifest, layer};
    for (size_t i = 0; i < ARRAY_LENGTH(memory->pins); i++) {
        // The new pin first: a digest that stays is never without one.
        if (wanted[i] != NULL)
            oci_cache_pin(cache, wanted[i]);
        if (memory->pins[i] != NULL)
            oci_cache_unpin(memory->cache, memory->pins[i]);
        free(memory->pins[i]);
        memory->pins[i] = xstrdup_or_null(wanted[i]);
    }
    memory->cache = cache;
}

static void memory_unref(void *data)
{
    struct sync_memory *memory = data;
    if (--memory->references > 0)
        return;
    target_free(memory->target);
    sync_memory_pin(memory, NULL, NULL, NULL);
    free(memory->uid);
    free(memory->annotations);
    free(memory->request_id);
    free(memory->target_spec);
    error_release(&memory->target_error);
    kube_config_release(&memory->kube_config);
    free(memory->kube_config_version);
    free(memory->key);
    free(memory->digest);
    free(memory->runs);
    free(memory->runs_reference);
    free(memory->contested);
    free(memory->judged_by);
    free(memory->standing);
    free(memory->standing_rules);
    json_decref(memory->adoptions);
    sync_source_release(&memory->source);
    free(memory->scope);
    free(memory);
}

static void on_drift(void *arg)
{
    struct sync_memory *memory = arg;
    struct syncs *syncs = memory->owner;
    memory->drifted = true;
    queue_add(syncs->queue, memory->key, 0);
}

void syncs_add_news(struct syncs *syncs, struct sync_memory *memory)
{
    memory->news = true;
    queue_add(syncs->queue, memory->key, 0);
}

// A flow that finds nothing new only tells how it is.
static void on_health(void *arg)
{
    struct sync_memory *memory = arg;
    struct syncs *syncs = memory->owner;
    queue_add(syncs->queue, memory->key, 0);
}

static void listen_to_health(struct sync_memory *memory)
{
    if (memory->target == NULL)
        return;
    memory->target->on_health = on_health;
    memory->target->health_arg = memory;
}

static void *prepare(void *arg, const char *key)
{
    struct syncs *syncs = arg;
    struct roster_entry *entry = roster_find(&syncs->roster, key);
    if (entry == NULL)
        return NULL;
    struct sync_memory *memory = entry->data;
    sync_target_ensure(memory, &syncs->role, entry->object);
    listen_to_health(memory);
    struct sync_work *work = xcalloc(1, sizeof *work);
    work->role = &syncs->role;
    work->object = json_incref(entry->object);
    work->request_id = STEAL(memory->request_id);
    work->memory = memory;
    work->drifted = memory->drifted;
    work->news = memory->news;
    work->rules = memory->rules;
    memory->references++;
    memory->drifted = false;
    memory->news = false;
    memory->rules = false;
    return work;
}

static void process(void *arg, void *data, struct cancel *cancel, struct queue_outcome *ret_outcome)
{
    (void)arg;
    sync_reconcile(data, cancel, ret_outcome);
}

// After a flow the target knows what is expected of it: listen for the world changing it.
static void keep_watch(struct syncs *syncs, const struct sync_work *work)
{
    struct sync_memory *memory = work->memory;
    bool wanted =
        memory->runs != NULL && memory->target != NULL && !object_is_suspended(work->object);
    if (wanted == memory->watching || memory->target == NULL)
        return;
    cleanup_error struct error err = {0};
    if (target_watch(memory->target, wanted ? on_drift : NULL, memory, &err) < 0) {
        log_warn("drift is found only at the next interval", "kind", "Sync", "name", memory->key,
                 "error", error_message(&err));
        store_event(syncs->role.store, work->object, STORE_EVENT_WARNING, "WatchFailed",
                    error_message(&err));
        return;
    }
    memory->watching = wanted;
}

// What a flow did not get to is left for the next one.
static void settled(void *arg, const char *key, void *data, struct queue_outcome *outcome)
{
    (void)key;
    struct sync_work *work = data;
    struct sync_memory *memory = work->memory;
    struct syncs *syncs = arg;
    if (memory->needs_target) {
        sync_target_adopt(memory, &syncs->role, work->object);
        listen_to_health(memory);
        syncs_add_news(syncs, memory);
    }
    keep_watch(arg, work);
    memory->drifted |= work->drifted;
    memory->news |= outcome->failed && work->news;
    memory->rules |= outcome->failed && work->rules;
    if ((outcome->failed || memory->needs_target) && memory->request_id == NULL)
        memory->request_id = STEAL(work->request_id);
    memory->needs_target = false;
    memory_unref(work->memory);
    json_decref(work->object);
    free(work->request_id);
    free(work);
}

static char *annotations_that_matter(const json_t *object)
{
    const char *requested = object_annotation(object, ANNOTATION_REQUESTED_AT);
    const char *confirmed = object_annotation(object, ANNOTATION_CONFIRM_PRUNE);
    return xasprintf("%s\n%s\n%d%d", requested != NULL ? requested : "",
                     confirmed != NULL ? confirmed : "", object_is_deleting(object),
                     object_is_suspended(object));
}

static bool take_news(struct syncs *syncs, struct roster_entry *entry)
{
    const json_t *object = entry->object;
    struct sync_memory *memory = entry->data;
    // Another object under the same name starts with nothing that is known of the old one.
    if (memory != NULL && strcmp(memory->uid, object_uid(object)) != 0) {
        memory_unref(memory);
        memory = NULL;
    }
    if (memory == NULL) {
        memory = xcalloc(1, sizeof *memory);
        memory->references = 1;
        memory->owner = syncs;
        memory->key = xstrdup(entry->key);
    }
    entry->data = memory;
    cleanup_free char *annotations = annotations_that_matter(object);
    bool same = memory->uid != NULL && memory->generation == object_generation(object) &&
                strcmp(memory->annotations, annotations) == 0;
    free(memory->uid);
    free(memory->annotations);
    memory->uid = xstrdup(object_uid(object));
    memory->generation = object_generation(object);
    memory->annotations = STEAL(annotations);
    return !same;
}

static void on_sync(void *arg, enum store_change change, const json_t *object)
{
    struct syncs *syncs = arg;
    cleanup_free char *key = roster_key(object);
    if (change == STORE_DELETED) {
        queue_remove(syncs->queue, key);
        roster_remove(&syncs->roster, key);
        series_forget(syncs->role.series, object);
        return;
    }
    struct roster_entry *entry = roster_put(&syncs->roster, object);
    if (take_news(syncs, entry))
        syncs_add_news(syncs, entry->data);
}

static void on_synced(void *arg)
{
    struct syncs *syncs = arg;
    syncs->synced = true;
}

static void on_watch_error(void *arg, const struct error *err)
{
    (void)arg;
    log_warn("a watch of the controller is behind", "error", error_message(err));
}

static void stop_watching(struct syncs *syncs)
{
    for (size_t i = 0; i < WATCH_COUNT; i++) {
        store_watch_free(syncs->watches[i]);
        syncs->watches[i] = NULL;
    }
}

static int start_watching(struct syncs *syncs, struct error *err)
{
    const struct {
        const char *kind;
        struct store_watch_events events;
    } wanted[WATCH_COUNT] = {
        [WATCH_SYNC] = {"Sync", {on_sync, on_synced, on_watch_error}},
        [WATCH_BUNDLE] = {"Bundle", {syncs_on_bundle, NULL, on_watch_error}},
        [WATCH_HOOK] = {"Hook", {syncs_on_hook, NULL, on_watch_error}},
        [WATCH_POLICY] = {"TrustPolicy", {syncs_on_policy, NULL, on_watch_error}},
        [WATCH_SECRET] = {"Secret", {syncs_on_secret, NULL, on_watch_error}},
        [WATCH_NAMESPACE] = {"Namespace", {syncs_on_namespace, NULL, on_watch_error}},
    };
    for (size_t i = 0; i < WATCH_COUNT; i++) {
        if (i == WATCH_SECRET && syncs->role.leave_secrets)
            continue;
        if (store_watch(syncs->role.store, syncs->role.loop, wanted[i].kind, &wanted[i].events,
                        syncs, &syncs->watches[i], err) < 0) {
            stop_watching(syncs);
            return error_wrap(err, "watch %s", wanted[i].kind);
        }
    }
    return 0;
}

static void on_acquired(void *arg)
{
    struct syncs *syncs = arg;
    cleanup_error struct error err = {0};
    log_info("controller holds its lease");
    if (start_watching(syncs, &err) < 0)
        log_error("the controller cannot start", "error", error_message(&err));
}

static void on_lost(void *arg)
{
    struct syncs *syncs = arg;
    log_warn("controller lost its lease; another process took over");
    stop_watching(syncs);
    vec_foreach (struct roster_entry, entry, &syncs->roster.entries) {
        queue_remove(syncs->queue, entry->key);
        series_forget(syncs->role.series, entry->object);
    }
    vec_foreach (struct roster_entry, policy, &syncs->policies.entries)
        policies_gone(syncs->judges, policy->key);
    roster_clear(&syncs->roster);
    roster_clear(&syncs->bundles);
    roster_clear(&syncs->policies);
    roster_clear(&syncs->namespaces);
    syncs->synced = false;
}

int syncs_new(const struct role *role, struct syncs **ret_syncs, struct error *err)
{
    struct syncs *syncs = xcalloc(1, sizeof *syncs);
    syncs->role = *role;
    roster_init(&syncs->roster, memory_unref);
    roster_init(&syncs->bundles, free);
    roster_init(&syncs->policies, free);
    roster_init(&syncs->namespaces, free);
    syncs->inbox = inbox_new(syncs_on_delivery, syncs);
    const struct queue_events events = {.prepare = prepare, .process = process, .settled = settled};
    syncs->queue = queue_new(role->loop, role->pool, &events, syncs, first_retry_ms, max_retry_ms);
    syncs->judges = policies_new(&syncs->role, &syncs->policies);
    const struct store_lease_events lease = {.on_acquired = on_acquired, .on_lost = on_lost};
    if (store_lease_new(role->store, role->loop, "controller", &lease, syncs, &syncs->lease, err) <
        0) {
        syncs_free(syncs);
        return error_wrap(err, "take the controller's lease");
    }
    *ret_syncs = syncs;
    return 0;
}

void syncs_free(struct syncs *syncs)
{
    if (syncs == NULL)
        return;
    stop_watching(syncs);
    store_lease_free(syncs->lease);
    queue_free(syncs->queue);
    policies_free(syncs->judges);
    inbox_free(syncs->inbox);
    roster_free(&syncs->roster);
    roster_free(&syncs->bundles);
    roster_free(&syncs->policies);
    roster_free(&syncs->namespaces);
    free(syncs);
}

bool syncs_ready(const struct syncs *syncs)
{
    return syncs->synced || store_lease_elsewhere(syncs->lease);
}
