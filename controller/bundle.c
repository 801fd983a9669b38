#include "controller/bundle.h"

#include "api/identity.h"
#include "api/object.h"
#include "api/store.h"
#include "base/backoff.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/bundle_internal.h"
#include "controller/inbox.h"
#include "controller/queue.h"
#include "controller/roster.h"
#include "controller/series.h"

#include <stdlib.h>
#include <string.h>

static const int64_t first_retry_ms = 1000;
static const int64_t max_retry_ms = 5 * 60 * 1000;

enum { WATCH_BUNDLE, WATCH_HOOK, WATCH_SECRET, WATCH_COUNT };

struct bundles {
    struct role role;
    struct queue *queue;
    struct roster roster; // data: struct seen
    struct inbox *inbox;
    struct store_lease *lease;
    struct store_watch *watches[WATCH_COUNT];
    bool synced;
};

// What of a Bundle was acted on, so that writes of our own trigger nothing.
struct seen {
    char *uid;
    int64_t generation;
    char *annotations; // requestedAt and accept-history; and whether it is suspended
    char *request_id;  // of the delivery that woke it last
};

static void free_seen(void *data)
{
    struct seen *seen = data;
    free(seen->uid);
    free(seen->annotations);
    free(seen->request_id);
    free(seen);
}

static void *prepare(void *arg, const char *key)
{
    struct bundles *bundles = arg;
    struct roster_entry *entry = roster_find(&bundles->roster, key);
    struct bundle_work *work = xcalloc(1, sizeof *work);
    work->role = &bundles->role;
    work->key = xstrdup(key);
    if (entry == NULL)
        return work;
    struct seen *seen = entry->data;
    work->object = json_incref(entry->object);
    work->request_id = STEAL(seen->request_id);
    return work;
}

static void process(void *arg, void *data, struct cancel *cancel, struct queue_outcome *ret_outcome)
{
    (void)arg;
    const struct bundle_work *work = data;
    ret_outcome->gone = work->object == NULL;
    if (ret_outcome->gone)
        bundle_source_forget(work->role, work->key);
    else
        bundle_reconcile(data, cancel, ret_outcome);
}

// Who asked is remembered until an attempt succeeds.
static void settled(void *arg, const char *key, void *data, struct queue_outcome *outcome)
{
    struct bundles *bundles = arg;
    struct bundle_work *work = data;
    struct roster_entry *entry = roster_find(&bundles->roster, key);
    struct seen *seen = entry != NULL ? entry->data : NULL;
    if (outcome->failed && seen != NULL && seen->request_id == NULL)
        seen->request_id = STEAL(work->request_id);
    json_decref(work->object);
    free(work->key);
    free(work->request_id);
    free(work);
}

static char *annotations_that_matter(const json_t *object)
{
    const char *requested = object_annotation(object, ANNOTATION_REQUESTED_AT);
    const char *accepted = object_annotation(object, ANNOTATION_ACCEPT_HISTORY);
    return xasprintf("%s\n%s\n%d", requested != NULL ? requested : "",
                     accepted != NULL ? accepted : "", object_is_suspended(object));
}

// Whether the object asks for something that was not yet acted on, and notes that it now is.
static bool take_news(struct roster_entry *entry)
{
    const json_t *object = entry->object;
    if (entry->data == NULL)
        entry->data = xcalloc(1, sizeof(struct seen));
    struct seen *seen = entry->data;
    cleanup_free char *annotations = annotations_that_matter(object);
    bool same = seen->uid != NULL && strcmp(seen->uid, object_uid(object)) == 0 &&
                seen->generation == object_generation(object) &&
                strcmp(seen->annotations, annotations) == 0;
    free(seen->uid);
    free(seen->annotations);
    seen->uid = xstrdup(object_uid(object));
    seen->generation = object_generation(object);
    seen->annotations = STEAL(annotations);
    return !same;
}

