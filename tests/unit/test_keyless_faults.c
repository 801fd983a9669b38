// Servers of keyless signing that break, lie or show what they were told; and what becomes of
// artifacts that are signed, approved and released by an identity.
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "oci/reference.h"
#include "oci/repository.h"
#include "oci/sign/attach.h"
#include "oci/sign/collect.h"
#include "oci/sign/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keyless_scene.h"

static void refuses(struct scene *scene, const struct attempt *attempt)
{
    cleanup_error struct error err = {0};
    char *text = NULL;
    size_t size = 0;
    if (sign(scene, attempt, &text, &size, &err) == 0)
        fail_msg("%s was signed", attempt->name);
    if (strstr(error_message(&err), attempt->sentence) == NULL)
        fail_msg("%s: %s", attempt->name, error_message(&err));
    // Two of the token's parts; the first is everybody's.
    const char *secret = strchr(scene->token.text, '.') + 1;
    assert_null(strstr(error_message(&err), secret));
    assert_null(text);
}

#define FULCIO "/api/v2/signingCert"
#define NO_CERTIFICATE "no certificate for this identity token"
#define ANSWER(certificates) \
    "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":" certificates "}}}"

static void test_keyless_faults_fulcio(void **state)
{
    static const struct attempt attempts[] = {
        {"broken", 1, false, false, {.path = FULCIO, .status = "500 No", .body = "disk"}, "disk"},
        {"bad", 1, false, false, {.path = FULCIO, .status = "400 No", .body = ""}, NO_CERTIFICATE},
        {"who", 1, false, false, {.path = FULCIO, .status = "401 No", .body = ""}, NO_CERTIFICATE},
        {"not you",
         1,
         false,
         false,
         {.path = FULCIO, .status = "403 No", .body = "{\"message\":\"not you\"}"},
         "not you"},
        {"shows the token", 1, false, false, {.path = FULCIO, .status = "401 No"}, NO_CERTIFICATE},
        {"shows it and breaks", 1, false, false, {.path = FULCIO, .status = "500 No"}, "500"},
        {"shows it as an answer", 1, false, false, {.path = FULCIO, .status = "200 OK"}, "Fulcio"},
        {"empty", 1, false, false, {.fulcio_answer = ANSWER("[]")}, "holds no certificate"},
        {"a number", 1, false, false, {.fulcio_answer = ANSWER("[1]")}, "holds no certificate"},
        {"no DER",
         1,
         false,
         false,
         {.fulcio_answer = ANSWER("[\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END "
                                  "CERTIFICATE-----\\n\"]")},
         "no X.509 certificate"},
        {"too many",
         1,
         false,
         false,
         {.fulcio_answer = ANSWER("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]")},
         "certificates"},
        {"without a time", 1, false, false, {.untimed = true}, "does not say when it begins"},
        {"two names", 1, false, false, {.certificate = {.second_subject = "mail:x@y"}}, "exactly"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++)
        refuses(*state, &attempts[i]);
}

static void test_keyless_faults_stamp(void **state)
{
    static const struct attempt attempts[] = {
        {"broken", 2, true, false, {.path = "/stamp", .status = "500 No", .body = "disk"}, "disk"},
        {"empty", 2, true, false, {.path = "/stamp", .status = "200 OK", .body = ""}, "timestamp"},
        {"text", 2, true, true, {.path = "/stamp", .status = "200 OK", .body = "x"}, "timestamp"},
        {"shows", 2, true, true, {.path = "/stamp", .status = "200 OK"}, "timestamp authority"},
        {"no nonce", 2, true, false, {.no_nonce = true}, "the nonce is not ours"},
        {"another request", 2, true, false, {.another_request = true}, "the nonce is not ours"},
        {"long ago", 2, true, false, {.stamped_s = FAKE_TIME - 86400}, "does not verify"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++)
        refuses(*state, &attempts[i]);
}

static void test_keyless_faults_log(void **state)
{
    static const struct attempt attempts[] = {
        {"broken",
         2,
         true,
         false,
         {.path = "/api/v2/log", .status = "500 No", .body = "disk"},
         "disk"},
        {"busy",
         1,
         false,
         false,
         {.path = "/api/v1/log", .status = "409 No", .body = "known"},
         "known"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++)
        refuses(*state, &attempts[i]);
}

// One after the other the root forgets who vouches for what.
static void test_keyless_faults_root(void **state)
{
    struct scene *scene = *state;
    struct attempt attempt = {"a root without logs", 2, true, false, {.drop = NULL}, "log that"};
    vec_clear(&scene->root->logs);
    refuses(scene, &attempt);
    vec_clear(&scene->root->tsas);
    attempt = (struct attempt){"nor stamps", 2, true, false, {.drop = NULL}, "by nobody that the"};
    refuses(scene, &attempt);
    vec_clear(&scene->root->ct_logs);
    attempt = (struct attempt){"nor certificates' logs", 2, true, false, {.drop = NULL}, "promise"};
    refuses(scene, &attempt);
    vec_clear(&scene->root->authorities);
    attempt = (struct attempt){"nor authorities", 2, true, false, {.drop = NULL}, "that of this"};
    refuses(scene, &attempt);
}

// A server that is not there, and an address that is none.
static void test_keyless_faults_nobody(void **state)
{
    struct scene *scene = *state;
    static const char *const nowhere[] = {"http://127.0.0.1:1", "127.0.0.1:1", "::"};
    for (size_t i = 0; i < 3 * ARRAY_LENGTH(nowhere); i++) {
        cleanup_error struct error err = {0};
        cleanup_keyless struct keyless *keyless = NULL;
        cleanup_signing_config struct signing_config *config = config_of(scene, 2, true);
        struct vec *services = i % 3 == 0   ? &config->authorities
                               : i % 3 == 1 ? &config->tsas
                                            : &config->logs;
        struct signing_service *service = vec_at(services, 0);
        char *bundle = NULL;
        size_t size;
        free(service->url);
        service->url = xstrdup(nowhere[i / 3]);
        scene->wish = (struct wish){0};
        const struct keyless_request request = {.config = config,
                                                .root = scene->root,
                                                .token = &scene->token,
                                                .now_ms = FAKE_TIME * 1000,
                                                .timeout_ms = 3000};
        int result = keyless_open(&request, &keyless, &err);
        assert_int_equal(result, i % 3 == 0 ? -1 : 0);
        if (result == 0)
            assert_int_equal(keyless_sign_bytes(keyless, "x", 1, &bundle, &size, &err), -1);
        assert_true(err.code != ERROR_NONE && *error_message(&err) != '\0');
    }
}

// An artifact in a layout on disk.
struct place {
    char *folder;
    struct oci_repository *repository;
    struct oci_descriptor artifact;
};

static void place_open(struct place *place)
{
    struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    cleanup_oci_reference struct oci_reference reference = {0};
    const struct oci_access access = {.identity = "registry.example.com/acme/shop"};
    assert_int_equal(file_make_temp_dir("keyless", &place->folder, NULL), 0);
    cleanup_free char *text = xasprintf("oci-layout://%s/shop", place->folder);
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    assert_int_equal(oci_repository_open(&reference, &access, &place->repository, NULL), 0);
    assert_int_equal(
        oci_put_blob(place->repository, OCI_MEDIA_EMPTY, OCI_EMPTY_JSON, 2, &manifest.config, NULL),
        0);
    assert_int_equal(oci_put_blob(place->repository, "text/plain", "x", 1, &layer, NULL), 0);
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.artifact_type = xstrdup("application/vnd.example");
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    assert_int_equal(
        oci_put_manifest(place->repository, data, size, "prod", &place->artifact, NULL), 0);
    oci_manifest_release(&manifest);
}

static void place_release(struct place *place)
{
    oci_repository_close(place->repository);
    oci_descriptor_release(&place->artifact);
    assert_int_equal(file_remove_tree(place->folder, NULL), 0);
    free(place->folder);
}

static size_t count_kind(const struct evidence_set *set, enum statement_kind kind)
{
    size_t count = 0;
    vec_foreach (const struct evidence, item, &set->items) {
        assert_string_equal(item->subject, FAKE_SUBJECT);
        count += item->kind == kind;
    }
    return count;
}

static void test_keyless_faults_attach(void **state)
{
    struct scene *scene = *state;
    struct place place = {0};
    cleanup_signing_config struct signing_config *config = config_of(scene, 2, true);
    cleanup_keyless struct keyless *keyless = NULL;
    const struct keyless_request ask = {.config = config,
                                        .root = scene->root,
                                        .token = &scene->token,
                                        .now_ms = FAKE_TIME * 1000,
                                        .timeout_ms = 20000};
    const struct provenance provenance = {.repository = FAKE_REPOSITORY,
                                          .ref = "refs/heads/main",
                                          .commit = "0123456789abcdef0123456789abcdef01234567",
                                          .path = ""};
    struct release release = {.channel = "prod", .sequence = 1, .issued_at_ms = FAKE_TIME * 1000};
    const struct approval approval = {.channel = "prod", .approved_at_ms = FAKE_TIME * 1000};
    const struct sign_request request = {.provenance = &provenance,
                                         .releases = &release,
                                         .n_releases = 1,
                                         .now_ms = FAKE_TIME * 1000};
    place_open(&place);
    scene->wish = (struct wish){0};
    assert_int_equal(keyless_open(&ask, &keyless, NULL), 0);
    assert_int_equal(
        sign_artifact_keyless(place.repository, &place.artifact, keyless, &request, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            approve_artifact_keyless(place.repository, &place.artifact, keyless, &approval, NULL),
            0);
    release.sequence = 2;
    assert_int_equal(release_attach_keyless(place.repository, &place.artifact, keyless, &release, 1,
                                            FAKE_TIME * 1000, NULL),
                     0);
    // A log that breaks later leaves nothing behind.
    cleanup_error struct error err = {0};
    scene->wish = (struct wish){.path = "/api/v2/log", .status = "500 No", .body = "disk"};
    release.sequence = 3;
    assert_int_equal(release_attach_keyless(place.repository, &place.artifact, keyless, &release, 1,
                                            FAKE_TIME * 1000, &err),
                     -1);
    assert_non_null(strstr(error_message(&err), "renew the release of sha256:"));
    assert_int_equal(
        approve_artifact_keyless(place.repository, &place.artifact, keyless, &approval, &err), -1);
    assert_non_null(strstr(error_message(&err), "approve sha256:"));

    cleanup_trust_policy struct trust_policy policy;
    cleanup_evidence_set struct evidence_set found;
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    cleanup_free char *text = jval_compact(root);
    trust_policy_init(&policy, "p");
    evidence_set_init(&found);
    struct trust_entry *entry = trust_policy_add_entry(&policy, "ci", 1);
    assert_int_equal(trust_entry_add_identity(entry, FAKE_ISSUER, FAKE_SUBJECT, NULL), 0);
    assert_int_equal(trust_policy_set_root(&policy, text, strlen(text), "root", NULL), 0);
    assert_int_equal(evidence_collect_for(place.repository, place.artifact.digest.text, &policy, 1,
                                          &found, NULL),
                     0);
    assert_int_equal(count_kind(&found, STATEMENT_SIGN), 1);
    assert_int_equal(count_kind(&found, STATEMENT_PROVENANCE), 1);
    assert_int_equal(count_kind(&found, STATEMENT_APPROVAL), 1);
    assert_int_equal(
        evidence_newest_release(&found, "registry.example.com/acme/shop", "prod")->sequence, 2);
    place_release(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keyless_faults_fulcio, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_faults_stamp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_faults_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_faults_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_faults_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_faults_attach, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
