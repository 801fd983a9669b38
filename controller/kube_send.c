// One batch of applies, and what its answers mean. Every object stands for itself: what the server
// refuses is told in its result, and the others are applied.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_target_internal.h"

static const int64_t recreate_wait_ms = 30 * 1000;
static const int64_t new_kind_wait_ms = 30 * 1000;
static const int64_t poll_ms = 50;
enum { LOOKS_MAX = 8 };

static struct kube_request apply_request(const struct kube_run *run, const struct planned *planned,
                                         const struct kube_impersonation *as)
{
    return (struct kube_request){
        .verb = KUBE_APPLY,
        .ref = cluster_type_ref(planned->type, planned->version, planned->ns, planned->name),
        .bytes = planned->bytes,
        .size = planned->size,
        .field_manager = FIELD_MANAGER,
        .field_validation = "Strict",
        .force = true,
        .accept = KUBE_METADATA,
        .as = as->user != NULL ? as : NULL,
        .cancel = run->request->cancel,
    };
}

static int pause_for(struct kube_run *run, int64_t ms, struct error *err)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
    return cancel_check(run->request->cancel, err);
}

// ---- answers ----

static void note_contest(const struct member *member, int64_t delay_ms,
                         struct target_result *result)
{
    if (delay_ms == 0 || result->action == TARGET_UNCHANGED)
        return;
    result->contest = (struct target_contest){
        .delay_ms = delay_ms,
        .times = member->heals,
        .was_gone = result->action == TARGET_CREATE,
        .ns = xstrdup(member->ns),
        .set = xstrdup_or_null(member->rival_set),
        .manager = xstrdup_or_null(member->rival),
    };
}

static void remember(struct kube_run *run, const struct planned *planned, const json_t *answer,
                     int http_status)
{
    struct kube_target *target = run->target;
    struct target_result *result = kube_run_result(run, planned->index);
    struct member_state state;
    member_state_read(answer, &state);
    pthread_mutex_lock(&target->lock);
    struct member *member =
        member_ensure(&target->members, planned->type, planned->ns, planned->name);
    bool was_applied = member_has_entry(&member->applied);
    bool same_content = memcmp(member->content, planned->content, MEMBER_HASH_SIZE) == 0;
    bool moved = state.version != planned->before;
    result->action = http_status == 201 ? TARGET_CREATE : moved ? TARGET_UPDATE : TARGET_UNCHANGED;
    if (was_applied && same_content && member->suspect)
        note_contest(member, member_count_heal(member, clock_mono_ms(clock_system())), result);
    member_note_applied(member, answer);
    memcpy(member->content, planned->content, MEMBER_HASH_SIZE);
    member->wanted = true;
    member->is_hook = planned->order.stage == STAGE_BEFORE || planned->order.stage == STAGE_AFTER;
    member->ignores_drift = planned->order.ignores_drift;
    pthread_mutex_unlock(&target->lock);
}

void kube_run_forget(struct kube_run *run, const struct planned *planned)
{
    struct kube_target *target = run->target;
    pthread_mutex_lock(&target->lock);
    struct member *member =
        member_find(&target->members, planned->type, planned->ns, planned->name);
    if (member != NULL) {
        memset(member->content, 0, sizeof member->content);
        member->wanted = true;
    }
    pthread_mutex_unlock(&target->lock);
}

void kube_run_hide(const struct planned *planned, struct kube_result *answer)
{
    if (*planned->type->group == '\0' && strcmp(planned->type->kind, "Secret") == 0)
        kube_result_hide_values(answer);
}

// What a Role for the account lacks, in an example that goes as far as the built-in ones do.
static void advise_right(const struct kube_target *target, const struct planned *planned,
                         struct error *err)
{
    bool rbac = strcmp(planned->type->group, "rbac.authorization.k8s.io") == 0;
    // Quotas and admission refuse, too, and that is no matter of rights.
    if (target->account == NULL || strstr(error_message(err), target->user) == NULL ||
        strstr(error_message(err), " cannot ") == NULL)
        return;
    cleanup_free char *cause = xstrdup(error_message(err));
    if (planned->type->namespaced)
        error_set(err, ERROR_DENIED,
                  "%s; bind a role that allows it to the account, for example: kubectl create "
                  "rolebinding %s-deploys -n %s --clusterrole=%s --serviceaccount=%s:%s",
                  cause, target->account, planned->ns, rbac ? "admin" : "edit", target->account_ns,
                  target->account);
    else
        error_set(err, ERROR_DENIED,
                  "%s; it belongs to no namespace: bind a ClusterRole that allows it to the "
                  "account: kubectl create clusterrolebinding %s-%s-deploys --clusterrole=NAME "
                  "--serviceaccount=%s:%s",
                  cause, target->account_ns, target->account, target->account_ns, target->account);
}

