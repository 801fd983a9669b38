// One reconcile of one Sync, on a worker. sync_reconcile.c tells the story; the other sync_*.c are
// its chapters.
#ifndef CONTROLLER_SYNC_INTERNAL_H
#define CONTROLLER_SYNC_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/kube/kube_config.h"
#include "base/error.h"
#include "controller/access.h"
#include "controller/governance.h"
#include "controller/queue.h"
#include "controller/role.h"
#include "controller/stages.h"
#include "controller/target.h"
#include "oci/artifact.h"
#include "oci/sign/policy.h"

// What the Sync follows, and what that is right now.
struct sync_source {
    char *reference; // "oci://host/path" or "oci-layout:///dir"
    char *identity;  // what signatures, policies and floors call it
    char *channel;   // NULL: unknown (a pin without one)
    char *version;   // of a semver Sync; else NULL
    char *revision;  // "prod@sha256:…" as people read it
    struct digest digest;
    bool per_sync_floor; // semver: an own floor, in SemVer order
    int64_t sequence;    // that the Bundle says its last statement has; 0 without a Bundle
};

struct floor_adoption;
struct oci_cache;
struct sync_judgement;

// What the process remembers of one Sync between its flows. The loop owns it; a flow uses
// `verified` and `target` while it runs, the loop everything else.

struct sync_memory {
    unsigned references; // loop thread
    char *uid;
    int64_t generation;
    char *annotations; // requestedAt, confirm-prune, deleted and suspended, as last acted on
    char *request_id;
    struct target *target;
    char *target_spec;         // what `target` was made from
    struct error target_error; // why there is none
    // Of another cluster: read by a flow, made a target by the loop after it.
    struct kube_config kube_config;
    bool has_kube_config;      // and it is news
    char *kube_config_version; // of the Secret that was read last
    bool kube_config_bad;      // and it cannot be used: target_error says why
    bool needs_target;         // the flow ended early: again, once there is a target
    bool watching;
    bool drifted; // heard since the last flow began
    bool news;    // something else than drift was; the next flow looks at everything
    bool rules;   // only that what judges may have changed was: what is known is judged again
    void *owner;  // struct syncs
    char *key;
    // What was verified and applied by this process: the same digest under the same rules needs no
    // second look.
    char *digest;
    struct sync_source source;  // it was resolved from
    char *judged_by;            // fingerprint of policies, keys and what of the spec they judge
    char *scope;                // identity and channel it was judged for
    int64_t judge_again_ms;     // wall time from which time alone may change the verdict; 0 = never
    bool stale;                 // what runs is too old by its policy
    json_t *adoptions;          // its record (adoption.h); NULL: not read yet
    char *standing;             // what runs, though something else was refused, met these rules:
    char *standing_rules;       // digest and fingerprint; NULL: not judged
    int64_t standing_until_ms;  // wall time; 0 = until the rules change
    bool not_held;              // its finalizer cannot be put back, and that was said
    bool held;                  // what runs is revoked: nothing of it is put back
    bool applied;               // the target is as `digest` says
    char *runs;                 // digest that the target was made from last; NULL: not known
    char *runs_reference;       // where it was pulled from
    int64_t applied_generation; // of the spec it was applied by
    int64_t checked_mono_ms;    // when all of the target was last compared
    bool fine;                  // the last look at everything found nothing to complain of
    bool unverified;            // and nobody asked for verification
    int64_t look_mono_ms;       // when the next one is due without news
    char *contested;            // what is changed each time it is put back, and by whom; or NULL
    int64_t contested_until_mono_ms; // unless it is put back again before
    struct oci_cache *cache;         // of the pins below
    char *pins[2];                   // manifest and layer that run: never evicted
};

// Adds to a patch of the Sync's metadata which kinds and namespaces its objects are of, with those
// of before. False: that is there already.
struct sync_flow;
bool sync_applyset_extend(const struct sync_flow *flow, json_t *patch);
// Whether the Sync says, by that or its inventory, that objects of it may be in the target, whoever
// applied them.
bool sync_says_applied(const json_t *object);
// After an apply: without what there is no more.
void sync_applyset_settle(const struct sync_flow *flow);

