// What is ours and no longer wanted. Ours means: our label, and our Apply entry in managedFields; a
// label alone is easily written. Whoever may write to a namespace can forge both there: so it is
// also in a namespace that the Sync's spec names, or the Sync's account may delete it. What is
// deleted is what was judged: uid and resourceVersion are preconditions.
#include <stdlib.h>
#include <string.h>

#include "api/object.h"
#include "base/jval.h"
#include "base/kube/kube_auth.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "controller/kube_target_internal.h"

// Somebody who floods us with strangers makes us ask so often.
enum { STRANGERS_MAX = 64, DELETE_TRIES = 4 };

static bool is_candidate(const struct member *member)
{
    return member->exists && !member->terminating && !member->controlled &&
           member_has_entry(&member->live);
}

static enum target_action action_for(const struct kube_target *target, const struct member *member,
                                     bool may_prune)
{
    const struct cluster_type *type = member->type;
    bool kept = apply_keeps_data(type->group, type->kind) && !member->prune_on;
    return may_prune && !kept && !member->prune_off &&
                   !cluster_is_stale(target->cluster, type->group)
               ? TARGET_PRUNE
               : TARGET_KEEP;
}

// The path that it would have in an artifact.
static char *path_of(const struct member *member)
{
    return object_path(member->type->group, member->type->kind, member->ns, member->name);
}

static char *text_of(const struct member *member)
{
    const struct object_key key = {member->type->kind, member->ns, member->name};
    return object_key_text(&key);
}

void victim_release(void *element)
{
    struct victim *victim = element;
    free(victim->ns);
    free(victim->name);
}

static void add_victim(struct kube_run *run, const struct member *member, size_t result)
{
    struct victim *victim = vec_push(&run->victims);
    victim->result = result;
    victim->type = (struct cluster_type *)(uintptr_t)member->type;
    victim->ns = xstrdup(member->ns);
    victim->name = xstrdup(member->name);
    memcpy(victim->uid, member->live.uid, sizeof victim->uid);
    snprintf(victim->version, sizeof victim->version, "%llu",
             (unsigned long long)member->live.version);
}

// ---- strangers ----

void stranger_release(void *element)
{
    struct stranger *stranger = element;
    free(stranger->ns);
}

static struct stranger *find_stranger(const struct kube_run *run, const struct member *member)
{
    vec_foreach (struct stranger, stranger, &run->strangers) {
        if (stranger->type == member->type && strcmp(stranger->ns, member->ns) == 0)
            return stranger;
    }
    return NULL;
}

static bool is_strange(const struct kube_run *run, const struct member *member)
{
    return *member->ns == '\0' || !kube_target_names(run->target, member->ns);
}

static void ask_about_strangers(struct kube_run *run)
{
    struct kube_target *target = run->target;
    const struct kube_impersonation as = kube_target_as(target);
    size_t known = run->strangers.len;
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members) {
        if (!is_candidate(member) || !is_strange(run, member) ||
            run->strangers.len >= STRANGERS_MAX || find_stranger(run, member) != NULL ||
            vec_find(&run->wanted, member, member_compare) != NULL)
            continue;
        struct stranger *stranger = vec_push(&run->strangers);
        stranger->type = member->type;
        stranger->ns = xstrdup(member->ns);
    }
    pthread_mutex_unlock(&target->lock);
    for (size_t i = known; i < run->strangers.len; i++) {
        struct stranger *stranger = vec_at(&run->strangers, i);
        cleanup_error struct error cause = {0};
        const struct kube_action action = {.verb = "delete",
                                           .group = stranger->type->group,
                                           .plural = stranger->type->plural,
                                           .namespace_ = stranger->ns};
        if (kube_may(cluster_client(target->cluster), as.user != NULL ? &as : NULL, &action,
                     run->request->cancel, &stranger->allowed, NULL, &cause) < 0)
            stranger->code = cause.code;
    }
}

// What is not ours to delete is kept; not to know that is a failure.
static void judge_stranger(const struct kube_run *run, const struct member *member,
                           struct target_result *result)
{
    const struct stranger *stranger = find_stranger(run, member);
    if (stranger != NULL && stranger->allowed)
        return;
    result->action = TARGET_KEEP;
    if (stranger != NULL && stranger->code != ERROR_NONE)
        error_set(&result->error, ERROR_UNAVAILABLE,
                  "the API server did not say whether it may be deleted");
}

