// One reconcile of one Sync, from beginning to end:
//
//   resolve ─ verify ─ nothing new and no drift ──▶ done
//                │
//                ├─ new digest, new spec, or drift to heal ──▶ load ─ apply ──▶ status, event
//                └─ drift to report ──▶ load ─ survey ──▶ status, event
//
// A refusal touches nothing: what runs is left as it was, and goes on being healed, unless it is
// refused itself (sync_revoke.c). So does a registry that cannot be asked.
#include "controller/sync_internal.h"

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
static const int64_t approval_look_ms = 60 * 1000;

int64_t sync_timeout_ms(const json_t *object)
{
    return object_spec_duration_ms(object, "timeout", INT64_C(5) * 60 * 1000);
}

static int64_t interval_of(const struct sync_flow *flow)
{
    return object_spec_duration_ms(flow->object, "interval", default_interval_ms);
}

static bool was_requested(const struct sync_flow *flow)
{
    const char *requested = object_annotation(flow->object, ANNOTATION_REQUESTED_AT);
    return requested != NULL &&
           strcmp(requested, jval_string_or(flow->status, "lastHandledReconcileAt", "")) != 0;
}

// The last look found all as it should be, though perhaps not all healthy.
static bool is_good(const char *reason)
{
    return strcmp(reason, "Applied") == 0 || strcmp(reason, "Progressing") == 0 ||
           strcmp(reason, "Unhealthy") == 0;
}

// Nothing changed, nothing was heard, and the last full look was good and is not long ago. What was
// held back, reported or refused then is looked at again.
static bool is_settled(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    int64_t age_ms = clock_mono_ms(flow->role->clock) - memory->checked_mono_ms;
    return memory->applied && memory->applied_generation == object_generation(flow->object) &&
           !flow->drifted && !was_requested(flow) && age_ms < interval_of(flow) / 2 &&
           is_good(condition_reason(flow->status, "Ready"));
}

// Report leaves alone what differs from a digest and spec that were applied before, also by an
// earlier process.
static bool only_reports(const struct sync_flow *flow)
{
    const char *drift = object_spec_string(flow->object, "drift");
    return drift != NULL && strcmp(drift, "Report") == 0 &&
           strcmp(jval_string_or(flow->status, "artifact.digest", ""), flow->source.digest.text) ==
               0 &&
           jval_int(flow->status, "observedGeneration", 0) == object_generation(flow->object);
}

static void pin_what_runs(struct sync_flow *flow)
{
    const struct oci_descriptor *layer = NULL;
    if (flow->role->cache != NULL && oci_artifact_layer(&flow->manifest, &layer, NULL) == 0)
        sync_memory_pin(flow->memory, flow->role->cache, flow->source.digest.text,
                        layer->digest.text);
}

static void note_what_runs(struct sync_flow *flow)
{
    free(flow->memory->runs);
    free(flow->memory->runs_reference);
    flow->memory->runs = xstrdup(flow->source.digest.text);
    flow->memory->runs_reference = xstrdup(flow->source.reference);
    flow->memory->applied_generation = object_generation(flow->object);
    flow->memory->checked_mono_ms = clock_mono_ms(flow->role->clock);
    flow->looked = true;
    pin_what_runs(flow);
}

static int make_it_so(struct sync_flow *flow, enum sync_outcome *ret_outcome, struct error *err)
{
    if (sync_load(flow, err) < 0)
        return -1;
    if (only_reports(flow)) {
        if (sync_survey(flow, err) < 0)
            return -1;
        *ret_outcome = SYNC_DRIFTED;
        if (jval_int(flow->status, "inventory.drifted", 0) > 0) {
            pin_what_runs(flow);
            flow->looked = true;
            flow->memory->checked_mono_ms = clock_mono_ms(flow->role->clock);
            return 0;
        }
        vec_clear(&flow->results);
    }
    if (sync_finalizer_ensure(flow, err) < 0 || sync_apply(flow, err) < 0)
        return -1;
    flow->memory->applied = true;
    sync_applyset_settle(flow);
    note_what_runs(flow);
    *ret_outcome = SYNC_APPLIED;
    return sync_ask_health(flow, err);
}

bool sync_is_suspicious(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    int64_t age_ms = clock_mono_ms(flow->role->clock) - memory->checked_mono_ms;
    return memory->runs == NULL || flow->drifted || was_requested(flow) ||
           age_ms >= interval_of(flow) / 2;
}

int sync_put_back(struct sync_flow *flow, const char *digest, struct error *err)
{
    oci_manifest_release(&flow->manifest);
    vec_clear(&flow->files);
    vec_clear(&flow->results);
    oci_share_release(&flow->share);
    memcpy(flow->source.digest.text, digest, strlen(digest) + 1);
    if (flow->source.reference == NULL)
        flow->source.reference = xstrdup_or_null(flow->memory->runs_reference);
    if (flow->source.reference == NULL)
        return error_set(err, ERROR_UNAVAILABLE, "it is not known where %s was pulled from",
                         digest);
    if (sync_load(flow, err) < 0 || sync_finalizer_ensure(flow, err) < 0 ||
        sync_apply(flow, err) < 0)
        return -1;
    note_what_runs(flow);
    return 0;
}

