#include "oci/sign/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/semver.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"
#include "tests/unit/policy_scene.h"

#include <stdlib.h>
#include <string.h>

static void test_policy_needs_a_signature(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    assert_unmet(scene, TRUST_UNVERIFIED,
                 "TrustPolicy prod: 1 signature of packager (k0): found no signature by a key of "
                 "this entry; missing 1 more of k0; whoever built it signs it with such a key: "
                 "sealift sign " REPOSITORY "@" DIGEST
                 " --key FILE; if you do not know who built it, sign nothing, and put back what "
                 "was released");
    add_signature(scene, 1, REPOSITORY);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more of k0");
    add_signature(scene, 0, REPOSITORY);
    assert_met(scene);
    assert_int_equal(scene->verdict.verified_by.len, 1);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 0), "packager: k0");
    assert_false(scene->verdict.attested);
}

// Another signature by a key that nobody lists would be a dead end.
static void test_policy_names_a_signer_that_is_not_listed(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    add_entry(scene, "ci", 1, "1");
    add_signature(scene, 0, REPOSITORY);
    evidence_stranger(&scene->evidence, OTHER);
    evidence_stranger(&scene->evidence, OTHER);
    assert_unmet(scene, TRUST_UNVERIFIED,
                 "found no signature by a key of this entry, only what says that it is signed "
                 "by " OTHER ", which is not listed; missing 1 more of k1; if " OTHER
                 " is the key of a packager of yours, add its public key to spec.require[1].keys "
                 "of TrustPolicy prod; else whoever built it signs it with such a key: sealift "
                 "sign " REPOSITORY "@" DIGEST " --key FILE");
    for (int i = 0; i < 5; i++) {
        cleanup_free char *more = xasprintf("sha256:%d", i);
        evidence_stranger(&scene->evidence, more);
    }
    assert_int_equal(scene->evidence.strangers.len, EVIDENCE_MAX_STRANGERS);
    add_signature(scene, 1, REPOSITORY);
    assert_met(scene);
}

static void test_policy_keyless_identities_sign(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "https://git.example.com/acme/*@refs/heads/main");
    assert_unmet(scene, TRUST_POLICY_INVALID, "no trusted root to judge them by");
    set_root(scene);
    assert_unmet(scene, TRUST_UNVERIFIED,
                 "1 signature of ci (https://git.example.com/acme/*@refs/heads/main): found no "
                 "signature by a key of this entry; missing 1 more of https://git.example.com/acme/"
                 "*@refs/heads/main; have it signed by such an identity: cosign sign " REPOSITORY
                 "@" DIGEST);
    add_keyless(scene, "https://git.example.com/acme/x/y@refs/heads/main", 0);
    add_keyless(scene, "x https://git.example.com/acme/x@refs/heads/main", 1);
    add_keyless(scene, "https://git.example.com/acme/x@refs/heads/main2", 2);
    free(add_keyless(scene, "https://git.example.com/acme/x@refs/heads/main", 3)->issuer);
    last_evidence(scene)->issuer = xstrdup("https://other.example.com");
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
    last_evidence(scene)->issuer[8] = 't';
    add_keyless(scene, "https://git.example.com/acme/x@refs/heads/main", 3);
    assert_met(scene);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 0),
                        "ci: https://git.example.com/acme/x@refs/heads/main");
}

static void test_policy_keyless_needs_this_policys_root(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "a@example.com");
    set_root(scene);
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    item->root = digest_of("another root", 12);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
    item->root = scene->policy.root->digest;
    assert_met(scene);
    assert_int_equal(trust_policy_set_root(&scene->policy, NULL, 0, NULL, NULL), 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "missing 1 more");
}

// The same key as PEM and in a certificate, the same identity with two keys: one signer.
static void test_policy_keyless_and_key_are_one_signer(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "approvers", 2, "0");
    add_identity(entry, "a@example.com");
    add_identity(entry, "b@example.com");
    set_root(scene);
    add_signature(scene, 0, REPOSITORY);
    add_keyless(scene, "a@example.com", 1);
    assert_met(scene);
    add_keyless(scene, "a@example.com", 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "found 1 of 2: k0; missing 1 more of b@example.com");
    add_keyless(scene, "b@example.com", 2);
    assert_met(scene);
    assert_int_equal(scene->verdict.verified_by.len, 2);
}