void kube_prune_list(struct kube_run *run, bool may_prune, struct vec *ret_results)
{
    struct kube_target *target = run->target;
    vec_clear(&run->victims);
    ask_about_strangers(run);
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members) {
        if (!is_candidate(member) || vec_find(&run->wanted, member, member_compare) != NULL)
            continue;
        struct target_result *result = vec_push(ret_results);
        result->path = path_of(member);
        result->object = text_of(member);
        result->action = action_for(target, member, may_prune && run->request->prune);
        if (result->action == TARGET_PRUNE && is_strange(run, member))
            judge_stranger(run, member, result);
        if (result->action == TARGET_PRUNE)
            add_victim(run, member, ret_results->len - 1);
    }
    pthread_mutex_unlock(&target->lock);
}

// ---- deleting ----

// Last what others may need while they go.
static int compare_victims(const void *a, const void *b)
{
    const struct victim *left = a;
    const struct victim *right = b;
    enum apply_stage left_stage = apply_stage_of(left->type->group, left->type->kind);
    enum apply_stage right_stage = apply_stage_of(right->type->group, right->type->kind);
    if (left_stage != right_stage)
        return left_stage > right_stage ? -1 : 1;
    return left->result < right->result ? -1 : left->result > right->result;
}

// The watch tells when it is gone; until then it is no candidate any more.
static void note_deleted(struct kube_target *target, const struct victim *victim)
{
    pthread_mutex_lock(&target->lock);
    struct member *member = member_find(&target->members, victim->type, victim->ns, victim->name);
    if (member != NULL && strcmp(member->live.uid, victim->uid) == 0)
        member->terminating = true;
    pthread_mutex_unlock(&target->lock);
}

static struct kube_request deletion_of(const struct victim *victim,
                                       const struct kube_impersonation *as, struct cancel *cancel)
{
    return (struct kube_request){
        .verb = KUBE_DELETE,
        .ref = cluster_type_ref(victim->type, NULL, victim->ns, victim->name),
        .propagation = "Background",
        .if_uid = victim->uid,
        .if_resource_version = victim->version,
        .as = as->user != NULL ? as : NULL,
        .cancel = cancel,
    };
}

// Whether it is still to be deleted, as it is now.
static bool judge_again(struct kube_run *run, struct victim *victim, struct cancel *cancel,
                        struct error *err)
{
    struct kube_target *target = run->target;
    if (kube_target_look(target, victim->type, victim->ns, victim->name, cancel, err) < 0)
        return false;
    pthread_mutex_lock(&target->lock);
    const struct member *member =
        member_find(&target->members, victim->type, victim->ns, victim->name);
    bool goes = member != NULL && is_candidate(member) &&
                strcmp(member->live.uid, victim->uid) == 0 &&
                action_for(target, member, true) == TARGET_PRUNE;
    if (goes)
        snprintf(victim->version, sizeof victim->version, "%llu",
                 (unsigned long long)member->live.version);
    pthread_mutex_unlock(&target->lock);
    return goes;
}

// Somebody changed it since it was judged, as a controller does that writes its status.
static void delete_again(struct kube_run *run, struct victim *victim, struct cancel *cancel,
                         struct kube_result *answer, struct target_result *result)
{
    const struct kube_impersonation as = kube_target_as(run->target);
    for (int tries = 1; answer->error.code == ERROR_CONFLICT; tries++) {
        cleanup_error struct error cause = {0};
        if (tries == DELETE_TRIES)
            return;
        kube_result_release(answer);
        if (!judge_again(run, victim, cancel, &cause)) {
            result->action = TARGET_KEEP;
            error_move(&result->error, &cause);
            return;
        }
        const struct kube_request request = deletion_of(victim, &as, cancel);
        kube_send(cluster_client(run->target->cluster), &request, answer);
    }
}

static void take_answer(struct kube_run *run, struct victim *victim, struct cancel *cancel,
                        struct kube_result *answer, struct target_result *result)
{
    delete_again(run, victim, cancel, answer, result);
    if (result->action == TARGET_KEEP)
        return;
    if (answer->error.code == ERROR_NONE || answer->error.code == ERROR_NOT_FOUND)
        note_deleted(run->target, victim);
    else
        error_move(&result->error, &answer->error);
}

