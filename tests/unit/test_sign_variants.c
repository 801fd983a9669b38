// Bundles and roots as other writers of proto3 JSON put them, and artifacts by other hashes: what
// Sigstore's own libraries read is read here, and what they refuse is refused.
#include "oci/sign/sigstore_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "bundle_scene.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/trusted_root.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

// "mediaType" as "media_type", everywhere.
static json_t *snake_names(const json_t *value)
{
    const char *name = NULL;
    json_t *member = NULL;
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, snake_names(json_array_get(value, i)));
        return list;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    json_t *object = json_object();
    jval_foreach (value, name, member) {
        char snake[128];
        size_t size = 0;
        for (const char *at = name; *at != '\0'; at++) {
            if (isupper((unsigned char)*at))
                snake[size++] = '_';
            snake[size++] = (char)tolower((unsigned char)*at);
        }
        snake[size] = '\0';
        json_object_set_new(object, snake, snake_names(member));
    }
    return object;
}

static bool holds_bytes(const char *name)
{
    static const char *const names[] = {
        "rawBytes",       "sig",    "signature", "payload",           "keyId",
        "rootHash",       "hashes", "digest",    "canonicalizedBody", "signedEntryTimestamp",
        "signedTimestamp"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

// Bytes in the alphabet for URLs, without padding.
static json_t *url_bytes(const json_t *value, bool is_bytes)
{
    const char *name = NULL;
    json_t *member = NULL;
    if (json_is_string(value) && is_bytes) {
        cleanup_free unsigned char *data = NULL;
        size_t size = 0;
        assert_int_equal(
            base64_decode(json_string_value(value), json_string_length(value), &data, &size, NULL),
            0);
        cleanup_free char *text = base64url_encode(data, size);
        return json_string(text);
    }
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, url_bytes(json_array_get(value, i), is_bytes));
        return list;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    json_t *object = json_object();
    jval_foreach (value, name, member)
        json_object_set_new(object, name, url_bytes(member, holds_bytes(name)));
    return object;
}

static int verify_texts(const json_t *bundle_json, const json_t *root_json, struct error *err)
{
    cleanup_free char *bundle_text = jval_compact(bundle_json);
    cleanup_free char *root_text = jval_compact(root_json);
    cleanup_trusted_root struct trusted_root *root = NULL;
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_certificate struct certificate *signer = NULL;
    struct signed_data data;
    signed_data_of(ARTIFACT, strlen(ARTIFACT), &data);
    if (trusted_root_parse(root_text, strlen(root_text), "the root", &root, err) < 0 ||
        sigstore_bundle_parse(bundle_text, strlen(bundle_text), &bundle, err) < 0 ||
        sigstore_verify_keyless(&bundle, root, &data, &signer, err) < 0)
        return -1;
    return sigstore_check_content(&bundle, &data, err);
}

static json_t *mint(const struct scene *scene, struct fake_bundle wish)
{
    wish.key = scene->signer;
    if (wish.data == NULL)
        wish.data = wish.dsse ? scene->statement : ARTIFACT;
    wish.size = strlen(wish.data);
    return fake_bundle_mint(&scene->fake, &wish);
}

static const struct fake_bundle forms[] = {
    {.stamped = true},
    {.v2 = true},
    {.dsse = true, .v2 = true},
    {.chain = true, .media_type = "application/vnd.dev.sigstore.bundle+json;version=0.1"}};

static void test_names_as_in_the_messages(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    cleanup_json json_t *snake_root = snake_names(root);
    assert_non_null(json_object_get(snake_root, "certificate_authorities"));
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        cleanup_json json_t *bundle = mint(scene, forms[i]);
        cleanup_json json_t *snake = snake_names(bundle);
        cleanup_error struct error err = {0};
        assert_non_null(json_object_get(snake, "verification_material"));
        if (verify_texts(snake, snake_root, &err) < 0)
            fail_msg("%zu: %s", i, error_message(&err));
    }
}

