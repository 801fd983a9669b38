// Finding signatures, on a layout on disk.
#include "oci/sign/collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sign_scene.h"

static void test_collect_finds_nothing_on_an_unsigned_artifact(void **state)
{
    struct fixture *fixture = *state;
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 0);
    assert_int_equal(set->notes.len, 0);
    assert_int_equal(set->looked_at, 0);
}

static void test_collect_refuses_transplanted_signatures(void **state)
{
    struct fixture *fixture = *state;
    // Good signatures of the other artifact, moved to this one.
    const struct sign_request request = {.provenance = &provenance, .now_ms = NOW};
    assert_int_equal(
        sign_artifact(fixture->repository, &fixture->other, fixture->key, &request, NULL), 0);
    cleanup_free char *from = oci_derived_tag(fixture->other.digest.text, ".sig");
    cleanup_free char *to = oci_derived_tag(fixture->artifact.digest.text, ".sig");
    cleanup_oci_descriptor struct oci_descriptor sig = {0};
    assert_int_equal(oci_resolve(fixture->repository, from, &sig, NULL), 0);
    assert_int_equal(oci_tag(fixture->repository, sig.digest.text, to, NULL), 0);
    cleanup_free char *statement = statement_build_sign(IDENTITY, fixture->other.digest.text);
    attach_bundle(fixture, fixture->key, &fixture->artifact, statement, NULL);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 0);
    cleanup_free char *simple = xasprintf("for another artifact, %s", fixture->other.digest.text);
    cleanup_free char *bundle = xasprintf(
        "it is about %s, not about %s", fixture->other.digest.text, fixture->artifact.digest.text);
    assert_note(set, simple);
    assert_note(set, bundle);
}

// As cosign's OCI 1.1 mode attaches it; `layers` times the same layer.
static void attach_older(struct fixture *fixture, const char *digest, const char *media_type,
                         size_t layers)
{
    cleanup_free char *payload = simple_signing_build(IDENTITY, digest);
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    cleanup_free unsigned char *signature = NULL;
    size_t size = 0;
    assert_int_equal(sign_key_sign(fixture->key, payload, strlen(payload), &signature, &size, NULL),
                     0);
    cleanup_free char *text = base64_encode(signature, size);
    assert_int_equal(oci_put_blob(fixture->repository, SIMPLE_SIGNING_REFERRER, OCI_EMPTY_JSON, 2,
                                  &manifest.config, NULL),
                     0);
    for (size_t i = 0; i < layers; i++) {
        struct oci_descriptor layer = {0};
        assert_int_equal(
            oci_put_blob(fixture->repository, media_type, payload, strlen(payload), &layer, NULL),
            0);
        layer.annotations = json_pack("{s:s}", SIMPLE_SIGNING_ANNOTATION, text);
        *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    }
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    *manifest.subject = oci_descriptor_copy(&fixture->artifact);
    size_t manifest_size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &manifest_size);
    assert_int_equal(oci_put_manifest(fixture->repository, data, manifest_size, NULL, NULL, NULL),
                     0);
    oci_manifest_release(&manifest);
}

static void test_collect_reads_the_older_form_of_referrers(void **state)
{
    struct fixture *fixture = *state;
    cleanup_trust_policy struct trust_policy policy = {0};
    trust_policy_init(&policy, "prod");
    list_signer(trust_policy_add_entry(&policy, "packager", 1), fixture->key, "packager");
    attach_older(fixture, fixture->artifact.digest.text, SIMPLE_SIGNING_MEDIA, 1);
    const struct evidence_set *set = collect_for(fixture, &policy, 1);
    assert_int_equal(set->items.len, 1);
    assert_int_equal(count(set, EVIDENCE_SIMPLE, STATEMENT_SIGN), 1);
    // It does not keep the packager from writing its own.
    assert_int_equal(collect(fixture)->items.len, 0);
    attach_older(fixture, fixture->other.digest.text, SIMPLE_SIGNING_MEDIA, 1);
    attach_older(fixture, fixture->artifact.digest.text, SIMPLE_SIGNING_MEDIA, 2);
    attach_older(fixture, fixture->artifact.digest.text, "text/plain", 1);
    set = collect_for(fixture, &policy, 1);
    assert_int_equal(set->items.len, 1);
    assert_note(set, "for another artifact");
    assert_note(set, "it has 2 layers, not one");
    assert_note(set, "a layer of type text/plain");
}

