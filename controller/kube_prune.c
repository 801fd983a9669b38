// What is ours and no longer wanted. Ours means: our label, and our Apply entry in managedFields;
// a label alone anybody can write. What is deleted is what was judged: uid and resourceVersion are
// preconditions.
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "controller/kube_target_internal.h"

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

void kube_prune_list(struct kube_run *run, bool may_prune, struct vec *ret_results)
{
    struct kube_target *target = run->target;
    vec_clear(&run->victims);
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members) {
        if (!is_candidate(member) || vec_find(&run->wanted, member, member_compare) != NULL)
            continue;
        struct target_result *result = vec_push(ret_results);
        result->path = path_of(member);
        result->action = action_for(target, member, may_prune && run->request->prune);
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

static void take_answer(struct kube_target *target, const struct victim *victim,
                        struct kube_result *answer, struct target_result *result)
{
    if (answer->error.code == ERROR_NONE || answer->error.code == ERROR_NOT_FOUND)
        note_deleted(target, victim);
    else if (answer->error.code == ERROR_CONFLICT)
        // Somebody changed it since it was judged; it is judged again.
        result->action = TARGET_KEEP;
    else
        error_move(&result->error, &answer->error);
}

static void delete_batch(struct kube_target *target, struct cancel *cancel,
                         const struct victim *victims, size_t n, struct vec *results)
{
    const struct kube_impersonation as = kube_target_as(target);
    cleanup_free struct kube_request *requests = xcalloc(n, sizeof *requests);
    cleanup_free struct kube_result *answers = xcalloc(n, sizeof *answers);
    for (size_t i = 0; i < n; i++)
        requests[i] = (struct kube_request){
            .verb = KUBE_DELETE,
            .ref = cluster_type_ref(victims[i].type, NULL, victims[i].ns, victims[i].name),
            .propagation = "Background",
            .if_uid = victims[i].uid,
            .if_resource_version = victims[i].version,
            .as = as.user != NULL ? &as : NULL,
            .cancel = cancel,
        };
    kube_do_all(cluster_client(target->cluster), requests, n, answers, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        take_answer(target, &victims[i], &answers[i], vec_at(results, victims[i].result));
        kube_result_release(&answers[i]);
    }
}

void kube_prune_results(struct kube_run *run, struct cancel *cancel, struct vec *results)
{
    const struct vec *victims = &run->victims;
    vec_sort(&run->victims, compare_victims);
    for (size_t begin = 0, end; begin < victims->len; begin = end) {
        const struct victim *at = vec_at(victims, begin);
        end = begin + 1;
        while (end < victims->len) {
            const struct victim *next = vec_at(victims, end);
            if (apply_stage_of(next->type->group, next->type->kind) !=
                apply_stage_of(at->type->group, at->type->kind))
                break;
            end++;
        }
        delete_batch(run->target, cancel, at, end - begin, results);
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

int kube_target_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                           struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    const struct target_request request = {.prune = true, .cancel = cancel};
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
    vec_foreach (struct target_result, object, ret_results) {
        if (result == 0 && object->error.code != ERROR_NONE)
            result = error_set(err, object->error.code, "remove %s: %s", object->path,
                               error_message(&object->error));
    }
    kube_target_end(kube);
    kube_run_release(&run);
    return result;
}