static void test_names_that_are_refused(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *change;
        const char *says;
    } cases[] = {
        {"media_type=\"x\"", "both \"mediaType\" and \"media_type\""},
        {"media__type=1", "unknown member \"media__type\""},
        {"mediaType_=1", "unknown member \"mediaType_\""},
        {"_mediaType=1", "unknown member \"_mediaType\""},
        {"media_Type=1", "unknown member \"media_Type\""},
        {"some_thing=1", "unknown member \"someThing\""},
    };
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *bundle = mint(scene, (struct fake_bundle){0});
        cleanup_error struct error err = {0};
        change(bundle, cases[i].change);
        assert_int_equal(verify_texts(bundle, root, &err), -1);
        if (strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].change, error_message(&err));
    }
}

static void test_bytes_in_the_alphabet_for_urls(void **state)
{
    struct scene *scene = *state;
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    cleanup_json json_t *url_root = url_bytes(root, false);
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        cleanup_json json_t *bundle = mint(scene, forms[i]);
        cleanup_json json_t *changed = url_bytes(bundle, false);
        cleanup_error struct error err = {0};
        assert_false(json_equal(bundle, changed));
        if (verify_texts(changed, url_root, &err) < 0)
            fail_msg("%zu: %s", i, error_message(&err));
    }
}

static void test_base64_that_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"YQ=",  "YR",        "Y",    "YWI=c",
                                        "-_+/", "YWJj YWJj", "====", "="};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cleanup_json json_t *value = json_string(texts[i]);
        cleanup_bytes struct bytes bytes = {0};
        if (json_proto_bytes_of(value, "it", &bytes, NULL) == 0)
            fail_msg("%s", texts[i]);
    }
}

static char *hash_text(const char *data, const EVP_MD *hash, bool base64)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    assert_int_equal(EVP_Digest(data, strlen(data), value, &size, hash, NULL), 1);
    return base64 ? base64_encode(value, size) : hex_encode(value, size);
}

static void test_digests_of_other_kinds(void **state)
{
    struct scene *scene = *state;
    const struct {
        const char *algorithm;
        const char *of;
        const EVP_MD *hash;
        const char *says;
    } cases[] = {
        {"SHA2_256", ARTIFACT, EVP_sha256(), NULL},
        {"SHA2_384", ARTIFACT, EVP_sha384(), NULL},
        {"SHA2_512", ARTIFACT, EVP_sha512(), NULL},
        {"SHA2_512", "another", EVP_sha512(), "its messageDigest"},
        {"SHA2_512", ARTIFACT, EVP_sha256(), "no whole hash"},
        {"SHA3_256", ARTIFACT, EVP_sha256(), "no whole hash"},
        {"", ARTIFACT, EVP_sha256(), "no whole hash"},
    };
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *bundle = mint(scene, (struct fake_bundle){0});
        cleanup_error struct error err = {0};
        cleanup_free char *text = hash_text(cases[i].of, cases[i].hash, true);
        jval_set_string(bundle, "messageSignature.messageDigest.algorithm", cases[i].algorithm);
        jval_set_string(bundle, "messageSignature.messageDigest.digest", text);
        int result = verify_texts(bundle, root, &err);
        if ((result == 0) != (cases[i].says == NULL) ||
            (result < 0 && strstr(error_message(&err), cases[i].says) == NULL))
            fail_msg("%zu: %s", i, error_message(&err));
    }
}

static void test_subjects_of_other_kinds(void **state)
{
    struct scene *scene = *state;
    static const char form[] = "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":["
                               "{\"digest\":{\"%s\":\"%s\"}}],\"predicateType\":"
                               "\"https://example.com/p\",\"predicate\":{}}";
    const struct {
        const char *algorithm;
        const char *of;
        const EVP_MD *hash;
        bool verifies;
    } cases[] = {
        {"sha384", ARTIFACT, EVP_sha384(), true},   {"sha512", ARTIFACT, EVP_sha512(), true},
        {"sha512", "another", EVP_sha512(), false}, {"sha512", ARTIFACT, EVP_sha256(), false},
        {"sha1", ARTIFACT, EVP_sha1(), false},
    };
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *hex = hash_text(cases[i].of, cases[i].hash, false);
        cleanup_free char *statement = xasprintf(form, cases[i].algorithm, hex);
        cleanup_json json_t *bundle =
            mint(scene, (struct fake_bundle){.dsse = true, .data = statement});
        cleanup_error struct error err = {0};
        if ((verify_texts(bundle, root, &err) == 0) != cases[i].verifies)
            fail_msg("%zu: %s", i, error_message(&err));
    }
}

