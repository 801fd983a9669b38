// What there is to do: which objects the request has, which of them are as applied and need no
// request, and what is labelled as ours.
#include <stdlib.h>
#include <string.h>

#include "api/object.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_target_internal.h"

static const int64_t discovery_age_ms = 10 * 60 * 1000;
enum { SWEEP_PAGE = 500, PATH_SEGMENT_MAX = 200, PLACE_LOOKS_MAX = 8 };

void kube_run_init(struct kube_run *run, struct kube_target *target,
                   const struct target_request *request, struct vec *results)
{
    *run = (struct kube_run){
        .target = target,
        .request = request,
        .results = results,
        .planned = VEC_OF(struct planned, planned_release),
        .left = VEC_OF(struct planned, planned_release),
        .wanted = MEMBERS,
        .victims = VEC_OF(struct victim, victim_release),
        .strangers = VEC_OF(struct stranger, stranger_release),
    };
    for (size_t i = 0; i < request->n; i++) {
        struct target_result *result = vec_push(results);
        result->path = xstrdup(request->objects[i].path);
        result->action = TARGET_UNCHANGED;
    }
}

void kube_run_release(struct kube_run *run)
{
    vec_free(&run->planned);
    vec_free(&run->left);
    vec_free(&run->wanted);
    vec_free(&run->victims);
    vec_free(&run->strangers);
}

struct target_result *kube_run_result(const struct kube_run *run, size_t index)
{
    return vec_at(run->results, index);
}

// ---- which objects ----

// Names with escapes in them, or cut, are only in the object itself.
static bool path_tells(const struct target_object *object)
{
    return strchr(object->path, '%') == NULL && strlen(object->name) < PATH_SEGMENT_MAX &&
           (object->ns == NULL || strlen(object->ns) < PATH_SEGMENT_MAX);
}

static void hash_content(const struct target_object *object, unsigned char *ret_content)
{
    unsigned char hash[SHA256_SIZE];
    sha256(object->bytes, object->size, hash);
    memcpy(ret_content, hash, MEMBER_HASH_SIZE);
}

static void want(struct kube_run *run, const struct cluster_type *type, const char *ns,
                 const char *name)
{
    struct member *wanted = vec_push(&run->wanted);
    wanted->type = type;
    wanted->ns = xstrdup(ns);
    wanted->name = xstrdup(name);
}

// Contested objects are left alone for a while.
static bool needs_heal(const struct member *member, int64_t now_ms)
{
    return member->suspect && !member->is_hook && !member->ignores_drift &&
           now_ms >= member->not_before_ms;
}

// Whether it is known to be as these bytes say, without a request.
static bool is_as_applied(struct kube_run *run, const struct target_object *object,
                          const unsigned char *content)
{
    struct kube_target *target = run->target;
    struct cluster_type *type = cluster_type_of(target->cluster, object->group, "", object->kind);
    if (type == NULL || !path_tells(object) || !cluster_is_watched(target->cluster, type))
        return false;
    const char *ns = !type->namespaced ? "" : object->ns != NULL ? object->ns : target->default_ns;
    pthread_mutex_lock(&target->lock);
    const struct member *member = member_find(&target->members, type, ns, object->name);
    bool same = member != NULL && memcmp(member->content, content, MEMBER_HASH_SIZE) == 0 &&
                !needs_heal(member, clock_mono_ms(clock_system()));
    pthread_mutex_unlock(&target->lock);
    if (same)
        want(run, type, ns, object->name);
    return same;
}

static bool is_hook(const struct planned *planned)
{
    return planned->order.stage == STAGE_BEFORE || planned->order.stage == STAGE_AFTER;
}

// Whether an earlier process applied all of it, as far as the status tells.
static bool is_taken_over(const struct kube_run *run)
{
    return run->request->settled && !run->target->has_applied;
}

