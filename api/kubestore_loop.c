// What of the store lives on the loop: watches (kube_watch, with what the store adds) and leases.
//
// kube_watch tells what happened while it was cut off, but of an object that went meanwhile only
// the name. So the last state of each object is kept here, shared with the readers that keep it
// too; of Secrets and Namespaces, of which there are many, only what kube_watch keeps.
#include "api/kubestore_internal.h"

#include "base/jval.h"
#include "base/kube/kube_event.h"
#include "base/kube/kube_lease.h"
#include "base/kube/kube_watch.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { GIVE_BACK_MS = 2000, INSTANCE_MAX = 128 };

struct kubestore_watch {
    struct store_watch watch;
    const struct kind *kind;
    struct kube_watch *kube;
    struct store_watch_events events;
    void *arg;
    json_t *last;    // "namespace/name" -> object; NULL for kinds of which nothing is kept
    char *complaint; // told last
    bool synced;
    unsigned calls; // of the owner's functions that are running
    bool doomed;    // freed by its owner meanwhile
};

struct kubestore_lease {
    struct store_lease lease;
    struct kube_lease *kube;
    char *name;
    struct store_lease_events events;
    void *arg;
    bool waits; // and said so
};

static int attach(struct kube_store *kube, struct loop *loop, struct error *err)
{
    if (kube->loop != NULL) {
        assert(kube->loop == loop);
        return 0;
    }
    if (kube_loop_new(kube->client, loop, &kube->kube, err) < 0)
        return -1;
    struct kube_recorder *recorder = NULL;
    const char *pod = getenv("HOSTNAME");
    cleanup_free char *instance =
        xasprintf("%.*s", INSTANCE_MAX, pod != NULL && *pod != '\0' ? pod : "sealift");
    if (kube_recorder_new(kube->kube, kube->reporter, instance, &recorder, err) < 0) {
        kube_loop_free(kube->kube);
        kube->kube = NULL;
        return -1;
    }
    kube->loop = loop;
    pthread_mutex_lock(&kube->lock);
    kube->recorder = recorder;
    pthread_mutex_unlock(&kube->lock);
    return 0;
}

// ---- watches ----

static void delete_watch(struct kubestore_watch *watch)
{
    json_decref(watch->last);
    free(watch->complaint);
    free(watch);
}

static void enter(struct kubestore_watch *watch)
{
    watch->calls++;
}

static void leave(struct kubestore_watch *watch)
{
    watch->calls--;
    if (watch->doomed && watch->calls == 0)
        delete_watch(watch);
}

static void tell(struct kubestore_watch *watch, enum store_change change, const json_t *object)
{
    if (!watch->doomed)
        watch->events.on_object(watch->arg, change, object);
}

// What is to be told as gone: as it was last, if that is known. Owned.
static json_t *take_last(struct kubestore_watch *watch, const char *key, json_t *object)
{
    json_t *last = json_incref(json_object_get(watch->last, key));
    bool richer = last != NULL && jval_get(object, "spec") == NULL;
    json_object_del(watch->last, key);
    if (richer)
        return last;
    json_decref(last);
    return json_incref(object);
}

static void tell_change(struct kubestore_watch *watch, enum kube_change change, json_t *object)
{
    cleanup_free char *key = xasprintf("%s/%s", object_namespace(object), object_name(object));
    const json_t *before = json_object_get(watch->last, key);
    bool replaced = before != NULL && strcmp(object_uid(before), object_uid(object)) != 0;
    if (change == KUBE_DELETED) {
        cleanup_json json_t *last = take_last(watch, key, object);
        tell(watch, STORE_DELETED, last);
        return;
    }
    // Another uid under the same name is another object.
    if (replaced) {
        cleanup_json json_t *gone = jval_ref(before);
        tell(watch, STORE_DELETED, gone);
    }
    if (watch->last != NULL && !watch->doomed)
        json_object_set(watch->last, key, object);
    tell(watch, change == KUBE_ADDED || replaced ? STORE_ADDED : STORE_MODIFIED, object);
}

