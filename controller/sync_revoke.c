// What was offered is refused, or could not be had. What runs:
//
//   stands by the rules of now ────────────────▶ kept as it is, and healed
//   cannot be judged: no rules to be had ──────▶ as it was judged last
//   revoked ─┬─ every policy that refuses it says Rollback ─▶ the newest that this Sync adopted
//            │  and nothing of its evidence is missing        and that meets every policy now
//            └─ else, or there is none ─────────────────────▶ held: nothing is applied or healed
//
// Going back leaves the floor where it is. It is commanded by the policies of this cluster alone:
// who may write to the registry can neither revoke what runs nor choose what comes in its place.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/adoption.h"
#include "controller/floor.h"

#include <stdlib.h>
#include <string.h>

static const char *revoked_digest(const struct sync_flow *flow)
{
    return jval_string_or(flow->memory->adoptions, "revoked.digest", "");
}

static bool heals(const struct sync_flow *flow)
{
    const char *drift = object_spec_string(flow->object, "drift");
    return drift == NULL || strcmp(drift, "Heal") == 0;
}

// What should run while something else is refused, or NULL: what this process applied; before it
// applied anything, what an earlier one adopted and applied, or went back to, by the same spec.
static char *what_runs(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    int64_t generation = object_generation(flow->object);
    if (memory->runs != NULL)
        return memory->applied_generation == generation ? xstrdup(memory->runs) : NULL;
    if (jval_int(flow->status, "artifact.generation", 0) != generation)
        return NULL;
    cleanup_free char *adopted = sync_adopted(flow);
    if (adopted == NULL || !digest_is_valid(adopted))
        return NULL;
    bool applied = strcmp(jval_string_or(flow->status, "artifact.digest", ""), adopted) == 0;
    bool went_back =
        strcmp(jval_string_or(memory->adoptions, "revoked.rolledBackTo", ""), adopted) == 0;
    return applied || went_back ? STEAL(adopted) : NULL;
}

// The newest entry of what was adopted under that digest, whatever the channel.
static const json_t *entry_of(const struct sync_flow *flow, const char *digest)
{
    size_t index;
    json_t *entry;
    json_array_foreach (jval_array(flow->memory->adoptions, "history"), index, entry) {
        if (strcmp(jval_string_or(entry, "digest", ""), digest) == 0)
            return entry;
    }
    return NULL;
}

static bool is_governed(struct sync_flow *flow, const json_t *entry)
{
    const char *reason = NULL;
    if (flow->source.identity == NULL)
        flow->source.identity = xstrdup_or_null(jval_string(entry, "repository"));
    if (flow->source.reference == NULL)
        flow->source.reference = xstrdup_or_null(jval_string(entry, "reference"));
    if (flow->governance.rules.text[0] != '\0')
        return true;
    return flow->source.identity != NULL &&
           governance_of(flow->role, flow->object, flow->source.identity, &flow->governance,
                         &reason, NULL) == 0;
}

static bool stood_before(const struct sync_flow *flow, const char *digest)
{
    const struct sync_memory *memory = flow->memory;
    return memory->standing != NULL && strcmp(memory->standing, digest) == 0 &&
           strcmp(memory->standing_rules, flow->governance.rules.text) == 0 &&
           (memory->standing_until_ms == 0 ||
            clock_wall_ms(flow->role->clock) < memory->standing_until_ms);
}

static void note_standing(struct sync_flow *flow, const char *digest, int64_t until_ms)
{
    struct sync_memory *memory = flow->memory;
    free(memory->standing);
    free(memory->standing_rules);
    memory->standing = xstrdup(digest);
    memory->standing_rules = xstrdup(flow->governance.rules.text);
    memory->standing_until_ms = until_ms;
    if (until_ms > 0 && (memory->judge_again_ms == 0 || until_ms < memory->judge_again_ms))
        memory->judge_again_ms = until_ms;
}

static int judge_entry(struct sync_flow *flow, const char *digest, const json_t *entry,
                       struct sync_judgement *judgement, struct error *err)
{
    const struct sync_case what = {
        .digest = digest,
        .channel = entry != NULL ? jval_string(entry, "channel") : flow->source.channel,
        .version = jval_string(entry, "version"),
        .kept = entry,
        .kept_first = true,
    };
    const char *reason = flow->reason;
    int result = sync_judge(flow, &what, judgement, err);
    flow->reason = reason;
    return result;
}

// Whether what runs, and is not what was offered, is revoked.
static bool is_revoked(struct sync_flow *flow, const char *digest, struct sync_judgement *judgement)
{
    cleanup_error struct error err = {0};
    const json_t *entry = entry_of(flow, digest);
    if (!is_governed(flow, entry))
        return strcmp(revoked_digest(flow), digest) == 0;
    if (flow->governance.unverified || stood_before(flow, digest))
        return false;
    int asked = judge_entry(flow, digest, entry, judgement, &err);
    if (sync_is_revocation(&judgement->verdict) &&
        (judgement->proven || (asked == 0 && !sync_was_adopted(flow, digest))))
        return true;
    note_standing(flow, digest, judgement->verdict.judge_again_ms);
    return false;
}