static void test_policy_one_identity_is_one_signer(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "approvers", 2);
    add_identity(entry, "*@example.com");
    set_root(scene);
    add_keyless(scene, "a@example.com", 0);
    add_keyless(scene, "a@example.com", 1);
    assert_unmet(scene, TRUST_UNVERIFIED,
                 "found 1 of 2: a@example.com; missing 1 more of *@example.com");
    add_keyless(scene, "b@example.com", 2);
    assert_met(scene);
    add_keyless(scene, "c@example.com", 3);
    judge(scene);
    assert_non_null(strstr(((struct trust_finding *)vec_at(&scene->verdict.findings, 0))->found,
                           "c@example.com (not needed)"));
}

static void test_policy_an_identity_sits_once(void **state)
{
    struct scene *scene = *state;
    add_identity(trust_policy_add_entry(&scene->policy, "ci", 1), "a@example.com");
    add_identity(trust_policy_add_entry(&scene->policy, "people", 1), "*@example.com");
    set_root(scene);
    add_keyless(scene, "a@example.com", 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (counts for another entry)");
    add_keyless(scene, "b@example.com", 1);
    assert_met(scene);
}

static void test_policy_keyless_signature_for_another_repository(void **state)
{
    struct scene *scene = *state;
    add_identity(trust_policy_add_entry(&scene->policy, "ci", 1), "a@example.com");
    set_root(scene);
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    free(item->repository);
    item->repository = xstrdup(ELSEWHERE);
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (for the repository " ELSEWHERE ")");
    free(STEAL(item->repository));
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (the signature names no repository)");
}

// What the certificate says of the source must agree with the policy, where the entry attests.
static void test_policy_certificate_claims_are_bound_to_the_source(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "a@example.com");
    entry->attests = true;
    set_root(scene);
    scene->policy.source_repository = xstrdup("git.example.com/acme/config");
    vec_push_string(&scene->policy.refs, "main");
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    size_t signature = scene->evidence.items.len - 1;
    add_release(scene, 0, "prod", 10);
    vouch(scene);
    add_provenance(scene, 0, "https://git.example.com/acme/config.git", "refs/heads/main", "");
    vouch(scene);
    assert_met(scene);
    item = vec_at(&scene->evidence.items, signature);
    item->source_repository = xstrdup("https://git.example.com/acme/config");
    item->source_ref = xstrdup("refs/heads/main");
    assert_met(scene);
    free(item->source_ref);
    item->source_ref = xstrdup("refs/heads/evil");
    assert_unmet(scene, TRUST_UNVERIFIED,
                 "a@example.com (its certificate is for https://git.example.com/acme/config at "
                 "refs/heads/evil)");
    free(item->source_ref);
    item->source_ref = NULL;
    free(item->source_repository);
    item->source_repository = xstrdup("https://git.example.com/evil/config");
    assert_unmet(scene, TRUST_UNVERIFIED, "its certificate is for");
    free(item->source_repository);
    item->source_repository = xstrdup("::");
    assert_unmet(scene, TRUST_UNVERIFIED, "at an unnamed ref");
    // Where the entry does not attest, its certificates' source does not matter.
    entry->attests = false;
    free(STEAL(scene->policy.source_repository));
    vec_clear(&scene->policy.refs);
    assert_met(scene);
}

static void test_policy_statements_of_a_foreign_workflow_do_not_count(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "a@example.com");
    entry->attests = true;
    set_root(scene);
    scene->policy.source_repository = xstrdup("git.example.com/acme/config");
    add_keyless(scene, "a@example.com", 0);
    add_release(scene, 0, "prod", 10);
    vouch(scene);
    last_evidence(scene)->source_repository = xstrdup("https://git.example.com/evil/config");
    assert_unmet(scene, TRUST_NOT_ATTESTED, "prod (signed by a signer that ci does not list now)");
}

