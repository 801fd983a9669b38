// Inside the cluster target. A worker runs apply, plan, prune and health; the loop hears of changes
// (kube_drift.c). They share the members, under the lock; nobody holds it while waiting.
#ifndef CONTROLLER_KUBE_TARGET_INTERNAL_H
#define CONTROLLER_KUBE_TARGET_INTERNAL_H

#include <pthread.h>

#include "base/loop.h"
#include "controller/kube_member.h"
#include "controller/kube_order.h"
#include "controller/target_kube.h"

struct kube_target {
    struct target target; // first
    struct cluster *cluster;
    char *ns;
    char *name;
    char *default_ns;
    struct vec allowed; // char *: namespaces that objects may name
    char *account_ns;
    char *account; // NULL = none
    char *user;    // "system:serviceaccount:ns:account"
    char *kinds;   // "Kind.group,…" that an earlier process applied; NULL = not known
    bool recreate;
    bool waits;
    char *set_id;

    // The loop's.
    struct cluster_follower follower;
    void (*on_drift)(void *arg);
    void *drift_arg;
    struct loop_timer *contested; // until an object that is fought over may be healed again
    struct loop_timer *health_timer;
    struct loop_timer *ask_timer; // until what may not be watched is asked for again

    pthread_mutex_t lock; // of what follows
    size_t told_ready;    // of what was said last of the members' health
    size_t told_total;
    bool told_failed;
    int64_t moved_mono_ms; // when something was sent, or the health was another one
    struct vec members;
    char *names;  // of most members
    bool working; // what is seen meanwhile is judged afterwards
    bool has_applied;
    int64_t looked_mono_ms; // when everything was last sent

    struct vec swept; // struct cluster_type *, by address: listed once; the worker's
};

// An object on its way: what it is, and what is sent.
struct planned {
    size_t index; // in the request, and of its result
    struct cluster_type *type;
    char *version;
    char *ns; // "" = none
    char *name;
    struct apply_order order;
    char *bytes; // JSON
    size_t size;
    unsigned char content[MEMBER_HASH_SIZE];
    bool fresh_type; // its CRD is in the artifact
    uint64_t before; // its resourceVersion when it was sent; 0 = it was not known
};
void planned_release(void *element);

// An object to delete, as it was when it was judged.
struct victim {
    size_t result; // its index
    struct cluster_type *type;
    char *ns;
    char *name;
    char uid[MEMBER_UID_SIZE];
    char version[24];
};
void victim_release(void *element);

// Where something is labelled as ours that the Sync's spec does not name.
struct stranger {
    const struct cluster_type *type;
    char *ns;             // "" = none
    bool allowed;         // the account may delete there
    enum error_code code; // it could not be asked
};
void stranger_release(void *element);

struct kube_run {
    struct kube_target *target;
    const struct target_request *request;
    struct vec *results;  // one for each object of the request, then the pruned ones
    struct vec planned;   // struct planned, what is to be sent
    struct vec left;      // struct planned, what may not need it; empty after kube_run_identify
    struct vec wanted;    // struct member with type, ns and name only: all that the request has
    struct vec victims;   // struct victim, for the results of the last kube_prune_list
    struct vec strangers; // struct stranger, as far as was asked
    bool discovered;      // afresh, for this run
};
void kube_run_init(struct kube_run *run, struct kube_target *target,
                   const struct target_request *request, struct vec *results);
void kube_run_release(struct kube_run *run);
struct target_result *kube_run_result(const struct kube_run *run, size_t index);

// kube_plan.c: which objects there are and which must be sent. -1 only when the cluster cannot be
// asked; what is wrong with one object is its result's error.
int kube_run_identify(struct kube_run *run, bool all, struct error *err)
    __attribute__((warn_unused_result));
// Only which objects there are, by their paths where those tell.
int kube_run_name(struct kube_run *run, struct error *err) __attribute__((warn_unused_result));
// Looks at one object again.
int kube_target_look(struct kube_target *target, struct cluster_type *type, const char *ns,
                     const char *name, struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));