static void test_collect_an_attestation_is_not_a_signature(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *statement =
        statement_build_provenance(IDENTITY, fixture->artifact.digest.text, &provenance);
    attach_bundle(fixture, fixture->key, &fixture->artifact, statement, NULL);
    cleanup_free char *foreign = xasprintf(
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"
        "\"%s\"}}],\"predicateType\":\"https://sigstore.dev/cosign/sign/v2\",\"predicate\":{}}",
        digest_hex(fixture->artifact.digest.text));
    attach_bundle(fixture, fixture->key, &fixture->artifact, foreign, NULL);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 2);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_SIGN), 0);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_OTHER), 1);
}

static void test_collect_a_hint_is_no_proof(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *statement = statement_build_sign(NULL, fixture->artifact.digest.text);
    // The stranger names the listed key.
    attach_bundle(fixture, fixture->stranger, &fixture->artifact, statement,
                  verify_key_hint(sign_key_public(fixture->key)));
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 0);
    assert_note(set, "no valid ECDSA P-256 signature by key");
    // A hint that is no fingerprint says nothing either way.
    attach_bundle(fixture, fixture->key, &fixture->artifact, statement, "release key 2026");
    set = collect(fixture);
    assert_int_equal(set->items.len, 1);
    assert_null(((struct evidence *)vec_at(&set->items, 0))->repository);
    attach_bundle(fixture, fixture->stranger, &fixture->artifact, statement, "");
    set = collect(fixture);
    assert_int_equal(set->items.len, 1);
    assert_note(set, "no valid ECDSA P-256 signature by key");
}

static void test_collect_notes_what_is_malformed_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    static const char keyless[] =
        "{\"mediaType\":\"" SIGSTORE_BUNDLE_TYPE "\",\"verificationMaterial\":{\"certificate\":"
        "{\"rawBytes\":\"AA==\"}},\"dsseEnvelope\":{\"payload\":\"AA==\",\"payloadType\":\"t\","
        "\"signatures\":[{\"sig\":\"AA==\"}]}}";
    static const char message[] =
        "{\"mediaType\":\"" SIGSTORE_BUNDLE_TYPE "\",\"verificationMaterial\":{\"publicKey\":{}},"
        "\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},\"signature\":\"YQ==\"}}";
    static const char other_payload[] =
        "{\"mediaType\":\"" SIGSTORE_BUNDLE_TYPE "\",\"verificationMaterial\":{\"publicKey\":{}},"
        "\"dsseEnvelope\":{\"payload\":\"AA==\",\"payloadType\":\"text/plain\","
        "\"signatures\":[{\"sig\":\"AA==\"}]}}";
    attach_bytes(fixture, &fixture->artifact, "{", 1);
    attach_bytes(fixture, &fixture->artifact, keyless, strlen(keyless));
    attach_bytes(fixture, &fixture->artifact, message, strlen(message));
    attach_bytes(fixture, &fixture->artifact, other_payload, strlen(other_payload));
    size_t size = SIGSTORE_BUNDLE_MAX_BYTES + 1;
    cleanup_free char *large = xcalloc(1, size);
    attach_bytes(fixture, &fixture->artifact, large, size);
    sign(fixture, fixture->key, NULL, 0);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 3);
    assert_int_equal(set->notes.len, 5);
    assert_note(set, "the bundle: line 1");
    assert_note(set, "its payload is a t, not");
    assert_note(set, "it signs bytes, not a statement");
    assert_note(set, "its payload is a text/plain");
}