// Drift that the artifact says to ignore is not put back by a look at everything either, and a hook
// that ran, and was cleared up since, runs once: both are sent when their content is new. Somebody
// who asks for all of it gets what is missing made again.
static bool is_left_alone(struct kube_run *run, const struct planned *planned)
{
    struct kube_target *target = run->target;
    if (!is_hook(planned) && !planned->order.ignores_drift)
        return false;
    pthread_mutex_lock(&target->lock);
    const struct member *known =
        member_find(&target->members, planned->type, planned->ns, planned->name);
    bool same = known != NULL && memcmp(known->content, planned->content, MEMBER_HASH_SIZE) == 0;
    bool exists = known != NULL && known->exists;
    bool alone = (same || is_taken_over(run)) && (exists || !run->request->afresh);
    pthread_mutex_unlock(&target->lock);
    return alone;
}

static bool has_any_member(struct kube_target *target)
{
    bool any = false;
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct member, member, &target->members)
        any |= member->exists;
    pthread_mutex_unlock(&target->lock);
    return any;
}

static bool is_labelled(const struct kube_run *run, const json_t *live)
{
    const json_t *labels = jval_object(live, "metadata.labels");
    const char *set = json_string_value(json_object_get(labels, APPLYSET_PART_OF));
    return set != NULL && strcmp(set, run->target->set_id) == 0;
}

// The status tells of a cluster that may be another one by now: made anew, or named anew by the
// kubeconfig. There nothing is ours. A list may not show it, so some of it is asked for, too.
static bool is_new_place(struct kube_run *run)
{
    size_t looks = 0;
    if (run->left.len == 0 || !is_taken_over(run) || has_any_member(run->target))
        return false;
    vec_foreach (struct planned, planned, &run->planned) {
        cleanup_json json_t *live = NULL;
        cleanup_error struct error cause = {0};
        if (is_hook(planned) || planned->order.ignores_drift || looks == PLACE_LOOKS_MAX)
            continue;
        looks++;
        if (kube_run_get(run, planned, &live, &cause) == 0 ? is_labelled(run, live)
                                                           : cause.code != ERROR_NOT_FOUND)
            return false;
    }
    return looks > 0;
}

// What is left alone counts as applied; in a new place it is applied.
static void settle_left(struct kube_run *run)
{
    struct kube_target *target = run->target;
    if (is_new_place(run)) {
        vec_foreach (struct planned, planned, &run->left)
            *(struct planned *)vec_push(&run->planned) = *planned;
        run->left.len = 0;
        return;
    }
    pthread_mutex_lock(&target->lock);
    vec_foreach (struct planned, planned, &run->left) {
        struct member *member =
            member_ensure(&target->members, planned->type, planned->ns, planned->name);
        memcpy(member->content, planned->content, MEMBER_HASH_SIZE);
        member->is_hook = is_hook(planned);
        member->ignores_drift = planned->order.ignores_drift;
    }
    pthread_mutex_unlock(&target->lock);
    vec_clear(&run->left);
}

static char *text_of(const char *kind, const char *ns, const char *name)
{
    const struct object_key key = {kind, ns != NULL ? ns : "", name};
    return object_key_text(&key);
}

static void identify(struct kube_run *run, size_t index, bool all)
{
    const struct target_object *object = &run->request->objects[index];
    struct target_result *result = kube_run_result(run, index);
    unsigned char content[MEMBER_HASH_SIZE];
    hash_content(object, content);
    if (!all && is_as_applied(run, object, content))
        return;
    struct planned planned = {.index = index};
    memcpy(planned.content, content, sizeof content);
    if (kube_desire(run, object, &planned, &result->error) < 0) {
        planned_release(&planned);
        result->object = text_of(object->kind, object->ns, object->name);
        return;
    }
    result->object = text_of(planned.type->kind, planned.ns, planned.name);
    want(run, planned.type, planned.ns, planned.name);
    struct vec *list = is_left_alone(run, &planned) ? &run->left : &run->planned;
    *(struct planned *)vec_push(list) = planned;
}