// Notes that it is revoked, and what runs in its place or NULL. True when that is news.
static int note_revoked(struct sync_flow *flow, const char *digest, const char *message,
                        const char *instead, struct error *err)
{
    json_t *record = flow->memory->adoptions;
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(flow->role->clock), now);
    cleanup_json json_t *old = jval_ref(jval_object(record, "revoked"));
    bool same = strcmp(jval_string_or(old, "digest", ""), digest) == 0;
    json_t *revoked = json_object();
    jval_set_string(revoked, "digest", digest);
    jval_set_string(revoked, "since", same ? jval_string_or(old, "since", now) : now);
    jval_set_string(revoked, "message", message);
    jval_set_string(revoked, "rolledBackTo", instead);
    flow->record_changed = !json_equal(old, revoked);
    json_object_set_new(record, "revoked", revoked);
    if (!same)
        log_warn("what runs is revoked", "kind", "Sync", "namespace",
                 object_namespace(flow->object), "name", object_name(flow->object), "digest",
                 digest, "error", message);
    if (!flow->record_changed || instead != NULL)
        return 0;
    flow->record_changed = false;
    return adoptions_write(flow->role->store, flow->object, record, err);
}

// The newest that was adopted from here and meets every policy now; NULL: none. Its judgement comes
// with it.
static const json_t *last_good(struct sync_flow *flow, const char *revoked,
                               struct sync_judgement *ret_judgement)
{
    const struct sync_source *source = &flow->source;
    size_t index;
    json_t *entry;
    json_array_foreach (jval_array(flow->memory->adoptions, "history"), index, entry) {
        cleanup_error struct error err = {0};
        cleanup_sync_judgement struct sync_judgement judgement = {0};
        const char *digest = jval_string_or(entry, "digest", "");
        const char *channel = jval_string(entry, "channel");
        bool same_channel =
            source->per_sync_floor || strcmp(channel != NULL ? channel : "",
                                             source->channel != NULL ? source->channel : "") == 0;
        if (strcmp(digest, revoked) == 0 || !digest_is_valid(digest) || !same_channel ||
            strcmp(jval_string_or(entry, "repository", ""), source->identity) != 0)
            continue;
        if (judge_entry(flow, digest, entry, &judgement, &err) == 0 && judgement.verdict.met) {
            *ret_judgement = judgement;
            judgement = (struct sync_judgement){0};
            return entry;
        }
    }
    return NULL;
}

static int put_last_good(struct sync_flow *flow, const json_t *entry, const char *digest,
                         struct sync_judgement *judgement, struct error *err)
{
    struct sync_source *source = &flow->source;
    free(source->channel);
    free(source->version);
    free(source->revision);
    source->channel = xstrdup_or_null(jval_string(entry, "channel"));
    source->version = xstrdup_or_null(jval_string(entry, "version"));
    source->revision = xstrdup(jval_string_or(entry, "revision", digest));
    memcpy(source->digest.text, digest, strlen(digest) + 1);
    trust_verdict_release(&flow->verdict);
    flow->verdict = judgement->verdict;
    judgement->verdict = (struct trust_verdict){0};
    const struct floor_adoption adoption = {
        .digest = digest,
        .sequence = flow->verdict.sequence,
        .rules = flow->governance.rules.text,
    };
    if (sync_adopt(flow, &adoption, judgement, err) < 0 || sync_put_back(flow, digest, err) < 0)
        return -1;
    sync_applyset_settle(flow);
    note_standing(flow, digest, flow->verdict.judge_again_ms);
    sync_note_artifact(flow);
    return 0;
}

// What was offered is what the rest of the flow, and its log line, is about.
static void restore_offer(struct sync_flow *flow, const struct digest *offered)
{
    flow->source.digest = *offered;
}

static void say_rolled_back(struct sync_flow *flow, const char *digest, struct error *err)
{
    const json_t *revoked = jval_object(flow->memory->adoptions, "revoked");
    cleanup_free char *what = xstrdup(jval_string_or(revoked, "digest", ""));
    cleanup_free char *why = xstrdup(jval_string_or(revoked, "message", ""));
    error_release(err);
    flow->reason = "RolledBack";
    cleanup_free char *held =
        flow->held ? xasprintf("; pruning waits for sealift reconcile sync %s -n %s "
                               "--confirm-prune %s",
                               object_name(flow->object), object_namespace(flow->object), digest)
                   : xstrdup("");
    error_set(err, ERROR_UNVERIFIED,
              "%s is revoked, and %s, which meets every policy, runs in its place, as the policy "
              "says (onRevoke)%s; release something that meets it: %s",
              what, digest, held, why);
}

