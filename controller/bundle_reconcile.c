// One reconcile of one Bundle, from beginning to end:
//
//   resolve ─ same commit, spec and key, all well ──▶ maintain: put tags back, renew the statement
//      │
//      └─ history ─ fetch ─ render, and fetch what it needs from elsewhere ─ pack ─ same layer as
//      released ──▶ maintain, note the commit
//                                     │
//                                     └─ push ─ sign ─ tag ──▶ status, event, notify
//
// A failure leaves what is released as it is, says why in the conditions, and is tried again: soon
// where the cause may pass by itself, at the next interval or change where it will not.
#include "controller/bundle_internal.h"

#include "api/condition.h"
#include "api/object.h"
#include "api/store.h"
#include "base/backoff.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/clients.h"
#include "controller/series.h"
#include "controller/status.h"

#include <stdlib.h>
#include <string.h>

static const int64_t default_interval_ms = 10 * 60 * 1000;
static const int64_t default_timeout_ms = 5 * 60 * 1000;

// What is released came from this commit, this spec and this version, and nothing failed since.
// Where remote bases went into it, only building it again shows whether they moved.
static bool is_up_to_date(const struct bundle_flow *flow)
{
    return jval_array(flow->status, "source.inputs") == NULL &&
           strcmp(jval_string_or(flow->status, "source.commit", ""), flow->revision.commit) == 0 &&
           strcmp(jval_string_or(flow->status, "source.ref", ""), flow->revision.ref) == 0 &&
           (bundle_is_rolled_back(flow) ||
            strcmp(jval_string_or(flow->status, "source.version", ""), SEALIFT_VERSION) == 0) &&
           jval_int(flow->status, "observedGeneration", 0) == object_generation(flow->object) &&
           jval_string(flow->status, "artifact.digest") != NULL &&
           condition_state(flow->status, "Ready") == CONDITION_TRUE;
}

static void note_source(struct bundle_flow *flow)
{
    jval_set_string(flow->status, "source.revision", flow->git_revision);
    jval_set_string(flow->status, "source.commit", flow->revision.commit);
    jval_set_string(flow->status, "source.ref", flow->revision.ref);
    jval_set_string(flow->status, "source.version", SEALIFT_VERSION);
    bundle_build_note(flow);
    if (flow->acceptance == NULL)
        return;
    cleanup_free char *note =
        xasprintf("%s went to %.12s, which does not follow what was there, as accepted",
                  flow->revision.name, flow->revision.commit);
    jval_set_string(flow->status, "source.acceptedHistory", flow->acceptance);
    store_event(flow->role->store, flow->object, STORE_EVENT_NORMAL, "HistoryAccepted", note);
}

static int run_flow(struct bundle_flow *flow, struct error *err)
{
    stages_begin(&flow->stages, "resolve");
    if (bundle_source_open(flow, err) < 0 || bundle_source_resolve(flow, err) < 0)
        return -1;
    bool is_signed = false;
    if (is_up_to_date(flow)) {
        stages_begin(&flow->stages, "maintain");
        if (bundle_is_signed(flow, &is_signed, err) < 0)
            return -1;
        if (is_signed)
            return bundle_maintain(flow, err);
    }
    if (bundle_source_history(flow, err) < 0)
        return -1;
    stages_begin(&flow->stages, "fetch");
    if (bundle_source_fetch(flow, err) < 0 || bundle_build(flow, err) < 0)
        return -1;
    if (bundle_publish(flow, err) < 0)
        return -1;
    note_source(flow);
    return 0;
}

// Only a change by somebody helps: the same input would fail again.
static bool is_final(const struct bundle_flow *flow, const struct error *err)
{
    // Rendering sees the commit and the spec alone: a path that is not there, or a Secret that is,
    // stays so.
    if (strcmp(flow->reason, "RenderFailed") == 0 &&
        (err->code == ERROR_NOT_FOUND || err->code == ERROR_DENIED))
        return true;
    return status_is_final(err);
}

static bool conclude(struct bundle_flow *flow, int result, const struct error *err)
{
    struct condition_change change = {
        .generation = object_generation(flow->object),
        .now_ms = clock_wall_ms(flow->role->clock),
    };
    if (result == 0) {
        bool unreadable = object_problem(flow->object) == OBJECT_UNREADABLE;
        const char *reason_given = jval_string(flow->status, "artifact.rolledBack.reason");
        cleanup_free char *message = xasprintf(
            "released %s as %s%s%s", jval_string_or(flow->status, "artifact.revision", ""),
            jval_string_or(flow->status, "artifact.digest", ""),
            unreadable ? "; the last good spec stands: " : "",
            unreadable ? object_problem_message(flow->object) : "");
        cleanup_free char *from =
            bundle_is_rolled_back(flow)
                ? xasprintf("%s; somebody went back to it from %s, and that holds until something "
                            "else is rendered%s%s",
                            message, jval_string(flow->status, "artifact.rolledBack.from"),
                            reason_given != NULL ? ": " : "",
                            reason_given != NULL ? reason_given : "")
                : NULL;
        change.reason = from != NULL ? "RolledBack" : "Released";
        change.message = from != NULL ? from : message;
        return condition_ready(flow->status, &change);
    }
    change.reason = flow->reason;
    change.message = error_message(err);
    return is_final(flow, err) ? condition_stalled(flow->status, &change)
                               : condition_retrying(flow->status, &change);
}