// Lists what is labelled, of each kind once.
int kube_target_sweep(struct kube_target *target, struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

// kube_desired.c: bytes to what is sent. -1: this object cannot be applied.
int kube_desire(struct kube_run *run, const struct target_object *object, struct planned *planned,
                struct error *err) __attribute__((warn_unused_result));
// Whether the Sync may write to this namespace by its spec.
bool kube_target_names(const struct kube_target *target, const char *ns);
// Learns the kind that a CustomResourceDefinition defines.
void kube_desire_definition(struct kube_run *run, const struct target_object *object);

// kube_apply.c
int kube_target_apply(struct target *target, const struct target_request *request,
                      struct vec *ret_results, struct error *err);
// Whether the account that is acted as exists.
int kube_target_check_account(struct kube_target *target, struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));

// kube_send.c: one batch, with its answers remembered.
void kube_send_batch(struct kube_run *run, struct planned **batch, size_t n);
// It is sent again by the next run.
void kube_run_forget(struct kube_run *run, const struct planned *planned);
// The API server may repeat what it refuses, and everybody reads a status: not where it is a
// Secret.
void kube_run_hide(const struct planned *planned, struct kube_result *answer);
// Deletes and makes anew what cannot be changed; the error of the update is in *err, and replaced.
int kube_recreate(struct kube_run *run, struct planned *planned, struct kube_result *ret_result,
                  struct error *err) __attribute__((warn_unused_result));

// The live object, as the account: we ourselves may list and watch everything, and get little.
int kube_run_get(const struct kube_run *run, const struct planned *planned, json_t **ret_live,
                 struct error *err) __attribute__((warn_unused_result));

// kube_entries.c: metadata.managedFields as others left it.
// Takes entries away that would keep what we drop; *answer, of our apply, becomes the new one.
void kube_entries_drop_others(struct kube_run *run, const struct planned *planned, json_t **answer);
// Whether an apply was refused not for what it says, but because an entry names a version of the
// kind that lacks a field which the object has by now (kubernetes/kubernetes, "field not declared
// in schema" after a version with defaults was added).
bool kube_entries_are_stale(const struct kube_result *answer);
// Has all entries name the object's version. False: nothing was changed.
bool kube_entries_renew(struct kube_run *run, const struct planned *planned);

// kube_prune.c
void kube_prune_list(struct kube_run *run, bool may_prune, struct vec *ret_results);
// Deletes the victims and notes in `results` what came of it.
void kube_prune_results(struct kube_run *run, struct cancel *cancel, struct vec *results);
int kube_target_prune_candidates(struct target *target, const struct target_request *request,
                                 struct vec *ret_results, struct error *err);
int kube_target_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                           struct error *err);

// kube_drift.c
int kube_target_watch(struct target *target, void (*on_drift)(void *arg), void *arg,
                      struct error *err);
void kube_target_begin(struct kube_target *target); // a worker begins; what happens is kept
void kube_target_end(struct kube_target *target);   // judges it, and watches new kinds
void kube_drift_init(struct kube_target *target);   // loop, as the next
void kube_drift_free(struct kube_target *target);

// kube_health.c. Loop, but for kube_target_health.
void kube_health_init(struct kube_target *target);
void kube_health_free(struct kube_target *target);
// Whether its health is asked for at all; under the lock, as the next.
bool kube_health_counts(const struct kube_target *target, const struct member *member);
void kube_health_note(struct member *member, const json_t *object);
// How long until what may not be watched is asked for again, when nothing moved for so long; with
// jitter.
int64_t kube_health_ask_in_ms(int64_t quiet_ms);
// Something was sent, and will move. Any thread.
void kube_health_expect(struct kube_target *target);
// Something was noted: tells the owner when that is news.
void kube_health_hear(struct kube_target *target);
int kube_target_health(struct target *target, struct cancel *cancel,
                       struct target_health *ret_health, struct error *err);

static inline struct kube_target *kube_target_of(struct target *target)
{
    return (struct kube_target *)target;
}
static inline struct kube_impersonation kube_target_as(const struct kube_target *target)
{
    return (struct kube_impersonation){.user = target->user};
}

#endif
