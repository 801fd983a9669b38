// Verify, then touch: which policies govern, whether signatures and statements meet them, and
// whether the artifact is above the floor. What passes is written down before the first apply.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/semver.h"
#include "controller/adoption.h"
#include "controller/floor.h"

#include <stdlib.h>
#include <string.h>

// How long what was adopted passes without its registry before that is asked again.
static const int64_t judge_later_ms = 60 * 1000;

static char *scope_of(const struct sync_source *source)
{
    return xasprintf("%s\n%s\n%s\n%lld", source->identity,
                     source->channel != NULL ? source->channel : "",
                     source->version != NULL ? source->version : "", (long long)source->sequence);
}

// The digest was judged before, and nobody tells of a newer statement about it.
static bool is_same_release(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    cleanup_free char *scope = scope_of(&flow->source);
    return memory->digest != NULL && strcmp(memory->digest, flow->source.digest.text) == 0 &&
           strcmp(memory->scope, scope) == 0;
}

// It was judged by the same rules, and neither time alone nor a renewed statement can have changed
// the verdict.
static bool is_verified(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    bool in_time = !memory->stale && (memory->judge_again_ms == 0 ||
                                      clock_wall_ms(flow->role->clock) < memory->judge_again_ms);
    return is_same_release(flow) && strcmp(memory->judged_by, flow->governance.rules.text) == 0 &&
           in_time;
}

static void remember(struct sync_flow *flow)
{
    struct sync_memory *memory = flow->memory;
    if (memory->digest == NULL || strcmp(memory->digest, flow->source.digest.text) != 0)
        memory->applied = false;
    free(memory->digest);
    free(memory->judged_by);
    free(memory->scope);
    memory->digest = xstrdup(flow->source.digest.text);
    memory->judged_by = xstrdup(flow->governance.rules.text);
    memory->scope = scope_of(&flow->source);
    memory->judge_again_ms = flow->verdict.judge_again_ms;
    memory->stale = flow->stale;
    memory->held = false;
    sync_source_copy(&memory->source, &flow->source);
}

static int refuse(struct sync_flow *flow, enum trust_reason reason, const char *message,
                  struct error *err)
{
    flow->reason = trust_reason_name(reason);
    return error_set(err, ERROR_UNVERIFIED, "%s", message);
}

static int refuse_rollback(struct sync_flow *flow, const struct floor *floor, struct error *err)
{
    cleanup_free char *message = xasprintf(
        "%s has sequence %lld, below %lld (%s), which was adopted here before; release "
        "it again to go back to it: sealift rollback sync/%s -n %s --to %s --key FILE",
        flow->source.revision, (long long)flow->verdict.sequence, (long long)floor->floor.sequence,
        floor->floor.digest.text, object_name(flow->object), object_namespace(flow->object),
        flow->source.digest.text);
    return refuse(flow, TRUST_ROLLBACK_REFUSED, message, err);
}

// The floor of a Sync that follows a range is its own, in SemVer order. *ret_raise: it is above the
// floor.
static int check_version(struct sync_flow *flow, const struct floor *floor, bool *ret_raise,
                         struct error *err)
{
    cleanup_semver struct semver wanted = {0};
    cleanup_semver struct semver reached = {0};
    if (semver_parse(flow->source.version, &wanted, err) < 0 ||
        (floor->version != NULL && semver_parse(floor->version, &reached, err) < 0))
        return -1;
    enum trust_floor_result result = trust_floor_check_version(
        floor->version != NULL ? &reached : NULL, floor->floor.digest.text, floor->adopted, &wanted,
        flow->source.digest.text);
    *ret_raise = result == TRUST_FLOOR_RAISE;
    if (result != TRUST_FLOOR_REFUSE)
        return 0;
    bool below = semver_compare(&wanted, &reached) < 0;
    cleanup_free char *message = xasprintf(
        "version %s (%s) %s %s%s%s, which this Sync adopted before; is a tag %s in the "
        "registry? If it is to go there: sealift floor reset %s semver -n %s && sealift reconcile "
        "sync %s -n %s",
        flow->source.version, flow->source.digest.text,
        below ? "is below" : "is another artifact than", below ? floor->version : "",
        below ? " " : "", floor->floor.digest.text, below ? "missing" : "moved",
        flow->source.identity, object_namespace(flow->object), object_name(flow->object),
        object_namespace(flow->object));
    return refuse(flow, TRUST_ROLLBACK_REFUSED, message, err);
}