static void on_object(void *arg, enum kube_change change, const json_t *raw)
{
    struct kubestore_watch *watch = arg;
    cleanup_json json_t *object = kubestore_object(watch->kind, raw);
    enter(watch);
    tell_change(watch, change, object);
    leave(watch);
}

static void on_synced(void *arg)
{
    struct kubestore_watch *watch = arg;
    free(watch->complaint);
    watch->complaint = NULL;
    if (watch->synced)
        return;
    watch->synced = true;
    enter(watch);
    if (watch->events.on_synced != NULL)
        watch->events.on_synced(watch->arg);
    leave(watch);
}

// The watch tries again and again; its owner hears of each cause once.
static void on_error(void *arg, const struct error *cause)
{
    struct kubestore_watch *watch = arg;
    if (watch->complaint != NULL && strcmp(watch->complaint, error_message(cause)) == 0)
        return;
    free(watch->complaint);
    watch->complaint = xstrdup(error_message(cause));
    if (watch->events.on_error == NULL)
        return;
    cleanup_error struct error err = {0};
    error_set(&err, cause->code, "%s", error_message(cause));
    if (err.code == ERROR_NOT_FOUND)
        kubestore_explain(&err, watch->kind, "", NULL);
    enter(watch);
    watch->events.on_error(watch->arg, &err);
    leave(watch);
}

int kubestore_watch(struct store *store, struct loop *loop, const char *kind_name,
                    const struct store_watch_events *events, void *arg,
                    struct store_watch **ret_watch, struct error *err)
{
    static const struct kube_watch_events kube_events = {on_object, on_synced, on_error};
    struct kube_store *kube = kubestore_of(store);
    if (attach(kube, loop, err) < 0)
        return -1;
    struct kubestore_watch *watch = xcalloc(1, sizeof *watch);
    watch->watch.store = store;
    watch->kind = kind_find(kind_name);
    watch->events = *events;
    watch->arg = arg;
    const struct kube_watch_options options = {.ref = kubestore_ref(watch->kind, NULL, NULL),
                                               .accept = kubestore_accept(watch->kind)};
    if (options.accept == KUBE_WHOLE)
        watch->last = json_object();
    if (kube_watch_new(kube->kube, &options, &kube_events, watch, &watch->kube, err) < 0) {
        delete_watch(watch);
        return -1;
    }
    *(struct kubestore_watch **)vec_push(&kube->watches) = watch;
    *ret_watch = &watch->watch;
    return 0;
}

void kubestore_watch_free(struct store_watch *base)
{
    struct kubestore_watch *watch = CONTAINER_OF(base, struct kubestore_watch, watch);
    struct kube_store *kube = kubestore_of(base->store);
    if (watch->doomed)
        return;
    for (size_t i = kube->watches.len; i > 0; i--) {
        if (*(struct kubestore_watch **)vec_at(&kube->watches, i - 1) == watch)
            vec_remove(&kube->watches, i - 1);
    }
    kube_watch_free(watch->kube);
    watch->doomed = true;
    if (watch->calls == 0)
        delete_watch(watch);
}

// ---- leases ----

static void on_acquired(void *arg)
{
    struct kubestore_lease *lease = arg;
    lease->waits = false;
    if (lease->events.on_acquired != NULL)
        lease->events.on_acquired(lease->arg);
}

static void on_lost(void *arg)
{
    struct kubestore_lease *lease = arg;
    if (lease->events.on_lost != NULL)
        lease->events.on_lost(lease->arg);
}

static void on_lease_error(void *arg, const struct error *err)
{
    struct kubestore_lease *lease = arg;
    if (!lease->waits)
        log_warn("cannot take or keep the role's Lease; it is tried again", "lease", lease->name,
                 "error", error_message(err));
    lease->waits = true;
}

