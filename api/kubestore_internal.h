// The store on Kubernetes, inside (api/store_kube.h says what it does).
//
// store_kube         opening, reading
// kubestore_object   what the API server says -> what readers get
// kubestore_write    put_status, patch_metadata, suspend, apply, delete
// kubestore_record   records as ConfigMaps
// kubestore_loop     watches and leases
// kubestore_event    events: written by the recorder, and listed
#ifndef API_KUBESTORE_INTERNAL_H
#define API_KUBESTORE_INTERNAL_H

#include <pthread.h>

#include "api/kind.h"
#include "api/store_internal.h"
#include "api/store_kube.h"
#include "base/kube/kube_client.h"

struct kube_loop;
struct kube_recorder;

struct kube_store {
    struct store store;
    struct kube_client *client;
    char *own_namespace;
    char *reporter; // "sealift.dev/packager"
    const struct clock *clock;

    // The loop's.
    struct loop *loop; // NULL until the first watch or lease
    struct kube_loop *kube;
    struct vec watches; // struct kubestore_watch *
    struct vec leases;  // struct kubestore_lease *

    pthread_mutex_t lock;           // of what follows
    struct kube_recorder *recorder; // NULL without a loop
};

static inline struct kube_store *kubestore_of(struct store *store)
{
    return (struct kube_store *)store;
}

// ---- kubestore_object ----

// Where objects of a kind are. `namespace` may be NULL or "": all.
struct kube_ref kubestore_ref(const struct kind *kind, const char *namespace, const char *name);
// KUBE_METADATA for kinds of which nothing else is needed, or may be known.
enum kube_accept kubestore_accept(const struct kind *kind);
// As readers get it: named by its kind, with defaults and `problem`, without the bytes of a Secret
// and managedFields. Owned.
json_t *kubestore_object(const struct kind *kind, const json_t *object);
// Says what to do where a kind is not known to the server. Always -1.
int kubestore_explain(struct error *err, const struct kind *kind, const char *namespace,
                      const char *name);
// The namespace of an object of the kind.
const char *kubestore_namespace(const struct kind *kind, const char *namespace);

// ---- kubestore_write ----

int kubestore_put_status(struct store *store, const json_t *object, const json_t *status,
                         json_t **ret_new, struct error *err);
int kubestore_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                             json_t **ret_new, struct error *err);
int kubestore_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                      struct error *err);
int kubestore_apply(struct store *store, const json_t *object, struct error *err);
int kubestore_remove(struct store *store, const char *kind, const char *namespace, const char *name,
                     struct error *err);

// ---- kubestore_record ----

int kubestore_record_get(struct store *store, const char *name, json_t **ret_record,
                         char **ret_version, struct error *err);
int kubestore_record_put(struct store *store, const char *name, const json_t *record,
                         const char *version, char **ret_version, struct error *err);
int kubestore_record_delete(struct store *store, const char *name, struct error *err);
int kubestore_record_list(struct store *store, const char *folder, json_t **ret_names,
                          struct error *err);

// ---- kubestore_loop ----

int kubestore_watch(struct store *store, struct loop *loop, const char *kind,
                    const struct store_watch_events *events, void *arg,
                    struct store_watch **ret_watch, struct error *err);
void kubestore_watch_free(struct store_watch *watch);
int kubestore_lease_new(struct store *store, struct loop *loop, const char *role,
                        const struct store_lease_events *events, void *arg,
                        struct store_lease **ret_lease, struct error *err);
bool kubestore_lease_held(const struct store_lease *lease);
bool kubestore_lease_known(const struct store_lease *lease);
void kubestore_lease_free(struct store_lease *lease);
// Ends all that uses the loop.
void kubestore_detach(struct kube_store *kube);

// ---- kubestore_event ----

void kubestore_event(struct store *store, const json_t *regarding, enum store_event_type type,
                     const char *reason, const char *note);
int kubestore_list_events(struct store *store, const struct object_key *regarding,
                          json_t **ret_array, struct error *err);

#endif