// Pins what runs now in the cache, and lets go of what ran before. NULL pins nothing.
void sync_memory_pin(struct sync_memory *memory, struct oci_cache *cache, const char *manifest,
                     const char *layer);

struct sync_work {
    const struct role *role;
    json_t *object;
    char *request_id;
    struct sync_memory *memory;
    bool drifted; // the watch heard something; afterwards: and nobody looked
    bool news;    // and not only that
    bool rules;   // what judges may have changed
};

struct sync_flow {
    const struct role *role;
    const json_t *object; // read afresh at the start
    json_t *status;       // the flow's own; written at the end
    struct sync_memory *memory;
    const char *request_id;
    bool drifted; // the watch heard something
    bool news;    // and not only that
    bool rules;   // what judges may have changed
    bool looked;  // and all of the target was compared since
    struct cancel *cancel;
    struct http_client *client;
    int64_t deadline_mono_ms;
    struct stages stages;
    const char *reason; // of the condition, should the current step fail
    bool waits;         // for something that is on its way: a failure is none

    struct sync_source source;
    struct registry_access access;
    struct oci_repository *repository;
    struct oci_manifest manifest; // of source.digest, once fetched
    struct governance governance;
    struct trust_verdict verdict; // of the last judgement; zero when memory was enough
    struct vec files;             // struct oci_file: the objects below spec.path
    struct oci_share share;       // of the budget, for `files`
    struct vec results;           // TARGET_RESULTS
    bool applied;                 // the target was changed
    bool held;                    // pruning waits for a confirmation
    size_t confirmed;             // objects that go because somebody confirmed it
    bool stale;                   // what runs is too old by its policy; it is kept as it is
    bool revoked;                 // source.digest runs, and its policies no longer accept it
    bool record_changed;          // memory->adoptions has to be written
    bool may_go_back;             // and they say that the last good one is to be put in its place
    struct target_health health;  // of what runs; zero when nobody asks
};

// sync_source.c: which digest is meant, and how to reach it.
int sync_source_resolve(struct sync_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
void sync_source_release(struct sync_source *source);
void sync_source_copy(struct sync_source *to, const struct sync_source *from); // releases *to
// Opens source.reference; the flow's client, cancel flag and deadline are used.
int sync_source_open(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));

// sync_tags.c: the next step, where what is followed is not there.
// "; did you mean prod?" or "; there are the tags …" or a command that lists them; owned. wanted
// may be NULL.
char *sync_tell_tags(const struct sync_flow *flow, const struct vec *tags, const char *wanted);
// *err is why the tag, or the Bundle, could not be had.
int sync_refuse_tag(struct sync_flow *flow, const char *tag, struct error *err);
int sync_refuse_bundle(struct sync_flow *flow, const char *namespace, const char *name,
                       struct error *err);

// sync_verify.c: governing policies, signatures, floor. After it nothing but source.digest may be
// used.
int sync_verify(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));
// The digest that this Sync adopted last from where it looks now, verified then; NULL: none. Owned.
char *sync_adopted(const struct sync_flow *flow);
// Whether it is this one, and was adopted by the rules of now.
bool sync_was_adopted(const struct sync_flow *flow, const char *digest);
// Notes that the Sync adopts what flow->verdict and the judgement's evidence are about, beside the
// floor, which stays unless `raise`.
int sync_adopt(struct sync_flow *flow, const struct floor_adoption *adoption,
               const struct sync_judgement *judgement, struct error *err)
    __attribute__((warn_unused_result));