// The root has the authority's own certificate; one that came along and is damaged is no good sign.
static void test_a_stamp_with_a_damaged_certificate(void **state)
{
    struct scene *scene = *state;
    static const char path[] = "verificationMaterial.timestampVerificationData.rfc3161Timestamps";
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    cleanup_json json_t *bundle = mint(scene, (struct fake_bundle){.v2 = true});
    json_t *stamp = json_array_get(jval_array(bundle, path), 0);
    const json_t *text = json_object_get(stamp, "signedTimestamp");
    cleanup_free unsigned char *data = NULL;
    unsigned char *der = NULL;
    size_t size = 0;
    cleanup_error struct error err = {0};
    assert_int_equal(
        base64_decode(json_string_value(text), json_string_length(text), &data, &size, NULL), 0);
    int der_size = i2d_X509(scene->fake.tsa, &der);
    unsigned char *at = memmem(data, size, der, (size_t)der_size);
    assert_non_null(at);
    at[der_size - 1] ^= 1; // of its signature
    OPENSSL_free(der);
    cleanup_free char *changed = base64_encode(data, size);
    assert_int_equal(verify_texts(bundle, root, &err), 0);
    json_object_set_new(stamp, "signedTimestamp", json_string(changed));
    assert_int_equal(verify_texts(bundle, root, &err), -1);
    assert_non_null(strstr(error_message(&err), "nothing trusted tells when"));
}

// Cases of sigstore-conformance, made again.
static void test_cases_of_the_suite(void **state)
{
    struct scene *scene = *state;
    static const char no_type[] = "{\"subject\":[{\"digest\":{\"sha256\":\"0\"}}]}";
    static const char type_2[] = "{\"_type\":\"https://in-toto.io/Statement/v2\",\"subject\":[],"
                                 "\"predicateType\":\"https://example.com/p\"}";
    const struct attempt attempts[] = {
        {.name = "intoto-canonical-log-entry",
         .wish = {.keyed = true,
                  .dsse = true,
                  .kind = "intoto",
                  .version = "0.0.2",
                  .entry = {.origin = "rekor.example.com", .no_promise = true, .size = 1}},
         .bundle = ENTRY ".logIndex=0"},
        {.name = "managed-key-and-trusted-root",
         .wish.keyed = true,
         .bundle = "verificationMaterial.tlogEntries=",
         .root = "tlogs=\nctlogs=\ncertificateAuthorities=\ntimestampAuthorities="},
        {.name = "dsse-statement-missing-type_fail",
         .wish =
             {.keyed = true, .dsse = true, .v2 = true, .data = no_type, .size = sizeof no_type - 1},
         .says = "_type is missing"},
        {.name = "dsse-statement-unknown-type_fail",
         .wish =
             {.keyed = true, .dsse = true, .v2 = true, .data = type_2, .size = sizeof type_2 - 1},
         .says = "Statement/v2\" is no in-toto statement"},
    };
    try_all(scene, attempts, ARRAY_LENGTH(attempts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_as_in_the_messages),
        cmocka_unit_test(test_names_that_are_refused),
        cmocka_unit_test(test_bytes_in_the_alphabet_for_urls),
        cmocka_unit_test(test_base64_that_is_refused),
        cmocka_unit_test(test_digests_of_other_kinds),
        cmocka_unit_test(test_subjects_of_other_kinds),
        cmocka_unit_test(test_a_stamp_with_a_damaged_certificate),
        cmocka_unit_test(test_cases_of_the_suite),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
