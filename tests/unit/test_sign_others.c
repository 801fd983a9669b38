// What others must have attested: by type, signer, age and values.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/jval.h"
#include "tests/unit/policy_scene.h"

#define VULN "https://cosign.sigstore.dev/attestation/vuln/v1"
#define OWN "https://ci.example.com/tests/v1"

// k0 attests; k1 and k2 scan, unless told otherwise.
static struct trust_attestation *require(struct scene *scene, const char *type, const char *keys)
{
    struct trust_attestation *wanted = NULL;
    cleanup_error struct error err = {0};
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    if (trust_policy_add_attestation(&scene->policy, "scan", type, &wanted, &err) < 0)
        fail_msg("%s", error_message(&err));
    for (; *keys != '\0'; keys++) {
        cleanup_free char *key = xasprintf("k%c", *keys);
        add_key(scene, &wanted->signers, key, *keys - '0');
    }
    return wanted;
}

static void ask_for(struct trust_attestation *wanted, const char *condition)
{
    cleanup_json json_t *value = NULL;
    cleanup_error struct error err = {0};
    if (jval_parse(condition, strlen(condition), "it", &value, &err) < 0 ||
        trust_attestation_add_condition(wanted, value, &err) < 0)
        fail_msg("%s", error_message(&err));
}

// made_ms 0: it does not say when.
static struct evidence *add_statement(struct scene *scene, int key, const char *type, int critical,
                                      int64_t made_ms)
{
    char made[TIME_TEXT_SIZE];
    struct evidence *item = add_evidence(scene, key);
    time_format(made_ms, made);
    item->kind = STATEMENT_OTHER;
    item->statement.kind = STATEMENT_OTHER;
    item->statement.root =
        json_pack("{s:{s:{s:i}, s:{s:s*}}}", "predicate", "result", "critical", critical,
                  "metadata", "scanFinishedOn", made_ms != 0 ? made : NULL);
    assert_non_null(item->statement.root);
    item->statement.predicate_type = type;
    return item;
}

static void test_others_type_and_signer(void **state)
{
    struct scene *scene = *state;
    require(scene, "vuln", "12");
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED,
                 "attestation scan (" VULN "): found none; missing one signed by k1, k2; run: "
                 "cosign attest --type " VULN " --predicate FILE --key FILE " REPOSITORY
                 "@" DIGEST);
    add_statement(scene, 1, OWN, 0, NOW);
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "found none");
    // Of the type, and by somebody else's key: that of another entry, too.
    add_statement(scene, 0, VULN, 0, NOW);
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "who is not a signer of it (or not now)");
    add_statement(scene, 2, VULN, 0, NOW);
    assert_met(scene);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 1), "scan: k2");
    assert_true(scene->verdict.judge_again_ms == NOW + TRUST_NEWS_MS);
    // It is a signature of nobody.
    ((struct trust_entry *)vec_at(&scene->policy.entries, 0))->threshold = 2;
    add_key(scene, vec_at(&scene->policy.entries, 0), "k2", 2);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more of k2");
}

static void test_others_values(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, "vuln", "1");
    ask_for(wanted, "{\"path\":\"/result/critical\",\"atMost\":0}");
    ask_for(wanted, "{\"path\":\"/result\",\"exists\":true}");
    add_statement(scene, 1, VULN, 3, NOW - HOUR);
    assert_unmet(scene, TRUST_ATTESTATION_REFUSED,
                 "attestation scan (" VULN ") with /result/critical atMost 0, /result exists true: "
                 "found /result/critical is 3; missing /result/critical atMost 0; correct what k1");
    add_statement(scene, 1, VULN, 0, NOW);
    assert_met(scene);
}

// An older, better scan is no answer to a newer one, in whatever order they come.
static void test_others_the_newest_decides(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, "vuln", "12");
    ask_for(wanted, "{\"path\":\"/result/critical\",\"equals\":0}");
    add_statement(scene, 1, VULN, 0, NOW - 2 * HOUR);
    add_statement(scene, 2, VULN, 1, NOW - HOUR);
    add_statement(scene, 1, VULN, 0, NOW - 3 * HOUR);
    assert_unmet(scene, TRUST_ATTESTATION_REFUSED, "/result/critical is 1");
    // What does not say when does not stand against what does.
    add_statement(scene, 1, VULN, 0, 0);
    assert_unmet(scene, TRUST_ATTESTATION_REFUSED, "/result/critical is 1");
    add_statement(scene, 1, VULN, 0, NOW);
    assert_met(scene);
}

