// What referrers hold beside signatures, and walks that end early.
#include "oci/sign/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign_scene.h"

// A referrer of this type with this layer; what is NULL is left out.
static void attach_odd(struct fixture *fixture, const char *artifact_type, const char *config_type,
                       const char *layer_type, int64_t layer_size, size_t layers)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    assert_int_equal(
        oci_put_blob(fixture->repository, config_type, OCI_EMPTY_JSON, 2, &manifest.config, NULL),
        0);
    assert_int_equal(oci_put_blob(fixture->repository, layer_type, "{}", 2, &layer, NULL), 0);
    if (layer_size > 0)
        layer.size = layer_size;
    for (size_t i = 0; i < layers; i++)
        *(struct oci_descriptor *)vec_push(&manifest.layers) = oci_descriptor_copy(&layer);
    oci_descriptor_release(&layer);
    manifest.artifact_type = xstrdup_or_null(artifact_type);
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_copy(&fixture->artifact);
    size_t size = 0;
    cleanup_free char *text = oci_manifest_build(&manifest, &size);
    cleanup_error struct error err = {0};
    if (oci_put_manifest(fixture->repository, text, size, NULL, NULL, &err) < 0)
        fail_msg("%s", error_message(&err));
    oci_manifest_release(&manifest);
}

// Bills of materials, scans and half-made signatures beside a good one: noted where they claim to
// be signatures, passed over in silence where they do not.
static void test_collect_referrers_that_are_odd(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *artifact_type, *config_type, *layer_type;
        int64_t size;
        size_t layers;
        const char *note; // NULL: silence
    } cases[] = {
        {"application/spdx+json", OCI_MEDIA_EMPTY, "application/json", 0, 1, NULL},
        {NULL, OCI_MEDIA_EMPTY, "application/json", 0, 1, NULL},
        {NULL, "application/vnd.example.config", "application/json", 0, 1, NULL},
        {"application/vnd.cncf.notary.signature", OCI_MEDIA_EMPTY, "application/jose+json", 0, 1,
         NULL},
        {SIGSTORE_BUNDLE_TYPE, OCI_MEDIA_EMPTY, "application/json", 0, 1,
         "its layer is a application/json"},
        {SIGSTORE_BUNDLE_TYPE, OCI_MEDIA_EMPTY, SIGSTORE_BUNDLE_TYPE, 0, 2, "it has 2 layers"},
        {SIGSTORE_BUNDLE_TYPE, OCI_MEDIA_EMPTY, SIGSTORE_BUNDLE_TYPE, INT64_C(1) << 40, 1,
         "referrer sha256:"},
        {SIGSTORE_BUNDLE_TYPE, OCI_MEDIA_EMPTY, SIGSTORE_BUNDLE_TYPE, 3, 1, "referrer sha256:"},
    };
    sign(fixture, fixture->key, NULL, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        size_t before = collect(fixture)->notes.len;
        attach_odd(fixture, cases[i].artifact_type, cases[i].config_type, cases[i].layer_type,
                   cases[i].size, cases[i].layers);
        const struct evidence_set *set = collect(fixture);
        assert_int_equal(set->items.len, 3);
        if (set->notes.len != before + (cases[i].note != NULL))
            fail_msg("case %zu: %zu notes after %zu", i, set->notes.len, before);
        if (cases[i].note != NULL)
            assert_note(set, cases[i].note);
    }
    cleanup_free char *index = xasprintf(
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MEDIA_INDEX "\",\"artifactType\":\"%s\","
        "\"manifests\":[],\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld}}",
        SIGSTORE_BUNDLE_TYPE, fixture->artifact.media_type, fixture->artifact.digest.text,
        (long long)fixture->artifact.size);
    assert_int_equal(oci_put_manifest(fixture->repository, index, strlen(index), NULL, NULL, NULL),
                     0);
    assert_int_equal(collect(fixture)->items.len, 3);
}

