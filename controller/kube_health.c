// How the members fare, for a Sync that waits: from the watches, and by asking where a kind may not
// be watched.
#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/memory.h"
#include "controller/health.h"
#include "controller/kube_target_internal.h"

// A rollout tells its steps faster than anybody reads them.
static const int64_t health_pause_ms = 500;
// And nobody is told of what may not be watched. Each time the Sync is looked at, too.
static const int64_t health_ask_ms = 5 * 1000;
static const int64_t health_ask_max_ms = 5 * 60 * 1000;
enum { QUIET_PARTS = 4 };

void kube_health_note(struct member *member, const json_t *object)
{
    struct health_verdict verdict;
    health_judge(object, clock_wall_ms(clock_system()), &verdict);
    member->health = (uint8_t)verdict.health;
    member->health_version = member_version_of(object);
    free(member->trouble);
    member->trouble = STEAL(verdict.message);
}

bool kube_health_counts(const struct kube_target *target, const struct member *member)
{
    return target->waits && member->type->has_status;
}

// Under the lock.
static void sum_up(const struct kube_target *target, struct target_health *ret_health)
{
    const struct member *first = NULL;
    vec_foreach (struct member, member, &target->members) {
        if (!member->wanted || member->is_hook)
            continue;
        ret_health->total++;
        bool told = member->health_version >= member->applied.version;
        bool gone = member->ignores_drift && !member->exists; // and that is ignored
        if (!kube_health_counts(target, member) || gone ||
            (told && member->health == HEALTH_CURRENT)) {
            ret_health->ready++;
            continue;
        }
        bool failed = told && member->health == HEALTH_FAILED;
        if (first == NULL || (failed && !ret_health->failed))
            first = member;
        ret_health->failed |= failed;
    }
    if (first == NULL)
        return;
    bool told = first->health_version >= first->applied.version && first->trouble != NULL;
    ret_health->message =
        xasprintf("%s %s%s%s: %s", first->type->kind, first->ns, *first->ns != '\0' ? "/" : "",
                  first->name, told ? first->trouble : "nothing was heard of it yet");
}

// Whether it is other than what was told last.
static bool note_told(struct kube_target *target, const struct target_health *health)
{
    bool news = health->ready != target->told_ready || health->total != target->told_total ||
                health->failed != target->told_failed;
    target->told_ready = health->ready;
    target->told_total = health->total;
    target->told_failed = health->failed;
    if (news)
        target->moved_mono_ms = clock_mono_ms(clock_system());
    return news;
}

// ---- what may not be watched ----

struct asked {
    struct cluster_type *type;
    char *ns;
    char *name;
};

static void asked_release(void *element)
{
    struct asked *asked = element;
    free(asked->ns);
    free(asked->name);
}

// Whom to ask for, and whether anything is left that no watch tells of yet.
static bool find_unheard(struct kube_target *target, struct vec *ret_asked)
{
    bool unheard = false;
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members) {
        struct cluster_type *type = (struct cluster_type *)(uintptr_t)member->type;
        if (!member->wanted || member->is_hook || !kube_health_counts(target, member) ||
            cluster_is_watched(target->cluster, type))
            continue;
        unheard = true;
        if (!cluster_is_denied(target->cluster, type))
            continue;
        struct asked *asked = vec_push(ret_asked);
        asked->type = type;
        asked->ns = xstrdup(member->ns);
        asked->name = xstrdup(member->name);
    }
    pthread_mutex_unlock(&target->lock);
    return unheard;
}