// Nothing was heard but drift, and the last look at everything was good: as at rest, its verdict
// stands until something is heard or time changes it, and what runs is put back from the cache.
static bool only_heals(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    const char *drift = object_spec_string(flow->object, "drift");
    bool heals = drift == NULL || strcmp(drift, "Heal") == 0;
    return heals && flow->drifted && !flow->news && !flow->rules && memory->fine &&
           memory->applied && memory->runs != NULL && memory->runs_reference != NULL &&
           memory->applied_generation == object_generation(flow->object) &&
           clock_mono_ms(flow->role->clock) < memory->look_mono_ms && !was_requested(flow) &&
           is_good(condition_reason(flow->status, "Ready"));
}

static int heal(struct sync_flow *flow, enum sync_outcome *ret_outcome, struct error *err)
{
    const struct sync_memory *memory = flow->memory;
    if (!digest_is_valid(memory->runs))
        return error_set(err, ERROR_INTERNAL, "%s is no digest", memory->runs);
    sync_source_release(&flow->source);
    memcpy(flow->source.digest.text, memory->runs, strlen(memory->runs) + 1);
    flow->source.reference = xstrdup(memory->runs_reference);
    flow->source.revision = xstrdup(memory->runs);
    flow->governance.unverified = memory->unverified;
    if (sync_load(flow, err) < 0 || sync_finalizer_ensure(flow, err) < 0 ||
        sync_apply(flow, err) < 0)
        return -1;
    note_what_runs(flow);
    *ret_outcome = SYNC_UNCHANGED;
    return sync_ask_health(flow, err);
}

// Nothing was heard but that the rules may have changed: what was resolved last is judged by them,
// and no registry is asked what its tag points to now.
static bool only_judges(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    return flow->rules && !flow->news && memory->fine && memory->applied &&
           memory->source.identity != NULL &&
           memory->applied_generation == object_generation(flow->object) &&
           clock_mono_ms(flow->role->clock) < memory->look_mono_ms && !was_requested(flow) &&
           is_good(condition_reason(flow->status, "Ready"));
}

static int judge_again(struct sync_flow *flow, enum sync_outcome *ret_outcome, struct error *err)
{
    stages_begin(&flow->stages, "resolve");
    sync_source_copy(&flow->source, &flow->memory->source);
    if (sync_verify(flow, err) < 0) {
        sync_refused(flow, err);
        return -1;
    }
    const char *drift = object_spec_string(flow->object, "drift");
    if (flow->drifted && (drift == NULL || strcmp(drift, "Heal") == 0))
        return heal(flow, ret_outcome, err);
    *ret_outcome = SYNC_UNCHANGED;
    return sync_ask_health(flow, err);
}

static int run_flow(struct sync_flow *flow, enum sync_outcome *ret_outcome, struct error *err)
{
    if (only_heals(flow))
        return heal(flow, ret_outcome, err);
    if (only_judges(flow))
        return judge_again(flow, ret_outcome, err);
    flow->news = true;
    stages_begin(&flow->stages, "resolve");
    if (object_problem(flow->object) == OBJECT_INVALID) {
        flow->reason = "InvalidSpec";
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(flow->object));
    }
    if (sync_source_resolve(flow, err) < 0 || sync_verify(flow, err) < 0) {
        sync_refused(flow, err);
        return -1;
    }
    if (is_settled(flow)) {
        *ret_outcome = SYNC_UNCHANGED;
        return sync_ask_health(flow, err);
    }
    if (make_it_so(flow, ret_outcome, err) < 0) {
        if (!flow->applied)
            sync_refused(flow, err);
        return -1;
    }
    return 0;
}

// When to look again: the sweep, or when time alone changes the verdict. Nobody may tell of an
// approval, and people wait for what it lets in.
static int64_t next_look_ms(const struct sync_flow *flow)
{
    int64_t again_ms = jitter(interval_of(flow), 10);
    if (flow->verdict.reason == TRUST_APPROVAL_REQUIRED && again_ms > approval_look_ms)
        again_ms = approval_look_ms;
    if (flow->memory->judge_again_ms > 0) {
        int64_t until_ms = flow->memory->judge_again_ms - clock_wall_ms(flow->role->clock) + 1000;
        if (until_ms > 0 && until_ms < again_ms)
            again_ms = until_ms;
    }
    return again_ms;
}

