// One API server that Syncs are applied to: its client, what kinds it has, and one watch per kind
// for all Syncs whose objects are there. It ends with the last object of its kind that any has.
//
// Types are interned: a pointer stands for (group, kind) as long as the cluster lives. Lookups and
// discovery are for workers, any thread; watches and followers belong to the loop.
#ifndef CONTROLLER_KUBE_CLUSTER_H
#define CONTROLLER_KUBE_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/cancel.h"
#include "base/kube/kube_call.h"
#include "base/kube/kube_client.h"
#include "base/kube/kube_discovery.h"
#include "base/kube/kube_watch.h"
#include "base/vec.h"

struct cluster;

struct cluster_type {
    char *group; // "" = core
    char *kind;
    char *plural;
    // The one to list and watch. It moves when the cluster serves it no more: read it by
    // cluster_type_ref.
    char *version;
    bool namespaced;
    bool has_status;
    // The loop's; workers only ask cluster_is_watched and cluster_is_denied.
    struct cluster *cluster;
    struct kube_watch *watch;
    bool whole;
    bool denied; // it may not be watched, and that was said; written under the cluster's lock
    bool moved;  // to another version, and is watched by the old one; under the cluster's lock
};

// `selector`: of the objects to watch. `config` is copied. The reference is the caller's. Loop
// thread, as cluster_over, which watches all that is part of any set.
int cluster_open(struct loop *loop, const struct kube_config *config, enum http_reach reach,
                 const char *selector, struct cluster **ret_cluster, struct error *err)
    __attribute__((warn_unused_result));
// Over a client that others use too: borrowed, it outlives the cluster.
int cluster_over(struct loop *loop, struct kube_client *client, struct cluster **ret_cluster,
                 struct error *err) __attribute__((warn_unused_result));
// Secrets are not watched: their drift is found when all objects are applied. Before any watch.
void cluster_leave_secrets(struct cluster *cluster);
struct cluster *cluster_ref(struct cluster *cluster); // loop thread, as cluster_unref
void cluster_unref(struct cluster *cluster);          // NULL is fine

struct kube_client *cluster_client(const struct cluster *cluster);
struct loop *cluster_loop(const struct cluster *cluster);

// Asks which kinds there are, if nobody did for max_age_ms; 0 = now. Blocks; `cancel`
// (NULL = none) ends that.
int cluster_discover(struct cluster *cluster, int64_t max_age_ms, struct cancel *cancel,
                     struct error *err) __attribute__((warn_unused_result));
// Of what was discovered or noted; version "" = any. NULL when there is none.
struct cluster_type *cluster_type_of(struct cluster *cluster, const char *group,
                                     const char *version, const char *kind);
// What a CRD that is about to be applied says of its kind.
struct cluster_type *cluster_note_type(struct cluster *cluster, const struct cluster_type *type);
// All kinds whose objects can be listed and deleted, once each: of struct cluster_type *.
void cluster_types(struct cluster *cluster, struct vec *ret_types);
// Nothing may be concluded from absence in this group.
bool cluster_is_stale(struct cluster *cluster, const char *group);
// Every group answered.
bool cluster_is_whole(struct cluster *cluster);

struct kube_ref cluster_type_ref(const struct cluster_type *type, const char *version,
                                 const char *ns, const char *name); // borrows

// Loop thread. `on_object` is called for every object of every watched type; `on_synced` when all
// that exists of a type was told, and cluster_type_misses knows what is gone.
struct cluster_follower {
    void (*on_object)(void *arg, struct cluster_type *type, enum kube_change change,
                      const json_t *object);
    void (*on_synced)(void *arg, struct cluster_type *type);
    // Whether what happens to objects of the type matters to it.
    bool (*needs)(void *arg, const struct cluster_type *type);
    void *arg;
};
void cluster_follow(struct cluster *cluster, struct cluster_follower *follower);
void cluster_unfollow(struct cluster *cluster, struct cluster_follower *follower);
// Watches the type, if nobody does; `whole`: objects with their status, not their metadata only.
// Who follows later than the watch began is not told what came before.
void cluster_watch(struct cluster *cluster, struct cluster_type *type, bool whole);
// A follower may need less than before, or is gone: soon, not within this call, the watches end
// that nobody needs. A worker that applies meanwhile needs what it has; what it adds is watched
// anew.
void cluster_rest(struct cluster *cluster);
// As kube_watch_misses; false when the type is not watched. Loop thread.
bool cluster_type_misses(const struct cluster_type *type, const char *ns, const char *name,
                         uint64_t version);
// Whether what happens to its objects is heard. Any thread.
bool cluster_is_watched(struct cluster *cluster, const struct cluster_type *type);
// Whether that was tried, and is not allowed. Any thread.
bool cluster_is_denied(struct cluster *cluster, const struct cluster_type *type);

#endif
