// Verify, then touch: which policies govern, whether signatures and statements meet them, and
// whether the artifact is above the floor. What passes is written down before the first apply.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "base/memory.h"
#include "base/semver.h"
#include "controller/floor.h"
#include "oci/sign/collect.h"

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

// The same digest was judged by the same rules, and neither time alone nor a renewed statement can
// have changed the verdict.
static bool is_verified(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    cleanup_free char *scope = scope_of(&flow->source);
    bool in_time = !memory->stale && (memory->judge_again_ms == 0 ||
                                      clock_wall_ms(flow->role->clock) < memory->judge_again_ms);
    return memory->digest != NULL && strcmp(memory->digest, flow->source.digest.text) == 0 &&
           strcmp(memory->rules, flow->governance.rules.text) == 0 &&
           strcmp(memory->scope, scope) == 0 && in_time;
}

static void remember(struct sync_flow *flow)
{
    struct sync_memory *memory = flow->memory;
    if (memory->digest == NULL || strcmp(memory->digest, flow->source.digest.text) != 0)
        memory->applied = false;
    free(memory->digest);
    free(memory->rules);
    free(memory->scope);
    memory->digest = xstrdup(flow->source.digest.text);
    memory->rules = xstrdup(flow->governance.rules.text);
    memory->scope = scope_of(&flow->source);
    memory->judge_again_ms = flow->verdict.judge_again_ms;
    memory->stale = flow->stale;
}

static int judge(struct sync_flow *flow, struct error *err)
{
    cleanup_evidence_set struct evidence_set evidence;
    evidence_set_init(&evidence);
    flow->reason = "PullFailed";
    if (sync_source_open(flow, err) < 0)
        return -1;
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_get_manifest(flow->repository, flow->source.digest.text, &bytes, &size, &flow->manifest,
                         err) < 0 ||
        evidence_collect_for(flow->repository, flow->source.digest.text,
                             flow->governance.policies.data, flow->governance.policies.len,
                             &evidence, err) < 0)
        return -1;
    const struct trust_subject subject = {
        .repository = flow->source.identity,
        .digest = flow->source.digest.text,
        .channel = flow->source.channel,
        .version = flow->source.version,
        .now_ms = clock_wall_ms(flow->role->clock),
    };
    trust_evaluate(flow->governance.policies.data, flow->governance.policies.len, &subject,
                   &evidence, &flow->verdict);
    return 0;
}

static int refuse(struct sync_flow *flow, enum trust_reason reason, const char *message,
                  struct error *err)
{
    flow->reason = trust_reason_name(reason);
    return error_set(err, ERROR_UNVERIFIED, "%s", message);
}

static int refuse_rollback(struct sync_flow *flow, const struct floor *floor, struct error *err)
{
    cleanup_free char *message =
        xasprintf("%s has sequence %lld, below %lld (%s), which was adopted here before; release "
                  "it again to go back to it",
                  flow->source.revision, (long long)flow->verdict.sequence,
                  (long long)floor->floor.sequence, floor->floor.digest.text);
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
    cleanup_free char *message =
        xasprintf("version %s (%s) is below %s, which this Sync adopted before, or is another "
                  "artifact under that "
                  "version; is a tag missing or moved in the registry?",
                  flow->source.version, flow->source.digest.text, floor->version);
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

static int hold_floor(struct sync_flow *flow, struct floor *floor, struct error *err)
{
    const struct floor_key key = key_of(flow);
    bool judged =
        flow->verdict.attested && !flow->source.per_sync_floor && !flow->verdict.rollback_allowed;
    bool raise_version = false;
    flow->reason = "FloorFailed";
    if (flow->source.per_sync_floor && flow->verdict.attested &&
        check_version(flow, floor, &raise_version, err) < 0)
        return -1;
    if (judged && trust_floor_check(&floor->floor, floor->adopted, flow->verdict.sequence,
                                    flow->source.digest.text) == TRUST_FLOOR_REFUSE)
        return refuse_rollback(flow, floor, err);
    const struct floor_adoption adoption = {
        .digest = flow->source.digest.text,
        .sequence = flow->verdict.sequence,
        .raise = judged,
        .rules = flow->governance.rules.text,
        .version = raise_version ? flow->source.version : NULL,
    };
    return floor_adopt(flow->role->store, &key, &adoption, err);
}

// The registry cannot be asked, but this very digest was adopted by this Sync under these rules,
// and its bytes may be in the cache: what runs goes on being kept as it is, also across a restart.
static bool was_adopted(const struct sync_flow *flow, const struct floor *floor,
                        const struct error *cause)
{
    return error_is_transient(cause) && floor->adopted != NULL && floor->adopted_rules != NULL &&
           strcmp(floor->adopted, flow->source.digest.text) == 0 &&
           strcmp(floor->adopted_rules, flow->governance.rules.text) == 0;
}

bool sync_was_adopted(const struct sync_flow *flow, const char *digest)
{
    cleanup_floor struct floor floor = {0};
    if (flow->source.identity == NULL)
        return false;
    const struct floor_key key = key_of(flow);
    return floor_read(flow->role->store, &key, &floor, NULL) == 0 && floor.adopted != NULL &&
           strcmp(floor.adopted, digest) == 0;
}

static int judge_and_adopt(struct sync_flow *flow, struct error *err)
{
    cleanup_floor struct floor floor = {0};
    cleanup_error struct error cause = {0};
    const struct floor_key key = key_of(flow);
    flow->reason = "FloorFailed";
    if (floor_read(flow->role->store, &key, &floor, err) < 0)
        return -1;
    if (judge(flow, &cause) < 0) {
        if (!was_adopted(flow, &floor, &cause))
            return error_move(err, &cause);
        // Judged again soon, when the registry may answer.
        flow->verdict.judge_again_ms = clock_wall_ms(flow->role->clock) + judge_later_ms;
        flow->stale = flow->memory->stale;
        remember(flow);
        return 0;
    }
    bool runs = floor.adopted != NULL && strcmp(floor.adopted, flow->source.digest.text) == 0;
    flow->stale = !flow->verdict.met && flow->verdict.stale_only && runs;
    if (!flow->verdict.met && !flow->stale)
        return refuse(flow, flow->verdict.reason, flow->verdict.message, err);
    if (!flow->stale && hold_floor(flow, &floor, err) < 0)
        return -1;
    remember(flow);
    return 0;
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