static void test_policy_refuses_identities_that_say_nothing(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    assert_int_equal(trust_entry_add_identity(entry, "", "a", NULL), -1);
    assert_int_equal(trust_entry_add_identity(entry, "https://*", "a", NULL), -1);
    assert_int_equal(trust_entry_add_identity(entry, ISSUER, "**/*", NULL), -1);
    assert_int_equal(trust_entry_add_identity(entry, ISSUER, "", NULL), -1);
    assert_int_equal(trust_policy_set_root(&scene->policy, "{", 1, "root", NULL), -1);
    add_identity(entry, "a@example.com");
    add_identity(entry, "a@example.com");
    set_root(scene);
    entry->threshold = 2;
    assert_unmet(scene, TRUST_POLICY_INVALID, "lists 1 distinct keys");
    for (int i = 0; i < TRUST_MAX_KEYS; i++)
        add_identity(entry, "b@example.com");
    assert_unmet(scene, TRUST_POLICY_INVALID, "at most 64 of each");
}

static void test_policy_no_policy_is_a_refusal(void **state)
{
    struct scene *scene = *state;
    add_signature(scene, 0, REPOSITORY);
    trust_evaluate(NULL, 0, &scene->subject, &scene->evidence, &scene->verdict);
    assert_false(scene->verdict.met);
    assert_int_equal(scene->verdict.reason, TRUST_UNGOVERNED);
    assert_false(scene->verdict.rollback_allowed);
}

static void test_policy_every_policy_must_be_met(void **state)
{
    struct scene *scene = *state;
    struct trust_policy policies[2];
    trust_policy_init(&policies[0], "one");
    trust_policy_init(&policies[1], "two");
    add_key(scene, trust_policy_add_entry(&policies[0], "a", 1), "k0", 0);
    add_key(scene, trust_policy_add_entry(&policies[1], "b", 1), "k1", 1);
    add_signature(scene, 0, REPOSITORY);
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &scene->verdict);
    assert_false(scene->verdict.met);
    assert_int_equal(scene->verdict.verified_by.len, 0);
    assert_non_null(strstr(scene->verdict.message, "two: 1 signature of b"));
    add_signature(scene, 1, REPOSITORY);
    trust_verdict_release(&scene->verdict);
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &scene->verdict);
    assert_true(scene->verdict.met);
    trust_policy_release(&policies[0]);
    trust_policy_release(&policies[1]);
}

static void test_policy_threshold_counts_distinct_keys(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "approvers", 2, "01");
    add_key(scene, entry, "k0-again", 0);
    add_signature(scene, 0, REPOSITORY);
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_UNVERIFIED, "found 1 of 2: k0; missing 1 more of k1; whoever");
    add_signature(scene, 1, REPOSITORY);
    assert_met(scene);
}

static void test_policy_a_key_under_two_names_cannot_reach_a_threshold(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "approvers", 2, "0");
    add_key(scene, entry, "other-name", 0);
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_POLICY_INVALID,
                 "entry approvers asks for 2 signers and lists 1 distinct keys");
}

static void test_policy_a_signer_counts_for_one_entry(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "01");
    add_entry(scene, "approvers", 1, "0");
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_UNVERIFIED, "counts for another entry");
    // k0 gives up its seat with the packagers for the only one that it can have.
    add_signature(scene, 1, REPOSITORY);
    assert_met(scene);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 0), "packager: k1");
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 1), "approvers: k0");
}

static void test_policy_finds_the_one_assignment_there_is(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "a", 2, "01234");
    add_entry(scene, "b", 1, "01");
    add_entry(scene, "c", 1, "12");
    add_entry(scene, "d", 1, "0");
    for (int i = 0; i < KEYS; i++)
        add_signature(scene, i, REPOSITORY);
    assert_met(scene);
    assert_int_equal(scene->verdict.verified_by.len, 5);
}

static void test_policy_wants_its_repository_named(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    add_signature(scene, 0, ELSEWHERE);
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (for the repository " ELSEWHERE ")");
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, NULL);
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (the signature names no repository)");
    ((struct trust_entry *)vec_at(&scene->policy.entries, 0))->any_repository = true;
    assert_met(scene);
    // That it needs to name none does not mean that it may name another.
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, ELSEWHERE);
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (for the repository " ELSEWHERE ")");
}

static void test_policy_a_nameless_signature_counts_beside_an_attestation(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_entry(scene, "approvers", 1, "1");
    add_signature(scene, 0, NULL);
    add_signature(scene, 1, NULL);
    add_release(scene, 0, "prod", 10);
    assert_met(scene);
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, NULL);
    add_signature(scene, 1, ELSEWHERE);
    add_release(scene, 0, "prod", 10);
    assert_unmet(scene, TRUST_APPROVAL_REQUIRED, "for the repository " ELSEWHERE);
}

