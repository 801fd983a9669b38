// Where a Sync's objects go, behind one interface: a directory now, a cluster beside it.
//
// The work (plan, apply, prune, remove, health) blocks and runs on a worker; a flow that is on a
// worker already calls it directly, the loop goes through target_start and hears of the end in a
// callback. Drift is heard on the loop. Everything that blocks looks at its cancel flag.
//
// A target belongs to one Sync. At most one piece of work runs on it at a time; its owner sees to
// that.
#ifndef CONTROLLER_TARGET_H
#define CONTROLLER_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/pool.h"
#include "base/vec.h"

struct target;

// One verified object, borrowed during the call. `path` is its path in our layout and its identity.
struct target_object {
    const char *path;  // "shop/Deployment.apps/web.yaml"
    const char *group; // "" for the core group
    const char *kind;
    const char *ns; // NULL when the object names none
    const char *name;
    const char *bytes;
    size_t size;
};

enum target_action {
    TARGET_UNCHANGED,
    TARGET_CREATE,
    TARGET_UPDATE,
    TARGET_PRUNE, // ours, and no longer wanted
    TARGET_KEEP,  // ours, no longer wanted, and protected or held back
};
const char *target_action_name(enum target_action action); // "create"

// Somebody changes an object again each time it is put back. Owned texts.
struct target_contest {
    int64_t delay_ms; // it is put back at most once in so long; 0 = nobody does
    unsigned times;   // it was put back so often in a short while
    bool was_gone;    // the last time it was not there at all
    char *ns;         // of the object; "" = none
    char *set;        // id of the ApplySet that labelled it as its own; NULL = none did
    char *manager;    // whom managedFields name; NULL = nobody besides us
};

// What happened, or would happen, to one object.
struct target_result {
    char *path;
    char *object; // "ConfigMap shop/web", where that is one of a cluster; NULL = a file
    enum target_action action;
    struct error error; // ERROR_NONE: done
    struct target_contest contest;
};
void target_result_release(void *result);
const char *target_result_text(const struct target_result *result); // how messages name it
#define TARGET_RESULTS VEC_OF(struct target_result, target_result_release)

struct target_request {
    const struct target_object *objects; // sorted by path
    size_t n;
    bool prune;           // remove what is ours and not among the objects
    const char *revision; // for whoever looks at the target
    bool afresh;          // take nothing for granted: compare all of it with what is really there
    bool settled;         // it was applied before, perhaps by an earlier process, to its end
    int64_t deadline_mono_ms; // of waiting for hooks and the like; 0 = 5 minutes
    struct cancel *cancel;
};

struct target_health {
    size_t ready;
    size_t total;
    bool failed;   // something will not become ready by itself; `message` is about it
    char *message; // the first thing that is not ready; NULL when all are
};
void target_health_release(struct target_health *health);

struct target_ops {
    // What apply would do; touches nothing. Results hold every object that is not unchanged.
    int (*plan)(struct target *target, const struct target_request *request,
                struct vec *ret_results, struct error *err);
    // Makes the target so; a result for every object, unchanged ones too. -1 when nothing was
    // touched or the whole failed; an object that failed alone has its error in its result and the
    // others stand. After it the target knows what is expected of it (see watch).
    int (*apply)(struct target *target, const struct target_request *request,
                 struct vec *ret_results, struct error *err);
    // What is ours and not among the objects: action PRUNE or KEEP.
    int (*prune_candidates)(struct target *target, const struct target_request *request,
                            struct vec *ret_results, struct error *err);
    // Everything that is ours goes: the Sync is deleted.
    int (*remove_all)(struct target *target, struct cancel *cancel, struct vec *ret_results,
                      struct error *err);
    int (*health)(struct target *target, struct cancel *cancel, struct target_health *ret_health,
                  struct error *err);
    // Loop thread. From the last apply on, calls on the loop when something is not as applied; our
    // own applies are not drift. One call may stand for many changes; plan tells which. Replaces
    // the call before; NULL ends it.
    int (*watch)(struct target *target, void (*on_drift)(void *arg), void *arg, struct error *err);
    void (*free)(struct target *target); // loop thread; ends the watch
};

// The first member of a back end's own struct.
struct target {
    const struct target_ops *ops;
    // Why the last piece of work failed, in a word of docs/conditions.md, where the back end knows
    // it better than its caller; NULL mostly. Static.
    const char *reason;
    bool partial; // the last apply could not see all that may be there
    // Set by the owner, or NULL: health is another one. Called on the loop while the target is
    // watched.
    void (*on_health)(void *arg);
    void *health_arg;
};

int target_plan(struct target *target, const struct target_request *request,
                struct vec *ret_results, struct error *err) __attribute__((warn_unused_result));
int target_apply(struct target *target, const struct target_request *request,
                 struct vec *ret_results, struct error *err) __attribute__((warn_unused_result));
int target_prune_candidates(struct target *target, const struct target_request *request,
                            struct vec *ret_results, struct error *err)
    __attribute__((warn_unused_result));
int target_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                      struct error *err) __attribute__((warn_unused_result));
int target_health_of(struct target *target, struct cancel *cancel, struct target_health *ret_health,
                     struct error *err) __attribute__((warn_unused_result));
int target_watch(struct target *target, void (*on_drift)(void *arg), void *arg, struct error *err)
    __attribute__((warn_unused_result));
void target_free(struct target *target); // NULL is fine

// The same from the loop: runs `verb` on a worker and calls `done` on the loop, exactly once. The
// request's objects are borrowed until then. target_task_cancel asks it to stop; done is still
// called.
enum target_verb {
    TARGET_PLAN,
    TARGET_APPLY,
    TARGET_PRUNE_CANDIDATES,
    TARGET_REMOVE_ALL,
    TARGET_HEALTH
};
struct target_outcome {
    struct vec results; // TARGET_RESULTS
    struct target_health health;
    struct error error;
};
struct target_task;
int target_start(struct pool *pool, struct target *target, enum target_verb verb,
                 const struct target_request *request,
                 void (*done)(void *arg, struct target_outcome *outcome), void *arg,
                 struct target_task **ret_task, struct error *err)
    __attribute__((warn_unused_result));
void target_task_cancel(struct target_task *task);

// A directory. `owner` is "namespace/name" of the Sync. Refused with a sentence: what DESIGN's
// directory target refuses (docs/architecture.md). No file is touched before the first apply.
enum directory_layout {
    DIRECTORY_TREE,     // one file per object, the whole swapped at once
    DIRECTORY_ONE_FILE, // one multi-document file among others (k3s, RKE2)
    DIRECTORY_PODS,     // one Pod a file (kubelet's static Pods)
};
struct loop;
int target_directory_new(struct loop *loop, const char *owner, const char *path,
                         enum directory_layout layout, struct target **ret_target,
                         struct error *err) __attribute__((warn_unused_result));
// From now on a path in one of these folders (NULL-ended, borrowed as long as the target lives, or
// NULL) is refused, through whatever links it leads there.
void target_directory_keep_out(struct target *target, const char *const *dirs);

#endif