// What is said twice takes no place from what others say.
static void test_collect_keeps_a_signature_once(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *statement = statement_build_sign(IDENTITY, fixture->artifact.digest.text);
    for (int i = 0; i < EVIDENCE_MAX_KEPT + 2; i++) {
        cleanup_free char *hint = xasprintf("again %d", i);
        attach_bundle(fixture, fixture->key, &fixture->artifact, statement, hint);
    }
    const struct evidence_set *set = collect(fixture);
    assert_false(set->cut);
    assert_int_equal(set->items.len, 1);
}

// Of what others attest only what a policy asks for is kept, and of that the newest.
static void test_collect_keeps_what_policies_ask_for(void **state)
{
    struct fixture *fixture = *state;
    cleanup_trust_policy struct trust_policy policy;
    struct trust_attestation *wanted = NULL;
    trust_policy_init(&policy, "prod");
    list_signer(trust_policy_add_entry(&policy, "packager", 1), fixture->key, "packager");
    sign(fixture, fixture->key, NULL, 0);
    attest(fixture, fixture->key, SCAN, "2026-11-20T10:00:00Z", 1);
    attest(fixture, fixture->stranger, SCAN, "2026-11-20T10:00:00Z", 2);
    attest(fixture, fixture->stranger, SCAN, "2026-11-20T12:00:00Z", 3);
    attest(fixture, fixture->stranger, SCAN, "2026-11-20T11:00:00Z", 4);
    attest(fixture, fixture->stranger, SCAN, "some day", 5);
    attest(fixture, fixture->stranger, "https://example.com/x", "2026-11-20T10:00:00Z", 6);
    assert_int_equal(count(collect_for(fixture, &policy, 1), EVIDENCE_BUNDLE, STATEMENT_OTHER), 0);
    assert_int_equal(trust_policy_add_attestation(&policy, "scan", "vuln", &wanted, NULL), 0);
    list_signer(&wanted->signers, fixture->stranger, "scanner");
    const struct evidence_set *set = collect_for(fixture, &policy, 1);
    // The newest of the two signers, and what does not say when.
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_OTHER), 3);
    json_int_t sum = 0;
    vec_foreach (const struct evidence, item, &set->items)
        sum += jval_int(item->statement.root, "predicate.critical", 0);
    assert_int_equal(sum, 1 + 3 + 5);
    // Where two requirements look for the time in two places, nothing is left out.
    assert_int_equal(trust_policy_add_attestation(&policy, "again", "vuln", &wanted, NULL), 0);
    list_signer(&wanted->signers, fixture->stranger, "scanner");
    free(wanted->time_path);
    wanted->time_path = xstrdup("/elsewhere");
    set = collect_for(fixture, &policy, 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_OTHER), 5);
}

// A statement by a denied key takes the place of none that counts.
static void test_collect_leaves_denied_statements_out(void **state)
{
    struct fixture *fixture = *state;
    cleanup_trust_policy struct trust_policy policy;
    trust_policy_init(&policy, "prod");
    struct trust_entry *entry = trust_policy_add_entry(&policy, "packager", 1);
    list_signer(entry, fixture->key, "packager");
    list_signer(entry, fixture->stranger, "stolen");
    const struct release release = release_of("prod", 10);
    sign(fixture, fixture->key, &release, 1);
    sign(fixture, fixture->stranger, &release, 1);
    assert_int_equal(trust_deny_key(&policy, "stolen", NULL, NULL, NULL), 0);
    const struct evidence_set *set = collect_for(fixture, &policy, 1);
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_RELEASE), 1);
    assert_note(set, "whom a policy denies");
    // Its signature is kept, so that it can be told why it does not count.
    assert_int_equal(count(set, EVIDENCE_BUNDLE, STATEMENT_SIGN), 2);
}