static void test_policy_an_attestation_is_no_signature(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_release(scene, 0, "prod", 10);
    add_provenance(scene, 0, "https://git.example.com/a/b", "refs/heads/main", "x");
    struct evidence *other = add_evidence(scene, 0);
    other->kind = STATEMENT_OTHER;
    assert_unmet(scene, TRUST_UNVERIFIED, "no signature by a key of this entry");
}

static void test_policy_key_windows(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    struct trust_key *key = vec_at(&entry->keys, 0);
    add_signature(scene, 0, REPOSITORY);
    key->not_before_ms = NOW + 1;
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (the key is not valid now)");
    assert_true(scene->verdict.judge_again_ms == NOW + 1);
    key->not_before_ms = NOW;
    key->not_after_ms = NOW;
    assert_met(scene);
    assert_true(scene->verdict.judge_again_ms == NOW + 1);
    key->not_after_ms = NOW - 1;
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (the key is not valid now)");
    // During rotation the same key may stand there twice, with two windows.
    add_key(scene, entry, "k0-renewed", 0);
    assert_met(scene);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 0), "packager: k0-renewed");
}

static void test_policy_refuses_what_cannot_be_judged(void **state)
{
    struct scene *scene = *state;
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_POLICY_INVALID, "it requires nothing");
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "packager", 1);
    assert_unmet(scene, TRUST_POLICY_INVALID, "entry packager lists no keys");
    add_key(scene, entry, "k0", 0);
    entry->threshold = 0;
    assert_unmet(scene, TRUST_POLICY_INVALID, "threshold 0");
    entry->threshold = 1;
    scene->policy.max_age_ms = HOUR;
    assert_unmet(scene, TRUST_POLICY_INVALID, "set attests: true");
    scene->policy.max_age_ms = 0;
    vec_push_string(&scene->policy.channels, "prod");
    assert_unmet(scene, TRUST_POLICY_INVALID, "set attests: true");
    entry->attests = true;
    entry = add_entry(scene, "more", 1, "1");
    entry->attests = true;
    assert_unmet(scene, TRUST_POLICY_INVALID, "more than one entry attests");
}

static void test_policy_attested_needs_a_release_of_the_channel(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "found no release statement");
    add_release(scene, 0, "staging", 10);
    assert_unmet(scene, TRUST_NOT_ATTESTED,
                 "found a release to staging; missing a release "
                 "statement for channel prod");
    add_release(scene, 1, "prod", 10);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "signed by a key that packager does not list now");
    add_release(scene, 0, "prod", 10);
    last_release(scene)->repository = ELSEWHERE;
    assert_unmet(scene, TRUST_NOT_ATTESTED, "prod of " ELSEWHERE);
    add_release(scene, 0, "prod", 10);
    assert_met(scene);
    assert_true(scene->verdict.attested);
    assert_true(scene->verdict.sequence == 10);
}

static void test_policy_the_highest_sequence_counts(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    scene->policy.max_age_ms = 24 * HOUR;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 12);
    last_release(scene)->issued_at_ms = NOW - 48 * HOUR;
    add_release(scene, 0, "prod", 11);
    add_release(scene, 0, "staging", 13);
    add_release(scene, 1, "prod", 14);
    assert_unmet(scene, TRUST_STALE, "missing a newer release statement");
    assert_true(scene->verdict.stale_only);
    assert_true(scene->verdict.sequence == 12);
    assert_int_equal(scene->verdict.verified_by.len, 1);
    add_release(scene, 0, "prod", 15);
    assert_met(scene);
    assert_true(scene->verdict.sequence == 15);
    assert_true(scene->verdict.issued_at_ms == NOW - HOUR);
}

static void test_policy_the_lowest_sequence_of_two_policies_is_adopted(void **state)
{
    struct scene *scene = *state;
    struct trust_policy policies[2];
    for (int i = 0; i < 2; i++) {
        trust_policy_init(&policies[i], i == 0 ? "one" : "two");
        struct trust_entry *entry = trust_policy_add_entry(&policies[i], "packager", 1);
        entry->attests = true;
        add_key(scene, entry, "k", i);
        add_signature(scene, i, REPOSITORY);
        add_release(scene, i, "prod", i == 0 ? 20 : 10);
    }
    policies[0].rollback_allowed = true;
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &scene->verdict);
    assert_true(scene->verdict.met);
    assert_true(scene->verdict.sequence == 10);
    assert_false(scene->verdict.rollback_allowed);
    trust_policy_release(&policies[0]);
    trust_policy_release(&policies[1]);
}

