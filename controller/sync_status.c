// What a Sync's status, events and log say about a flow.
#include "controller/sync_internal.h"

#include "api/condition.h"
#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/status.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 3 };

static json_t *verified_by(const struct sync_flow *flow)
{
    json_t *names = json_array();
    vec_foreach (char *, name, &flow->verdict.verified_by)
        json_array_append_new(names, json_string(*name));
    return names;
}

static void add_history(struct sync_flow *flow)
{
    const json_t *history = json_object_get(flow->status, "history");
    const char *digest = flow->source.digest.text;
    if (strcmp(jval_string_or(json_array_get(history, 0), "digest", ""), digest) == 0)
        return;
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(flow->role->clock), now);
    json_t *entry = json_object();
    jval_set_string(entry, "digest", digest);
    jval_set_string(entry, "revision", jval_string(flow->status, "artifact.revision"));
    jval_set_int(entry, "sequence", jval_int(flow->status, "artifact.sequence", 0));
    jval_set_string(entry, "appliedAt", now);
    jval_set_string(entry, "requestId", flow->request_id);
    if (flow->verdict.met)
        jval_set(entry, "verifiedBy", verified_by(flow));
    status_add_history(flow->status, entry);
}

void sync_note_artifact(struct sync_flow *flow)
{
    const char *revision = flow->manifest.media_type != NULL
                               ? oci_manifest_annotation(&flow->manifest, OCI_ANNOTATION_REVISION)
                               : NULL;
    bool same =
        strcmp(jval_string_or(flow->status, "artifact.digest", ""), flow->source.digest.text) == 0;
    jval_set_string(flow->status, "artifact.digest", flow->source.digest.text);
    if (revision != NULL || !same)
        jval_set_string(flow->status, "artifact.revision",
                        revision != NULL ? revision : flow->source.revision);
    jval_set_string(flow->status, "artifact.channel", flow->source.channel);
    jval_set_int(flow->status, "artifact.generation", object_generation(flow->object));
    if (flow->verdict.met) {
        jval_set_int(flow->status, "artifact.sequence", flow->verdict.sequence);
        jval_set(flow->status, "artifact.verifiedBy", verified_by(flow));
    }
    if (flow->governance.unverified)
        jval_remove(flow->status, "artifact.verifiedBy");
    add_history(flow);
}

// A file that no longer parses changes nothing, and that has to be seen somewhere.
static char *with_problem(char *message, const json_t *object)
{
    if (object_problem(object) != OBJECT_UNREADABLE)
        return message;
    char *longer =
        xasprintf("%s; the last good spec stands: %s", message, object_problem_message(object));
    free(message);
    return longer;
}

static char *message_of(const struct sync_flow *flow)
{
    const char *revision = jval_string_or(flow->status, "artifact.revision", flow->source.revision);
    if (flow->held)
        return xasprintf(
            "applied %s, but what it no longer has is more than half of what is there, so nothing "
            "was "
            "pruned; if that is right: sealift reconcile sync %s -n %s --confirm-prune %s",
            revision, object_name(flow->object), object_namespace(flow->object),
            flow->source.digest.text);
    if (flow->stale)
        return xasprintf(
            "%s runs, but is older than its policy allows; let its packager renew the statement",
            revision);
    const char *contested = sync_contested(flow);
    return xasprintf("applied %s%s%s%s", revision,
                     flow->governance.unverified
                         ? " without verification: no policy governs and no key is named"
                         : "",
                     contested != NULL ? "; contested: " : "", contested != NULL ? contested : "");
}

static bool conclude_failure(struct sync_flow *flow, struct condition_change *change,
                             const struct error *err)
{
    change->reason = flow->reason;
    change->message = error_message(err);
    if (flow->waits)
        return condition_progressing(flow->status, change);
    return status_is_final(err) ? condition_stalled(flow->status, change)
                                : condition_retrying(flow->status, change);
}

// Applied, and not all of it is as it should be yet. The watch tells when it is.
static bool conclude_waiting(struct sync_flow *flow, struct condition_change *change)
{
    const struct target_health *health = &flow->health;
    cleanup_free char *message =
        xasprintf("%s; %zu of %zu %s ready: %s", change->message, health->ready, health->total,
                  health->total == 1 ? "object is" : "objects are", health->message);
    change->message = message;
    change->reason = health->failed ? "Unhealthy" : "Progressing";
    return condition_retrying(flow->status, change);
}