static void tell_inputs(const struct bundle_flow *flow)
{
    vec_foreach (const struct bundle_input, input, bundle_inputs_list(flow->inputs))
        log_info("remote input", "kind", "Bundle", "namespace", object_namespace(flow->object),
                 "name", object_name(flow->object), "uri", input->uri, "digest", input->digest,
                 "reconcile_id", flow->request_id);
}

static void tell(struct bundle_flow *flow, int result, const struct error *err, bool news)
{
    struct store *store = flow->role->store;
    cleanup_free char *stages = stages_text(&flow->stages);
    const char *namespace = object_namespace(flow->object);
    const char *name = object_name(flow->object);
    if (result < 0) {
        log_warn("bundle failed", "kind", "Bundle", "namespace", namespace, "name", name, "reason",
                 flow->reason, "error", error_message(err), "code", error_code_name(err->code),
                 "reconcile_id", flow->request_id, "stages_ms", stages);
        if (news)
            store_event(store, flow->object, STORE_EVENT_WARNING, flow->reason, error_message(err));
    } else if (flow->published) {
        log_info(flow->went_back ? "bundle rolled back" : "bundle released", "kind", "Bundle",
                 "namespace", namespace, "name", name, "revision",
                 jval_string(flow->status, "artifact.revision"), "digest",
                 jval_string(flow->status, "artifact.digest"), "reconcile_id", flow->request_id,
                 "stages_ms", stages);
        if (flow->inputs != NULL)
            tell_inputs(flow);
        store_event(store, flow->object, flow->went_back ? STORE_EVENT_WARNING : STORE_EVENT_NORMAL,
                    flow->went_back ? "RolledBack" : "Released",
                    condition_message(flow->status, "Ready"));
    } else {
        log_debug("bundle is up to date", "kind", "Bundle", "namespace", namespace, "name", name,
                  "reconcile_id", flow->request_id, "stages_ms", stages);
    }
}

static void reconcile(struct bundle_flow *flow, struct queue_outcome *ret_outcome)
{
    cleanup_error struct error err = {0};
    cleanup_error struct error status_error = {0};
    cleanup_json json_t *before = json_deep_copy(flow->status);
    int result = object_problem(flow->object) == OBJECT_INVALID
                     ? error_set(&err, ERROR_INVALID, "%s", object_problem_message(flow->object))
                     : run_flow(flow, &err);
    int64_t interval_ms = object_spec_duration_ms(flow->object, "interval", default_interval_ms);
    ret_outcome->again_ms = jitter(interval_ms, 10);
    // Nobody asked for this end: what status said before still stands.
    if (err.code == ERROR_CANCELED)
        return;
    if (bundle_renewal_in_ms(flow) < ret_outcome->again_ms)
        ret_outcome->again_ms = bundle_renewal_in_ms(flow);
    stages_begin(&flow->stages, "status");
    bool news = conclude(flow, result, &err);
    jval_set_string(flow->status, "lastHandledReconcileAt",
                    object_annotation(flow->object, ANNOTATION_REQUESTED_AT));
    int written = json_equal(before, flow->status)
                      ? 0
                      : status_write(flow->role->store, flow->object, flow->status, &status_error);
    stages_begin(&flow->stages, NULL);
    tell(flow, result, &err, news);
    series_note(flow->role->series, flow->object, flow->status, stages_seconds(&flow->stages),
                result == 0);
    if (written < 0) {
        log_error("status was not written", "kind", "Bundle", "namespace",
                  object_namespace(flow->object), "name", object_name(flow->object), "error",
                  error_message(&status_error));
        ret_outcome->failed = true;
        ret_outcome->again_ms = 0;
    } else if (result < 0 && !is_final(flow, &err)) {
        ret_outcome->failed = true;
        ret_outcome->again_ms = err.retry_after_ms;
    }
    if (result == 0 && written == 0 && flow->published)
        bundle_notify(flow);
}

void bundle_reconcile(struct bundle_work *work, struct cancel *cancel,
                      struct queue_outcome *ret_outcome)
{
    const struct role *role = work->role;
    cleanup_json json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (store_get(role->store, "Bundle", object_namespace(work->object), object_name(work->object),
                  &object, &err) < 0) {
        ret_outcome->failed = err.code != ERROR_NOT_FOUND;
        return;
    }
    if (object_is_suspended(object) || object_is_deleting(object))
        return;
    const json_t *status = object_status(object, "");
    struct bundle_flow flow = {
        .role = role,
        .object = object,
        .status = json_is_object(status) ? json_deep_copy(status) : json_object(),
        .request_id = work->request_id,
        .cancel = cancel,
        .client = clients_take(role->clients),
        .deadline_mono_ms = clock_mono_ms(clock_system()) +
                            object_spec_duration_ms(object, "timeout", default_timeout_ms),
        .reason = "InvalidSpec",
    };
    reconcile(&flow, ret_outcome);
    bundle_publish_release(&flow);
    bundle_source_release(&flow);
    oci_artifact_release(&flow.artifact);
    clients_give(role->clients, flow.client);
    json_decref(flow.status);
}
