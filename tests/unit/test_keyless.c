// Keyless signing against servers of the test's own, which speak Rekor's both versions: what is
// accepted, and what is refused of each answer. The real servers are in tests/e2e.
#include "oci/sign/keyless.h"

#include "base/memory.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keyless_scene.h"

static void test_keyless_signs(void **state)
{
    struct scene *scene = *state;
    static const struct attempt attempts[] = {
        {.name = "v2", .major = 2, .stamped = true},
        {.name = "v2 envelope", .major = 2, .stamped = true, .dsse = true},
        {.name = "v2 only entry", .major = 2, .stamped = true, .wish = {.entry = {.size = 1}}},
        {.name = "v1", .major = 1},
        {.name = "v1 envelope", .major = 1, .dsse = true},
        {.name = "v1 with a timestamp", .major = 1, .stamped = true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        cleanup_error struct error err = {0};
        cleanup_free char *text = NULL;
        cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
        cleanup_certificate struct certificate *signer = NULL;
        struct signed_data data;
        size_t size = 0;
        if (sign(scene, &attempts[i], &text, &size, &err) < 0)
            fail_msg("%s: %s", attempts[i].name, error_message(&err));
        signed_data_of("hello", 5, &data);
        assert_int_equal(sigstore_bundle_parse(text, size, &bundle, NULL), 0);
        assert_int_equal(bundle.timestamps.len, attempts[i].stamped);
        assert_int_equal(sigstore_verify_keyless(&bundle, scene->root, &data, &signer, NULL), 0);
        assert_int_equal(sigstore_check_content(&bundle, &data, NULL), 0);
    }
}

static void test_keyless_refuses(void **state)
{
    struct scene *scene = *state;
    static const struct attempt attempts[] = {
        {"another key", 1, false, false, {.other_key = true}, "for another key"},
        {"detached", 1, false, false, {.detached = true}, "do not hold the promise"},
        {"no sct", 1, false, false, {.certificate = {.no_sct = true}}, "no promise"},
        {"wrong sct", 1, false, false, {.certificate = {.wrong_sct = true}}, "promised to publish"},
        {"serving",
         1,
         false,
         false,
         {.certificate = {.extended_usage = "serverAuth"}},
         "certificate"},
        {"no JSON", 1, false, false, {.fulcio_answer = "x"}, "its answer"},
        {"nothing", 1, false, false, {.fulcio_answer = "{}"}, "holds no certificate"},
        {"no list",
         1,
         false,
         false,
         {.fulcio_answer = "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":1}}}"},
         "no list"},
        {"no PEM",
         1,
         false,
         false,
         {.fulcio_answer = "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":["
                           "\"x\"]}}}"},
         "no PEM"},
        {"another PEM",
         1,
         false,
         false,
         {.fulcio_answer =
              "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":[\"-----BEGIN X-----"
              "\\nAAAA\\n-----END X-----\\n\"]}}}"},
         "holds a \"X\""},
        {"no timestamp authority", 2, false, false, {.drop = NULL}, "names no timestamp authority"},
        {"a log of version 3", 3, true, false, {.drop = NULL}, "names no log"},
        {"late stamp",
         2,
         true,
         false,
         {.stamped_s = FAKE_TIME + 86400},
         "does not verify, and was not written"},
        {"corrupt note", 2, true, false, {.entry = {.corrupt_note = true}}, "Rekor http"},
        {"another log", 2, true, false, {.entry = {.origin = "x.example.com"}}, "Rekor http"},
        {"no proof", 2, true, false, {.entry = {.no_proof = true}}, "Rekor http"},
        {"no entry", 2, true, false, {.log_answer = "{}"}, "Rekor http"},
        {"no v2 JSON", 2, true, false, {.log_answer = "x"}, "its answer"},
        {"no v1 JSON", 1, false, false, {.log_answer = "x"}, "its answer"},
        {"no v1 entry", 1, false, false, {.log_answer = "{}"}, "0 entries"},
        {"two v1 entries", 1, false, false, {.log_answer = "{\"a\":{},\"b\":{}}"}, "2 entries"},
        {"no object", 1, false, false, {.log_answer = "{\"a\":1}"}, "no log entry"},
        {"no body", 1, false, false, {.drop = "body"}, "no log entry"},
        {"no log", 1, false, false, {.drop = "logID"}, "no log entry"},
        {"no v1 proof", 1, false, false, {.drop = "verification.inclusionProof"}, "no log entry"},
        {"no root",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.rootHash"},
         "no log entry"},
        {"no hashes",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.hashes"},
         "Rekor http"},
        {"no size", 1, false, false, {.drop = "verification.inclusionProof.treeSize"}, "treeSize"},
        {"no checkpoint",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.checkpoint"},
         "envelope is missing"},
        {"no promise",
         1,
         false,
         false,
         {.drop = "verification.signedEntryTimestamp"},
         "signedEntryTimestamp"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        cleanup_error struct error err = {0};
        char *text = NULL;
        size_t size = 0;
        if (sign(scene, &attempts[i], &text, &size, &err) == 0)
            fail_msg("%s was signed", attempts[i].name);
        if (strstr(error_message(&err), attempts[i].sentence) == NULL)
            fail_msg("%s: %s", attempts[i].name, error_message(&err));
        assert_null(text);
    }
}

static void test_keyless_reads_odd_entries(void **state)
{
    (void)state;
    struct strbuf text;
    struct rekor_entry entry = {0};
    strbuf_init(&text, 1 << 20);
    // A body that is no JSON, and a proof that is too long.
    static const char start[] =
        "{\"a\":{\"body\":\"%s\",\"logID\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"verification\":{"
        "\"inclusionProof\":{\"rootHash\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"hashes\":[";
    for (int i = 0; i < 3; i++) {
        cleanup_free char *head = xasprintf(start, i == 0 ? "eA==" : i == 1 ? "!" : "e30=");
        strbuf_reset(&text);
        strbuf_addstr(&text, head);
        for (int j = 0; i == 2 && j < 65; j++)
            strbuf_addf(&text, "%s\"%064d\"", j > 0 ? "," : "", 0);
        strbuf_addstr(&text, i == 0 ? "\"zz\"]}}}}" : "]}}}}");
        assert_int_equal(keyless_read_v1_entry(text.data, text.len, &entry, NULL), -1);
    }
    strbuf_release(&text);
}

static void test_keyless_keeps_the_token(void **state)
{
    struct scene *scene = *state;
    struct signing_config *config = config_of(scene, 1, false);
    struct signing_service *authority = vec_at(&config->authorities, 0);
    static const struct {
        const char *url;
        const char *sentence;
    } cases[] = {
        {"http://fulcio.example.com", "not sent to http://fulcio.example.com"},
        {"http://127.example.com", "not sent to http://127.example.com"},
        {"http://127.0.0.1:1", "Fulcio http://127.0.0.1:1/"},
        {"http://localhost:1", "Fulcio http://localhost:1/"},
        {"http://[::1]:1", "Fulcio http://[::1]:1/"},
        {"https://127.0.0.1:1", "Fulcio https://127.0.0.1:1/"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct keyless *keyless = NULL;
        cleanup_error struct error err = {0};
        const struct keyless_request request = {.config = config,
                                                .root = scene->root,
                                                .token = &scene->token,
                                                .now_ms = FAKE_TIME * 1000,
                                                .timeout_ms = 1000};
        free(authority->url);
        authority->url = xstrdup(cases[i].url);
        assert_int_equal(keyless_open(&request, &keyless, &err), -1);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("%s: %s", cases[i].url, error_message(&err));
    }
    signing_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keyless_signs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_refuses, set_up, tear_down),
        cmocka_unit_test(test_keyless_reads_odd_entries),
        cmocka_unit_test_setup_teardown(test_keyless_keeps_the_token, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