// The API server's words for it: of most fields, of StatefulSets and StorageClasses, of Pods and
// cluster addresses, of a binding's role.
static bool is_about_change(const char *message)
{
    static const char *const words[] = {"immutable",     "updates to ",       "may not change",
                                        "cannot change", "cannot be changed", "may not be changed"};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        if (strstr(message, words[i]) != NULL)
            return true;
    }
    return false;
}

static void advise_recreate(const struct planned *planned, struct error *err)
{
    cleanup_free char *cause = xstrdup(error_message(err));
    if (apply_keeps_data(planned->type->group, planned->type->kind))
        error_set(err, err->code, "%s; it keeps data, so it is never made anew by itself", cause);
    else
        error_set(err, err->code,
                  "%s; to have it deleted and made anew: the annotation sealift.dev/force: "
                  "recreate on the object, or spec.force: Recreate in the Sync",
                  cause);
}

static bool may_recreate(const struct kube_run *run, const struct planned *planned)
{
    bool hook = planned->order.stage == STAGE_BEFORE || planned->order.stage == STAGE_AFTER;
    return (run->target->recreate || planned->order.recreate || hook) &&
           !apply_keeps_data(planned->type->group, planned->type->kind);
}

static int judge_answer(struct kube_run *run, struct planned *planned, struct kube_result *answer,
                        struct error *err)
{
    bool refused = answer->error.code != ERROR_NONE && answer->http_status == 422;
    bool fixed = refused && is_about_change(error_message(&answer->error)); // before that is hidden
    kube_run_hide(planned, answer);
    if (fixed && !may_recreate(run, planned)) {
        advise_recreate(planned, &answer->error);
    } else if (refused && may_recreate(run, planned)) {
        if (kube_recreate(run, planned, answer, err) < 0)
            return -1;
        kube_run_hide(planned, answer);
    }
    if (answer->error.code != ERROR_NONE) {
        if (answer->error.code == ERROR_DENIED)
            advise_right(run->target, planned, &answer->error);
        return error_move(err, &answer->error);
    }
    if (answer->object == NULL)
        return error_set(err, ERROR_UNAVAILABLE, "the API server answered without the object");
    kube_entries_drop_others(run, planned, &answer->object);
    remember(run, planned, answer->object, answer->http_status);
    if (jval_string(answer->object, "metadata.deletionTimestamp") == NULL)
        return 0;
    return error_set(err, ERROR_UNAVAILABLE,
                     "it is being deleted; it is made again when it is gone. Finalizers that hold "
                     "it: kubectl get -o yaml shows metadata.finalizers");
}

// A kind that was defined a moment ago is not known to every API server yet.
static bool is_too_early(const struct planned *planned, const struct kube_result *answer)
{
    return planned->fresh_type && answer->http_status == 404;
}

// The watch may hear of our own write before its answer is looked at.
static uint64_t known_version(struct kube_target *target, const struct planned *planned)
{
    pthread_mutex_lock(&target->lock);
    const struct member *member =
        member_find(&target->members, planned->type, planned->ns, planned->name);
    uint64_t version = member != NULL && member->exists ? member->live.version : 0;
    pthread_mutex_unlock(&target->lock);
    return version;
}

static bool lacks_rival(struct kube_target *target, const struct planned *planned)
{
    pthread_mutex_lock(&target->lock);
    const struct member *member =
        member_find(&target->members, planned->type, planned->ns, planned->name);
    bool lacks = member != NULL && member->rival == NULL && member->rival_set == NULL &&
                 member_is_fought_over(member, clock_mono_ms(clock_system()));
    pthread_mutex_unlock(&target->lock);
    return lacks;
}

// Of another cluster only our own set is watched, and who takes an object out of it is not in the
// event: it is looked at before it is put back, a few at a time.
static void look_for_rivals(struct kube_run *run, struct planned **batch, size_t n)
{
    struct kube_target *target = run->target;
    for (size_t i = 0, looks = 0; i < n && looks < LOOKS_MAX; i++) {
        cleanup_json json_t *live = NULL;
        if (!lacks_rival(target, batch[i]))
            continue;
        looks++;
        if (kube_run_get(run, batch[i], &live, NULL) < 0)
            continue;
        pthread_mutex_lock(&target->lock);
        struct member *member =
            member_find(&target->members, batch[i]->type, batch[i]->ns, batch[i]->name);
        if (member != NULL && member->rival == NULL && member->rival_set == NULL)
            member_note_rivals(member, live, target->set_id);
        pthread_mutex_unlock(&target->lock);
    }
}

static void send_once(struct kube_run *run, struct planned **batch, size_t n,
                      struct kube_result *results)
{
    const struct kube_impersonation as = kube_target_as(run->target);
    cleanup_free struct kube_request *requests = xcalloc(n, sizeof *requests);
    for (size_t i = 0; i < n; i++) {
        requests[i] = apply_request(run, batch[i], &as);
        batch[i]->before = known_version(run->target, batch[i]);
    }
    kube_do_all(cluster_client(run->target->cluster), requests, n, results, NULL, NULL);
}

