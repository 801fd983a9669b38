// Trust policies at their edges: sources written in other ways, limits, windows, and who is whom
// among signers that are known by halves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "tests/unit/policy_scene.h"

#define DAY (24 * HOUR)
#define GIT "https://git.example.com/acme/config"

// A packager that attests, and its signature and release.
static struct trust_entry *attest(struct scene *scene)
{
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    entry->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    return entry;
}

static void test_paths_in_other_words(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *allowed, *path;
        bool met;
    } cases[] = {
        {"apps/shop", "/apps/shop", true},
        {"/apps/shop/", "apps/shop", true},
        {".//./apps/shop", "apps/shop", true},
        {"apps/*", "apps/shop/prod", true},
        {".", "anything/at/all", true},
        {"./", "", true},
        {"apps", ".", false},
        {"apps/shop", "../apps/shop", false},
        {".", "..", false},
        {".", "../x", false},
        {".", "a/../../x", false},
        {".", "a/..", false},
        {".", "..a/b..", true},
        {"apps/shop", "apps", false},
    };
    attest(scene);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        vec_clear(&scene->policy.paths);
        vec_push_string(&scene->policy.paths, cases[i].allowed);
        add_provenance(scene, 0, GIT, "refs/heads/main", cases[i].path);
        if (judge(scene)->met != cases[i].met)
            fail_msg("%s for %s: %s", cases[i].path, cases[i].allowed, scene->verdict.message);
        if (!cases[i].met)
            assert_unmet(scene, TRUST_SOURCE_NOT_ALLOWED, "any repository at any ref");
        vec_remove(&scene->evidence.items, scene->evidence.items.len - 1);
    }
}

static void test_a_source_may_be_bound_in_part(void **state)
{
    struct scene *scene = *state;
    attest(scene);
    vec_push_string(&scene->policy.refs, "main");
    assert_unmet(scene, TRUST_SOURCE_NOT_ALLOWED, "any repository at main, path any path");
    add_provenance(scene, 0, "https://anywhere.example.com/x", "refs/heads/main", "x");
    assert_met(scene);
    vec_clear(&scene->policy.refs);
    scene->policy.source_repository = xstrdup("git.example.com/acme/config");
    assert_unmet(scene, TRUST_SOURCE_NOT_ALLOWED, "git.example.com/acme/config at any ref");
    add_provenance(scene, 0, GIT, "refs/heads/whatever", "x");
    assert_met(scene);
}

// What is judged on statements needs somebody who states.
static void test_statements_need_an_attesting_entry(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    add_signature(scene, 0, REPOSITORY);
    assert_met(scene);
    struct trust_policy *policy = &scene->policy;
    struct vec *const lists[] = {&policy->refs, &policy->paths, &policy->channels};
    for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
        vec_push_string(lists[i], "prod");
        assert_unmet(scene, TRUST_POLICY_INVALID, "set attests: true");
        vec_clear(lists[i]);
    }
    policy->source_repository = xstrdup("git.example.com/acme/config");
    assert_unmet(scene, TRUST_POLICY_INVALID, "set attests: true");
    free(STEAL(policy->source_repository));
    policy->max_age_ms = HOUR;
    assert_unmet(scene, TRUST_POLICY_INVALID, "set attests: true");
}

static void test_the_earlier_end_counts(void **state)
{
    struct scene *scene = *state;
    attest(scene);
    struct release *release = last_release(scene); // issued an hour ago
    int64_t issued = release->issued_at_ms;
    static const struct {
        int64_t max_age_ms, not_after_ms, age_ms; // after issue
        bool met;
    } cases[] = {
        {2 * HOUR, HOUR, 90 * 60000, false},     {2 * HOUR, 5 * HOUR, 90 * 60000, true},
        {2 * HOUR, 5 * HOUR, 3 * HOUR, false},   {0, 5 * HOUR, 3 * HOUR, true},
        {2 * HOUR, 2 * HOUR, 119 * 60000, true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        scene->policy.max_age_ms = cases[i].max_age_ms;
        release->not_after_ms = issued + cases[i].not_after_ms;
        scene->subject.now_ms = issued + cases[i].age_ms;
        if (judge(scene)->met != cases[i].met)
            fail_msg("case %zu: %s", i, scene->verdict.message);
    }
}

static void test_other_releases_are_named_once(void **state)
{
    struct scene *scene = *state;
    attest(scene);
    vec_remove(&scene->evidence.items, 1);
    add_release(scene, 0, "staging", 1);
    add_release(scene, 0, "staging", 2);
    add_release(scene, 0, "canary", 3);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "found a release to staging, canary");
    scene->subject.version = "1.2.3";
    assert_unmet(scene, TRUST_NOT_ATTESTED, "staging as version (none), canary as version (none)");
}

