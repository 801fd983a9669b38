// When what runs is revoked, and when the last good one is to run in its place.
#include "controller/sync_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void add_policy(struct sync_flow *flow, const char *name, bool goes_back)
{
    struct trust_policy *policy = vec_push(&flow->governance.policies);
    trust_policy_init(policy, name);
    policy->goes_back = goes_back;
}

static void release_finding(void *element)
{
    free(((struct trust_finding *)element)->policy);
}

static void add_finding(struct trust_verdict *verdict, const char *policy, bool met)
{
    struct trust_finding *finding = vec_push(&verdict->findings);
    finding->policy = xstrdup(policy);
    finding->met = met;
}

static void test_revocation_is_a_verdict_and_no_age(void **state)
{
    (void)state;
    static const struct {
        struct trust_verdict verdict;
        bool revoked;
    } cases[] = {
        {{.met = true, .reason = TRUST_MET}, false},
        {{.stale_only = true, .reason = TRUST_STALE}, false},
        {{.reason = TRUST_POLICY_INVALID}, false},
        {{.reason = TRUST_UNGOVERNED}, false},
        {{.reason = TRUST_UNVERIFIED}, true},
        {{.reason = TRUST_DENIED}, true},
        {{.reason = TRUST_SOURCE_NOT_ALLOWED}, true},
        {{.reason = TRUST_APPROVAL_REQUIRED}, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        if (sync_is_revocation(&cases[i].verdict) != cases[i].revoked)
            fail_msg("%s", trust_reason_name(cases[i].verdict.reason));
    }
}

static void test_going_back_needs_every_policy_and_all_evidence(void **state)
{
    (void)state;
    static const struct {
        enum trust_reason reason;
        bool hold_met; // the policy that says Hold is met
        bool proven;
        bool asked;
        bool goes_back;
    } cases[] = {
        {TRUST_UNVERIFIED, true, true, true, true},
        {TRUST_UNVERIFIED, false, true, true, false},
        // Somebody may only hide what would change it.
        {TRUST_UNVERIFIED, true, false, true, false},
        {TRUST_UNVERIFIED, true, true, false, false},
        // What is denied is denied, whatever is shown.
        {TRUST_DENIED, true, false, false, true},
        {TRUST_DENIED, false, false, false, false},
        {TRUST_POLICY_INVALID, true, true, true, false},
    };
    struct sync_flow flow = {.governance.policies =
                                 VEC_OF(struct trust_policy, trust_policy_release)};
    add_policy(&flow, "rolls back", true);
    add_policy(&flow, "holds", false);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct trust_verdict verdict = {.reason = cases[i].reason,
                                        .findings = VEC_OF(struct trust_finding, release_finding)};
        const struct sync_judgement judgement = {.proven = cases[i].proven,
                                                 .asked = cases[i].asked};
        add_finding(&verdict, "rolls back", true);
        add_finding(&verdict, "rolls back", false);
        add_finding(&verdict, "holds", cases[i].hold_met);
        if (sync_goes_back(&flow, &verdict, &judgement) != cases[i].goes_back)
            fail_msg("case %zu", i);
        trust_verdict_release(&verdict);
    }
    // Without a finding nobody said anything.
    const struct trust_verdict empty = {.reason = TRUST_UNVERIFIED};
    const struct sync_judgement all = {.proven = true, .asked = true};
    assert_false(sync_goes_back(&flow, &empty, &all));
    governance_release(&flow.governance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_revocation_is_a_verdict_and_no_age),
        cmocka_unit_test(test_going_back_needs_every_policy_and_all_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