static void test_others_without_a_time_all_decide(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, OWN, "1");
    ask_for(wanted, "{\"path\":\"/result/critical\",\"equals\":0}");
    add_statement(scene, 1, OWN, 0, NOW);
    assert_met(scene);
    add_statement(scene, 1, OWN, 1, NOW + 1000);
    assert_unmet(scene, TRUST_ATTESTATION_REFUSED, "/result/critical is 1");
    // One that says it in another place is told so.
    wanted->time_path = xstrdup("/metadata/scanFinishedOn");
    assert_unmet(scene, TRUST_ATTESTATION_REFUSED, "/result/critical is 1");
    add_statement(scene, 1, OWN, 0, NOW + 2000);
    assert_met(scene);
}

static void test_others_age(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, "vuln", "1");
    wanted->max_age_ms = 24 * HOUR;
    add_statement(scene, 1, VULN, 0, NOW - 25 * HOUR);
    assert_unmet(scene, TRUST_STALE, "attestation scan that is fresh until");
    assert_true(scene->verdict.stale_only);
    add_statement(scene, 1, VULN, 0, NOW - 24 * HOUR);
    assert_met(scene);
    assert_true(scene->verdict.judge_again_ms == NOW + TRUST_AGE_SKEW_MS + 1);
    add_statement(scene, 1, VULN, 0, NOW + 2 * HOUR);
    assert_unmet(scene, TRUST_CLOCK_SKEW, "attestation scan from no later than now");
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    add_statement(scene, 1, VULN, 0, 0);
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "one without a time at /metadata/scanFinished");
}

static void test_others_denied(void **state)
{
    struct scene *scene = *state;
    require(scene, "vuln", "1");
    add_statement(scene, 1, VULN, 0, NOW);
    assert_met(scene);
    assert_int_equal(trust_deny_key(&scene->policy, "k1", NULL, NULL, NULL), 0);
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "one by a signer that is denied;");
    assert_int_equal(trust_deny_key(&scene->policy, "k1", NULL, "stolen", NULL), 0);
    struct trust_attestation *wanted = vec_at(&scene->policy.attestations, 0);
    wanted->signers.threshold = 1;
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "is denied");
}

static void test_others_by_identity(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, OWN, "");
    assert_unmet(scene, TRUST_POLICY_INVALID, "entry scan lists no keys");
    add_identity(&wanted->signers, "a@example.com");
    assert_unmet(scene, TRUST_POLICY_INVALID, "no trusted root");
    set_root(scene);
    add_statement(scene, 3, OWN, 0, NOW);
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "missing one signed by a@example.com");
    vouch(scene);
    assert_met(scene);
    last_evidence(scene)->subject[0] = 'b';
    assert_unmet(scene, TRUST_ATTESTATION_REQUIRED, "one by b@example.com, who is not a signer");
}

static void test_others_refuses_what_cannot_be_judged(void **state)
{
    struct scene *scene = *state;
    struct trust_attestation *wanted = require(scene, OWN, "1");
    wanted->max_age_ms = HOUR;
    assert_unmet(scene, TRUST_POLICY_INVALID, "where a " OWN " says when it was made is not known");
    assert_int_equal(
        trust_policy_add_attestation(&scene->policy, "x", STATEMENT_RELEASE_TYPE, &wanted, NULL),
        -1);
    cleanup_json json_t *condition = json_pack("{s:s}", "path", "/a");
    assert_int_equal(trust_attestation_add_condition(wanted, condition, NULL), -1);
    wanted->max_age_ms = 0;
    for (int i = 0; i < TRUST_MAX_ENTRIES; i++) {
        cleanup_free char *name = xasprintf("more-%d", i);
        assert_int_equal(trust_policy_add_attestation(&scene->policy, name, OWN, &wanted, NULL), 0);
    }
    assert_unmet(scene, TRUST_POLICY_INVALID, "it requires 17 attestations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_others_type_and_signer),
        TEST(test_others_values),
        TEST(test_others_the_newest_decides),
        TEST(test_others_without_a_time_all_decide),
        TEST(test_others_age),
        TEST(test_others_denied),
        TEST(test_others_by_identity),
        TEST(test_others_refuses_what_cannot_be_judged),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