static struct floor_key key_of(const struct sync_flow *flow)
{
    return (struct floor_key){
        .namespace = object_namespace(flow->object),
        .repository = flow->source.identity,
        .channel = flow->source.channel != NULL ? flow->source.channel : "",
        .own = flow->source.per_sync_floor,
        .uid = object_uid(flow->object),
    };
}

static json_t *entry_of(const struct sync_flow *flow, const struct sync_judgement *judgement)
{
    const struct sync_source *source = &flow->source;
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(flow->role->clock), now);
    json_t *entry = json_object();
    jval_set_string(entry, "digest", source->digest.text);
    jval_set_string(entry, "reference", source->reference);
    jval_set_string(entry, "repository", source->identity);
    jval_set_string(entry, "channel", source->channel);
    jval_set_string(entry, "version", source->version);
    jval_set_string(entry, "revision", source->revision);
    jval_set_int(entry, "sequence", flow->verdict.sequence);
    jval_set_string(entry, "adoptedAt", now);
    jval_set_bool(entry, "whole", judgement->whole);
    json_object_set(entry, "evidence", judgement->evidence);
    json_object_set(entry, "signers", judgement->signers);
    return entry;
}

// Whether the record says all of that already.
static bool is_noted(const json_t *record, const json_t *entry)
{
    const json_t *first = json_array_get(jval_array(record, "history"), 0);
    return first != NULL &&
           strcmp(jval_string_or(first, "digest", ""), jval_string_or(entry, "digest", "")) == 0 &&
           jval_int(first, "sequence", 0) == jval_int(entry, "sequence", 0) &&
           jval_bool(first, "whole", false) == jval_bool(entry, "whole", false) &&
           json_equal(jval_array(first, "signers"), jval_array(entry, "signers")) &&
           json_equal(jval_array(first, "evidence"), jval_array(entry, "evidence"));
}

int sync_adopt(struct sync_flow *flow, const struct floor_adoption *adoption,
               const struct sync_judgement *judgement, struct error *err)
{
    const struct floor_key key = key_of(flow);
    json_t *record = flow->memory->adoptions;
    json_t *entry = entry_of(flow, judgement);
    flow->reason = "FloorFailed";
    bool noted = is_noted(record, entry) && !flow->record_changed;
    adoptions_note(record, entry);
    if (!noted && adoptions_write(flow->role->store, flow->object, record, err) < 0)
        return -1;
    flow->record_changed = false;
    return floor_adopt(flow->role->store, &key, adoption, err);
}

static int hold_floor(struct sync_flow *flow, struct floor *floor, struct sync_judgement *judgement,
                      struct error *err)
{
    bool judged = flow->verdict.attested && !flow->source.per_sync_floor;
    bool raise_version = false;
    flow->reason = "FloorFailed";
    if (flow->source.per_sync_floor && flow->verdict.attested &&
        check_version(flow, floor, &raise_version, err) < 0)
        return -1;
    if (judged && !flow->verdict.rollback_allowed &&
        trust_floor_check(&floor->floor, floor->adopted, flow->verdict.sequence,
                          flow->source.digest.text) == TRUST_FLOOR_REFUSE)
        return refuse_rollback(flow, floor, err);
    const struct floor_adoption adoption = {
        .digest = flow->source.digest.text,
        .sequence = flow->verdict.sequence,
        .raise = judged,
        .below = flow->verdict.rollback_allowed,
        .rules = flow->governance.rules.text,
        .version = raise_version ? flow->source.version : NULL,
    };
    flow->record_changed = json_object_del(flow->memory->adoptions, "revoked") == 0;
    return sync_adopt(flow, &adoption, judgement, err);
}

// The registry cannot be asked, but this very digest was adopted by this Sync under these rules,
// and its bytes may be in the cache: what runs goes on being kept as it is, also across a restart.
static bool was_adopted(const struct sync_flow *flow, const struct floor *floor)
{
    return floor->adopted_rules != NULL &&
           strcmp(floor->adopted_rules, flow->governance.rules.text) == 0;
}

char *sync_adopted(const struct sync_flow *flow)
{
    cleanup_floor struct floor floor = {0};
    if (flow->source.identity == NULL)
        return NULL;
    const struct floor_key key = key_of(flow);
    return floor_read(flow->role->store, &key, &floor, NULL) == 0 ? STEAL(floor.adopted) : NULL;
}