// What is kept for later is judged later as it was found.
static void test_evidence_is_read_back(void **state)
{
    struct fixture *fixture = *state;
    const char *digest = fixture->artifact.digest.text;
    const struct release release = release_of("prod", 10);
    sign(fixture, fixture->key, &release, 1);
    cleanup_evidence_set struct evidence_set again;
    struct evidence_set *set = &fixture->evidence;
    evidence_set_init(&again);
    collect(fixture);
    struct evidence *first = vec_at(&set->items, 0);
    first->certificate_issuer = xstrdup("cn=ca");
    first->certificate_serial = xstrdup("1f");
    bool whole = false;
    cleanup_json json_t *kept = evidence_to_json(set, 1 << 20, &whole);
    assert_true(whole);
    assert_int_equal(evidence_from_json(kept, digest, &again, NULL), 0);
    assert_int_equal(again.items.len, set->items.len);
    for (size_t i = 0; i < again.items.len; i++) {
        const struct evidence *a = vec_at(&set->items, i);
        const struct evidence *b = vec_at(&again.items, i);
        assert_int_equal(a->form, b->form);
        assert_int_equal(a->kind, b->kind);
        assert_string_equal(a->signer.text, b->signer.text);
        assert_string_equal(a->root.text, b->root.text);
    }
    first = vec_at(&again.items, 0);
    assert_string_equal(first->certificate_serial, "1f");
    assert_string_equal(first->certificate_issuer, "cn=ca");
    cleanup_json json_t *little = evidence_to_json(set, 400, &whole);
    assert_false(whole);
    assert_true(json_array_size(little) < set->items.len);
}

static void test_evidence_that_nobody_wrote(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"[{\"form\":\"other\"}]", "none of simple, bundle and notation"},
        {"[{}]", "none of simple, bundle and notation"},
        {"[{\"form\":\"simple\"}]", "signer is no digest"},
        {"[{\"form\":\"simple\",\"signer\":\"abc\"}]", "signer is no digest"},
        {"[{\"form\":\"notation\",\"signer\":\"%s\"}]", "hold no Notation signature"},
        {"[{\"form\":\"bundle\",\"signer\":\"%s\",\"statement\":{}}]", "the statement"},
        {"[{\"form\":\"bundle\",\"signer\":\"%s\",\"root\":\"x\"}]", "root is no digest"},
        {"[{\"form\":\"bundle\",\"signer\":\"%s\",\"manifest\":\"x\"}]", "manifest is no"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *digest = fixture->artifact.digest.text;
        const char *hole = strstr(cases[i].text, "%s");
        cleanup_free char *text = hole == NULL ? xstrdup(cases[i].text)
                                               : xasprintf("%.*s%s%s", (int)(hole - cases[i].text),
                                                           cases[i].text, digest, hole + 2);
        cleanup_json json_t *array = NULL;
        cleanup_error struct error err = {0};
        cleanup_evidence_set struct evidence_set set;
        evidence_set_init(&set);
        assert_int_equal(jval_parse(text, strlen(text), "it", &array, NULL), 0);
        assert_int_equal(evidence_from_json(array, digest, &set, &err), -1);
        if (strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: %s", text, error_message(&err));
        assert_int_equal(set.items.len, 0);
    }
}

static void test_collect_keeps_a_bounded_number(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < EVIDENCE_MAX_KEPT + 5; i++) {
        cleanup_free char *hint = xasprintf("signature %d", i);
        cleanup_free char *name = xasprintf("registry.example.com/%d", i);
        cleanup_free char *statement = statement_build_sign(name, fixture->artifact.digest.text);
        attach_bundle(fixture, fixture->stranger, &fixture->artifact, statement, hint);
        attach_bundle(fixture, fixture->key, &fixture->artifact, statement, hint);
    }
    const struct release release = release_of("prod", 10);
    const struct sign_request request = {.releases = &release, .n_releases = 1, .fresh = true};
    assert_int_equal(
        sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, NULL), 0);
    const struct evidence_set *set = collect(fixture);
    assert_true(set->cut);
    assert_int_equal(set->items.len, EVIDENCE_MAX_KEPT + 1);
    assert_non_null(evidence_newest_release(set, IDENTITY, "prod"));
    assert_int_equal(set->notes.len, EVIDENCE_MAX_NOTES);
}