// By its path, where that tells.
static void name_object(struct kube_run *run, size_t index)
{
    const struct target_object *object = &run->request->objects[index];
    const struct kube_target *target = run->target;
    const struct cluster_type *type =
        cluster_type_of(target->cluster, object->group, "", object->kind);
    if (type == NULL || !path_tells(object)) {
        identify(run, index, true);
        return;
    }
    const char *ns = !type->namespaced ? "" : object->ns != NULL ? object->ns : target->default_ns;
    want(run, type, ns, object->name);
}

static bool is_definition(const struct target_object *object)
{
    return strcmp(object->group, "apiextensions.k8s.io") == 0 &&
           strcmp(object->kind, "CustomResourceDefinition") == 0;
}

static int learn_kinds(struct kube_run *run, struct error *err)
{
    const struct target_request *request = run->request;
    int64_t max_age_ms = request->afresh ? 0 : discovery_age_ms;
    if (cluster_discover(run->target->cluster, max_age_ms, request->cancel, err) < 0)
        return error_wrap(err, "ask the cluster for its kinds");
    if (kube_target_sweep(run->target, request->cancel, err) < 0)
        return -1;
    for (size_t i = 0; i < request->n; i++) {
        if (is_definition(&request->objects[i]))
            kube_desire_definition(run, &request->objects[i]);
    }
    return 0;
}

int kube_run_name(struct kube_run *run, struct error *err)
{
    if (learn_kinds(run, err) < 0)
        return -1;
    for (size_t i = 0; i < run->request->n; i++)
        name_object(run, i);
    vec_sort(&run->wanted, member_compare);
    return 0;
}

int kube_run_identify(struct kube_run *run, bool all, struct error *err)
{
    const struct target_request *request = run->request;
    if (learn_kinds(run, err) < 0)
        return -1;
    for (size_t i = 0; i < request->n; i++) {
        if (cancel_check(request->cancel, err) < 0)
            return -1;
        identify(run, i, all);
    }
    settle_left(run);
    vec_sort(&run->wanted, member_compare);
    return 0;
}

// ---- what is ours ----

static void learn(struct kube_target *target, struct cluster_type *type, const json_t *items)
{
    size_t index;
    json_t *object;
    pthread_mutex_lock(&target->lock);
    json_array_foreach (items, index, object) {
        const char *name = jval_string(object, "metadata.name");
        if (name != NULL)
            member_observe(member_ensure(&target->members, type,
                                         jval_string_or(object, "metadata.namespace", ""), name),
                           object);
    }
    pthread_mutex_unlock(&target->lock);
}

static int learn_namespace(struct kube_target *target, struct cluster_type *type,
                           const struct kube_request *request, const char *ns, struct error *err)
{
    const struct kube_impersonation as = kube_target_as(target);
    cleanup_json json_t *items = NULL;
    cleanup_error struct error cause = {0};
    struct kube_request there = *request;
    there.ref = cluster_type_ref(type, NULL, ns, NULL);
    there.as = as.user != NULL ? &as : NULL;
    if (kube_list(cluster_client(target->cluster), &there, &items, &cause) == 0)
        learn(target, type, items);
    else if (error_is_transient(&cause) || cause.code == ERROR_CANCELED)
        return error_move(err, &cause);
    return 0;
}

// Who may not list a kind everywhere may perhaps where it is applied.
static int learn_as_account(struct kube_target *target, struct cluster_type *type,
                            const struct kube_request *request, struct error *err)
{
    if (learn_namespace(target, type, request, target->default_ns, err) < 0 ||
        (strcmp(target->ns, target->default_ns) != 0 &&
         learn_namespace(target, type, request, target->ns, err) < 0))
        return -1;
    vec_foreach (char *, ns, &target->allowed) {
        if (learn_namespace(target, type, request, *ns, err) < 0)
            return -1;
    }
    return 0;
}