// When to run again. A heal is no look at everything, and puts that off no further.
static int64_t note_look(struct sync_flow *flow, bool fine)
{
    struct sync_memory *memory = flow->memory;
    int64_t now_ms = clock_mono_ms(flow->role->clock);
    memory->fine = fine;
    if (flow->news) {
        memory->unverified = flow->governance.unverified;
        memory->look_mono_ms = now_ms + next_look_ms(flow);
    } else if (flow->rules) {
        int64_t look_ms = now_ms + next_look_ms(flow);
        if (look_ms < memory->look_mono_ms)
            memory->look_mono_ms = look_ms;
    }
    return memory->look_mono_ms > now_ms ? memory->look_mono_ms - now_ms : 1;
}

static void reconcile(struct sync_flow *flow, struct queue_outcome *ret_outcome)
{
    cleanup_error struct error err = {0};
    cleanup_error struct error status_error = {0};
    cleanup_json json_t *before = json_deep_copy(flow->status);
    enum sync_outcome outcome = SYNC_FAILED;
    int result = run_flow(flow, &outcome, &err);
    if (result < 0)
        outcome = SYNC_FAILED;
    ret_outcome->again_ms = note_look(flow, result == 0);
    if (err.code == ERROR_CANCELED)
        return;
    stages_begin(&flow->stages, "status");
    bool news = sync_conclude(flow, outcome, &err);
    jval_set_string(flow->status, "lastHandledReconcileAt",
                    object_annotation(flow->object, ANNOTATION_REQUESTED_AT));
    int written = json_equal(before, flow->status)
                      ? 0
                      : status_write(flow->role->store, flow->object, flow->status, &status_error);
    stages_begin(&flow->stages, NULL);
    sync_tell(flow, outcome, &err, news);
    series_note(flow->role->series, flow->object, flow->status, stages_seconds(&flow->stages),
                result == 0);
    if (written < 0)
        log_error("status was not written", "kind", "Sync", "name", flow->memory->key, "error",
                  error_message(&status_error));
    if (written < 0 || (result < 0 && !status_is_final(&err))) {
        ret_outcome->failed = true;
        ret_outcome->again_ms = err.retry_after_ms;
    }
}

static void release_flow(struct sync_flow *flow)
{
    sync_source_release(&flow->source);
    oci_repository_close(flow->repository);
    registry_access_release(&flow->access);
    oci_manifest_release(&flow->manifest);
    governance_release(&flow->governance);
    trust_verdict_release(&flow->verdict);
    vec_free(&flow->files);
    oci_share_release(&flow->share);
    vec_free(&flow->results);
    target_health_release(&flow->health);
    json_decref(flow->status);
    clients_give(flow->role->clients, flow->client);
}

// What runs is revoked, and nothing was heard but that somebody changed it: it is left alone.
static bool only_holds(const struct sync_flow *flow)
{
    return flow->memory->held && flow->drifted && !flow->news && !flow->rules &&
           !object_is_deleting(flow->object) && !was_requested(flow) &&
           clock_mono_ms(flow->role->clock) < flow->memory->look_mono_ms;
}

void sync_reconcile(struct sync_work *work, struct cancel *cancel,
                    struct queue_outcome *ret_outcome)
{
    const struct role *role = work->role;
    cleanup_json json_t *object = NULL;
    cleanup_error struct error err = {0};
    if (store_get(role->store, "Sync", object_namespace(work->object), object_name(work->object),
                  &object, &err) < 0) {
        ret_outcome->failed = err.code != ERROR_NOT_FOUND;
        log_debug("a sync was not looked at", "kind", "Sync", "name", work->memory->key, "error",
                  error_message(&err));
        return;
    }
    bool is_held = sync_finalizer_hold(role, &object, &err) == 0;
    if (is_held)
        work->memory->not_held = false;
    if (is_held && object_is_suspended(object) && !object_is_deleting(object)) {
        // Nobody listens meanwhile: once resumed, all of the target is looked at.
        work->memory->applied = false;
        return;
    }
    const json_t *status = object_status(object, "");
    struct sync_flow flow = {
        .role = role,
        .object = object,
        .status = json_is_object(status) ? json_deep_copy(status) : json_object(),
        .memory = work->memory,
        .request_id = work->request_id,
        .drifted = work->drifted,
        .news = work->news,
        .rules = work->rules,
        .cancel = cancel,
        .client = clients_take(role->clients),
        .deadline_mono_ms = clock_mono_ms(clock_system()) + sync_timeout_ms(object),
        .files = OCI_FILES,
        .results = TARGET_RESULTS,
    };
    bool later = false;
    if (!is_held) {
        sync_tell_not_held(&flow, &err, ret_outcome);
        release_flow(&flow);
        return;
    }
    if (only_holds(&flow)) {
        ret_outcome->again_ms = note_look(&flow, false);
        release_flow(&flow);
        return;
    }
    sync_target_read(&flow, &later);
    if (later)
        ret_outcome->again_ms = 0;
    else if (object_is_deleting(object))
        sync_finalize(&flow, ret_outcome);
    else
        reconcile(&flow, ret_outcome);
    work->drifted = work->drifted && !flow.looked;
    release_flow(&flow);
}