static void on_bundle(void *arg, enum store_change change, const json_t *object)
{
    struct bundles *bundles = arg;
    cleanup_free char *key = roster_key(object);
    if (change == STORE_DELETED) {
        queue_remove(bundles->queue, key);
        roster_remove(&bundles->roster, key);
        series_forget(bundles->role.series, object);
        // Once more, for what it leaves on disk.
        queue_add(bundles->queue, key, 0);
        return;
    }
    struct roster_entry *entry = roster_put(&bundles->roster, object);
    if (take_news(entry))
        queue_add(bundles->queue, key, 0);
}

static void on_synced(void *arg)
{
    struct bundles *bundles = arg;
    bundles->synced = true;
}

// "git+https://host/repo.git@refs/heads/main" against a delivery; a base without a ref follows
// HEAD, which may be any branch.
static bool input_matches(const char *uri, const struct delivery *delivery)
{
    static const char scheme[] = "git+";
    const char *at = strstr(uri, "@refs/");
    if (at == NULL && strlen(uri) > 5 && strcmp(uri + strlen(uri) - 5, "@HEAD") == 0)
        at = uri + strlen(uri) - 5;
    if (strncmp(uri, scheme, strlen(scheme)) != 0 || at == NULL)
        return false;
    cleanup_free char *url = xstrndup(uri + strlen(scheme), (size_t)(at - uri) - strlen(scheme));
    bool same_ref =
        delivery->ref == NULL || strcmp(at + 1, "HEAD") == 0 || strcmp(at + 1, delivery->ref) == 0;
    return same_ref && identity_git_equal(url, delivery->repository);
}

// A push to a remote base that the last build used.
static bool concerns_inputs(const json_t *bundle, const struct delivery *delivery)
{
    const json_t *inputs = jval_array(object_status(bundle, ""), "source.inputs");
    for (size_t i = 0; i < json_array_size(inputs); i++)
        if (input_matches(jval_string_or(json_array_get(inputs, i), "uri", ""), delivery))
            return true;
    return false;
}

static bool ref_matches(const json_t *bundle, const char *ref)
{
    const char *branch = object_spec_string(bundle, "source.git.ref.branch");
    const char *tag = object_spec_string(bundle, "source.git.ref.tag");
    if (branch != NULL)
        return strncmp(ref, "refs/heads/", 11) == 0 && strcmp(ref + 11, branch) == 0;
    if (tag != NULL)
        return strncmp(ref, "refs/tags/", 10) == 0 && strcmp(ref + 10, tag) == 0;
    return object_spec_string(bundle, "source.git.ref.semver") != NULL &&
           strncmp(ref, "refs/tags/", 10) == 0;
}

// A delivery that cannot tell concerns the Bundle; one about another repository or ref does not.
static bool concerns(const json_t *bundle, const struct delivery *delivery)
{
    if (delivery == NULL)
        return true;
    if (delivery->tag != NULL || delivery->digest != NULL)
        return false;
    const char *url = object_spec_string(bundle, "source.git.url");
    if (delivery->repository != NULL &&
        (url == NULL || !identity_git_equal(url, delivery->repository)))
        return concerns_inputs(bundle, delivery);
    return delivery->ref == NULL || ref_matches(bundle, delivery->ref);
}

static void on_delivery(void *arg, const json_t *hook, const struct delivery *delivery)
{
    struct bundles *bundles = arg;
    vec_foreach (struct roster_entry, entry, &bundles->roster.entries) {
        if (!inbox_reaches(hook, "Bundle", entry->object) || !concerns(entry->object, delivery))
            continue;
        struct seen *seen = entry->data;
        if (delivery != NULL && delivery->request_id != NULL) {
            free(seen->request_id);
            seen->request_id = xstrdup(delivery->request_id);
        }
        queue_add(bundles->queue, entry->key, 0);
    }
}

static void on_hook(void *arg, enum store_change change, const json_t *hook)
{
    struct bundles *bundles = arg;
    if (change == STORE_DELETED)
        inbox_forget(bundles->inbox, hook);
    else
        inbox_observe(bundles->inbox, hook);
}

