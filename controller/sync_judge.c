// The judgement of one artifact by the policies that govern the Sync. What it was adopted by once
// still counts when a registry no longer shows it: who can hide a signature must not be able to
// revoke what it was under. The registry is asked where what is kept is not enough.
#include "controller/sync_internal.h"

#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/adoption.h"
#include "oci/sign/collect.h"
#include "oci/sign/evidence_json.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <stdlib.h>
#include <string.h>

void sync_judgement_release(struct sync_judgement *judgement)
{
    trust_verdict_release(&judgement->verdict);
    json_decref(judgement->evidence);
    json_decref(judgement->signers);
    *judgement = (struct sync_judgement){0};
}

static void evaluate(const struct sync_flow *flow, const struct sync_case *what,
                     const struct evidence_set *evidence, struct trust_verdict *ret_verdict)
{
    const struct trust_subject subject = {
        .repository = flow->source.identity,
        .digest = what->digest,
        .channel = what->channel,
        .version = what->version,
        .now_ms = clock_wall_ms(flow->role->clock),
    };
    trust_verdict_release(ret_verdict);
    trust_evaluate(flow->governance.policies.data, flow->governance.policies.len, &subject,
                   evidence, ret_verdict);
}

// What cannot be read back is as good as not kept.
static bool recall(const struct sync_case *what, struct evidence_set *set)
{
    cleanup_error struct error err = {0};
    if (what->kept == NULL)
        return false;
    if (evidence_from_json(jval_array(what->kept, "evidence"), what->digest, set, &err) == 0)
        return jval_bool(what->kept, "whole", false);
    log_warn("what an artifact was adopted by cannot be read back", "digest", what->digest, "error",
             error_message(&err));
    return false;
}

static void add_signers(json_t *signers, const struct governance *governance,
                        const struct trust_entry *entry)
{
    vec_foreach (const struct trust_key, key, &entry->keys)
        json_array_append_new(signers, json_string(verify_key_fingerprint(key->key)->text));
    vec_foreach (const struct trust_identity, identity, &entry->identities) {
        cleanup_free char *text = xasprintf("%s %s", identity->issuer, identity->subject);
        json_array_append_new(signers, json_string(text));
    }
    // Who that is depends on trust stores: any change counts.
    if (entry->notation != NULL)
        json_array_append_new(signers, json_string(governance->rules.text));
}

// Whose signatures and statements are looked for, as texts. Owned.
static json_t *signers_of(const struct governance *governance)
{
    json_t *signers = json_array();
    vec_foreach (const struct trust_policy, policy, &governance->policies) {
        vec_foreach (const struct trust_entry, entry, &policy->entries)
            add_signers(signers, governance, entry);
        vec_foreach (const struct trust_attestation, wanted, &policy->attestations)
            add_signers(signers, governance, &wanted->signers);
        if (policy->root != NULL)
            json_array_append_new(signers, json_string(policy->root->digest.text));
    }
    return signers;
}

static bool holds(const json_t *array, const json_t *item)
{
    size_t index;
    json_t *other;
    json_array_foreach (array, index, other) {
        if (json_equal(other, item))
            return true;
    }
    return false;
}

// Somebody is listed whose word was never looked for: what is kept may not be all there is.
static bool has_new_signers(const json_t *signers, const json_t *kept)
{
    size_t index;
    json_t *signer;
    json_array_foreach (signers, index, signer) {
        if (!holds(jval_array(kept, "signers"), signer))
            return true;
    }
    return false;
}

// What was found now, and of what is kept the rest. Owned.
static json_t *join(json_t *found, const json_t *kept)
{
    size_t index;
    json_t *item;
    json_array_foreach (kept, index, item) {
        if (!holds(found, item))
            json_array_append(found, item);
    }
    return found;
}

