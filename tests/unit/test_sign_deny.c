// Deny-lists, mirrors, and what time does to keys.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oci/sign/certificate.h"
#include "tests/unit/policy_scene.h"

#define DAY (24 * HOUR)
#define AHEAD (14 * DAY)

static const char *fingerprint(const struct scene *scene, int key)
{
    return verify_key_fingerprint(sign_key_public(scene->keys[key]))->text;
}

static void deny_key(struct scene *scene, const char *name, const char *fingerprint_text)
{
    assert_int_equal(trust_deny_key(&scene->policy, name, fingerprint_text, "stolen", NULL), 0);
}

static void test_deny_key_by_fingerprint(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "01");
    add_signature(scene, 0, REPOSITORY);
    assert_met(scene);
    deny_key(scene, NULL, fingerprint(scene, 0));
    assert_unmet(scene, TRUST_UNVERIFIED, "found k0 (denied: stolen); missing 1 more of k0, k1");
    add_signature(scene, 1, REPOSITORY);
    assert_met(scene);
    assert_int_equal(scene->verdict.verified_by.len, 1);
}

// Denied under one name, it does not come back under another.
static void test_deny_key_by_name(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    add_key(scene, entry, "renamed", 0);
    add_signature(scene, 0, REPOSITORY);
    deny_key(scene, "k0", NULL);
    assert_unmet(scene, TRUST_UNVERIFIED, "(denied: stolen)");
    entry->attests = true;
    add_release(scene, 0, "prod", 10);
    assert_unmet(scene, TRUST_UNVERIFIED, "(denied: stolen)");
    assert_false(scene->verdict.attested);
    // A name that nobody has denies nobody.
    trust_policy_release(&scene->policy);
    trust_policy_init(&scene->policy, "TrustPolicy prod");
    add_entry(scene, "packager", 1, "0");
    deny_key(scene, "k1", NULL);
    assert_met(scene);
}

// A denied key is no signer as an identity either, and a denied identity none with any key.
static void test_deny_identities(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "*@example.com");
    set_root(scene);
    add_keyless(scene, "a@example.com", 0);
    deny_key(scene, NULL, fingerprint(scene, 0));
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (denied: stolen)");
    add_keyless(scene, "a@example.com", 1);
    assert_met(scene);
    trust_deny_identity(&scene->policy, ISSUER, "a@*", NULL);
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (denied");
    trust_deny_identity(&scene->policy, "https://other.example.com", "b@example.com", NULL);
    add_keyless(scene, "b@example.com", 2);
    assert_met(scene);
}

static void test_deny_certificates(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = trust_policy_add_entry(&scene->policy, "ci", 1);
    add_identity(entry, "a@example.com");
    set_root(scene);
    struct evidence *item = add_keyless(scene, "a@example.com", 0);
    item->certificate_serial = certificate_serial_text("0x0A:1B");
    item->certificate_issuer = certificate_name_text("CN=sigstore-intermediate,O=sigstore.dev");
    assert_met(scene);
    assert_int_equal(trust_deny_certificate(&scene->policy, "00 0a:1c", NULL, NULL, NULL), 0);
    assert_int_equal(trust_deny_certificate(&scene->policy, "0a1b", "CN = other", NULL, NULL), 0);
    assert_met(scene);
    assert_int_equal(trust_deny_certificate(&scene->policy, "0A1B",
                                            "issuer=O = sigstore.dev, CN = sigstore-intermediate",
                                            "issued by mistake", NULL),
                     0);
    assert_unmet(scene, TRUST_UNVERIFIED, "a@example.com (denied: issued by mistake)");
    // An issuer that is not known may be the one that is meant.
    free(STEAL(item->certificate_issuer));
    assert_unmet(scene, TRUST_UNVERIFIED, "denied");
}

static void test_deny_digests(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    add_signature(scene, 0, REPOSITORY);
    assert_int_equal(trust_deny_digest(&scene->policy, OTHER, "CVE-2026-1", NULL), 0);
    assert_met(scene);
    assert_int_equal(trust_deny_digest(&scene->policy, DIGEST, "CVE-2026-2", NULL), 0);
    assert_unmet(scene, TRUST_DENIED,
                 "TrustPolicy prod: a digest that is not denied: found " DIGEST
                 ", denied: CVE-2026-2; missing another artifact; release a corrected one");
    assert_false(scene->verdict.stale_only);
}

// What one of the policies denies counts for none of them.
static void test_deny_reaches_the_other_policies(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0");
    add_signature(scene, 0, REPOSITORY);
    struct trust_policy policies[2];
    trust_policy_init(&policies[1], "TrustPolicy all");
    policies[1].only_denies = true;
    policies[0] = scene->policy;
    struct trust_verdict verdict;
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &verdict);
    assert_true(verdict.met);
    trust_verdict_release(&verdict);
    assert_int_equal(trust_deny_key(&policies[1], "k0", NULL, NULL, NULL), 0);
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &verdict);
    assert_int_equal(verdict.reason, TRUST_UNVERIFIED);
    assert_non_null(strstr(verdict.message, "k0 (denied)"));
    trust_verdict_release(&verdict);
    assert_int_equal(trust_deny_digest(&policies[1], DIGEST, NULL, NULL), 0);
    trust_evaluate(policies, 2, &scene->subject, &scene->evidence, &verdict);
    assert_int_equal(verdict.reason, TRUST_DENIED);
    trust_verdict_release(&verdict);
    trust_policy_release(&policies[1]);
}

