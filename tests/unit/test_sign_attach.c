// Signing, on a layout on disk.
#include "oci/sign/attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign_scene.h"

static void test_attach_writes_both_forms_and_both_attestations(void **state)
{
    struct fixture *fixture = *state;
    const struct release releases[] = {release_of("prod", 10), release_of("canary", 11)};
    sign(fixture, fixture->key, releases, 2);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(count(set, EVIDENCE_SIMPLE, STATEMENT_SIGN), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_SIGN), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_PROVENANCE), 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 2);
    assert_int_equal(set->items.len, 5);
    assert_int_equal(set->notes.len, 0);
    vec_foreach (struct evidence, item, &set->items) {
        assert_string_equal(item->repository, IDENTITY);
        assert_string_equal(item->signer.text,
                            verify_key_fingerprint(sign_key_public(fixture->key))->text);
    }
    const struct release *release = evidence_newest_release(set, IDENTITY, "canary");
    assert_non_null(release);
    assert_true(release->sequence == 11);
    assert_null(evidence_newest_release(set, IDENTITY, "staging"));
}

static void test_attach_signs_nothing_twice(void **state)
{
    struct fixture *fixture = *state;
    const struct release first = release_of("prod", 10);
    const struct release second = release_of("prod", 11);
    sign(fixture, fixture->key, &first, 1);
    sign(fixture, fixture->key, &first, 1);
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 3);
    sign(fixture, fixture->key, &second, 1);
    vec_clear(&referrers);
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 4);
    // Only the highest sequence is kept of a channel.
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 1);
    assert_int_equal(count(set, EVIDENCE_SIMPLE, STATEMENT_SIGN), 1);
    assert_true(evidence_newest_release(set, IDENTITY, "prod")->sequence == 11);
}

static void test_attach_a_second_signer_keeps_the_first(void **state)
{
    struct fixture *fixture = *state;
    sign(fixture, fixture->key, NULL, 0);
    sign(fixture, fixture->stranger, NULL, 0);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 3);
    assert_note(set, ".sig layer 2: no valid ECDSA P-256 signature by key");
    cleanup_free char *says =
        xasprintf("by key %s, which is not listed",
                  verify_key_fingerprint(sign_key_public(fixture->stranger))->text);
    assert_note(set, says);
}

static void test_attach_renewing_deletes_the_older_statement(void **state)
{
    struct fixture *fixture = *state;
    const struct release releases[] = {release_of("prod", 10), release_of("canary", 10)};
    const struct release renewed = release_of("prod", 20);
    sign(fixture, fixture->key, releases, 2);
    cleanup_error struct error err = {0};
    if (release_renew(fixture->repository, &fixture->artifact, fixture->key, &renewed, 1, NOW,
                      &err) < 0)
        fail_msg("%s", error_message(&err));
    cleanup_vec struct vec referrers = OCI_DESCRIPTORS;
    assert_int_equal(
        oci_referrers(fixture->repository, fixture->artifact.digest.text, &referrers, NULL), 0);
    assert_int_equal(referrers.len, 4); // sign/v1, provenance, canary, prod
    const struct evidence_set *set = collect(fixture);
    assert_true(evidence_newest_release(set, IDENTITY, "prod")->sequence == 20);
    assert_true(evidence_newest_release(set, IDENTITY, "canary")->sequence == 10);
}

static void test_approve_once_for_each_channel(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        const char *channel;
        const char *repository;
        bool new;
    } cases[] = {{"prod", NULL, true},
                 {"prod", NULL, false},
                 {"prod", IDENTITY, false},
                 {"canary", NULL, true},
                 {"prod", "registry.example.com/else", true},
                 {"canary", NULL, false}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct approval approval = {.repository = cases[i].repository,
                                          .channel = cases[i].channel,
                                          .approved_at_ms = 1795255200000,
                                          .comment = "looks fine"};
        bool new = false;
        assert_int_equal(approve_artifact(fixture->repository, &fixture->artifact, fixture->key,
                                          &approval, &new, NULL),
                         0);
        assert_int_equal(new, cases[i].new);
    }
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 3);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_APPROVAL), 3);
    const struct evidence *first = vec_at(&set->items, 0);
    assert_string_equal(first->statement.approval.comment, "looks fine");
    assert_true(first->statement.approval.approved_at_ms == 1795255200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attach_writes_both_forms_and_both_attestations),
        TEST(test_attach_signs_nothing_twice),
        TEST(test_attach_a_second_signer_keeps_the_first),
        TEST(test_attach_renewing_deletes_the_older_statement),
        TEST(test_approve_once_for_each_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
