// An apply from beginning to end: know what is ours, leave out what is as applied, send the rest
// stage by stage and wave by wave, prune.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/health.h"
#include "controller/kube_target_internal.h"

static const int64_t sweep_ms = 60 * 60 * 1000;
static const int64_t default_wait_ms = 5 * 60 * 1000;
static const int64_t definition_wait_ms = 30 * 1000;
static const int64_t poll_ms = 50;

int kube_target_check_account(struct kube_target *target, struct cancel *cancel, struct error *err)
{
    if (target->account == NULL)
        return 0;
    const struct kube_request request = {
        .verb = KUBE_GET,
        .ref = {.version = "v1",
                .plural = "serviceaccounts",
                .namespace_ = target->account_ns,
                .name = target->account},
        .accept = KUBE_METADATA,
        .cancel = cancel,
    };
    if (kube_do(cluster_client(target->cluster), &request, NULL, err) == 0)
        return 0;
    if (err->code != ERROR_NOT_FOUND)
        return error_wrap(err, "look for ServiceAccount %s/%s", target->account_ns,
                          target->account);
    target->target.reason = "NoServiceAccount";
    return error_set(err, ERROR_INVALID,
                     "there is no ServiceAccount %s/%s to apply as; create it with its rights, for "
                     "example: kubectl create serviceaccount %s -n %s && kubectl create "
                     "rolebinding %s --clusterrole=edit --serviceaccount=%s:%s -n %s",
                     target->account_ns, target->account, target->account, target->account_ns,
                     target->account, target->account_ns, target->account, target->default_ns);
}

static int compare_planned(const void *a, const void *b)
{
    const struct planned *left = *(struct planned *const *)a;
    const struct planned *right = *(struct planned *const *)b;
    int order = apply_order_compare(&left->order, &right->order);
    if (order != 0)
        return order;
    return left->index < right->index ? -1 : left->index > right->index;
}

// ---- waits ----

static int64_t deadline_of(const struct kube_run *run)
{
    return run->request->deadline_mono_ms > 0 ? run->request->deadline_mono_ms
                                              : clock_mono_ms(clock_system()) + default_wait_ms;
}

static int pause_for(struct kube_run *run, int64_t ms, struct error *err)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
    return cancel_check(run->request->cancel, err);
}

// Until it is current. What fails, or is too slow, is an error.
static int wait_current(struct kube_run *run, const struct planned *planned, int64_t until_ms,
                        struct error *err)
{
    for (int64_t wait_ms = poll_ms;; wait_ms = wait_ms < 1000 ? wait_ms * 2 : wait_ms) {
        cleanup_json json_t *live = NULL;
        cleanup_health_verdict struct health_verdict verdict = {0};
        cleanup_error struct error cause = {0};
        if (kube_run_get(run, planned, &live, &cause) < 0) {
            if (cause.code != ERROR_NOT_FOUND)
                return error_move(err, &cause);
            return error_set(err, ERROR_UNAVAILABLE,
                             "somebody deleted it before its end was seen; it is made again");
        }
        health_judge(live, clock_wall_ms(clock_system()), &verdict);
        if (verdict.health == HEALTH_CURRENT)
            return 0;
        if (verdict.health == HEALTH_FAILED)
            return error_set(err, ERROR_UNAVAILABLE, "%s", verdict.message);
        if (clock_mono_ms(clock_system()) > until_ms)
            return error_set(err, ERROR_TIMEOUT, "it was waited for in vain: %s", verdict.message);
        if (pause_for(run, wait_ms, err) < 0)
            return -1;
    }
}

