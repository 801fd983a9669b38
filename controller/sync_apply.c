// From verified bytes to the target: unpack under limits, choose what lies below spec.path, refuse
// what would need rendering, hold a prune that looks like an accident, apply.
#include "controller/sync_internal.h"

#include "api/condition.h"
#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "base/yamljson.h"
#include "controller/status.h"

#include <stdlib.h>
#include <string.h>

// "./apps/" as "apps", "./" and "." as "".
static char *normal_path(const char *path)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    size_t length = strcmp(path, ".") == 0 ? 0 : strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    return xstrndup(path, length);
}

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return length == 0 ||
           (strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static void keep_below(struct vec *files, const char *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->len; i++) {
        struct oci_file *file = vec_at(files, i);
        if (!is_below(file->path, folder)) {
            oci_file_release(file);
            continue;
        }
        if (kept != i)
            memcpy(vec_at(files, kept), file, sizeof *file);
        kept++;
    }
    files->len = kept;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct oci_file *)a)->path, ((const struct oci_file *)b)->path);
}

// Whether the file is one object that stands at its own path: then it is rendered, whatever its
// name.
static bool is_object_in_place(const struct oci_file *file)
{
    cleanup_json json_t *value = NULL;
    if (yamljson_parse(file->data, file->size, file->path, &value, NULL) < 0 ||
        !json_is_object(value))
        return false;
    const char *api_version = jval_string_or(value, "apiVersion", "");
    const char *slash = strchr(api_version, '/');
    cleanup_free char *group =
        slash != NULL ? xstrndup(api_version, (size_t)(slash - api_version)) : xstrdup("");
    const char *kind = jval_string(value, "kind");
    const char *name = jval_string(value, "metadata.name");
    if (kind == NULL || name == NULL)
        return false;
    cleanup_free char *path =
        object_path(group, kind, jval_string(value, "metadata.namespace"), name);
    return strcmp(path, file->path) == 0;
}

static int refuse_unrendered(struct sync_flow *flow, struct error *err)
{
    vec_foreach (struct oci_file, file, &flow->files) {
        if (!object_path_needs_rendering(file->path) || is_object_in_place(file))
            continue;
        flow->reason = "NotRendered";
        return error_set(err, ERROR_INVALID,
                         "the artifact has %s: it would have to be rendered here, and what runs "
                         "must be what was signed; "
                         "let a Bundle render it, or push rendered objects",
                         file->path);
    }
    return 0;
}

int sync_load(struct sync_flow *flow, struct error *err)
{
    stages_begin(&flow->stages, "pull");
    if (sync_source_open(flow, err) < 0)
        return -1;
    flow->reason = "PullFailed";
    if (flow->manifest.media_type == NULL) {
        cleanup_free char *bytes = NULL;
        size_t size;
        if (oci_get_manifest(flow->repository, flow->source.digest.text, &bytes, &size,
                             &flow->manifest, err) < 0)
            return -1;
    }
    if (oci_pull(flow->repository, &flow->manifest, &flow->role->limits, flow->role->budget,
                 flow->cancel, &flow->share, &flow->files, err) < 0)
        return -1;
    const char *path = object_spec_string(flow->object, "path");
    cleanup_free char *folder = normal_path(path != NULL ? path : "");
    keep_below(&flow->files, folder);
    vec_sort(&flow->files, compare_files);
    return refuse_unrendered(flow, err);
}

// The parts of "<ns or _>/<Kind>.<group>/<name>.yaml", each owned, for files that are not ours to
// parse.
struct identity {
    char *ns;
    char *kind;
    char *group;
    char *name;
};

static void release_identity(void *element)
{
    struct identity *identity = element;
    free(identity->ns);
    free(identity->kind);
    free(identity->group);
    free(identity->name);
}

static void split_path(const char *path, struct identity *ret_identity)
{
    size_t ns_length = strcspn(path, "/");
    const char *kind = path[ns_length] == '/' ? path + ns_length + 1 : path;
    size_t kind_length = strcspn(kind, "./");
    size_t folder_length = strcspn(kind, "/");
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *suffix = strrchr(name, '.');
    bool has_ns = !(ns_length == 1 && path[0] == '_');
    ret_identity->ns = has_ns ? xstrndup(path, ns_length) : NULL;
    ret_identity->kind = xstrndup(kind, kind_length);
    ret_identity->group = kind[kind_length] == '.'
                              ? xstrndup(kind + kind_length + 1, folder_length - kind_length - 1)
                              : xstrdup("");
    ret_identity->name = xstrndup(name, suffix != NULL ? (size_t)(suffix - name) : strlen(name));
}