static void test_limits_of_a_policy(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "many", 1);
    for (int i = 0; i <= TRUST_MAX_KEYS; i++) {
        cleanup_free char *subject = xasprintf("%d@example.com", i);
        add_identity(entry, subject);
    }
    set_root(scene);
    assert_unmet(scene, TRUST_POLICY_INVALID, "keys and identities; at most");
    vec_clear(&entry->identities);
    for (int i = 0; i <= TRUST_MAX_KEYS; i++) {
        cleanup_free char *name = xasprintf("key-%d", i);
        add_key(scene, entry, name, 0);
    }
    assert_unmet(scene, TRUST_POLICY_INVALID, "keys and identities; at most");
    vec_clear(&scene->policy.entries);
    for (int i = 0; i <= TRUST_MAX_ENTRIES; i++) {
        cleanup_free char *name = xasprintf("entry-%d", i);
        add_entry(scene, name, 1, "0");
    }
    assert_unmet(scene, TRUST_POLICY_INVALID, "entries; at most");
}

// The same subject of another issuer, and another subject of the same, are other identities.
static void test_identities_are_told_apart(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "people", 2);
    add_identity(entry, "a@example.com");
    add_identity(entry, "b@example.com");
    assert_int_equal(
        trust_entry_add_identity(entry, "https://other.example.com", "a@example.com", NULL), 0);
    set_root(scene);
    add_keyless(scene, "a@example.com", 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
    add_keyless(scene, "a@example.com", 1);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
    free(add_keyless(scene, "a@example.com", 2)->issuer);
    last_evidence(scene)->issuer = xstrdup("https://other.example.com");
    assert_met(scene);
    vec_remove(&scene->evidence.items, 2);
    add_keyless(scene, "b@example.com", 3);
    assert_met(scene);
    // Without an issuer, or beside a key, a subject is nobody.
    vec_clear(&scene->evidence.items);
    add_keyless(scene, "a@example.com", 0);
    free(STEAL(add_keyless(scene, "b@example.com", 1)->issuer));
    free(STEAL(add_keyless(scene, "b@example.com", 2)->issuer));
    free(STEAL(add_keyless(scene, "b@example.com", 3)->subject));
    add_signature(scene, 4, REPOSITORY);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
}

// Listed by a policy without a root, nobody vouches for an identity.
static void test_a_certificate_without_a_root_is_no_signer(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    struct trust_policy other;
    set_root(scene);
    trust_policy_init(&other, "keys alone");
    struct trust_entry *keys = trust_policy_add_entry(&other, "packager", 1);
    add_key(scene, keys, "k1", 1);
    add_keyless(scene, "a@example.com", 0);
    trust_evaluate(&other, 1, &scene->subject, &scene->evidence, &scene->verdict);
    assert_false(scene->verdict.met);
    trust_policy_release(&other);
    // The key in the certificate is listed itself: then the certificate's words do not matter.
    assert_int_equal(entry->identities.len, 0);
    assert_met(scene);
}

static void test_claims_of_the_repository_alone(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    entry->attests = true;
    add_identity(entry, "a@example.com");
    set_root(scene);
    vec_push_string(&scene->policy.refs, "main");
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    item->source_ref = xstrdup("refs/heads/evil");
    assert_unmet(scene, TRUST_UNVERIFIED, "is for an unnamed repository at refs/heads/evil");
    item->source_repository = xstrdup(GIT);
    assert_unmet(scene, TRUST_UNVERIFIED, "is for " GIT " at refs/heads/evil");
}

// A prefix ends where a name does: acme/shop is no mirror of acme/shopping.
static void test_mirrors_end_at_names(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    trust_policy_add_mirror(&scene->policy, "mirror.example.com/acme/shop", REPOSITORY);
    add_signature(scene, 0, REPOSITORY);
    scene->subject.repository = "mirror.example.com/acme/shop";
    assert_met(scene);
    scene->subject.repository = "mirror.example.com/acme/shopping";
    assert_unmet(scene, TRUST_UNVERIFIED, "for the repository " REPOSITORY);
    add_signature(scene, 0, REPOSITORY "ping");
    assert_unmet(scene, TRUST_UNVERIFIED, "for the repository");
}