static void say_revoked(struct sync_flow *flow, const char *runs, const char *why, const char *more,
                        struct error *err)
{
    bool offered = strcmp(runs, flow->source.digest.text) == 0;
    cleanup_free char *refused = offered ? NULL : xstrdup(error_message(err));
    error_release(err);
    flow->reason = "Revoked";
    error_set(
        err, ERROR_UNVERIFIED,
        "%s runs and is revoked: it stays as it is, and nothing of it is applied or healed%s: "
        "%s%s%s",
        runs, more, why, refused != NULL ? "; and what is to run instead: " : "",
        refused != NULL ? refused : "");
}

// Nobody was told of what is revoked yet, and the condition tells of what runs instead.
static void tell_revoked(struct sync_flow *flow, const char *digest, const char *why)
{
    cleanup_free char *note = xasprintf("%s ran and is revoked: %s", digest, why);
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "Revoked", note);
}

static void go_back(struct sync_flow *flow, const char *runs, const char *why, struct error *err)
{
    cleanup_sync_judgement struct sync_judgement judgement = {0};
    cleanup_error struct error cause = {0};
    const struct digest offered = flow->source.digest;
    const json_t *entry = last_good(flow, runs, &judgement);
    if (entry == NULL) {
        if (note_revoked(flow, runs, why, NULL, &cause) < 0)
            log_warn("what is revoked was not noted", "error", error_message(&cause));
        say_revoked(flow, runs, why, "; nothing that this Sync adopted before meets its policies",
                    err);
        return;
    }
    cleanup_free char *digest = xstrdup(jval_string_or(entry, "digest", ""));
    cleanup_json json_t *copy = json_deep_copy(entry);
    if (note_revoked(flow, runs, why, digest, &cause) == 0 &&
        put_last_good(flow, copy, digest, &judgement, &cause) == 0) {
        flow->memory->held = false;
        tell_revoked(flow, runs, why);
        say_rolled_back(flow, digest, err);
    } else {
        error_release(err);
        flow->reason = "Revoked";
        error_wrap(&cause, "%s is revoked, and going back to %s failed", runs, digest);
        *err = cause;
        cause = (struct error){0};
    }
    restore_offer(flow, &offered);
}

// What runs stands: it is put back where it was changed. The failure is still what the status
// tells.
static void keep(struct sync_flow *flow, const char *runs, struct error *err)
{
    const char *reason = flow->reason;
    const struct digest offered = flow->source.digest;
    bool instead =
        strcmp(revoked_digest(flow), offered.text) == 0 &&
        strcmp(jval_string_or(flow->memory->adoptions, "revoked.rolledBackTo", ""), runs) == 0;
    cleanup_error struct error cause = {0};
    if (heals(flow) && sync_is_suspicious(flow)) {
        if (flow->source.revision == NULL)
            flow->source.revision = xstrdup(runs);
        if (sync_put_back(flow, runs, &cause) < 0)
            log_warn("what runs could not be kept", "kind", "Sync", "namespace",
                     object_namespace(flow->object), "name", object_name(flow->object), "error",
                     error_message(&cause));
        else if (flow->applied)
            log_info("drift healed", "kind", "Sync", "namespace", object_namespace(flow->object),
                     "name", object_name(flow->object), "digest", runs);
        // An earlier process went back to it, and did not live to say so.
        if (cause.code == ERROR_NONE && instead)
            sync_note_artifact(flow);
    }
    restore_offer(flow, &offered);
    flow->reason = reason;
    if (instead && err->code == ERROR_UNVERIFIED)
        say_rolled_back(flow, runs, err);
}

void sync_refused(struct sync_flow *flow, struct error *err)
{
    struct sync_memory *memory = flow->memory;
    cleanup_sync_judgement struct sync_judgement judgement = {0};
    cleanup_error struct error cause = {0};
    if (err->code == ERROR_CANCELED)
        return;
    if (memory->adoptions == NULL &&
        adoptions_read(flow->role->store, object_uid(flow->object), &memory->adoptions, &cause) < 0)
        return;
    cleanup_free char *runs = flow->revoked ? xstrdup(flow->source.digest.text) : what_runs(flow);
    memory->held = false;
    if (runs == NULL)
        return;
    bool is_held = flow->revoked || is_revoked(flow, runs, &judgement);
    memory->held = is_held;
    if (!is_held) {
        keep(flow, runs, err);
        return;
    }
    // Nobody can judge now, and why is what is to be said; before, it was revoked.
    if (!flow->revoked && flow->governance.rules.text[0] == '\0')
        return;
    // It counts as judged again once the rules are others, even if those of before come back.
    free(memory->judged_by);
    memory->judged_by = xstrdup("");
    bool goes_back =
        flow->revoked ? flow->may_go_back : sync_goes_back(flow, &judgement.verdict, &judgement);
    cleanup_free char *why =
        xstrdup(flow->revoked ? error_message(err) : judgement.verdict.message);
    if (goes_back) {
        go_back(flow, runs, why, err);
        return;
    }
    if (note_revoked(flow, runs, why, NULL, &cause) < 0)
        log_warn("what is revoked was not noted", "error", error_message(&cause));
    say_revoked(flow, runs, why, "", err);
}