static bool was_requested(const struct sync_flow *flow)
{
    const char *requested = object_annotation(flow->object, ANNOTATION_REQUESTED_AT);
    return requested != NULL &&
           strcmp(requested, jval_string_or(flow->status, "lastHandledReconcileAt", "")) != 0;
}

// As far as the status tells: this digest, by this spec, and nothing was refused or cut short
// since.
static bool was_settled(const struct sync_flow *flow)
{
    static const char *const good[] = {"Applied", "Progressing", "Unhealthy", "Drifted"};
    const char *reason = condition_reason(flow->status, "Ready");
    bool fine = false;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        fine |= strcmp(reason, good[i]) == 0;
    return fine &&
           strcmp(jval_string_or(flow->status, "artifact.digest", ""), flow->source.digest.text) ==
               0 &&
           jval_int(flow->status, "artifact.generation", 0) == object_generation(flow->object);
}

static void make_request(struct sync_flow *flow, struct vec *identities, struct vec *objects,
                         struct target_request *ret_request)
{
    vec_foreach (struct oci_file, file, &flow->files)
        split_path(file->path, vec_push(identities));
    for (size_t i = 0; i < flow->files.len; i++) {
        const struct oci_file *file = vec_at(&flow->files, i);
        const struct identity *identity = vec_at(identities, i);
        *(struct target_object *)vec_push(objects) = (struct target_object){
            .path = file->path,
            .group = identity->group,
            .kind = identity->kind,
            .ns = identity->ns,
            .name = identity->name,
            .bytes = file->data,
            .size = file->size,
        };
    }
    *ret_request = (struct target_request){
        .objects = objects->data,
        .n = objects->len,
        .prune = jval_bool(object_spec(flow->object, ""), "prune", true),
        .revision = flow->source.revision,
        .afresh = was_requested(flow),
        .settled = was_settled(flow),
        .deadline_mono_ms = flow->deadline_mono_ms,
        .cancel = flow->cancel,
    };
}

// Which confirmation this is: given again for the same digest, it is another one. Owned.
static char *confirmation_of(const struct sync_flow *flow)
{
    const char *requested = object_annotation(flow->object, ANNOTATION_REQUESTED_AT);
    return xasprintf("%s %s", flow->source.digest.text, requested != NULL ? requested : "");
}

static bool is_confirmed(const struct sync_flow *flow)
{
    const char *confirmed = object_annotation(flow->object, ANNOTATION_CONFIRM_PRUNE);
    cleanup_free char *confirmation = confirmation_of(flow);
    return confirmed != NULL && strcmp(confirmed, flow->source.digest.text) == 0 &&
           strcmp(jval_string_or(flow->status, "confirmedPrune", ""), confirmation) != 0;
}

// A confirmation works once.
static void use_confirmation(struct sync_flow *flow)
{
    cleanup_free char *confirmation = confirmation_of(flow);
    cleanup_free char *note =
        xasprintf("%zu %s pruned, as confirmed for %s", flow->confirmed,
                  flow->confirmed == 1 ? "object was" : "objects were", flow->source.digest.text);
    jval_set_string(flow->status, "confirmedPrune", confirmation);
    store_event(flow->role->store, flow->object, STORE_EVENT_NORMAL, "PruneConfirmed", note);
}

// Pruning everything, or more than half, looks like a wrong path or an empty folder in Git: it
// waits until somebody confirms it for this digest.
static int hold_mass_prune(struct sync_flow *flow, struct target_request *request,
                           struct error *err)
{
    cleanup_vec struct vec candidates = TARGET_RESULTS;
    if (!request->prune ||
        target_prune_candidates(flow->memory->target, request, &candidates, err) < 0)
        return request->prune ? -1 : 0;
    size_t goes = 0;
    vec_foreach (struct target_result, candidate, &candidates)
        goes += candidate->action == TARGET_PRUNE;
    int64_t had = jval_int(flow->status, "inventory.objects", 0);
    // The first apply did not come to its end.
    if (had == 0)
        had = (int64_t)(request->n + goes);
    if (goes == 0 || (request->n > 0 && (int64_t)goes * 2 <= had))
        return 0;
    if (is_confirmed(flow)) {
        flow->confirmed = goes;
        return 0;
    }
    request->prune = false;
    flow->held = true;
    return 0;
}

// What may pass by itself decides: then it is tried again.
static int first_failure(struct sync_flow *flow, struct error *err)
{
    size_t failed = 0;
    const struct target_result *first = NULL;
    vec_foreach (struct target_result, result, &flow->results) {
        if (result->error.code == ERROR_NONE)
            continue;
        failed++;
        if (first == NULL || (status_is_final(&first->error) && !status_is_final(&result->error)))
            first = result;
    }
    if (first == NULL)
        return 0;
    const char *cause = error_message(&first->error);
    if (failed == 1)
        return error_set(err, first->error.code, "1 of %zu %s failed: %s: %s", flow->files.len,
                         flow->files.len == 1 ? "object" : "objects", target_result_text(first),
                         cause);
    return error_set(err, first->error.code, "%zu of %zu objects failed, the first: %s: %s", failed,
                     flow->files.len, target_result_text(first), cause);
}