static void test_policy_channels_are_listed_and_required(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    vec_push_string(&scene->policy.channels, "prod*");
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    add_release(scene, 0, "staging", 10);
    assert_met(scene);
    scene->subject.channel = "staging";
    assert_unmet(scene, TRUST_CHANNEL_NOT_ALLOWED, "a channel out of prod*: found staging");
    scene->subject.channel = NULL;
    assert_unmet(scene, TRUST_CHANNEL_REQUIRED, "set spec.artifact.channel");
}

static void test_policy_versions_are_named_by_the_statement(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    scene->subject.channel = NULL;
    scene->subject.version = "1.4.0";
    add_release(scene, 0, "stable", 10);
    assert_unmet(scene, TRUST_NOT_ATTESTED, "stable as version (none)");
    last_release(scene)->version = "1.3.0";
    assert_unmet(scene, TRUST_NOT_ATTESTED, "stable as version 1.3.0");
    last_release(scene)->version = "1.4.0";
    assert_met(scene);
    vec_push_string(&scene->policy.channels, "prod");
    assert_unmet(scene, TRUST_CHANNEL_NOT_ALLOWED, "found stable");
    scene->subject.channel = "prod";
    assert_unmet(scene, TRUST_NOT_ATTESTED, "missing a release statement for version 1.4.0");
}