static void test_the_second_policy_may_be_the_lower_one(void **state)
{
    struct scene *scene = *state;
    static const int64_t sequences[] = {10, 20};
    struct trust_policy policies[2];
    for (int i = 0; i < 2; i++) {
        trust_policy_init(&policies[i], i == 0 ? "one" : "two");
        struct trust_entry *entry = trust_policy_add_entry(&policies[i], "packager", 1);
        entry->attests = true;
        add_key(scene, entry, "k", i);
        add_signature(scene, i, REPOSITORY);
        add_release(scene, i, "prod", sequences[i]);
        policies[i].rollback_allowed = true;
    }
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &scene->verdict);
    assert_true(scene->verdict.met);
    assert_true(scene->verdict.sequence == 10);
    assert_true(scene->verdict.rollback_allowed);
    trust_verdict_release(&scene->verdict);
    // One that only denies has no say in it.
    policies[1].rollback_allowed = false;
    policies[1].only_denies = true;
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &scene->verdict);
    assert_true(scene->verdict.rollback_allowed);
    trust_policy_release(&policies[0]);
    trust_policy_release(&policies[1]);
}

static void test_more_than_one_thing_is_unmet(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    entry->attests = true;
    add_entry(scene, "approvers", 1, "1");
    assert_unmet(scene, TRUST_UNVERIFIED, "more are unmet: ");
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "and 1 more is unmet: ApprovalRequired");
}

// A reason is no duty; without one the message has none.
static void test_denied_without_a_reason(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "*@example.com");
    set_root(scene);
    trust_deny_identity(&scene->policy, ISSUER, "a@*", NULL);
    add_keyless(scene, "a@example.com", 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (denied)");
    // Of an issuer that nobody knows it is not the same identity, and none at all.
    free(STEAL(last_evidence(scene)->issuer));
    assert_unmet(scene, TRUST_UNVERIFIED, "found no signature");
    add_keyless(scene, "b@example.com", 1);
    assert_met(scene);
}

// The authority of a certificate is not always known; the serial alone denies then.
static void test_denied_certificates_by_issuer(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *denied, *issuer;
        bool met;
    } cases[] = {{"cn=a", "cn=a", false},
                 {"cn=a", "cn=b", true},
                 {"cn=a", NULL, false},
                 {NULL, "cn=a", false}};
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "a@example.com");
    set_root(scene);
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    assert_met(scene);
    item->certificate_serial = xstrdup("1f");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        vec_clear(&scene->policy.deny.certificates);
        assert_int_equal(
            trust_deny_certificate(&scene->policy, "1f", cases[i].denied, "lost", NULL), 0);
        free(item->certificate_issuer);
        item->certificate_issuer = xstrdup_or_null(cases[i].issuer);
        if (judge(scene)->met != cases[i].met)
            fail_msg("case %zu: %s", i, scene->verdict.message);
    }
}

static void expect_outlook(struct scene *scene, const char *says)
{
    struct trust_outlook outlook;
    trust_policy_outlook(&scene->policy, NOW, 14 * DAY, &outlook);
    if (outlook.message == NULL || strstr(outlook.message, says) == NULL)
        fail_msg("\"%s\" shall say \"%s\"", outlook.message != NULL ? outlook.message : "", says);
    free(outlook.message);
}

static void test_outlooks_in_words(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "people", 2, "01");
    struct trust_key *first = vec_at(&entry->keys, 0);
    struct trust_key *second = vec_at(&entry->keys, 1);
    first->not_after_ms = NOW + DAY;
    expect_outlook(scene, "then 1 of the 2 signers that it asks for is left");
    second->not_after_ms = NOW + 2 * DAY;
    expect_outlook(scene, "; key k1 of people runs out on");
    second->not_before_ms = NOW + 1;
    expect_outlook(scene, "people asks for 2 signers, and 1 of its keys is valid now; add a key");
    // A key that stands there twice is one signer, and none while neither window is open.
    second->not_before_ms = 0;
    add_key(scene, entry, "again", 0);
    expect_outlook(scene, "key k1 of people runs out on");
    struct trust_key *again = vec_at(&entry->keys, 2);
    again->not_before_ms = NOW + DAY;
    first = vec_at(&entry->keys, 0);
    first->not_after_ms = NOW - 1;
    expect_outlook(scene, "people asks for 2 signers, and 1 of its keys is valid now");
    // A whole name is one signer more; a pattern is any number.
    add_identity(entry, "a@example.com");
    expect_outlook(scene, "key k1 of people runs out on");
}