static int need_target(struct sync_flow *flow, struct error *err)
{
    const struct error *cause = &flow->memory->target_error;
    if (flow->memory->target != NULL)
        return 0;
    flow->reason = "TargetRefused";
    if (cause->code == ERROR_NONE)
        return error_set(err, ERROR_INVALID, "the Sync names no target that this version knows");
    return error_set(err, cause->code, "%s", error_message(cause));
}

// The back end may know a better word than ApplyFailed.
static void name_reason(struct sync_flow *flow)
{
    if (flow->memory->target->reason != NULL)
        flow->reason = flow->memory->target->reason;
}

int sync_apply(struct sync_flow *flow, struct error *err)
{
    cleanup_vec struct vec identities = VEC_OF(struct identity, release_identity);
    cleanup_vec struct vec objects = VEC_OF(struct target_object, NULL);
    struct target_request request;
    make_request(flow, &identities, &objects, &request);
    stages_begin(&flow->stages, "apply");
    flow->reason = "ApplyFailed";
    if (need_target(flow, err) < 0)
        return -1;
    if (hold_mass_prune(flow, &request, err) < 0 ||
        target_apply(flow->memory->target, &request, &flow->results, err) < 0) {
        name_reason(flow);
        return -1;
    }
    vec_foreach (struct target_result, result, &flow->results)
        flow->applied |= result->action != TARGET_UNCHANGED && result->action != TARGET_KEEP;
    sync_tell_contests(flow);
    if (flow->confirmed > 0)
        use_confirmation(flow);
    jval_set_int(flow->status, "inventory.objects", (int64_t)flow->files.len);
    jval_set_int(flow->status, "inventory.ready", (int64_t)flow->files.len);
    jval_set_int(flow->status, "inventory.drifted", 0);
    return first_failure(flow, err);
}

int sync_survey(struct sync_flow *flow, struct error *err)
{
    cleanup_vec struct vec identities = VEC_OF(struct identity, release_identity);
    cleanup_vec struct vec objects = VEC_OF(struct target_object, NULL);
    struct target_request request;
    make_request(flow, &identities, &objects, &request);
    stages_begin(&flow->stages, "survey");
    flow->reason = "ApplyFailed";
    if (need_target(flow, err) < 0 ||
        target_plan(flow->memory->target, &request, &flow->results, err) < 0) {
        if (flow->memory->target != NULL)
            name_reason(flow);
        return -1;
    }
    // Of what could not be looked at nobody knows whether it drifted, and Report may not heal it.
    if (first_failure(flow, err) < 0)
        return -1;
    size_t drifted = 0;
    vec_foreach (struct target_result, result, &flow->results)
        drifted += result->action != TARGET_UNCHANGED && result->action != TARGET_KEEP;
    jval_set_int(flow->status, "inventory.drifted", (int64_t)drifted);
    jval_set_int(flow->status, "inventory.ready", (int64_t)flow->files.len - (int64_t)drifted);
    return 0;
}

int sync_ask_health(struct sync_flow *flow, struct error *err)
{
    if (!jval_bool(object_spec(flow->object, ""), "wait", false) || flow->memory->target == NULL)
        return 0;
    if (target_health_of(flow->memory->target, flow->cancel, &flow->health, err) < 0)
        return -1;
    jval_set_int(flow->status, "inventory.ready", (int64_t)flow->health.ready);
    return 0;
}

// What is in another cluster stays ours while that cluster cannot be reached.
static int wait_for_cluster(struct sync_flow *flow, struct error *err)
{
    cleanup_error struct error cause = {0};
    if (need_target(flow, &cause) == 0)
        return 0;
    return error_set(err, cause.code,
                     "%s; or let the Sync go and leave there what it applied: set its spec.prune "
                     "to false",
                     error_message(&cause));
}

int sync_remove(struct sync_flow *flow, struct error *err)
{
    flow->reason = "RemoveFailed";
    if (!jval_bool(object_spec(flow->object, ""), "prune", true))
        return 0;
    if (flow->memory->target == NULL)
        return object_spec(flow->object, "target.kubeConfig") != NULL ? wait_for_cluster(flow, err)
                                                                      : 0;
    if (target_remove_all(flow->memory->target, flow->cancel, &flow->results, err) == 0)
        return 0;
    name_reason(flow);
    return -1;
}
