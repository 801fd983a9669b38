// Putting a verdict together and into words.
#include "oci/sign/policy_internal.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 256 << 10 };

const char *trust_reason_name(enum trust_reason reason)
{
    static const char *const names[] = {
        [TRUST_MET] = "Verified",
        [TRUST_UNGOVERNED] = "Ungoverned",
        [TRUST_DENIED] = "Denied",
        [TRUST_POLICY_INVALID] = "PolicyInvalid",
        [TRUST_UNVERIFIED] = "Unverified",
        [TRUST_CHANNEL_REQUIRED] = "ChannelRequired",
        [TRUST_CHANNEL_NOT_ALLOWED] = "ChannelNotAllowed",
        [TRUST_NOT_ATTESTED] = "NotAttested",
        [TRUST_SOURCE_NOT_ALLOWED] = "SourceNotAllowed",
        [TRUST_ATTESTATION_REQUIRED] = "AttestationRequired",
        [TRUST_ATTESTATION_REFUSED] = "AttestationRefused",
        [TRUST_CLOCK_SKEW] = "ClockSkew",
        [TRUST_APPROVAL_REQUIRED] = "ApprovalRequired",
        [TRUST_STALE] = "Stale",
        [TRUST_ROLLBACK_REFUSED] = "RollbackRefused",
    };
    return names[reason];
}

static void release_finding(void *element)
{
    struct trust_finding *finding = element;
    free(finding->policy);
    free(finding->requirement);
    free(finding->found);
    free(finding->missing);
    free(finding->action);
}

struct trust_verdict trust_verdict_empty(void)
{
    return (struct trust_verdict){
        .verified_by = VEC_OF(char *, vec_release_string),
        .findings = VEC_OF(struct trust_finding, release_finding),
    };
}

void trust_verdict_release(struct trust_verdict *verdict)
{
    free(STEAL(verdict->message));
    vec_free(&verdict->verified_by);
    vec_free(&verdict->findings);
}

void trial_report(struct trial *trial, enum trust_reason reason, char *requirement, char *found,
                  char *missing, char *action)
{
    struct trust_finding *finding = vec_push(&trial->verdict->findings);
    finding->policy = xstrdup(trial->policy->name != NULL ? trial->policy->name : "trust");
    finding->requirement = requirement;
    finding->met = missing == NULL;
    finding->reason = finding->met ? TRUST_MET : reason;
    finding->found = found;
    finding->missing = finding->met ? xstrdup("") : missing;
    finding->action = finding->met ? xstrdup("") : action;
    if (finding->met)
        free(action);
}

void trial_judge_again(struct trial *trial, int64_t wall_ms)
{
    int64_t *next = &trial->verdict->judge_again_ms;
    if (wall_ms > trial->subject->now_ms && (*next == 0 || wall_ms < *next))
        *next = wall_ms;
}

char *trial_join(const struct vec *names, const char *none)
{
    struct strbuf out;
    strbuf_init(&out, MAX_TEXT);
    for (size_t i = 0; i < names->len; i++)
        strbuf_addf(&out, "%s%s", i > 0 ? ", " : "", *(char **)vec_at(names, i));
    if (names->len == 0)
        strbuf_addstr(&out, none);
    return strbuf_steal(&out);
}

char *trust_explain(const struct trust_verdict *verdict, const struct evidence_set *evidence)
{
    struct strbuf out;
    strbuf_init(&out, MAX_TEXT);
    vec_foreach (struct trust_finding, finding, &verdict->findings) {
        strbuf_addf(&out, "%s  %s: %s\n", finding->met ? "met  " : "UNMET", finding->policy,
                    finding->requirement);
        strbuf_addf(&out, "       found:   %s\n", finding->found);
        if (finding->met)
            continue;
        strbuf_addf(&out, "       missing: %s (%s)\n", finding->missing,
                    trust_reason_name(finding->reason));
        strbuf_addf(&out, "       do:      %s\n", finding->action);
    }
    if (evidence->notes.len > 0)
        strbuf_addstr(&out, "looked at and not counted:\n");
    for (size_t i = 0; i < evidence->notes.len; i++)
        strbuf_addf(&out, "       %s\n", *(char **)vec_at(&evidence->notes, i));
    if (evidence->cut)
        strbuf_addf(&out, "       … and more: only the first %zu were looked at\n",
                    evidence->looked_at);
    strbuf_addf(&out, "%s: %s\n", trust_reason_name(verdict->reason), verdict->message);
    return strbuf_steal(&out);
}