// One stolen key of an entry that asks for two says nothing alone: not where a digest runs, not
// that it comes back, and not where it is from.
static void test_statements_of_several(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packagers", 2, "012");
    entry->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_signature(scene, 1, REPOSITORY);
    add_release(scene, 0, "prod", 100);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "stated by 2 of packagers: found 1 of 2; missing the");
    add_release(scene, 0, "prod", 200);
    add_release(scene, 1, "staging", 200);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "1 more");
    add_release(scene, 1, "prod", 90);
    add_release(scene, 1, "prod", 150);
    assert_met(scene);
    assert_int_equal(scene->verdict.sequence, 150);
    // Who is ahead of all clocks raises nothing alone, and stands in nobody's way.
    add_release(scene, 2, "prod", NOW + 2 * TRUST_CLOCK_SKEW_MS);
    assert_met(scene);
    assert_int_equal(scene->verdict.sequence, 200);
    // What they agree to ends with the first word of theirs that does.
    add_release(scene, 0, "prod", 300);
    last_release(scene)->not_after_ms = NOW + HOUR;
    assert_met(scene);
    assert_int_equal(scene->verdict.judge_again_ms, NOW + HOUR + TRUST_AGE_SKEW_MS + 1);
    // Who lets it end, or says that it has, does not end it alone where two others are left.
    last_release(scene)->not_after_ms = NOW - HOUR;
    assert_met(scene);
    assert_int_equal(scene->verdict.sequence, 150);
    add_release(scene, 2, "prod", NOW + 3 * TRUST_CLOCK_SKEW_MS);
    last_release(scene)->not_after_ms = NOW - HOUR;
    assert_unmet(scene, TRUST_STALE, "fresh until");
    last_release(scene)->not_after_ms = 0;
    assert_met(scene);
    vec_push_string(&scene->policy.refs, "main");
    add_provenance(scene, 0, "https://git.example.com/a/b", "refs/heads/main", "");
    add_provenance(scene, 0, "https://git.example.com/a/b", "refs/heads/main", "x");
    add_provenance(scene, 1, "https://git.example.com/a/b", "refs/heads/evil", "");
    assert_unmet(scene, TRUST_SOURCE_NOT_ALLOWED, "by 1 of 2");
    add_provenance(scene, 1, "https://git.example.com/a/b", "refs/heads/main", "");
    assert_met(scene);
}

// Where a version is followed and no channel, one of two must not choose the channel either,
// whoever took away what it had said before.
static void test_versions_of_several(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packagers", 2, "012");
    entry->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_signature(scene, 1, REPOSITORY);
    vec_push_string(&scene->policy.channels, "prod");
    scene->subject.channel = NULL;
    scene->subject.version = "1.2.3";
    static const struct {
        int key;
        const char *channel;
        int64_t sequence;
    } releases[] = {{1, "staging", 100}, {0, "prod", 50}, {2, "staging", 200}, {1, "prod", 40}};
    for (size_t i = 0; i < ARRAY_LENGTH(releases); i++) {
        add_release(scene, releases[i].key, releases[i].channel, releases[i].sequence);
        last_release(scene)->version = "1.2.3";
        if (i + 1 < ARRAY_LENGTH(releases))
            assert_unmet(scene, TRUST_NOT_ATTESTED, "version 1.2.3");
    }
    assert_met(scene);
    assert_int_equal(scene->verdict.sequence, 40);
}

// A key and the identity that signed with it are one signer of statements, too.
static void test_statements_of_one_under_two_names(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packagers", 2, "01");
    entry->attests = true;
    add_identity(entry, "a@example.com");
    set_root(scene);
    add_signature(scene, 0, REPOSITORY);
    add_signature(scene, 1, REPOSITORY);
    add_keyless(scene, "a@example.com", 0);
    add_release(scene, 0, "prod", 100);
    add_release(scene, 2, "prod", 200);
    vouch(scene);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "found 1 of 2");
    add_release(scene, 1, "prod", 150);
    assert_met(scene);
    assert_int_equal(scene->verdict.sequence, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_statements_of_several),
        TEST(test_versions_of_several),
        TEST(test_statements_of_one_under_two_names),
        TEST(test_paths_in_other_words),
        TEST(test_a_source_may_be_bound_in_part),
        TEST(test_statements_need_an_attesting_entry),
        TEST(test_the_earlier_end_counts),
        TEST(test_other_releases_are_named_once),
        TEST(test_limits_of_a_policy),
        TEST(test_identities_are_told_apart),
        TEST(test_a_certificate_without_a_root_is_no_signer),
        TEST(test_claims_of_the_repository_alone),
        TEST(test_mirrors_end_at_names),
        TEST(test_the_second_policy_may_be_the_lower_one),
        TEST(test_more_than_one_thing_is_unmet),
        TEST(test_denied_without_a_reason),
        TEST(test_denied_certificates_by_issuer),
        TEST(test_outlooks_in_words),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