int kubestore_lease_new(struct store *store, struct loop *loop, const char *role,
                        const struct store_lease_events *events, void *arg,
                        struct store_lease **ret_lease, struct error *err)
{
    static const struct kube_lease_events kube_events = {on_acquired, on_lost, on_lease_error};
    struct kube_store *kube = kubestore_of(store);
    if (attach(kube, loop, err) < 0)
        return -1;
    struct kubestore_lease *lease = xcalloc(1, sizeof *lease);
    lease->lease.store = store;
    lease->events = *events;
    lease->arg = arg;
    lease->name = xasprintf("sealift-%s", role);
    const struct kube_lease_options options = {.namespace_ = kube->own_namespace,
                                               .name = lease->name};
    if (kube_lease_new(kube->kube, &options, &kube_events, lease, &lease->kube, err) < 0) {
        free(lease->name);
        free(lease);
        return -1;
    }
    *(struct kubestore_lease **)vec_push(&kube->leases) = lease;
    *ret_lease = &lease->lease;
    return 0;
}

static const struct kubestore_lease *lease_of(const struct store_lease *base)
{
    return (const struct kubestore_lease *)((const char *)base -
                                            offsetof(struct kubestore_lease, lease));
}

bool kubestore_lease_held(const struct store_lease *base)
{
    return kube_lease_held(lease_of(base)->kube);
}

bool kubestore_lease_known(const struct store_lease *base)
{
    return kube_lease_known(lease_of(base)->kube);
}

// So that the next holder need not wait for its end. Whoever frees a lease tears down: the loop is
// not to be run for it, so this blocks, for a moment.
static void give_back(struct kube_store *kube, const char *name, const char *identity)
{
    struct kube_request request = {.verb = KUBE_GET,
                                   .ref = {.group = "coordination.k8s.io",
                                           .version = "v1",
                                           .plural = "leases",
                                           .namespace_ = kube->own_namespace,
                                           .name = name},
                                   .deadline_ms = GIVE_BACK_MS,
                                   .no_retry = true,
                                   .urgent = true};
    cleanup_json json_t *object = NULL;
    if (kube_do(kube->client, &request, &object, NULL) < 0 ||
        strcmp(jval_string_or(object, "spec.holderIdentity", ""), identity) != 0)
        return;
    jval_set_string(object, "spec.holderIdentity", "");
    jval_set_int(object, "spec.leaseDurationSeconds", 1);
    request.verb = KUBE_UPDATE;
    request.object = object;
    cleanup_error struct error err = {0};
    if (kube_do(kube->client, &request, NULL, &err) < 0)
        log_debug("cannot give the Lease back", "lease", name, "error", error_message(&err));
}

void kubestore_lease_free(struct store_lease *base)
{
    struct kubestore_lease *lease = CONTAINER_OF(base, struct kubestore_lease, lease);
    struct kube_store *kube = kubestore_of(base->store);
    for (size_t i = kube->leases.len; i > 0; i--) {
        if (*(struct kubestore_lease **)vec_at(&kube->leases, i - 1) == lease)
            vec_remove(&kube->leases, i - 1);
    }
    cleanup_free char *identity = xstrdup(kube_lease_identity(lease->kube));
    bool held = kube_lease_held(lease->kube);
    kube_lease_free(lease->kube);
    if (held)
        give_back(kube, lease->name, identity);
    free(lease->name);
    free(lease);
}

void kubestore_detach(struct kube_store *kube)
{
    while (kube->leases.len > 0)
        kubestore_lease_free(
            &(*(struct kubestore_lease **)vec_at(&kube->leases, kube->leases.len - 1))->lease);
    while (kube->watches.len > 0)
        kubestore_watch_free(
            &(*(struct kubestore_watch **)vec_at(&kube->watches, kube->watches.len - 1))->watch);
    pthread_mutex_lock(&kube->lock);
    struct kube_recorder *recorder = kube->recorder;
    kube->recorder = NULL;
    pthread_mutex_unlock(&kube->lock);
    kube_recorder_free(recorder);
    kube_loop_free(kube->kube);
}
