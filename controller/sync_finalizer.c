// The finalizer by which a Sync is held until what it applied has gone with it.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/adoption.h"
#include "controller/floor.h"
#include "controller/status.h"

#include <string.h>

static const char finalizer[] = "sealift.dev/sync";

// The finalizers of others stay as they are.
static json_t *finalizers_patch(const json_t *object, bool ours)
{
    json_t *patch = json_object();
    json_t *finalizers = json_array();
    size_t index;
    json_t *other;
    json_array_foreach (jval_array(object, "metadata.finalizers"), index, other) {
        if (json_is_string(other) && strcmp(json_string_value(other), finalizer) != 0)
            json_array_append(finalizers, other);
    }
    if (ours)
        json_array_append_new(finalizers, json_string(finalizer));
    json_object_set_new(patch, "finalizers", finalizers);
    return patch;
}

// Before anything is applied: who deletes the Sync has to wait for us, and what may be there is
// noted.
int sync_finalizer_ensure(struct sync_flow *flow, struct error *err)
{
    cleanup_json json_t *patch = finalizers_patch(flow->object, true);
    bool extended = sync_applyset_extend(flow, patch);
    if (object_has_finalizer(flow->object, finalizer) && !extended)
        return 0;
    flow->reason = "StatusFailed";
    return store_patch_metadata(flow->role->store, flow->object, patch, NULL, err);
}

// What was applied goes with the Sync, also when nothing is applied any more because it is refused
// or suspended: an uninstall, or a copy of the object that was put back, left no finalizer.
int sync_finalizer_hold(const struct role *role, json_t **object, struct error *err)
{
    json_t *held = NULL;
    if (object_is_deleting(*object) || object_has_finalizer(*object, finalizer) ||
        !sync_says_applied(*object))
        return 0;
    cleanup_json json_t *patch = finalizers_patch(*object, true);
    if (store_patch_metadata(role->store, *object, patch, &held, err) < 0)
        return error_wrap(err,
                          "the finalizer %s is missing, and what Sync %s/%s applied would stay if "
                          "it were deleted; it could not be put back",
                          finalizer, object_namespace(*object), object_name(*object));
    json_decref(*object);
    *object = held;
    return 0;
}

// Nobody is left to remove what it applied: the account went first, as it does with a namespace.
static bool gives_up(struct sync_flow *flow, struct error *err)
{
    int64_t deleted_ms = 0;
    const char *deleted = jval_string_or(flow->object, "metadata.deletionTimestamp", "");
    int64_t timeout_ms = sync_timeout_ms(flow->object);
    if (strcmp(flow->reason, "NoServiceAccount") != 0 ||
        time_parse(deleted, &deleted_ms, NULL) < 0 ||
        clock_wall_ms(flow->role->clock) - deleted_ms < timeout_ms)
        return false;
    struct strbuf text;
    strbuf_init(&text, 1024);
    vec_foreach (struct target_result, result, &flow->results)
        strbuf_addf(&text, "%s%s", text.len > 0 ? ", " : "", target_result_text(result));
    cleanup_free char *paths = strbuf_steal(&text);
    cleanup_free char *note = xasprintf("%s. What it applied stays: %s", error_message(err), paths);
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "Orphaned", note);
    log_warn("sync removed, what it applied stays", "kind", "Sync", "name", flow->memory->key,
             "objects", paths);
    error_release(err);
    return true;
}

// What is left of it then are records that nobody reads.
static void forget_adoptions(const struct sync_flow *flow)
{
    cleanup_error struct error err = {0};
    if (adoptions_forget(flow->role->store, object_uid(flow->object), &err) < 0 ||
        floor_forget_own(flow->role->store, flow->object, &err) < 0)
        log_warn("what the Sync adopted is not forgotten", "kind", "Sync", "name",
                 flow->memory->key, "error", error_message(&err));
}

static void write_status(const struct sync_flow *flow)
{
    cleanup_error struct error err = {0};
    if (status_write(flow->role->store, flow->object, flow->status, &err) < 0)
        log_error("status was not written", "kind", "Sync", "name", flow->memory->key, "error",
                  error_message(&err));
}

// Deleted: what it applied goes with it (spec.prune), then the finalizer.
void sync_finalize(struct sync_flow *flow, struct queue_outcome *ret_outcome)
{
    cleanup_error struct error err = {0};
    cleanup_json json_t *patch = finalizers_patch(flow->object, false);
    if ((sync_remove(flow, &err) == 0 || gives_up(flow, &err)) &&
        store_patch_metadata(flow->role->store, flow->object, patch, NULL, &err) == 0) {
        forget_adoptions(flow);
        log_info("sync removed", "kind", "Sync", "name", flow->memory->key);
        return;
    }
    log_warn("sync could not be removed", "kind", "Sync", "name", flow->memory->key, "error",
             error_message(&err));
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "RemoveFailed",
                error_message(&err));
    ret_outcome->failed = true;
    // For whoever waits until it is gone.
    sync_conclude(flow, SYNC_FAILED, &err);
    write_status(flow);
}

// Deleted now, it would leave behind what it applied: somebody has to hear of it. The conditions of
// a suspended one stay as they are.
void sync_tell_not_held(struct sync_flow *flow, const struct error *err,
                        struct queue_outcome *ret_outcome)
{
    bool news = !flow->memory->not_held;
    if (err->code == ERROR_NOT_FOUND)
        return;
    flow->reason = "FinalizerMissing";
    flow->memory->not_held = true;
    ret_outcome->failed = true;
    if (!object_is_suspended(flow->object)) {
        news |= sync_conclude(flow, SYNC_FAILED, err);
        write_status(flow);
    }
    sync_tell(flow, SYNC_FAILED, err, news);
}