static void test_policy_source_binds(void **state)
{
    struct scene *scene = *state;
    static const char git[] = "ssh://git@git.example.com/acme/config.git";
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_entry(scene, "approvers", 1, "1");
    scene->policy.source_repository = xstrdup("git.example.com/acme/config");
    vec_push_string(&scene->policy.refs, "main");
    vec_push_string(&scene->policy.refs, "refs/tags/v*");
    vec_push_string(&scene->policy.paths, "./apps/shop/");
    add_signature(scene, 0, REPOSITORY);
    add_signature(scene, 1, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    assert_unmet(scene, TRUST_SOURCE_NOT_ALLOWED, "no provenance by packager");
    static const struct {
        int key;
        const char *repository;
        const char *ref;
        const char *path;
        bool allowed;
    } cases[] = {
        {0, git, "refs/heads/main", "apps/shop", true},
        {0, git, "refs/heads/main", "./apps/shop/prod", true},
        {0, git, "refs/tags/v1.2", "apps/shop", true},
        {0, "https://git.example.com:443/acme/config", "refs/heads/main", "apps/shop", true},
        {1, git, "refs/heads/main", "apps/shop", false},
        {0, "https://git.example.com/acme/other", "refs/heads/main", "apps/shop", false},
        {0, "nonsense", "refs/heads/main", "apps/shop", false},
        {0, git, "refs/heads/feature", "apps/shop", false},
        {0, git, "refs/tags/main", "apps/shop", false},
        {0, git, "refs/tags/w1", "apps/shop", false},
        {0, git, "refs/heads/main", "apps", false},
        {0, git, "refs/heads/main", "", false},
        {0, git, "refs/heads/main", "apps/shopping", false},
        {0, git, "refs/heads/main", "apps/shop/../blog", false},
        {0, git, "refs/heads/main", "apps/shop/..", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        add_provenance(scene, cases[i].key, cases[i].repository, cases[i].ref, cases[i].path);
        bool met = judge(scene)->met;
        if (met != cases[i].allowed)
            fail_msg("case %zu: %s", i, scene->verdict.message);
        if (!met)
            assert_int_equal(scene->verdict.reason, TRUST_SOURCE_NOT_ALLOWED);
        vec_remove(&scene->evidence.items, scene->evidence.items.len - 1);
    }
    // One provenance of an allowed source is enough beside others.
    add_provenance(scene, 0, git, "refs/heads/feature", "apps/shop");
    add_provenance(scene, 0, git, "refs/heads/main", "apps/shop");
    assert_met(scene);
}

static void test_policy_age_has_five_minutes_of_skew(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    scene->policy.max_age_ms = HOUR;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    int64_t issued = last_release(scene)->issued_at_ms;
    scene->subject.now_ms = issued + HOUR + TRUST_AGE_SKEW_MS;
    assert_met(scene);
    assert_true(scene->verdict.judge_again_ms == scene->subject.now_ms + 1);
    scene->subject.now_ms++;
    assert_unmet(scene, TRUST_STALE, "a release that is fresh until");
    assert_true(scene->verdict.stale_only);
    // notAfter may end it earlier, and holds without maxAge.
    scene->policy.max_age_ms = 0;
    assert_met(scene);
    last_release(scene)->not_after_ms = issued + HOUR;
    assert_unmet(scene, TRUST_STALE, "let the packager renew it");
    vec_remove(&scene->evidence.items, 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "no signature");
    assert_false(scene->verdict.stale_only);
}

static void test_policy_statements_from_tomorrow_are_clock_skew(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", NOW + TRUST_CLOCK_SKEW_MS);
    assert_met(scene);
    last_release(scene)->sequence++;
    assert_unmet(scene, TRUST_CLOCK_SKEW, "correct the clock");
    last_release(scene)->sequence = 10;
    last_release(scene)->issued_at_ms = NOW + TRUST_CLOCK_SKEW_MS + 1;
    assert_unmet(scene, TRUST_CLOCK_SKEW, "correct the clock");
}

static void test_policy_explains_itself(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    for (int i = 0; i < EVIDENCE_MAX_NOTES + 10; i++)
        evidence_note(&scene->evidence, "bundle %d: by a key that no policy lists", i);
    assert_int_equal(scene->evidence.notes.len, EVIDENCE_MAX_NOTES);
    scene->evidence.cut = true;
    scene->evidence.looked_at = 1000;
    judge(scene);
    cleanup_free char *text = trust_explain(&scene->verdict, &scene->evidence, 0);
    static const char *const parts[] = {
        "REQUIREMENT ",
        "\nTrustPolicy prod: 1 signature of packager (k0) ",
        " k0 ",
        "\nTrustPolicy prod: a release to channel prod, stated by packager   ",
        "   a release statement for channel prod (NotAttested)   ",
        "\n\nlooked at and not counted:\n  bundle 0: by a key that no policy lists\n",
        "only the first 1000 were looked at\n",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", parts[i], text);
}

// A command that is broken over lines cannot be copied.
static void test_policy_explains_what_to_do_in_one_line(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_entry(scene, "others", 1, "1");
    add_signature(scene, 0, REPOSITORY);
    judge(scene);
    size_t unmet = 0;
    cleanup_free char *text = trust_explain(&scene->verdict, &scene->evidence, 80);
    assert_non_null(strstr(text, "\nwhat to do:\n"));
    assert_null(strstr(text, "WHAT TO DO"));
    vec_foreach (struct trust_finding, finding, &scene->verdict.findings) {
        if (finding->met)
            continue;
        cleanup_free char *line =
            xasprintf("\n  %s: %s: %s\n", finding->policy, finding->requirement, finding->action);
        if (strstr(text, line) == NULL)
            fail_msg("\"%s\" is not in:\n%s", line, text);
        unmet++;
    }
    assert_true(unmet >= 2);
    cleanup_free char *wide = trust_explain(&scene->verdict, &scene->evidence, 4000);
    assert_non_null(strstr(wide, "WHAT TO DO\n"));
}

static void test_policy_keys_that_do_not_parse_are_named(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "packager", 1);
    cleanup_error struct error err = {0};
    assert_int_equal(trust_entry_add_key(entry, "ci", "x", 1, 0, 0, &err), -1);
    assert_non_null(strstr(err.message, "key ci of entry packager is no PEM key"));
    assert_int_equal(entry->keys.len, 0);
}

static void test_policy_floor(void **state)
{
    (void)state;
    const struct trust_floor none = {0};
    const struct trust_floor floor = {.sequence = 10, .digest = {.text = DIGEST}};
    assert_int_equal(trust_floor_check(&none, NULL, 1, DIGEST), TRUST_FLOOR_RAISE);
    assert_int_equal(trust_floor_check(&floor, NULL, 11, OTHER), TRUST_FLOOR_RAISE);
    assert_int_equal(trust_floor_check(&floor, NULL, 11, DIGEST), TRUST_FLOOR_RAISE);
    assert_int_equal(trust_floor_check(&floor, NULL, 10, DIGEST), TRUST_FLOOR_KEEP);
    assert_int_equal(trust_floor_check(&floor, NULL, 9, DIGEST), TRUST_FLOOR_KEEP);
    assert_int_equal(trust_floor_check(&floor, NULL, 10, OTHER), TRUST_FLOOR_REFUSE);
    assert_int_equal(trust_floor_check(&floor, NULL, 9, OTHER), TRUST_FLOOR_REFUSE);
    assert_int_equal(trust_floor_check(&floor, OTHER, 9, OTHER), TRUST_FLOOR_KEEP);
    assert_int_equal(trust_floor_check(&floor, DIGEST, 9, OTHER), TRUST_FLOOR_REFUSE);
}

static enum trust_floor_result check_version(const char *floor_text, const char *adopted,
                                             const char *text, const char *digest)
{
    cleanup_semver struct semver floor = {0};
    cleanup_semver struct semver version = {0};
    assert_int_equal(semver_parse(floor_text, &floor, NULL), 0);
    assert_int_equal(semver_parse(text, &version, NULL), 0);
    return trust_floor_check_version(&floor, DIGEST, adopted, &version, digest);
}

static void test_policy_floor_in_semver_order(void **state)
{
    (void)state;
    assert_int_equal(check_version("1.9.0", NULL, "1.10.0", OTHER), TRUST_FLOOR_RAISE);
    assert_int_equal(check_version("1.9.0", NULL, "1.9.0", DIGEST), TRUST_FLOOR_KEEP);
    assert_int_equal(check_version("1.9.0", NULL, "1.9.0", OTHER), TRUST_FLOOR_REFUSE);
    assert_int_equal(check_version("1.9.0", NULL, "1.9.0-rc.1", OTHER), TRUST_FLOOR_REFUSE);
    assert_int_equal(check_version("1.9.0", OTHER, "1.8.0", OTHER), TRUST_FLOOR_KEEP);
    cleanup_semver struct semver version = {0};
    assert_int_equal(semver_parse("0.0.1", &version, NULL), 0);
    assert_int_equal(trust_floor_check_version(NULL, NULL, NULL, &version, OTHER),
                     TRUST_FLOOR_RAISE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_policy_needs_a_signature),
        TEST(test_policy_names_a_signer_that_is_not_listed),
        TEST(test_policy_keyless_identities_sign),
        TEST(test_policy_keyless_needs_this_policys_root),
        TEST(test_policy_keyless_and_key_are_one_signer),
        TEST(test_policy_one_identity_is_one_signer),
        TEST(test_policy_an_identity_sits_once),
        TEST(test_policy_keyless_signature_for_another_repository),
        TEST(test_policy_certificate_claims_are_bound_to_the_source),
        TEST(test_policy_statements_of_a_foreign_workflow_do_not_count),
        TEST(test_policy_refuses_identities_that_say_nothing),
        TEST(test_policy_no_policy_is_a_refusal),
        TEST(test_policy_every_policy_must_be_met),
        TEST(test_policy_threshold_counts_distinct_keys),
        TEST(test_policy_a_key_under_two_names_cannot_reach_a_threshold),
        TEST(test_policy_a_signer_counts_for_one_entry),
        TEST(test_policy_finds_the_one_assignment_there_is),
        TEST(test_policy_wants_its_repository_named),
        TEST(test_policy_a_nameless_signature_counts_beside_an_attestation),
        TEST(test_policy_an_attestation_is_no_signature),
        TEST(test_policy_key_windows),
        TEST(test_policy_refuses_what_cannot_be_judged),
        TEST(test_policy_attested_needs_a_release_of_the_channel),
        TEST(test_policy_the_highest_sequence_counts),
        TEST(test_policy_the_lowest_sequence_of_two_policies_is_adopted),
        TEST(test_policy_channels_are_listed_and_required),
        TEST(test_policy_versions_are_named_by_the_statement),
        TEST(test_policy_source_binds),
        TEST(test_policy_age_has_five_minutes_of_skew),
        TEST(test_policy_statements_from_tomorrow_are_clock_skew),
        TEST(test_policy_explains_itself),
        TEST(test_policy_explains_what_to_do_in_one_line),
        TEST(test_policy_keys_that_do_not_parse_are_named),
        cmocka_unit_test(test_policy_floor),
        cmocka_unit_test(test_policy_floor_in_semver_order),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