static int ask(struct sync_flow *flow, const struct sync_case *what, struct evidence_set *found,
               struct error *err)
{
    flow->reason = "PullFailed";
    if (sync_source_open(flow, err) < 0)
        return -1;
    flow->reason = "PullFailed";
    if (flow->manifest.media_type == NULL && strcmp(what->digest, flow->source.digest.text) == 0) {
        cleanup_free char *bytes = NULL;
        size_t size;
        if (oci_get_manifest(flow->repository, what->digest, &bytes, &size, &flow->manifest, err) <
            0)
            return -1;
    }
    return evidence_collect_for(flow->repository, what->digest, flow->governance.policies.data,
                                flow->governance.policies.len, found, err);
}

static void judge_found(struct sync_flow *flow, const struct sync_case *what,
                        const struct evidence_set *found, struct sync_judgement *judgement)
{
    const json_t *kept = jval_array(what->kept, "evidence");
    bool whole = false;
    evaluate(flow, what, found, &judgement->verdict);
    json_decref(judgement->evidence);
    judgement->evidence = evidence_to_json(found, ADOPTION_EVIDENCE_BYTES, &whole);
    if (!judgement->verdict.met && json_array_size(kept) > 0) {
        cleanup_evidence_set struct evidence_set both;
        evidence_set_init(&both);
        join(judgement->evidence, kept);
        vec_foreach (char *, stranger, &found->strangers)
            evidence_stranger(&both, *stranger);
        if (evidence_from_json(judgement->evidence, what->digest, &both, NULL) == 0) {
            evidence_renew_notation(&both, what->digest, flow->governance.policies.data,
                                    flow->governance.policies.len);
            evaluate(flow, what, &both, &judgement->verdict);
        }
    }
    judgement->whole = whole;
    judgement->asked = true;
}

int sync_judge(struct sync_flow *flow, const struct sync_case *what,
               struct sync_judgement *ret_judgement, struct error *err)
{
    struct sync_judgement judgement = {0};
    cleanup_evidence_set struct evidence_set kept;
    cleanup_evidence_set struct evidence_set found;
    evidence_set_init(&kept);
    evidence_set_init(&found);
    judgement.proven = recall(what, &kept);
    evidence_renew_notation(&kept, what->digest, flow->governance.policies.data,
                            flow->governance.policies.len);
    judgement.whole = judgement.proven;
    evaluate(flow, what, &kept, &judgement.verdict);
    judgement.evidence = json_copy(jval_unconst(jval_array(what->kept, "evidence")));
    // A digest that is denied is denied whatever is shown for it.
    cleanup_json json_t *signers = signers_of(&flow->governance);
    bool kept_is_all = what->kept_first && !has_new_signers(signers, what->kept);
    bool enough =
        (kept_is_all && judgement.verdict.met) || judgement.verdict.reason == TRUST_DENIED;
    int result = enough ? 0 : ask(flow, what, &found, err);
    if (!enough && result == 0)
        judge_found(flow, what, &found, &judgement);
    const json_t *kept_signers = jval_array(what->kept, "signers");
    judgement.signers =
        judgement.asked || kept_signers == NULL ? json_incref(signers) : jval_ref(kept_signers);
    *ret_judgement = judgement;
    return result;
}

bool sync_is_revocation(const struct trust_verdict *verdict)
{
    return !verdict->met && !verdict->stale_only && verdict->reason != TRUST_POLICY_INVALID &&
           verdict->reason != TRUST_UNGOVERNED;
}

static bool says_go_back(const struct governance *governance, const char *policy)
{
    vec_foreach (const struct trust_policy, each, &governance->policies) {
        if (strcmp(each->name, policy) == 0)
            return each->goes_back;
    }
    return false;
}

bool sync_goes_back(const struct sync_flow *flow, const struct trust_verdict *verdict,
                    const struct sync_judgement *judgement)
{
    size_t unmet = 0;
    vec_foreach (const struct trust_finding, finding, &verdict->findings) {
        if (!finding->met && !says_go_back(&flow->governance, finding->policy))
            return false;
        unmet += !finding->met;
    }
    bool settled = verdict->reason == TRUST_DENIED || (judgement->proven && judgement->asked);
    return unmet > 0 && sync_is_revocation(verdict) && settled;
}