static int learn_pages(struct kube_target *target, struct cluster_type *type,
                       const struct kube_request *request, const struct kube_result *first,
                       struct error *err)
{
    if (first->error.code == ERROR_NONE &&
        jval_string(first->object, "metadata.continue") == NULL) {
        learn(target, type, jval_array(first->object, "items"));
        return 0;
    }
    if (first->error.code == ERROR_NONE) {
        cleanup_json json_t *items = NULL;
        if (kube_list(cluster_client(target->cluster), request, &items, err) < 0)
            return -1;
        learn(target, type, items);
        return 0;
    }
    if (first->error.code == ERROR_DENIED && type->namespaced)
        return learn_as_account(target, type, request, err);
    // What may not be listed cannot be pruned, and what went away has no objects.
    if (!error_is_transient(&first->error) && first->error.code != ERROR_CANCELED)
        return 0;
    return error_set(err, first->error.code, "list what is ours of %s: %s", type->kind,
                     error_message(&first->error));
}

int kube_target_look(struct kube_target *target, struct cluster_type *type, const char *ns,
                     const char *name, struct cancel *cancel, struct error *err)
{
    cleanup_free char *selector = xasprintf("metadata.name=%s", name);
    const struct kube_impersonation as = kube_target_as(target);
    struct kube_request request = {
        .verb = KUBE_LIST,
        .ref = cluster_type_ref(type, NULL, ns, NULL),
        .field_selector = selector,
        .accept = KUBE_METADATA,
        .cancel = cancel,
    };
    cleanup_json json_t *items = NULL;
    int result = kube_list(cluster_client(target->cluster), &request, &items, err);
    if (result < 0 && err->code == ERROR_DENIED && as.user != NULL) {
        error_release(err);
        request.as = &as;
        result = kube_list(cluster_client(target->cluster), &request, &items, err);
    }
    if (result == 0)
        learn(target, type, items);
    return result;
}

static int compare_types(const void *a, const void *b)
{
    const struct cluster_type *left = *(struct cluster_type *const *)a;
    const struct cluster_type *right = *(struct cluster_type *const *)b;
    return left < right ? -1 : left > right;
}

// Those that were not looked through yet: all at first, later what was defined since, or could not
// be asked before.
static void find_unswept(struct kube_target *target, struct vec *ret_types)
{
    cleanup_vec struct vec types = VEC_OF(struct cluster_type *, NULL);
    cluster_types(target->cluster, &types);
    vec_sort(&types, compare_types);
    vec_foreach (struct cluster_type *, type, &types) {
        if (vec_find(&target->swept, type, compare_types) == NULL)
            *(struct cluster_type **)vec_push(ret_types) = *type;
    }
}

int kube_target_sweep(struct kube_target *target, struct cancel *cancel, struct error *err)
{
    cleanup_vec struct vec types = VEC_OF(struct cluster_type *, NULL);
    find_unswept(target, &types);
    if (types.len == 0)
        return 0;
    cleanup_free char *selector = xasprintf("%s=%s", APPLYSET_PART_OF, target->set_id);
    cleanup_free struct kube_request *requests = xcalloc(types.len, sizeof *requests);
    cleanup_free struct kube_result *results = xcalloc(types.len, sizeof *results);
    for (size_t i = 0; i < types.len; i++) {
        const struct cluster_type *type = *(struct cluster_type **)vec_at(&types, i);
        requests[i] = (struct kube_request){
            .verb = KUBE_LIST,
            .ref = cluster_type_ref(type, NULL, NULL, NULL),
            .label_selector = selector,
            .limit = SWEEP_PAGE,
            .accept = KUBE_METADATA,
            .cancel = cancel,
        };
    }
    kube_do_all(cluster_client(target->cluster), requests, types.len, results, NULL, NULL);
    int result = 0;
    for (size_t i = 0; i < types.len; i++) {
        struct cluster_type *type = *(struct cluster_type **)vec_at(&types, i);
        if (result == 0)
            result = learn_pages(target, type, &requests[i], &results[i], err);
        if (result == 0)
            *(struct cluster_type **)vec_push(&target->swept) = type;
        kube_result_release(&results[i]);
    }
    vec_sort(&target->swept, compare_types);
    return result;
}