void kube_send_batch(struct kube_run *run, struct planned **batch, size_t n)
{
    int64_t until_ms = clock_mono_ms(clock_system()) + new_kind_wait_ms;
    cleanup_free struct kube_result *results = xcalloc(n + 1, sizeof *results);
    look_for_rivals(run, batch, n);
    send_once(run, batch, n, results);
    for (size_t i = 0; i < n; i++) {
        struct target_result *result = kube_run_result(run, batch[i]->index);
        while (is_too_early(batch[i], &results[i]) && clock_mono_ms(clock_system()) < until_ms &&
               pause_for(run, poll_ms, NULL) == 0) {
            kube_result_release(&results[i]);
            send_once(run, &batch[i], 1, &results[i]);
        }
        if (kube_entries_are_stale(&results[i]) && kube_entries_renew(run, batch[i])) {
            kube_result_release(&results[i]);
            send_once(run, &batch[i], 1, &results[i]);
        }
        if (judge_answer(run, batch[i], &results[i], &result->error) < 0) {
            result->action = TARGET_UPDATE;
            kube_run_forget(run, batch[i]);
        }
        kube_result_release(&results[i]);
    }
}

// ---- what cannot be changed ----

// Whether the server would take it if it were new: "exists already" comes after all other checks.
static bool is_valid_afresh(struct kube_run *run, const struct planned *planned)
{
    const struct kube_impersonation as = kube_target_as(run->target);
    struct kube_request request = apply_request(run, planned, &as);
    request.verb = KUBE_CREATE;
    request.ref.name = NULL;
    request.dry_run = true;
    request.force = false;
    cleanup_kube_result struct kube_result result = {0};
    kube_send(cluster_client(run->target->cluster), &request, &result);
    return strcmp(kube_result_reason(&result), "AlreadyExists") == 0;
}

int kube_run_get(const struct kube_run *run, const struct planned *planned, json_t **ret_live,
                 struct error *err)
{
    const struct kube_impersonation as = kube_target_as(run->target);
    // Our own right, because definitions are waited for whoever applied them.
    bool ourselves = strcmp(planned->type->kind, "CustomResourceDefinition") == 0;
    const struct kube_request request = {
        .verb = KUBE_GET,
        .ref = cluster_type_ref(planned->type, planned->version, planned->ns, planned->name),
        .as = as.user != NULL && !ourselves ? &as : NULL,
        .cancel = run->request->cancel,
    };
    return kube_do(cluster_client(run->target->cluster), &request, ret_live, err);
}

static int wait_until_gone(struct kube_run *run, const struct planned *planned, const char *uid,
                           struct error *err)
{
    int64_t until_ms = clock_mono_ms(clock_system()) + recreate_wait_ms;
    for (;;) {
        cleanup_json json_t *live = NULL;
        cleanup_error struct error cause = {0};
        if (kube_run_get(run, planned, &live, &cause) < 0) {
            if (cause.code == ERROR_NOT_FOUND)
                return 0;
            return error_move(err, &cause);
        }
        if (strcmp(jval_string_or(live, "metadata.uid", ""), uid) != 0)
            return 0;
        if (clock_mono_ms(clock_system()) > until_ms)
            return error_set(err, ERROR_TIMEOUT,
                             "it has to be made anew, and is still being deleted; its finalizers "
                             "hold it");
        if (pause_for(run, poll_ms, err) < 0)
            return -1;
    }
}

int kube_recreate(struct kube_run *run, struct planned *planned, struct kube_result *ret_result,
                  struct error *err)
{
    struct kube_client *client = cluster_client(run->target->cluster);
    const struct kube_impersonation as = kube_target_as(run->target);
    if (!is_valid_afresh(run, planned))
        return error_move(err, &ret_result->error);
    struct kube_request request = apply_request(run, planned, &as);
    cleanup_json json_t *live = NULL;
    if (kube_run_get(run, planned, &live, err) < 0)
        return -1;
    const char *uid = jval_string_or(live, "metadata.uid", "");
    const struct kube_request deletion = {
        .verb = KUBE_DELETE,
        .ref = request.ref,
        .propagation = "Background",
        .if_uid = uid,
        .as = request.as,
        .cancel = request.cancel,
    };
    if (kube_do(client, &deletion, NULL, err) < 0 && err->code != ERROR_NOT_FOUND)
        return error_wrap(err, "delete it, because it cannot be changed");
    error_release(err);
    if (wait_until_gone(run, planned, uid, err) < 0)
        return -1;
    kube_result_release(ret_result);
    *ret_result = (struct kube_result){0};
    kube_send(client, &request, ret_result);
    return 0;
}