// A Secret that came or changed may be what a Bundle was waiting for.
static void on_secret(void *arg, enum store_change change, const json_t *secret)
{
    struct bundles *bundles = arg;
    if (change == STORE_DELETED || !bundles->synced)
        return;
    vec_foreach (struct roster_entry, entry, &bundles->roster.entries) {
        if (strcmp(object_namespace(entry->object), object_namespace(secret)) == 0 &&
            roster_refers_to_secret(entry->object, object_name(secret)))
            queue_add(bundles->queue, entry->key, 0);
    }
}

static void on_watch_error(void *arg, const struct error *err)
{
    (void)arg;
    log_warn("a watch of the packager is behind", "error", error_message(err));
}

// Where Secrets may be read by name only, one that changed is read when its Bundle is looked at.
static void on_secret_error(void *arg, const struct error *err)
{
    struct bundles *bundles = arg;
    if (err->code != ERROR_DENIED) {
        on_watch_error(arg, err);
        return;
    }
    log_info("Secrets may not be watched; one that changes is read at the next look at its Bundle");
    store_watch_free(bundles->watches[WATCH_SECRET]);
    bundles->watches[WATCH_SECRET] = NULL;
}

static void stop_watching(struct bundles *bundles)
{
    for (size_t i = 0; i < ARRAY_LENGTH(bundles->watches); i++) {
        store_watch_free(bundles->watches[i]);
        bundles->watches[i] = NULL;
    }
}

static int start_watching(struct bundles *bundles, struct error *err)
{
    const struct {
        const char *kind;
        struct store_watch_events events;
    } wanted[WATCH_COUNT] = {
        [WATCH_BUNDLE] = {"Bundle", {on_bundle, on_synced, on_watch_error}},
        [WATCH_HOOK] = {"Hook", {on_hook, NULL, on_watch_error}},
        [WATCH_SECRET] = {"Secret", {on_secret, NULL, on_secret_error}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
        if (store_watch(bundles->role.store, bundles->role.loop, wanted[i].kind, &wanted[i].events,
                        bundles, &bundles->watches[i], err) < 0) {
            stop_watching(bundles);
            return error_wrap(err, "watch %s", wanted[i].kind);
        }
    }
    return 0;
}

static void on_acquired(void *arg)
{
    struct bundles *bundles = arg;
    cleanup_error struct error err = {0};
    log_info("packager holds its lease");
    if (start_watching(bundles, &err) < 0)
        log_error("the packager cannot start", "error", error_message(&err));
}

static void on_lost(void *arg)
{
    struct bundles *bundles = arg;
    log_warn("packager lost its lease; another process took over");
    stop_watching(bundles);
    vec_foreach (struct roster_entry, entry, &bundles->roster.entries) {
        queue_remove(bundles->queue, entry->key);
        series_forget(bundles->role.series, entry->object);
    }
    roster_clear(&bundles->roster);
    bundles->synced = false;
}

int bundles_new(const struct role *role, struct bundles **ret_bundles, struct error *err)
{
    struct bundles *bundles = xcalloc(1, sizeof *bundles);
    bundles->role = *role;
    roster_init(&bundles->roster, free_seen);
    bundles->inbox = inbox_new(on_delivery, bundles);
    const struct queue_events events = {.prepare = prepare, .process = process, .settled = settled};
    bundles->queue =
        queue_new(role->loop, role->pool, &events, bundles, first_retry_ms, max_retry_ms);
    const struct store_lease_events lease = {.on_acquired = on_acquired, .on_lost = on_lost};
    if (store_lease_new(role->store, role->loop, "packager", &lease, bundles, &bundles->lease,
                        err) < 0) {
        bundles_free(bundles);
        return error_wrap(err, "take the packager's lease");
    }
    *ret_bundles = bundles;
    return 0;
}

void bundles_free(struct bundles *bundles)
{
    if (bundles == NULL)
        return;
    stop_watching(bundles);
    store_lease_free(bundles->lease);
    queue_free(bundles->queue);
    inbox_free(bundles->inbox);
    roster_free(&bundles->roster);
    free(bundles);
}

bool bundles_ready(const struct bundles *bundles)
{
    return bundles->synced || store_lease_elsewhere(bundles->lease);
}