// What came of the batch has to be there before others can be sent.
static bool settle_batch(struct kube_run *run, struct planned **batch, size_t n)
{
    enum apply_stage stage = batch[0]->order.stage;
    bool hooks = stage == STAGE_BEFORE || stage == STAGE_AFTER;
    bool defined = false;
    bool fine = true;
    int64_t now_ms = clock_mono_ms(clock_system());
    int64_t until_ms = hooks ? deadline_of(run) : now_ms + definition_wait_ms;
    for (size_t i = 0; i < n; i++) {
        struct target_result *result = kube_run_result(run, batch[i]->index);
        bool definition = strcmp(batch[i]->type->kind, "CustomResourceDefinition") == 0;
        if ((!hooks && !definition) || result->error.code != ERROR_NONE) {
            fine &= !hooks || result->error.code == ERROR_NONE;
            continue;
        }
        defined |= definition;
        if (wait_current(run, batch[i], until_ms, &result->error) == 0)
            continue;
        // Else the next try would take it for done, and go on behind it.
        kube_run_forget(run, batch[i]);
        fine = false;
    }
    // A failure here shows at the objects of the new kind.
    if (defined && cluster_discover(run->target->cluster, 0, run->request->cancel, NULL) == 0)
        run->discovered = true;
    return fine || !hooks;
}

static void skip_rest(struct kube_run *run, struct planned **rest, size_t n)
{
    for (size_t i = 0; i < n; i++)
        error_set(&kube_run_result(run, rest[i]->index)->error, ERROR_UNAVAILABLE,
                  "not applied, because a hook before it did not succeed");
}

static void send_all(struct kube_run *run)
{
    size_t n = run->planned.len;
    cleanup_free struct planned **order = xcalloc(n + 1, sizeof(struct planned *));
    for (size_t i = 0; i < n; i++)
        order[i] = vec_at(&run->planned, i);
    qsort(order, n, sizeof(struct planned *), compare_planned);
    for (size_t first = 0, last; first < n; first = last) {
        last = first + 1;
        while (last < n && apply_order_compare(&order[first]->order, &order[last]->order) == 0)
            last++;
        kube_send_batch(run, order + first, last - first);
        if (!settle_batch(run, order + first, last - first)) {
            skip_rest(run, order + last, n - last);
            return;
        }
    }
}

// ---- the whole ----

// Everything is sent the first time, when somebody asks for it, and once in a while: a watch does
// not tell all that can happen.
static bool looks_at_all(struct kube_target *target, const struct target_request *request)
{
    int64_t age_ms = clock_mono_ms(clock_system()) - target->looked_mono_ms;
    return request->afresh || !target->has_applied || age_ms > jitter(sweep_ms, 20);
}

static void mark_wanted(struct kube_run *run)
{
    struct kube_target *target = run->target;
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members)
        member->wanted = vec_find(&run->wanted, member, member_compare) != NULL;
    pthread_mutex_unlock(&target->lock);
}

static bool all_fine(const struct kube_run *run)
{
    vec_foreach (struct target_result, result, run->results) {
        if (result->error.code != ERROR_NONE)
            return false;
    }
    return true;
}

static int apply(struct kube_run *run, struct error *err)
{
    struct kube_target *target = run->target;
    bool all = looks_at_all(target, run->request);
    if (kube_run_identify(run, all, err) < 0)
        return -1;
    mark_wanted(run);
    cleanup_vec struct vec gone = TARGET_RESULTS;
    kube_prune_list(run, all_fine(run), &gone);
    if ((run->planned.len > 0 || gone.len > 0) &&
        kube_target_check_account(target, run->request->cancel, err) < 0)
        return -1;
    if (run->planned.len > 0)
        kube_health_expect(target);
    send_all(run);
    if (cancel_check(run->request->cancel, err) < 0)
        return -1;
    vec_clear(&gone);
    bool complete = all_fine(run);
    kube_prune_list(run, complete, run->results);
    kube_prune_results(run, run->request->cancel, run->results);
    pthread_mutex_lock(&target->lock);
    target->has_applied = true;
    pthread_mutex_unlock(&target->lock);
    target->target.partial = !cluster_is_whole(target->cluster);
    if (all && complete)
        target->looked_mono_ms = clock_mono_ms(clock_system());
    return 0;
}

int kube_target_apply(struct target *target, const struct target_request *request,
                      struct vec *ret_results, struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    struct kube_run run;
    target->reason = NULL;
    kube_run_init(&run, kube, request, ret_results);
    kube_target_begin(kube);
    int result = apply(&run, err);
    kube_target_end(kube);
    kube_run_release(&run);
    if (result < 0)
        vec_clear(ret_results);
    return result;
}
