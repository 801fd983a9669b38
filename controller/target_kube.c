#include "controller/target_kube.h"

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_target_internal.h"

// ---- plan ----

// What apply would make of it, beside what is there, without what every write changes.
static void strip(json_t *object)
{
    jval_remove(object, "metadata.managedFields");
    jval_remove(object, "metadata.resourceVersion");
    jval_remove(object, "metadata.generation");
    json_object_del(object, "status");
}

static int plan_one(struct kube_run *run, const struct planned *planned, struct error *err)
{
    struct kube_client *client = cluster_client(run->target->cluster);
    const struct kube_impersonation as = kube_target_as(run->target);
    struct target_result *result = kube_run_result(run, planned->index);
    const struct kube_ref ref =
        cluster_type_ref(planned->type, planned->version, planned->ns, planned->name);
    cleanup_json json_t *live = NULL;
    cleanup_kube_result struct kube_result would = {0};
    cleanup_error struct error cause = {0};
    if (kube_run_get(run, planned, &live, &cause) < 0) {
        if (cause.code != ERROR_NOT_FOUND)
            return error_move(err, &cause);
        result->action = TARGET_CREATE;
        return 0;
    }
    const struct kube_request request = {
        .verb = KUBE_APPLY,
        .ref = ref,
        .bytes = planned->bytes,
        .size = planned->size,
        .field_manager = FIELD_MANAGER,
        .field_validation = "Strict",
        .force = true,
        .dry_run = true,
        .as = as.user != NULL ? &as : NULL,
        .cancel = run->request->cancel,
    };
    kube_send(client, &request, &would);
    kube_run_hide(planned, &would);
    if (would.error.code != ERROR_NONE)
        return error_move(err, &would.error);
    if (would.object == NULL)
        return error_set(err, ERROR_UNAVAILABLE, "the API server answered without the object");
    strip(live);
    strip(would.object);
    result->action = json_equal(live, would.object) ? TARGET_UNCHANGED : TARGET_UPDATE;
    return 0;
}

static void drop_unchanged(struct vec *results)
{
    for (size_t i = results->len; i-- > 0;) {
        const struct target_result *result = vec_at(results, i);
        if (result->action == TARGET_UNCHANGED && result->error.code == ERROR_NONE)
            vec_remove(results, i);
    }
}

static int plan(struct target *target, const struct target_request *request,
                struct vec *ret_results, struct error *err)
{
    struct kube_target *kube = kube_target_of(target);
    struct kube_run run;
    target->reason = NULL;
    kube_run_init(&run, kube, request, ret_results);
    int result = kube_run_identify(&run, request->afresh || !kube->has_applied, err);
    if (result == 0 && run.planned.len > 0)
        result = kube_target_check_account(kube, request->cancel, err);
    for (size_t i = 0; result == 0 && i < run.planned.len; i++) {
        const struct planned *planned = vec_at(&run.planned, i);
        plan_one(&run, planned, &kube_run_result(&run, planned->index)->error);
    }
    if (result == 0)
        kube_prune_list(&run, true, ret_results);
    drop_unchanged(ret_results);
    kube_run_release(&run);
    return result;
}

// ---- making one ----

static void target_kube_free(struct target *target)
{
    struct kube_target *kube = kube_target_of(target);
    kube_drift_free(kube);
    cluster_unref(kube->cluster);
    vec_free(&kube->members);
    free(kube->names);
    vec_free(&kube->swept);
    vec_free(&kube->allowed);
    pthread_mutex_destroy(&kube->lock);
    free(kube->ns);
    free(kube->name);
    free(kube->default_ns);
    free(kube->account_ns);
    free(kube->account);
    free(kube->user);
    free(kube->kinds);
    free(kube->set_id);
    free(kube);
}

static const struct target_ops ops = {
    .plan = plan,
    .apply = kube_target_apply,
    .prune_candidates = kube_target_prune_candidates,
    .remove_all = kube_target_remove_all,
    .health = kube_target_health,
    .watch = kube_target_watch,
    .free = target_kube_free,
};

struct target *target_kube_new(struct cluster *cluster, const struct target_kube_options *options)
{
    struct kube_target *kube = xcalloc(1, sizeof *kube);
    kube->target.ops = &ops;
    kube->cluster = cluster_ref(cluster);
    kube->ns = xstrdup(options->ns);
    kube->name = xstrdup(options->name);
    kube->default_ns =
        xstrdup(options->target_namespace != NULL ? options->target_namespace : options->ns);
    kube->allowed = VEC_OF(char *, vec_release_string);
    size_t index;
    json_t *allowed;
    json_array_foreach (options->allow_namespaces, index, allowed) {
        if (json_is_string(allowed))
            vec_push_string(&kube->allowed, json_string_value(allowed));
    }
    if (options->account != NULL) {
        kube->account_ns = xstrdup(options->account_namespace);
        kube->account = xstrdup(options->account);
        kube->user =
            xasprintf("system:serviceaccount:%s:%s", options->account_namespace, options->account);
    }
    kube->kinds = xstrdup_or_null(options->kinds);
    kube->recreate = options->recreate;
    kube->waits = options->waits;
    kube->set_id = applyset_id(options->name, options->ns, "Sync", "sealift.dev");
    kube->members = MEMBERS;
    kube->swept = VEC_OF(struct cluster_type *, NULL);
    pthread_mutex_init(&kube->lock, NULL);
    kube_drift_init(kube);
    return &kube->target;
}