// sync_judge.c: the judgement of one artifact by flow->governance.
struct sync_case {
    const char *digest;
    const char *channel; // NULL: unknown
    const char *version; // of a semver Sync; else NULL
    const json_t *kept;  // entry of what was adopted; NULL: never adopted
    bool kept_first;     // no registry is asked where what is kept is enough
};
struct sync_judgement {
    struct trust_verdict verdict;
    json_t *evidence; // that the verdict is about
    bool whole;       // and it is all there was
    json_t *signers;  // whose evidence was looked for
    bool asked;       // of the registry, too
    bool proven;      // nothing is missing of what it was adopted by, so that lies with the rules
};
void sync_judgement_release(struct sync_judgement *judgement); // may be called twice
#define cleanup_sync_judgement __attribute__((cleanup(sync_judgement_release)))
// -1: the registry could not be asked; *ret_judgement is by what is kept then, if anything.
int sync_judge(struct sync_flow *flow, const struct sync_case *what,
               struct sync_judgement *ret_judgement, struct error *err)
    __attribute__((warn_unused_result));
// That policies refuse what they accepted before: not for its age, and not because they cannot be
// judged by.
bool sync_is_revocation(const struct trust_verdict *verdict);
// Every policy that is not met says that the last good one is to be put in its place, and no
// registry can have brought this about by hiding something.
bool sync_goes_back(const struct sync_flow *flow, const struct trust_verdict *verdict,
                    const struct sync_judgement *judgement);

// sync_revoke.c: what was offered is refused, or could not be had. What runs is kept as it is where
// it still stands; where it is revoked, it is held, or the last good one is put in its place. *err
// and flow->reason say what is to be said in the end.
void sync_refused(struct sync_flow *flow, struct error *err);

// sync_finalizer.c: deleting a Sync waits until what it applied has gone.
int sync_finalizer_ensure(struct sync_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
// *object: owned; the new one where its finalizer was put back.
int sync_finalizer_hold(const struct role *role, json_t **object, struct error *err)
    __attribute__((warn_unused_result));
void sync_tell_not_held(struct sync_flow *flow, const struct error *err,
                        struct queue_outcome *ret_outcome);
void sync_finalize(struct sync_flow *flow, struct queue_outcome *ret_outcome);

// sync_reconcile.c, for them:
// spec.timeout, or what it is by default.
int64_t sync_timeout_ms(const json_t *object);
// Puts a digest that was verified before in the target.
int sync_put_back(struct sync_flow *flow, const char *digest, struct error *err)
    __attribute__((warn_unused_result));
// The target was changed, or not looked at for long.
bool sync_is_suspicious(const struct sync_flow *flow);

// sync_apply.c: bytes to objects to target.
int sync_load(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));
int sync_apply(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));
// Report: how many objects are not as applied. Changes nothing.
int sync_survey(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));
int sync_remove(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));
// spec.wait: how what was applied fares.
int sync_ask_health(struct sync_flow *flow, struct error *err) __attribute__((warn_unused_result));

// sync_contest.c: who changes what again each time it is put back: an event and a log line, and
// what the condition is to say.
void sync_tell_contests(struct sync_flow *flow);
const char *sync_contested(const struct sync_flow *flow); // borrowed; NULL: nothing is

// sync_target.c: the target as the spec has it. Loop thread: before a flow, and after one that read
// the kubeconfig of another cluster.
void sync_target_ensure(struct sync_memory *memory, const struct role *role, const json_t *object);
void sync_target_adopt(struct sync_memory *memory, const struct role *role, const json_t *object);
// Worker: reads the kubeconfig, where the spec names one. *ret_later: the flow ends here, and runs
// again with the new target.
void sync_target_read(struct sync_flow *flow, bool *ret_later);

// sync_status.c: conditions, inventory, history; events and the log line.
// status.artifact and history say what was applied.
void sync_note_artifact(struct sync_flow *flow);
enum sync_outcome { SYNC_APPLIED, SYNC_UNCHANGED, SYNC_DRIFTED, SYNC_FAILED };
bool sync_conclude(struct sync_flow *flow, enum sync_outcome outcome, const struct error *err);
void sync_tell(struct sync_flow *flow, enum sync_outcome outcome, const struct error *err,
               bool news);

// Worker: the whole reconcile, its status, events and log line.
void sync_reconcile(struct sync_work *work, struct cancel *cancel,
                    struct queue_outcome *ret_outcome);

#endif