// As the account, which has the right to what it applied where we have none.
static void ask(struct kube_target *target, const struct vec *asked, struct cancel *cancel)
{
    const struct kube_impersonation as = kube_target_as(target);
    cleanup_free struct kube_request *requests = xcalloc(asked->len + 1, sizeof *requests);
    cleanup_free struct kube_result *results = xcalloc(asked->len + 1, sizeof *results);
    for (size_t i = 0; i < asked->len; i++) {
        const struct asked *at = vec_at(asked, i);
        requests[i] =
            (struct kube_request){.verb = KUBE_GET,
                                  .ref = cluster_type_ref(at->type, NULL, at->ns, at->name),
                                  .as = as.user != NULL ? &as : NULL,
                                  .cancel = cancel};
    }
    kube_do_all(cluster_client(target->cluster), requests, asked->len, results, NULL, NULL);
    pthread_mutex_lock(&target->lock);
    for (size_t i = 0; i < asked->len; i++) {
        const struct asked *at = vec_at(asked, i);
        struct member *member = member_find(&target->members, at->type, at->ns, at->name);
        if (member != NULL && results[i].error.code == ERROR_NONE && results[i].object != NULL)
            kube_health_note(member, results[i].object);
        kube_result_release(&results[i]);
    }
    pthread_mutex_unlock(&target->lock);
}

int64_t kube_health_ask_in_ms(int64_t quiet_ms)
{
    int64_t ask_ms = quiet_ms / QUIET_PARTS;
    if (ask_ms < health_ask_ms)
        ask_ms = health_ask_ms;
    return jitter(ask_ms < health_ask_max_ms ? ask_ms : health_ask_max_ms, 10);
}

void kube_health_expect(struct kube_target *target)
{
    pthread_mutex_lock(&target->lock);
    target->moved_mono_ms = clock_mono_ms(clock_system());
    pthread_mutex_unlock(&target->lock);
}

// It was asked just now: what was set before, perhaps in a time of quiet, counts no more.
static void ask_again_later(void *arg)
{
    struct kube_target *target = arg;
    if (target->ask_timer == NULL)
        return;
    pthread_mutex_lock(&target->lock);
    int64_t quiet_ms = clock_mono_ms(clock_system()) - target->moved_mono_ms;
    pthread_mutex_unlock(&target->lock);
    loop_timer_set(target->ask_timer, kube_health_ask_in_ms(quiet_ms));
}

static void ask_again(void *arg)
{
    const struct kube_target *target = arg;
    if (target->target.on_health != NULL)
        target->target.on_health(target->target.health_arg);
}

int kube_target_health(struct target *target, struct cancel *cancel,
                       struct target_health *ret_health, struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    if (cancel_check(cancel, err) < 0)
        return -1;
    cleanup_vec struct vec asked = VEC_OF(struct asked, asked_release);
    bool unheard = find_unheard(kube, &asked);
    if (asked.len > 0)
        ask(kube, &asked, cancel);
    *ret_health = (struct target_health){0};
    pthread_mutex_lock(&kube->lock);
    sum_up(kube, ret_health);
    // Goes into the status: what is news from here on differs from this.
    note_told(kube, ret_health);
    pthread_mutex_unlock(&kube->lock);
    if (unheard && ret_health->ready < ret_health->total)
        loop_post(cluster_loop(kube->cluster), ask_again_later, kube);
    return 0;
}

static void tell_health(void *arg)
{
    struct kube_target *target = arg;
    struct target_health health = {0};
    pthread_mutex_lock(&target->lock);
    sum_up(target, &health);
    bool news = note_told(target, &health);
    pthread_mutex_unlock(&target->lock);
    target_health_release(&health);
    if (news && target->target.on_health != NULL)
        target->target.on_health(target->target.health_arg);
}

// At once when everything is ready now or something is not any more, else a little later.
void kube_health_hear(struct kube_target *target)
{
    struct target_health health = {0};
    if (!target->waits || target->health_timer == NULL)
        return;
    pthread_mutex_lock(&target->lock);
    sum_up(target, &health);
    pthread_mutex_unlock(&target->lock);
    bool whole = health.ready == health.total;
    target_health_release(&health);
    if (whole)
        tell_health(target);
    else if (!loop_timer_is_set(target->health_timer))
        loop_timer_set(target->health_timer, health_pause_ms);
}

void kube_health_init(struct kube_target *target)
{
    struct loop *loop = cluster_loop(target->cluster);
    target->health_timer = loop_timer_new(loop, tell_health, target);
    target->ask_timer = loop_timer_new(loop, ask_again, target);
}

void kube_health_free(struct kube_target *target)
{
    loop_timer_free(target->health_timer);
    loop_timer_free(target->ask_timer);
}
