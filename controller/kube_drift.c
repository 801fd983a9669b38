// What the watches say, on the loop: the members are kept up to date, an object that is not as our
// apply left it becomes suspect and the owner hears of it, and so does a change of health. While a
// worker applies, nothing is judged: its own answers arrive here too, in any order.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_target_internal.h"

static bool heals(const struct member *member)
{
    return member->wanted && !member->is_hook && !member->ignores_drift;
}

// ---- judging ----

// Whether the owner has something to do now. *next_ms: when it may have, for what is contested.
static bool judge(struct member *member, int64_t now_ms, int64_t *next_ms)
{
    enum member_verdict verdict = member_judge(member);
    member->suspect = heals(member) && member_has_entry(&member->applied) &&
                      (verdict == MEMBER_CHANGED || verdict == MEMBER_SUSPECT);
    if (!member->suspect)
        return false;
    if (member->not_before_ms > now_ms) {
        if (*next_ms == 0 || member->not_before_ms < *next_ms)
            *next_ms = member->not_before_ms;
        return false;
    }
    return true;
}

static void tell(struct kube_target *target, bool suspicious, int64_t now_ms, int64_t next_ms)
{
    if (next_ms > 0 && target->contested != NULL)
        loop_timer_set(target->contested, next_ms - now_ms + 1);
    if (suspicious && target->on_drift != NULL)
        target->on_drift(target->drift_arg);
}

static void judge_all(struct kube_target *target)
{
    int64_t now_ms = clock_mono_ms(clock_system());
    int64_t next_ms = 0;
    bool suspicious = false;
    pthread_mutex_lock(&target->lock);
    if (!target->working && target->has_applied) {
        vec_foreach (struct member, member, &target->members)
            suspicious |= judge(member, now_ms, &next_ms);
    }
    pthread_mutex_unlock(&target->lock);
    tell(target, suspicious, now_ms, next_ms);
}

static void on_contested(void *arg)
{
    judge_all(arg);
}

// ---- events ----

static bool is_member(const struct kube_target *target, const json_t *object)
{
    const json_t *labels = jval_object(object, "metadata.labels");
    const char *set = json_string_value(json_object_get(labels, APPLYSET_PART_OF));
    return set != NULL && strcmp(set, target->set_id) == 0;
}

// What is gone, and was not wanted, is forgotten; not while a worker applies: it may have made the
// object, and not told us yet that it is wanted.
static void forget(struct kube_target *target, struct member *member)
{
    if (member->exists || member->wanted || target->working)
        return;
    vec_remove(&target->members, (size_t)(member - (struct member *)target->members.data));
    cluster_rest(target->cluster);
}

static bool needs(void *arg, const struct cluster_type *type)
{
    struct kube_target *target = arg;
    bool found = false;
    pthread_mutex_lock(&target->lock);
    for (size_t i = 0; !found && i < target->members.len; i++)
        found = ((const struct member *)vec_at(&target->members, i))->type == type;
    pthread_mutex_unlock(&target->lock);
    return found;
}

// There is no event for what went before the watch's first list, or before we knew that it was
// there. Whether it is news.
static bool notice_missing(struct member *member)
{
    if (!member->exists ||
        !cluster_type_misses(member->type, member->ns, member->name, member->live.version))
        return false;
    member->exists = false;
    member->terminating = false;
    return true;
}

static void on_synced(void *arg, struct cluster_type *type)
{
    struct kube_target *target = arg;
    bool suspicious = false;
    int64_t now_ms = clock_mono_ms(clock_system());
    int64_t next_ms = 0;
    pthread_mutex_lock(&target->lock);
    for (size_t i = target->members.len; i-- > 0;) {
        struct member *member = vec_at(&target->members, i);
        if (member->type != type || !notice_missing(member))
            continue;
        if (!target->working)
            suspicious |= judge(member, now_ms, &next_ms);
        forget(target, member);
    }
    pthread_mutex_unlock(&target->lock);
    tell(target, suspicious, now_ms, next_ms);
}