bool sync_was_adopted(const struct sync_flow *flow, const char *digest)
{
    cleanup_floor struct floor floor = {0};
    const struct floor_key key = key_of(flow);
    return floor_read(flow->role->store, &key, &floor, NULL) == 0 && floor.adopted != NULL &&
           strcmp(floor.adopted, digest) == 0 && was_adopted(flow, &floor);
}

static int recall_adoptions(struct sync_flow *flow, struct error *err)
{
    flow->reason = "FloorFailed";
    return flow->memory->adoptions != NULL
               ? 0
               : adoptions_read(flow->role->store, object_uid(flow->object),
                                &flow->memory->adoptions, err);
}

// What runs is no longer what its policies accept.
static int revoke(struct sync_flow *flow, const struct sync_judgement *judgement, struct error *err)
{
    flow->revoked = true;
    flow->may_go_back = sync_goes_back(flow, &flow->verdict, judgement);
    return refuse(flow, flow->verdict.reason, flow->verdict.message, err);
}

// What runs, and its registry cannot be asked: what it was adopted by decides, until it can.
static int judge_unasked(struct sync_flow *flow, const struct floor *floor,
                         const struct sync_judgement *judgement, struct error *cause,
                         struct error *err)
{
    bool met = flow->verdict.met || flow->verdict.stale_only;
    if (!met && (judgement->proven || !was_adopted(flow, floor)))
        return judgement->proven && sync_is_revocation(&flow->verdict)
                   ? revoke(flow, judgement, err)
                   : error_move(err, cause);
    // Judged again soon, when the registry may answer.
    flow->verdict.judge_again_ms = clock_wall_ms(flow->role->clock) + judge_later_ms;
    flow->stale = met ? flow->verdict.stale_only : flow->memory->stale;
    remember(flow);
    return 0;
}

// A scan of today may say something else than the one it was adopted by.
static bool waits_for_news(const struct sync_flow *flow)
{
    vec_foreach (const struct trust_policy, policy, &flow->governance.policies) {
        if (policy->attestations.len > 0)
            return true;
    }
    return false;
}

static int judge_and_adopt(struct sync_flow *flow, struct error *err)
{
    cleanup_floor struct floor floor = {0};
    cleanup_error struct error cause = {0};
    cleanup_sync_judgement struct sync_judgement judgement = {0};
    const struct sync_source *source = &flow->source;
    const struct floor_key key = key_of(flow);
    flow->reason = "FloorFailed";
    if (floor_read(flow->role->store, &key, &floor, err) < 0 || recall_adoptions(flow, err) < 0)
        return -1;
    bool runs = floor.adopted != NULL && strcmp(floor.adopted, source->digest.text) == 0;
    const struct sync_case what = {
        .digest = source->digest.text,
        .channel = source->channel,
        .version = source->version,
        .kept = adoptions_find(flow->memory->adoptions, source->digest.text, source->identity,
                               source->channel),
        .kept_first = runs && is_same_release(flow) && !waits_for_news(flow),
    };
    int asked = sync_judge(flow, &what, &judgement, &cause);
    flow->verdict = judgement.verdict;
    judgement.verdict = (struct trust_verdict){0};
    if (asked < 0)
        return runs && error_is_transient(&cause)
                   ? judge_unasked(flow, &floor, &judgement, &cause, err)
                   : error_move(err, &cause);
    flow->stale = !flow->verdict.met && flow->verdict.stale_only && runs;
    if (flow->verdict.met && hold_floor(flow, &floor, &judgement, err) < 0)
        return -1;
    if (flow->verdict.met || flow->stale) {
        remember(flow);
        return 0;
    }
    // Without what it was adopted by, and under the rules that it met then, it may only be that
    // somebody hides it.
    if (runs && (judgement.proven || !was_adopted(flow, &floor)) &&
        sync_is_revocation(&flow->verdict))
        return revoke(flow, &judgement, err);
    return refuse(flow, flow->verdict.reason, flow->verdict.message, err);
}

int sync_verify(struct sync_flow *flow, struct error *err)
{
    stages_begin(&flow->stages, "verify");
    if (governance_of(flow->role, flow->object, flow->source.identity, &flow->governance,
                      &flow->reason, err) < 0)
        return -1;
    if (is_verified(flow))
        return 0;
    if (flow->governance.unverified) {
        remember(flow);
        return 0;
    }
    return judge_and_adopt(flow, err);
}