// "Deployment shop/web, … and 12 more"; owned.
static char *name_changes(const struct sync_flow *flow, size_t *ret_count)
{
    struct strbuf text;
    strbuf_init(&text, 1024);
    *ret_count = 0;
    vec_foreach (struct target_result, result, &flow->results) {
        if (result->action == TARGET_UNCHANGED || result->action == TARGET_KEEP)
            continue;
        if (*ret_count < NAMED_MAX)
            strbuf_addf(&text, "%s%s", *ret_count > 0 ? ", " : "", target_result_text(result));
        ++*ret_count;
    }
    if (*ret_count > NAMED_MAX)
        strbuf_addf(&text, " and %zu more", *ret_count - NAMED_MAX);
    return strbuf_steal(&text);
}

static char *drift_message(const struct sync_flow *flow)
{
    size_t n = 0;
    cleanup_free char *changes = name_changes(flow, &n);
    return xasprintf("%zu %s not as applied: %s; spec.drift is Report, so %s left alone; what "
                     "differs: sealift diff sync/%s -n %s",
                     n, n == 1 ? "object is" : "objects are", changes,
                     n == 1 ? "it is" : "they are", object_name(flow->object),
                     object_namespace(flow->object));
}

bool sync_conclude(struct sync_flow *flow, enum sync_outcome outcome, const struct error *err)
{
    struct condition_change change = {
        .generation = object_generation(flow->object),
        .now_ms = clock_wall_ms(flow->role->clock),
    };
    if (outcome == SYNC_FAILED)
        return conclude_failure(flow, &change, err);
    if (outcome == SYNC_APPLIED)
        sync_note_artifact(flow);
    cleanup_free char *message = outcome == SYNC_DRIFTED
                                     ? drift_message(flow)
                                     : with_problem(message_of(flow), flow->object);
    change.message = message;
    if (!flow->held && !flow->stale && outcome != SYNC_DRIFTED && flow->health.message != NULL)
        return conclude_waiting(flow, &change);
    change.reason = flow->held                ? "PruneHeld"
                    : flow->stale             ? "Stale"
                    : outcome == SYNC_DRIFTED ? "Drifted"
                                              : "Applied";
    if (flow->held || flow->stale)
        return condition_stalled(flow->status, &change);
    return condition_ready(flow->status, &change);
}

static void tell_success(struct sync_flow *flow, enum sync_outcome outcome, bool news,
                         const char *stages)
{
    size_t changed = 0;
    cleanup_free char *changes = name_changes(flow, &changed);
    const char *message = condition_message(flow->status, "Ready");
    // What made the watch suspicious may touch nothing of ours: an annotation by somebody else.
    bool healed = flow->drifted && flow->applied && changed > 0;
    const char *reason = outcome == SYNC_DRIFTED ? "Drifted"
                         : healed                ? "DriftHealed"
                                                 : condition_reason(flow->status, "Ready");
    cleanup_free char *note = outcome == SYNC_DRIFTED || healed
                                  ? xasprintf("%zu %s changed: %s", changed,
                                              changed == 1 ? "object was" : "objects were", changes)
                                  : xstrdup(message);
    bool looked_only = !flow->applied || (flow->drifted && changed == 0);
    bool quiet = looked_only && !news;
    if (!quiet)
        log_info(healed                    ? "drift healed"
                 : outcome == SYNC_DRIFTED ? "drift found"
                                           : "sync applied",
                 "kind", "Sync", "namespace", object_namespace(flow->object), "name",
                 object_name(flow->object), "revision",
                 jval_string(flow->status, "artifact.revision"), "digest",
                 jval_string(flow->status, "artifact.digest"), "reconcile_id", flow->request_id,
                 "objects", changes, "stages_ms", stages);
    if (quiet)
        return;
    bool warns = outcome == SYNC_DRIFTED || flow->held || flow->stale;
    store_event(flow->role->store, flow->object, warns ? STORE_EVENT_WARNING : STORE_EVENT_NORMAL,
                reason, note);
}

void sync_tell(struct sync_flow *flow, enum sync_outcome outcome, const struct error *err,
               bool news)
{
    cleanup_free char *stages = stages_text(&flow->stages);
    if (outcome != SYNC_FAILED) {
        tell_success(flow, outcome, news, stages);
        return;
    }
    if (flow->waits) {
        if (news)
            log_info("sync waits for its Bundle", "kind", "Sync", "namespace",
                     object_namespace(flow->object), "name", object_name(flow->object));
        return;
    }
    // It looks every minute whether people have approved meanwhile, and that is no news each time.
    if (flow->verdict.reason == TRUST_APPROVAL_REQUIRED && !news)
        return;
    log_warn("sync failed", "kind", "Sync", "namespace", object_namespace(flow->object), "name",
             object_name(flow->object), "reason", flow->reason, "digest", flow->source.digest.text,
             "error", error_message(err), "code", error_code_name(err->code), "reconcile_id",
             flow->request_id, "stages_ms", stages);
    if (news)
        store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, flow->reason,
                    error_message(err));
}