static void on_object(void *arg, struct cluster_type *type, enum kube_change change,
                      const json_t *object)
{
    struct kube_target *target = arg;
    const char *name = jval_string(object, "metadata.name");
    const char *ns = jval_string_or(object, "metadata.namespace", "");
    if (name == NULL)
        return;
    bool ours = change != KUBE_DELETED && is_member(target, object);
    bool suspicious = false;
    bool healthy_news = false;
    int64_t now_ms = clock_mono_ms(clock_system());
    int64_t next_ms = 0;
    pthread_mutex_lock(&target->lock);
    struct member *member = ours ? member_ensure(&target->members, type, ns, name)
                                 : member_find(&target->members, type, ns, name);
    if (member != NULL && ours) {
        bool news = member_observe(member, object);
        bool current = member_version_of(object) > member->health_version;
        if (kube_health_counts(target, member) && type->whole && current) {
            kube_health_note(member, object);
            healthy_news = true;
        }
        if (news && !target->working)
            suspicious = judge(member, now_ms, &next_ms);
    } else if (member != NULL) {
        if (change == KUBE_DELETED)
            member_observe_gone(member, object);
        else
            member_observe_taken(member, object);
        if (!target->working)
            suspicious = judge(member, now_ms, &next_ms);
        forget(target, member);
    }
    pthread_mutex_unlock(&target->lock);
    tell(target, suspicious, now_ms, next_ms);
    if (healthy_news)
        kube_health_hear(target);
}

// ---- from the worker ----

void kube_target_begin(struct kube_target *target)
{
    pthread_mutex_lock(&target->lock);
    target->working = true;
    pthread_mutex_unlock(&target->lock);
}

static void watch_members(struct kube_target *target)
{
    if (target->on_drift == NULL && !target->waits)
        return;
    cleanup_vec struct vec types = VEC_OF(struct cluster_type *, NULL);
    pthread_mutex_lock(&target->lock);
    const struct cluster_type *last = NULL;
    vec_foreach (struct member, member, &target->members) {
        if (member->type != last)
            *(struct cluster_type **)vec_push(&types) =
                (struct cluster_type *)(uintptr_t)member->type;
        last = member->type;
    }
    pthread_mutex_unlock(&target->lock);
    vec_foreach (struct cluster_type *, type, &types)
        cluster_watch(target->cluster, *type, target->waits && (*type)->has_status);
}

// What the watch told while the worker held the answers back, of objects that were new to us then;
// and what went meanwhile, perhaps all of it, is forgotten in one go.
static void look_at_fresh(struct kube_target *target)
{
    size_t kept = 0;
    for (size_t i = 0; i < target->members.len; i++) {
        struct member *member = vec_at(&target->members, i);
        if (member->fresh)
            notice_missing(member);
        member->fresh = false;
        if (!member->exists && !member->wanted)
            member_release(member);
        else if (kept++ != i)
            *(struct member *)vec_at(&target->members, kept - 1) = *member;
    }
    if (kept < target->members.len)
        cluster_rest(target->cluster);
    target->members.len = kept;
}

static void settle(void *arg)
{
    struct kube_target *target = arg;
    pthread_mutex_lock(&target->lock);
    if (!target->working)
        look_at_fresh(target);
    members_pack(&target->members, &target->names);
    pthread_mutex_unlock(&target->lock);
    watch_members(target);
    judge_all(target);
}

void kube_target_end(struct kube_target *target)
{
    pthread_mutex_lock(&target->lock);
    target->working = false;
    pthread_mutex_unlock(&target->lock);
    loop_post(cluster_loop(target->cluster), settle, target);
}

int kube_target_watch(struct target *target, void (*on_drift)(void *arg), void *arg,
                      struct error *err)
{
    (void)err;
    struct kube_target *kube = kube_target_of(target);
    kube->on_drift = on_drift;
    kube->drift_arg = arg;
    if (on_drift != NULL)
        settle(kube);
    return 0;
}

void kube_drift_init(struct kube_target *target)
{
    target->follower = (struct cluster_follower){
        .on_object = on_object, .on_synced = on_synced, .needs = needs, .arg = target};
    cluster_follow(target->cluster, &target->follower);
    target->contested = loop_timer_new(cluster_loop(target->cluster), on_contested, target);
    kube_health_init(target);
}

void kube_drift_free(struct kube_target *target)
{
    cluster_unfollow(target->cluster, &target->follower);
    cluster_rest(target->cluster);
    loop_timer_free(target->contested);
    kube_health_free(target);
}