static void test_deny_refuses_what_denies_nothing(void **state)
{
    struct scene *scene = *state;
    struct trust_policy *policy = &scene->policy;
    assert_int_equal(trust_deny_key(policy, NULL, NULL, NULL, NULL), -1);
    assert_int_equal(trust_deny_key(policy, NULL, "SHA256:abc", NULL, NULL), -1);
    assert_int_equal(trust_deny_digest(policy, "latest", NULL, NULL), -1);
    assert_int_equal(trust_deny_certificate(policy, "twelve", NULL, NULL, NULL), -1);
    assert_int_equal(trust_deny_certificate(policy, ":", NULL, NULL, NULL), -1);
    cleanup_free char *zero = certificate_serial_text("00");
    assert_string_equal(zero, "0");
    cleanup_free char *escaped = certificate_name_text("CN=Acme\\, Inc.,O=x");
    assert_string_equal(escaped, "cn=acme,inc.,o=x");
}

static void test_mirror_maps_the_names(void **state)
{
    struct scene *scene = *state;
    add_entry(scene, "packager", 1, "0")->attests = true;
    add_signature(scene, 0, REPOSITORY);
    add_release(scene, 0, "prod", 10);
    scene->subject.repository = "mirror.example.com/acme/shop";
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (for the repository " REPOSITORY ")");
    trust_policy_add_mirror(&scene->policy, "mirror.example.com/acm", "registry.example.com/acm");
    trust_policy_add_mirror(&scene->policy, "mirror.example.com/acme", "registry.example.com/else");
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (for the repository " REPOSITORY ")");
    trust_policy_add_mirror(&scene->policy, "mirror.example.com/acme", "registry.example.com/acme");
    assert_met(scene);
    assert_true(scene->verdict.sequence == 10);
    // The mapping has one direction.
    scene->subject.repository = "registry.example.com/acme/shop";
    vec_clear(&scene->evidence.items);
    add_signature(scene, 0, "mirror.example.com/acme/shop");
    add_release(scene, 0, "prod", 10);
    assert_unmet(scene, TRUST_UNVERIFIED, "for the repository mirror.example.com/acme/shop");
}

static void expect_outlook(struct scene *scene, int64_t now_ms, bool reachable, const char *says,
                           int64_t look_again_ms)
{
    struct trust_outlook outlook;
    trust_policy_outlook(&scene->policy, now_ms, AHEAD, &outlook);
    assert_int_equal(outlook.reachable, reachable);
    if ((says == NULL) != (outlook.message == NULL) ||
        (says != NULL && strstr(outlook.message, says) == NULL))
        fail_msg("%s", outlook.message != NULL ? outlook.message : "nothing");
    assert_true(outlook.look_again_ms == look_again_ms);
    free(outlook.message);
}

// Old key, both, new key: the entry is met all the time, and people are told in time when not.
static void test_rotation_with_overlap(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "01");
    struct trust_key *old = vec_at(&entry->keys, 0);
    struct trust_key *new = vec_at(&entry->keys, 1);
    old->not_after_ms = NOW + 30 * DAY;
    new->not_before_ms = NOW + 20 * DAY;
    add_signature(scene, 0, REPOSITORY);
    expect_outlook(scene, NOW, true, NULL, NOW + 16 * DAY);
    assert_met(scene);
    assert_true(scene->verdict.judge_again_ms == NOW + 20 * DAY);
    scene->subject.now_ms = NOW + 25 * DAY;
    assert_met(scene);
    add_signature(scene, 1, REPOSITORY);
    assert_met(scene);
    expect_outlook(scene, NOW + 17 * DAY, true, "key k0 of packager runs out on", NOW + 20 * DAY);
    expect_outlook(scene, NOW + 17 * DAY, true, "enough others stay", NOW + 20 * DAY);
    scene->subject.now_ms = NOW + 31 * DAY;
    assert_met(scene);
    assert_string_equal(*(char **)vec_at(&scene->verdict.verified_by, 0), "packager: k1");
    expect_outlook(scene, NOW + 31 * DAY, true, NULL, 0);
    vec_remove(&entry->keys, 1);
    expect_outlook(scene, NOW + 17 * DAY, true,
                   "then 0 of the 1 signers that it asks for are left; add the key that follows",
                   NOW + 30 * DAY + 1);
    expect_outlook(scene, NOW + 31 * DAY, false,
                   "packager asks for 1 signers, and 0 of its keys are valid now", 0);
    assert_unmet(scene, TRUST_UNVERIFIED, "k0 (the key is not valid now)");
}

static void test_outlook_counts_signers(void **state)
{
    struct scene *scene = *state;
    struct trust_entry *entry = add_entry(scene, "packager", 1, "0");
    struct trust_key *key = vec_at(&entry->keys, 0);
    key->not_after_ms = NOW + DAY;
    // The same key with a later window goes on.
    add_key(scene, entry, "again", 0);
    expect_outlook(scene, NOW, true, NULL, NOW + DAY + 1);
    vec_remove(&entry->keys, 1);
    expect_outlook(scene, NOW, true, "runs out", NOW + DAY + 1);
    add_identity(entry, "*@example.com");
    expect_outlook(scene, NOW + 2 * DAY, true, NULL, 0);
    struct trust_attestation *wanted = NULL;
    assert_int_equal(trust_policy_add_attestation(&scene->policy, "scan", "vuln", &wanted, NULL),
                     0);
    trust_entry_copy_signers(&wanted->signers, entry);
    vec_clear(&wanted->signers.identities);
    expect_outlook(scene, NOW + 2 * DAY, false, "scan asks for 1 signers", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_deny_key_by_fingerprint),
        TEST(test_deny_key_by_name),
        TEST(test_deny_identities),
        TEST(test_deny_certificates),
        TEST(test_deny_digests),
        TEST(test_deny_reaches_the_other_policies),
        TEST(test_deny_refuses_what_denies_nothing),
        TEST(test_mirror_maps_the_names),
        TEST(test_rotation_with_overlap),
        TEST(test_outlook_counts_signers),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