static void delete_batch(struct kube_run *run, struct cancel *cancel, struct victim *victims,
                         size_t n, struct vec *results)
{
    const struct kube_target *target = run->target;
    const struct kube_impersonation as = kube_target_as(target);
    cleanup_free struct kube_request *requests = xcalloc(n, sizeof *requests);
    cleanup_free struct kube_result *answers = xcalloc(n, sizeof *answers);
    for (size_t i = 0; i < n; i++)
        requests[i] = deletion_of(&victims[i], &as, cancel);
    kube_do_all(cluster_client(target->cluster), requests, n, answers, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        take_answer(run, &victims[i], cancel, &answers[i], vec_at(results, victims[i].result));
        kube_result_release(&answers[i]);
    }
}

void kube_prune_results(struct kube_run *run, struct cancel *cancel, struct vec *results)
{
    struct vec *victims = &run->victims;
    vec_sort(victims, compare_victims);
    for (size_t begin = 0, end; begin < victims->len; begin = end) {
        struct victim *at = vec_at(victims, begin);
        end = begin + 1;
        while (end < victims->len) {
            const struct victim *next = vec_at(victims, end);
            if (apply_stage_of(next->type->group, next->type->kind) !=
                apply_stage_of(at->type->group, at->type->kind))
                break;
            end++;
        }
        delete_batch(run, cancel, at, end - begin, results);
    }
}

// ---- the interface ----

int kube_target_prune_candidates(struct target *target, const struct target_request *request,
                                 struct vec *ret_results, struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    cleanup_vec struct vec objects = TARGET_RESULTS;
    struct kube_run run;
    kube_run_init(&run, kube, request, &objects);
    int result = kube_run_name(&run, err);
    bool known = true;
    vec_foreach (struct target_result, object, &objects)
        known &= object->error.code == ERROR_NONE;
    // With an object that cannot be told nothing is pruned.
    if (result == 0 && known)
        kube_prune_list(&run, true, ret_results);
    kube_run_release(&run);
    return result;
}

// What is of a group whose server does not answer may not be left behind.
static int check_groups(struct kube_target *target, struct error *err)
{
    int result = 0;
    for (const char *at = target->kinds; at != NULL && *at != '\0' && result == 0;) {
        size_t length = strcspn(at, ",");
        cleanup_free char *kind = xstrndup(at, length);
        const char *dot = strchr(kind, '.');
        if (dot != NULL && cluster_is_stale(target->cluster, dot + 1))
            result = error_set(err, ERROR_UNAVAILABLE,
                               "the API server of %s does not answer, and objects of it may be "
                               "left; they are removed when it does",
                               dot + 1);
        at += length + (at[length] == ',');
    }
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members) {
        if (result == 0 && is_candidate(member) &&
            cluster_is_stale(target->cluster, member->type->group))
            result = error_set(err, ERROR_UNAVAILABLE,
                               "the API server of %s does not answer, and %s %s is left; it is "
                               "removed when it does",
                               member->type->group, member->type->kind, member->name);
    }
    pthread_mutex_unlock(&target->lock);
    return result;
}

int kube_target_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                           struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    const struct target_request request = {.prune = true, .afresh = true, .cancel = cancel};
    struct kube_run run;
    target->reason = NULL;
    kube_run_init(&run, kube, &request, ret_results);
    kube_target_begin(kube);
    int result = kube_run_identify(&run, false, err);
    if (result == 0) {
        kube_prune_list(&run, true, ret_results);
        if (ret_results->len > 0)
            result = kube_target_check_account(kube, cancel, err);
    }
    if (result == 0)
        kube_prune_results(&run, cancel, ret_results);
    if (result == 0)
        result = check_groups(kube, err);
    vec_foreach (struct target_result, object, ret_results) {
        if (result == 0 && object->error.code != ERROR_NONE)
            result = error_set(err, object->error.code, "remove %s: %s", target_result_text(object),
                               error_message(&object->error));
    }
    kube_target_end(kube);
    kube_run_release(&run);
    return result;
}
