// Putting a verdict together and into words.
#include "oci/sign/policy_internal.h"

#include "base/columns.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 256 << 10, MAX_TABLE = 4 << 20 };

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

// Behind the first: how many more are unmet, and why.
static char *others_text(const struct trust_verdict *verdict, const struct trust_finding *first)
{
    cleanup_vec struct vec reasons = VEC_OF(char *, NULL);
    bool seen[TRUST_ROLLBACK_REFUSED + 1] = {false};
    size_t others = 0;
    vec_foreach (const struct trust_finding, finding, &verdict->findings) {
        if (finding->met || finding == first)
            continue;
        others++;
        if (!seen[finding->reason])
            *(const char **)vec_push(&reasons) = trust_reason_name(finding->reason);
        seen[finding->reason] = true;
    }
    if (others == 0)
        return xstrdup("");
    cleanup_free char *names = trial_join(&reasons, "");
    return xasprintf(
        " (and %zu more %s unmet: %s; sealift verify REF --sync NAME --explain shows all)", others,
        others == 1 ? "is" : "are", names);
}

void trust_verdict_conclude(struct trust_verdict *verdict)
{
    const struct trust_finding *first = NULL;
    bool only_stale = true;
    vec_foreach (struct trust_finding, finding, &verdict->findings) {
        if (finding->met)
            continue;
        if (first == NULL || finding->reason < first->reason)
            first = finding;
        only_stale = only_stale && finding->reason == TRUST_STALE;
    }
    verdict->met = first == NULL;
    verdict->stale_only = first != NULL && only_stale;
    verdict->reason = first == NULL ? TRUST_MET : first->reason;
    if (first == NULL) {
        verdict->message = xstrdup("all requirements are met");
    } else {
        cleanup_free char *others = others_text(verdict, first);
        verdict->message =
            xasprintf("%s: %s: found %s; missing %s; %s%s", first->policy, first->requirement,
                      first->found, first->missing, first->action, others);
    }
    // What one policy adopted is nothing that the whole vouches for.
    if (!verdict->met && !verdict->stale_only)
        vec_clear(&verdict->verified_by);
}

static void write_findings(const struct trust_verdict *verdict, const char *last_column,
                           size_t width, struct strbuf *out)
{
    const char *const header[] = {"REQUIREMENT", "FOUND", "MISSING", last_column, NULL};
    cleanup_columns struct columns columns;
    columns_init(&columns, header);
    vec_foreach (struct trust_finding, finding, &verdict->findings) {
        cleanup_free char *requirement = xasprintf("%s: %s", finding->policy, finding->requirement);
        cleanup_free char *missing = finding->met ? xstrdup("-")
                                                  : xasprintf("%s (%s)", finding->missing,
                                                              trust_reason_name(finding->reason));
        const char *const cells[] = {requirement, finding->found, missing,
                                     finding->met ? "-" : finding->action};
        columns_add(&columns, cells);
    }
    columns_write(&columns, width, out);
}

static size_t widest_line(const char *text)
{
    size_t widest = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        cleanup_free char *line = xstrndup(text, size);
        size_t width = columns_text_width(line);
        widest = width > widest ? width : widest;
        text += size + (text[size] == '\n');
    }
    return widest;
}

// Where the table would wrap, what to do stands below it on lines of its own: there are commands in
// it, to be copied.
static void explain_findings(const struct trust_verdict *verdict, size_t width, struct strbuf *out)
{
    cleanup_strbuf struct strbuf whole;
    strbuf_init(&whole, MAX_TABLE);
    write_findings(verdict, "WHAT TO DO", 0, &whole);
    if (width == 0 || widest_line(whole.data) <= width) {
        strbuf_add(out, whole.data, whole.len);
        return;
    }
    write_findings(verdict, NULL, width, out);
    if (!verdict->met)
        strbuf_addstr(out, "\nwhat to do:\n");
    vec_foreach (struct trust_finding, finding, &verdict->findings) {
        if (finding->met)
            continue;
        cleanup_free char *line =
            xasprintf("  %s: %s: %s", finding->policy, finding->requirement, finding->action);
        strbuf_add_visible(out, line, strlen(line));
        strbuf_addstr(out, "\n");
    }
}

char *trust_explain(const struct trust_verdict *verdict, const struct evidence_set *evidence,
                    size_t width)
{
    struct strbuf out;
    strbuf_init(&out, MAX_TABLE);
    explain_findings(verdict, width, &out);
    if (evidence->notes.len > 0 || evidence->cut)
        strbuf_addstr(&out, "\nlooked at and not counted:\n");
    vec_foreach (char *, note, &evidence->notes) {
        strbuf_addstr(&out, "  ");
        strbuf_add_visible(&out, *note, strlen(*note));
        strbuf_addstr(&out, "\n");
    }
    if (evidence->cut)
        strbuf_addf(&out, "  … and more: only the first %zu were looked at\n", evidence->looked_at);
    if (verdict->met)
        strbuf_addf(&out, "\n%s: %s\n", trust_reason_name(verdict->reason), verdict->message);
    return strbuf_steal(&out);
}
