#include "oci/sign/dsse.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/simple_signing.h"
#include "oci/sign/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/key.h"

#include <stdlib.h>
#include <string.h>

#define DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define OTHER "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void assert_says(const struct error *err, const char *text)
{
    if (strstr(error_message(err), text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error_message(err), text);
}

// secure-systems-lab/dsse protocol.md, "Test vectors".
static void test_dsse_pae_is_the_specifications(void **state)
{
    (void)state;
    size_t size = 0;
    cleanup_free char *pae = dsse_pae("http://example.com/HelloWorld", "hello world", 11, &size);
    assert_string_equal(pae, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    assert_int_equal(size, strlen(pae));
}

static void test_dsse_binds_type_and_payload(void **state)
{
    (void)state;
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_sign_key struct sign_key *other = NULL;
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    cleanup_dsse_envelope struct dsse_envelope read = {0};
    assert_int_equal(sign_key_generate(&key, NULL), 0);
    assert_int_equal(sign_key_generate(&other, NULL), 0);
    assert_int_equal(dsse_sign(key, DSSE_IN_TOTO, "abc", 3, &envelope, NULL), 0);
    cleanup_json json_t *json = dsse_json(&envelope);
    assert_int_equal(dsse_parse(json, &read, NULL), 0);
    assert_int_equal(dsse_verify(&read, sign_key_public(key), NULL), 0);
    cleanup_error struct error err = {0};
    assert_int_equal(dsse_verify(&read, sign_key_public(other), &err), -1);
    assert_int_equal(err.code, ERROR_UNVERIFIED);
    read.payload[0] ^= 1;
    assert_int_equal(dsse_verify(&read, sign_key_public(key), NULL), -1);
    read.payload[0] ^= 1;
    read.payload_type[0] ^= 1;
    assert_int_equal(dsse_verify(&read, sign_key_public(key), NULL), -1);
}

static void test_dsse_refuses_what_is_ambiguous(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *says;
    } cases[] = {
        {"[]", "no object"},
        {"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[]}", "exactly one entry"},
        {"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\"},"
         "{\"sig\":\"YQ==\"}]}",
         "exactly one entry"},
        {"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"\"}]}", "empty"},
        {"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"keyid\":\"\"}]}",
         "sig is missing"},
        {"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\","
         "\"keyid\":7}]}",
         "keyid is no text"},
        {"{\"payload\":\"YQ==\",\"payloadType\":7,\"signatures\":[{\"sig\":\"YQ==\"}]}",
         "payloadType is missing"},
        {"{\"payload\":\"YQ=\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\"}]}",
         "payload: base64"},
        {"{\"payload\":\"YR==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\"}]}",
         "payload: no base64"},
        {"{\"payload\":\"Y Q==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\"}]}",
         "payload: "},
        {"{\"payload\":\"YQ==\",\"Payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":"
         "[{\"sig\":\"YQ==\"}]}",
         "unknown member \"Payload\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *json = json_loads(cases[i].json, 0, NULL);
        cleanup_dsse_envelope struct dsse_envelope envelope = {0};
        cleanup_error struct error err = {0};
        assert_non_null(json);
        assert_int_equal(dsse_parse(json, &envelope, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_says(&err, cases[i].says);
    }
}

static void test_sigstore_bundle_round_trips(void **state)
{
    (void)state;
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_dsse_envelope struct dsse_envelope envelope = {0};
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    assert_int_equal(sign_key_generate(&key, NULL), 0);
    assert_int_equal(dsse_sign(key, DSSE_IN_TOTO, "{}", 2, &envelope, NULL), 0);
    size_t size = 0;
    cleanup_free char *text =
        sigstore_bundle_build(&envelope, verify_key_hint(sign_key_public(key)), &size);
    assert_int_equal(sigstore_bundle_parse(text, size, &bundle, NULL), 0);
    assert_int_equal(bundle.material, SIGSTORE_PUBLIC_KEY);
    assert_int_equal(bundle.content, SIGSTORE_DSSE);
    assert_string_equal(bundle.hint, verify_key_hint(sign_key_public(key)));
    assert_int_equal(dsse_verify(&bundle.dsse, sign_key_public(key), NULL), 0);
}

#define DSSE                                                                                       \
    "\"dsseEnvelope\":{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==" \
    "\"}]}"
#define V03 "\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\""
#define KEYED "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"h\"}}"

static void test_sigstore_bundle_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *says; // NULL: accepted
    } cases[] = {
        {"{" V03 "," KEYED "," DSSE "}", NULL},
        {"{" V03 "," KEYED ",\"messageSignature\":null," DSSE "}", NULL},
        {"{" V03 ",\"verificationMaterial\":{\"publicKey\":{},\"tlogEntries\":[],"
         "\"timestampVerificationData\":null}," DSSE "}",
         NULL},
        {"{" V03 ",\"verificationMaterial\":{\"certificate\":{\"rawBytes\":\"YQ==\"}}," DSSE "}",
         NULL},
        {"{\"mediaType\":\"application/vnd.dev.sigstore.bundle+json;version=0.2\"," KEYED "," DSSE
         "}",
         NULL},
        {"{" V03 "," KEYED
         ",\"messageSignature\":{\"messageDigest\":{\"algorithm\":\"SHA2_256\",\"digest\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"},\"signature\":\"YQ==\"}}",
         NULL},
        {"{" V03 "," KEYED ",\"messageSignature\":{}}", "signature is missing"},
        {"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.4+json\"," KEYED "," DSSE "}",
         "no bundle of version 0.1 to 0.3"},
        {"{" KEYED "," DSSE "}", "mediaType is missing"},
        {"{" V03 "," DSSE "}", "verificationMaterial is missing"},
        {"{" V03 "," KEYED "}", "not exactly one of dsseEnvelope"},
        {"{" V03 "," KEYED "," DSSE ",\"messageSignature\":{}}", "not exactly one of dsseEnvelope"},
        {"{" V03 ",\"verificationMaterial\":{}," DSSE "}", "not exactly one of publicKey"},
        {"{" V03 ",\"verificationMaterial\":{\"publicKey\":{},\"certificate\":{}}," DSSE "}",
         "not exactly one of publicKey"},
        {"{" V03 "," KEYED "," DSSE "," DSSE "}", "duplicate"},
        {"{" V03 "," KEYED "," DSSE ",\"verification_material\":{}}", "it has both"},
        {"{" V03 "," KEYED "," DSSE "} {}", "end of file expected"},
        {"{" V03 ",\"verificationMaterial\":{\"publicKey\":{\"hint\":7}}," DSSE "}", "hint is no"},
        {"{" V03 ",\"verificationMaterial\":{\"publicKey\":{},\"tlogEntries\":{}}," DSSE "}",
         "tlogEntries is no list"},
        {"{" V03 ",\"verificationMaterial\":{\"publicKey\":{},\"tlogEntries\":[0,0,0,0,0,0,0,0,0,0,"
         "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}," DSSE "}",
         "33 entries"},
        {"{" V03
         ",\"verificationMaterial\":{\"publicKey\":{},\"timestampVerificationData\":[]}," DSSE "}",
         "timestampVerificationData is missing or no object"},
        {"[]", "not an object"},
        {"", "line 1"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
        cleanup_error struct error err = {0};
        int result = sigstore_bundle_parse(cases[i].json, strlen(cases[i].json), &bundle, &err);
        if (cases[i].says == NULL) {
            if (result < 0)
                fail_msg("%s: %s", cases[i].json, error_message(&err));
            continue;
        }
        assert_int_equal(result, -1);
        assert_says(&err, cases[i].says);
    }
}

static void test_sigstore_bundle_is_bounded(void **state)
{
    (void)state;
    size_t size = SIGSTORE_BUNDLE_MAX_BYTES + 1;
    cleanup_free char *text = xcalloc(1, size);
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(sigstore_bundle_parse(text, size, &bundle, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_simple_signing_is_cosigns_byte_for_byte(void **state)
{
    (void)state;
    cleanup_free char *text = simple_signing_build("ghcr.io/org/app", DIGEST);
    assert_string_equal(text,
                        "{\"critical\":{\"identity\":{\"docker-reference\":\"ghcr.io/org/app\"},"
                        "\"image\":{\"docker-manifest-digest\":\"" DIGEST "\"},\"type\":\"cosign "
                        "container image signature\"},\"optional\":null}");
    cleanup_free char *escaped = simple_signing_build("oci-layout:/a<b>&\"\\\t", DIGEST);
    assert_non_null(strstr(escaped, "\"oci-layout:/a\\u003cb\\u003e\\u0026\\\"\\\\\\u0009\""));
    cleanup_simple_signing struct simple_signing read = {0};
    assert_int_equal(simple_signing_parse(escaped, strlen(escaped), &read, NULL), 0);
    assert_string_equal(read.reference, "oci-layout:/a<b>&\"\\\t");
    assert_string_equal(read.digest.text, DIGEST);
}

static void test_simple_signing_is_strict(void **state)
{
    (void)state;
#define CRITICAL(identity, image, rest) \
    "{\"critical\":{\"identity\":{" identity "},\"image\":{" image "}" rest "}"
#define REFERENCE "\"docker-reference\":\"r\""
#define IMAGE "\"docker-manifest-digest\":\"" DIGEST "\""
#define TYPE ",\"type\":\"cosign container image signature\""
    static const struct {
        const char *json;
        const char *says;
    } cases[] = {
        {CRITICAL(REFERENCE, IMAGE, TYPE) ",\"optional\":null}", NULL},
        {CRITICAL(REFERENCE, IMAGE, TYPE) ",\"optional\":{\"a\":1}}", NULL},
        {CRITICAL(REFERENCE, IMAGE, TYPE) "}", NULL},
        {CRITICAL(REFERENCE, IMAGE, TYPE) ",\"optional\":[]}", "optional is no object"},
        {CRITICAL(REFERENCE, IMAGE, "") "}", "type is missing"},
        {CRITICAL(REFERENCE, IMAGE, ",\"type\":\"atomic container signature\"") "}",
         "its type is \"atomic container signature\""},
        {CRITICAL("\"Docker-Reference\":\"r\"", IMAGE, TYPE) "}", "unknown member"},
        {CRITICAL("", IMAGE, TYPE) "}", "docker-reference is missing"},
        {CRITICAL(REFERENCE, "", TYPE) "}", "docker-manifest-digest is missing"},
        {CRITICAL(REFERENCE, "\"docker-manifest-digest\":\"sha256:ab\"", TYPE) "}",
         "no sha256 digest"},
        {CRITICAL(REFERENCE, IMAGE "," IMAGE, TYPE) "}", "duplicate"},
        {CRITICAL(REFERENCE, IMAGE, TYPE ",\"must\":1") "}", "unknown member \"must\""},
        {CRITICAL(REFERENCE, IMAGE, TYPE) ",\"more\":1}", "unknown member \"more\""},
        {"{\"Critical\":{}}", "unknown member"},
        {"{}", "critical is missing"},
        {"7", "not an object"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_simple_signing struct simple_signing payload = {0};
        cleanup_error struct error err = {0};
        int result = simple_signing_parse(cases[i].json, strlen(cases[i].json), &payload, &err);
        if (cases[i].says == NULL) {
            if (result < 0)
                fail_msg("%s: %s", cases[i].json, error_message(&err));
            continue;
        }
        assert_int_equal(result, -1);
        assert_says(&err, cases[i].says);
    }
}

static const struct provenance sample_provenance = {
    .repository = "https://git.example.com/acme/config.git",
    .ref = "refs/heads/main",
    .commit = "0123456789012345678901234567890123456789",
    .path = "apps/shop/prod",
    .renderer = "plain",
    .renderer_version = "1",
    .request_id = "r-1",
    .started_ms = 1795255200000,
    .finished_ms = 1795255201000,
};

static void test_statement_sign_round_trips(void **state)
{
    (void)state;
    cleanup_free char *text = statement_build_sign("registry.example.com/acme/shop", DIGEST);
    assert_string_equal(
        text, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":"
              "\"registry.example.com/acme/shop\",\"digest\":{\"sha256\":"
              "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}],"
              "\"predicateType\":\"https://sigstore.dev/cosign/sign/v1\",\"predicate\":{}}");
    cleanup_statement struct statement statement = {0};
    assert_int_equal(statement_parse(text, strlen(text), DIGEST, &statement, NULL), 0);
    assert_int_equal(statement.kind, STATEMENT_SIGN);
    assert_string_equal(statement.subject_name, "registry.example.com/acme/shop");
    cleanup_free char *nameless = statement_build_sign(NULL, DIGEST);
    cleanup_statement struct statement without = {0};
    assert_int_equal(statement_parse(nameless, strlen(nameless), DIGEST, &without, NULL), 0);
    assert_null(without.subject_name);
}

static void test_statement_provenance_round_trips(void **state)
{
    (void)state;
    cleanup_free char *text = statement_build_provenance("r", DIGEST, &sample_provenance);
    cleanup_statement struct statement statement = {0};
    cleanup_error struct error err = {0};
    if (statement_parse(text, strlen(text), DIGEST, &statement, &err) < 0)
        fail_msg("%s: %s", error_message(&err), text);
    assert_int_equal(statement.kind, STATEMENT_PROVENANCE);
    const struct provenance *read = &statement.provenance;
    assert_string_equal(read->repository, sample_provenance.repository);
    assert_string_equal(read->ref, sample_provenance.ref);
    assert_string_equal(read->commit, sample_provenance.commit);
    assert_string_equal(read->path, sample_provenance.path);
    assert_string_equal(read->renderer, "plain");
    assert_null(read->values_digest);
    assert_string_equal(read->request_id, "r-1");
    assert_int_equal(read->started_ms, sample_provenance.started_ms);
    assert_int_equal(read->finished_ms, sample_provenance.finished_ms);
}

static void test_statement_provenance_names_a_place_to_download_from(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *repository;
        const char *uri;
    } cases[] = {
        {"ssh://git@git.example.com:2222/a/b.git", "git.example.com:2222/a/b",
         "\"git+ssh://git@git.example.com:2222/a/b.git@refs/heads/main\""},
        {NULL, "git.example.com/a/b", "\"git+https://git.example.com/a/b@refs/heads/main\""},
        {NULL, "/srv/git/b", "\"git+file:///srv/git/b@refs/heads/main\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct provenance from = sample_provenance;
        from.url = cases[i].url;
        from.repository = cases[i].repository;
        cleanup_free char *text = statement_build_provenance("r", DIGEST, &from);
        assert_non_null(strstr(text, cases[i].uri));
    }
}

static void test_statement_release_round_trips(void **state)
{
    (void)state;
    const struct release release = {
        .repository = "registry.example.com/acme/shop",
        .channel = "prod",
        .sequence = 1795255200123,
        .issued_at_ms = 1795255200000,
        .not_after_ms = 1795855200000,
        .version = "1.2.3",
        .commit = "abc",
        .path = "p",
        .request_id = "r",
        .supersedes = OTHER,
    };
    cleanup_free char *text = statement_build_release(NULL, DIGEST, &release);
    cleanup_statement struct statement statement = {0};
    assert_int_equal(statement_parse(text, strlen(text), DIGEST, &statement, NULL), 0);
    assert_int_equal(statement.kind, STATEMENT_RELEASE);
    const struct release *read = &statement.release;
    assert_string_equal(read->repository, release.repository);
    assert_string_equal(read->channel, "prod");
    assert_true(read->sequence == release.sequence);
    assert_true(read->issued_at_ms == release.issued_at_ms);
    assert_true(read->not_after_ms == release.not_after_ms);
    assert_string_equal(read->version, "1.2.3");
    assert_string_equal(read->supersedes, OTHER);
}

static void test_statement_is_about_its_digest_alone(void **state)
{
    (void)state;
    cleanup_free char *text = statement_build_sign(NULL, OTHER);
    cleanup_statement struct statement statement = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(statement_parse(text, strlen(text), DIGEST, &statement, &err), -1);
    assert_int_equal(err.code, ERROR_UNVERIFIED);
    assert_says(&err, "it is about " OTHER ", not about " DIGEST);
}

static void test_statement_is_strict(void **state)
{
    (void)state;
#define HEAD "{\"_type\":\"https://in-toto.io/Statement/v1\","
#define SUBJECT                             \
    "\"subject\":[{\"digest\":{\"sha256\":" \
    "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}],"
#define RELEASE "\"predicateType\":\"https://sealift.dev/release/v1\",\"predicate\":"
#define MEMBERS "\"repository\":\"r\",\"channel\":\"c\",\"issuedAt\":\"2026-11-21T10:00:00Z\""
    static const struct {
        const char *json;
        const char *says; // NULL: accepted
    } cases[] = {
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1,\"later\":{}}}", NULL},
        {HEAD SUBJECT "\"predicateType\":\"https://cyclonedx.org/bom\",\"predicate\":7}", NULL},
        {"{\"_type\":\"https://in-toto.io/Statement/v0.1\"," SUBJECT
         "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{}}",
         NULL},
        {"{\"_type\":\"https://in-toto.io/Statement/v2\"," SUBJECT RELEASE "{}}",
         "is no in-toto statement"},
        {"{" SUBJECT RELEASE "{}}", "_type is missing"},
        {HEAD SUBJECT "\"predicate\":{}}", "predicateType is missing"},
        {HEAD RELEASE "{}}", "subject is missing"},
        {HEAD "\"subject\":[]," RELEASE "{}}", "subject is missing"},
        {HEAD "\"subject\":[{\"digest\":{\"sha1\":\"00\"}}]," RELEASE "{}}", "(no digest)"},
        {HEAD SUBJECT RELEASE "{" MEMBERS "}}", "sequence is no whole number"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":0}}", "sequence is no whole number"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1.0}}", "sequence is no whole number"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":\"1\"}}", "sequence is no whole number"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":9007199254740992}}",
         "sequence is no whole number"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1,\"sequence\":2}}", "duplicate"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1,\"notAfter\":\"soon\"}}", "notAfter"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1,\"notAfter\":"
                              "\"1970-01-01T00:00:00Z\"}}",
         "not between 1970 and 9999"},
        {HEAD SUBJECT RELEASE "{" MEMBERS ",\"sequence\":1,\"version\":1}}", "version is missing"},
        {HEAD SUBJECT RELEASE "{\"repository\":\"r\",\"channel\":\"c\",\"sequence\":1}}",
         "issuedAt is missing"},
        {HEAD SUBJECT RELEASE "null}", "sequence is no whole number"},
        {HEAD SUBJECT "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":"
                      "{\"buildDefinition\":{\"buildType\":\"https://sealift.dev/render/v1\"}}}",
         "repository is missing"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_statement struct statement statement = {0};
        cleanup_error struct error err = {0};
        int result =
            statement_parse(cases[i].json, strlen(cases[i].json), DIGEST, &statement, &err);
        if (cases[i].says == NULL) {
            if (result < 0)
                fail_msg("%s: %s", cases[i].json, error_message(&err));
            continue;
        }
        if (result == 0)
            fail_msg("%s was accepted", cases[i].json);
        assert_says(&err, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dsse_pae_is_the_specifications),
        cmocka_unit_test(test_dsse_binds_type_and_payload),
        cmocka_unit_test(test_dsse_refuses_what_is_ambiguous),
        cmocka_unit_test(test_sigstore_bundle_round_trips),
        cmocka_unit_test(test_sigstore_bundle_is_strict),
        cmocka_unit_test(test_sigstore_bundle_is_bounded),
        cmocka_unit_test(test_simple_signing_is_cosigns_byte_for_byte),
        cmocka_unit_test(test_simple_signing_is_strict),
        cmocka_unit_test(test_statement_sign_round_trips),
        cmocka_unit_test(test_statement_provenance_round_trips),
        cmocka_unit_test(test_statement_provenance_names_a_place_to_download_from),
        cmocka_unit_test(test_statement_release_round_trips),
        cmocka_unit_test(test_statement_is_about_its_digest_alone),
        cmocka_unit_test(test_statement_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