// With one key a note says what is wrong with its signature, with several that it is nobody's.
static void test_collect_says_whose_it_is_not(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *statement = statement_build_sign(IDENTITY, fixture->artifact.digest.text);
    attach_bundle(fixture, fixture->stranger, &fixture->artifact, statement, "somebody");
    assert_int_equal(collect(fixture)->items.len, 0);
    assert_note(&fixture->evidence, "no valid ECDSA P-256 signature by key sha256:");
    cleanup_sign_key struct sign_key *second = NULL;
    cleanup_trust_policy struct trust_policy policy;
    trust_policy_init(&policy, "prod");
    assert_int_equal(sign_key_generate(&second, NULL), 0);
    struct trust_entry *entry = trust_policy_add_entry(&policy, "packager", 1);
    list_signer(entry, fixture->key, "one");
    list_signer(entry, second, "two");
    assert_int_equal(collect_for(fixture, &policy, 1)->items.len, 0);
    assert_note(&fixture->evidence, "signed by none of the listed keys");
}

struct walk {
    size_t left; // pieces that are still wanted
    size_t seen;
};

static bool take(struct evidence *item, void *arg)
{
    struct walk *walk = arg;
    evidence_release(item);
    walk->seen++;
    return --walk->left > 0;
}

// A walk that is ended looks at nothing more.
static void test_collect_can_be_ended(void **state)
{
    struct fixture *fixture = *state;
    cleanup_vec struct vec keys = KEY_LIST;
    const struct release release = release_of("prod", 10);
    sign(fixture, fixture->key, &release, 1);
    sign(fixture, fixture->stranger, &release, 1);
    key_list_add(&keys, sign_key_public(fixture->key));
    key_list_add(&keys, sign_key_public(fixture->stranger));
    size_t all_looked_at = 0;
    for (size_t wanted = 9; wanted > 0; wanted--) {
        cleanup_evidence_set struct evidence_set notes;
        struct walk walk = {.left = wanted};
        evidence_set_init(&notes);
        assert_int_equal(evidence_walk(fixture->repository, fixture->artifact.digest.text, &keys,
                                       &notes, take, &walk, NULL),
                         0);
        assert_int_equal(walk.seen, wanted < 8 ? wanted : 8);
        if (wanted == 9)
            all_looked_at = notes.looked_at;
        else
            assert_true(notes.looked_at <= all_looked_at);
        if (wanted == 1)
            assert_int_equal(notes.looked_at, 1);
    }
}

// A signature may name what is no place at all: it is kept as it is written, and so counts nowhere.
static void test_collect_names_that_are_no_places(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *payload = simple_signing_build("no place", fixture->artifact.digest.text);
    attach_payload(fixture, payload, NULL);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 1);
    assert_string_equal(((struct evidence *)vec_at(&set->items, 0))->repository, "no place");
}

// Statements of two types by one signer do not stand in each other's place.
static void test_collect_keeps_each_type(void **state)
{
    struct fixture *fixture = *state;
    cleanup_trust_policy struct trust_policy policy;
    struct trust_attestation *wanted = NULL;
    static const char *const types[] = {"vuln", "https://example.com/tests/v1"};
    trust_policy_init(&policy, "prod");
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        assert_int_equal(trust_policy_add_attestation(&policy, types[i], types[i], &wanted, NULL),
                         0);
        list_signer(&wanted->signers, fixture->key, "scanner");
        list_signer(&wanted->signers, fixture->stranger, "tester");
        free(wanted->time_path);
        wanted->time_path = xstrdup("/metadata/scanFinishedOn");
    }
    attest(fixture, fixture->key, SCAN, "2026-11-20T10:00:00Z", 1);
    attest(fixture, fixture->key, types[1], "2026-11-20T11:00:00Z", 2);
    attest(fixture, fixture->stranger, SCAN, "2026-11-20T12:00:00Z", 3);
    attest(fixture, fixture->key, SCAN, "2026-11-20T09:00:00Z", 4);
    const struct evidence_set *set = collect_for(fixture, &policy, 1);
    json_int_t sum = 0;
    vec_foreach (const struct evidence, item, &set->items)
        sum += jval_int(item->statement.root, "predicate.critical", 0);
    assert_int_equal(sum, 1 + 2 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_collect_referrers_that_are_odd), TEST(test_collect_says_whose_it_is_not),
        TEST(test_collect_can_be_ended),           TEST(test_collect_names_that_are_no_places),
        TEST(test_collect_keeps_each_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