static void test_collect_looks_at_the_signature_tag_strictly(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *tag = oci_derived_tag(fixture->artifact.digest.text, ".sig");
    assert_int_equal(oci_tag(fixture->repository, fixture->other.digest.text, tag, NULL), 0);
    const struct evidence_set *set = collect(fixture);
    assert_int_equal(set->items.len, 0);
    assert_note(set, ".sig layer 1: a layer of type application/octet-stream");
    const struct sign_request request = {.now_ms = NOW};
    cleanup_error struct error err = {0};
    assert_int_equal(
        sign_artifact(fixture->repository, &fixture->artifact, fixture->key, &request, &err), -1);
    assert_int_equal(err.code, ERROR_CONFLICT);
    assert_non_null(strstr(err.message, "not only signatures; remove that tag"));
}

static void test_collect_checks_simple_payloads_in_full(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *good = simple_signing_build(IDENTITY, fixture->artifact.digest.text);
    cleanup_free char *tagged =
        simple_signing_build(IDENTITY ":prod", fixture->artifact.digest.text);
    cleanup_free char *elsewhere =
        simple_signing_build("registry.example.com/acme/blog", fixture->artifact.digest.text);
    cleanup_free char *typed = xstrdup(good);
    memcpy(strstr(typed, "cosign container"), "atomic", 6);
    const struct {
        const char *payload;
        const char *annotation;
        const char *repository; // NULL: not counted
        const char *note;
    } cases[] = {
        {good, NULL, IDENTITY, NULL},
        {tagged, NULL, IDENTITY, NULL},
        {elsewhere, NULL, "registry.example.com/acme/blog", NULL},
        {typed, NULL, NULL, "not \"cosign container image signature\""},
        {"{}", NULL, NULL, "critical is missing"},
        {good, "", NULL, "a layer without the annotation"},
        {good, "-", NULL, "a layer without the annotation"},
        {good, "AAA", NULL, "base64"},
        {good, "AAAA", NULL, "no valid ECDSA P-256 signature"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        attach_payload(fixture, cases[i].payload, cases[i].annotation);
        const struct evidence_set *set = collect(fixture);
        if (cases[i].repository == NULL) {
            assert_int_equal(set->items.len, 0);
            assert_note(set, cases[i].note);
            continue;
        }
        assert_int_equal(set->items.len, 1);
        assert_string_equal(((struct evidence *)vec_at(&set->items, 0))->repository,
                            cases[i].repository);
    }
}

static char *blob_path(const struct fixture *fixture, const char *digest)
{
    return xasprintf("%s/shop/blobs/sha256/%s", fixture->dir, digest_hex(digest));
}

static void test_collect_lost_and_damaged_blobs_are_notes(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *statement = statement_build_sign(NULL, fixture->artifact.digest.text);
    cleanup_free char *payload =
        simple_signing_build(IDENTITY ":prod", fixture->artifact.digest.text);
    attach_bundle(fixture, fixture->key, &fixture->artifact, statement, NULL);
    attach_payload(fixture, payload, NULL);
    assert_int_equal(collect(fixture)->items.len, 2);
    cleanup_free char *payload_path = blob_path(fixture, digest_of(payload, strlen(payload)).text);
    assert_int_equal(file_write_swap(payload_path, payload, strlen(payload) - 1, 0644, NULL), 0);
    assert_int_equal(collect(fixture)->items.len, 1);
    assert_note(&fixture->evidence, ".sig layer 1: ");
    assert_int_equal(unlink(payload_path), 0);
    assert_int_equal(collect(fixture)->items.len, 1);
    const struct evidence *bundle = vec_at(&fixture->evidence.items, 0);
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *data = NULL;
    size_t size = 0;
    assert_int_equal(
        oci_get_manifest(fixture->repository, bundle->manifest.text, &data, &size, &manifest, NULL),
        0);
    const struct oci_descriptor *layer = vec_at(&manifest.layers, 0);
    cleanup_free char *bundle_path = blob_path(fixture, layer->digest.text);
    assert_int_equal(file_write_swap(bundle_path, "{}", 2, 0644, NULL), 0);
    assert_int_equal(collect(fixture)->items.len, 0);
    assert_note(&fixture->evidence, "referrer sha256:");
}

// What cannot be asked has not said that there is no signature.
static void test_collect_fails_when_the_registry_does(void **state)
{
    struct fixture *fixture = *state;
    cleanup_oci_reference struct oci_reference reference = {0};
    cleanup_oci_repository struct oci_repository *repository = NULL;
    cleanup_vec struct vec keys = KEY_LIST;
    const struct oci_access access = {.deadline_mono_ms = clock_mono_ms(clock_system()) + 300};
    cleanup_error struct error err = {0};
    assert_int_equal(oci_reference_parse("localhost:1/acme/shop", &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &repository, NULL), 0);
    assert_int_equal(evidence_collect(repository, fixture->artifact.digest.text, &keys,
                                      &fixture->evidence, &err),
                     -1);
    assert_true(error_is_transient(&err));
    assert_non_null(strstr(err.message, "read the signatures of sha256:"));
}

static void test_collect_and_policy_tell_one_story(void **state)
{
    struct fixture *fixture = *state;
    const struct release release = release_of("prod", 10);
    cleanup_trust_policy struct trust_policy policy = {0};
    cleanup_trust_verdict struct trust_verdict verdict = {0};
    cleanup_vec struct vec keys = KEY_LIST;
    cleanup_evidence_set struct evidence_set set = {0};
    cleanup_free char *pem = verify_key_pem(sign_key_public(fixture->key));
    trust_policy_init(&policy, "spec.verify");
    struct trust_entry *entry = trust_policy_add_entry(&policy, "verify", 1);
    entry->attests = true;
    assert_int_equal(trust_entry_add_key(entry, "ci", pem, strlen(pem), 0, 0, NULL), 0);
    key_list_add_policy(&keys, &policy);
    key_list_add_policy(&keys, &policy);
    assert_int_equal(keys.len, 1);
    sign(fixture, fixture->key, &release, 1);
    evidence_set_init(&set);
    assert_int_equal(
        evidence_collect(fixture->repository, fixture->artifact.digest.text, &keys, &set, NULL), 0);
    const struct trust_subject subject = {.repository = IDENTITY,
                                          .digest = fixture->artifact.digest.text,
                                          .channel = "prod",
                                          .now_ms = NOW};
    trust_evaluate(&policy, 1, &subject, &set, &verdict);
    if (!verdict.met)
        fail_msg("%s", verdict.message);
    assert_true(verdict.sequence == 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_collect_finds_nothing_on_an_unsigned_artifact),
        TEST(test_collect_refuses_transplanted_signatures),
        TEST(test_collect_reads_the_older_form_of_referrers),
        TEST(test_collect_an_attestation_is_not_a_signature),
        TEST(test_collect_a_hint_is_no_proof),
        TEST(test_collect_notes_what_is_malformed_and_goes_on),
        TEST(test_collect_keeps_a_signature_once),
        TEST(test_collect_keeps_what_policies_ask_for),
        TEST(test_collect_leaves_denied_statements_out),
        TEST(test_evidence_is_read_back),
        TEST(test_evidence_that_nobody_wrote),
        TEST(test_collect_keeps_a_bounded_number),
        TEST(test_collect_looks_at_the_signature_tag_strictly),
        TEST(test_collect_checks_simple_payloads_in_full),
        TEST(test_collect_lost_and_damaged_blobs_are_notes),
        TEST(test_collect_fails_when_the_registry_does),
        TEST(test_collect_and_policy_tell_one_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
