#include "oci/sign/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "oci/sign/pkcs11_uri.h"
#include "oci/sign/signer_protocol.h"
#include "oci/sign/signer_words.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void test_words_lose_what_looks_secret(void **state)
{
    (void)state;
    static const struct {
        const char *said, *shown;
    } cases[] = {
        {"", ""},
        {"no such key: alpha\n", "no such key: alpha"},
        {"two\n\n  lines\x1b[31m\xff", "two lines [31m"},
        {"Pin=1234 is wrong", "Pin=[cut] is wrong"},
        {"wrong PIN incorrect", "wrong PIN incorrect"},
        {"{\"client_secret\": \"hunter2\", \"a\":1}", "{\"client_secret\": \"[cut]\", \"a\":1}"},
        {"AWS_SESSION_TOKEN='abc' aws kms", "AWS_SESSION_TOKEN='[cut]' aws kms"},
        {"sent Authorization: Bearer abc.def-ghi, got 401", "sent Authorization: [cut], got 401"},
        {"curl -H bearer short x", "curl -H bearer [cut] x"},
        {"GET https://ada:lovelace@kms.example.com/v1?token=x&a=b",
         "GET https://[cut]@kms.example.com/v1?token=[cut]&a=b"},
        {"https://kms.example.com/a@b", "https://kms.example.com/a@b"},
        {"ask arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
         "ask arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
        {"id AKIAIOSFODNN7EXAMPLE no", "id [cut] no"},
        {"x wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY y", "x [cut] y"},
        {"00112233445566778899aabbccddeeff", "[cut]"},
        {"pkcs11:object=a;pin-value=1234", "pkcs11:object=a;pin-value=[cut]"},
        {"password", "password"},
        {"token: ", "token:"},
        {"://", "://"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *shown = signer_words(cases[i].said, strlen(cases[i].said));
        assert_string_equal(shown, cases[i].shown);
    }
    cleanup_free char *large = xmalloc(100000);
    memset(large, 'x', 100000);
    cleanup_free char *shown = signer_words(large, 100000);
    assert_true(strlen(shown) < 410);
}

static void test_pkcs11_uris_that_name_keys(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name, *module, *source, *value;
    } cases[] = {
        {"pkcs11:object=a", "pkcs11:object=a", NULL, NULL, NULL},
        {"pkcs11:token=My%20token;id=%01%ff;type=private", "pkcs11:token=My%20token;id=%01%ff",
         NULL, NULL, NULL},
        {"pkcs11:id=1;type=public?module-path=/usr/lib/a.so&pin-value=12%2034", "pkcs11:id=1",
         "/usr/lib/a.so", NULL, "12 34"},
        {"PKCS11:serial=1;model=m;manufacturer=m;object=o?pin-source=file:/run/pin",
         "pkcs11:serial=1;model=m;manufacturer=m;object=o", NULL, "/run/pin", NULL},
        {"pkcs11:object=a?pin-source=file:///run/pin", "pkcs11:object=a", NULL, "/run/pin", NULL},
        {"pkcs11:object=a?pin-source=/run/pin", "pkcs11:object=a", NULL, "/run/pin", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_pkcs11_uri struct pkcs11_uri uri = {0};
        cleanup_error struct error err = {0};
        if (pkcs11_uri_parse(cases[i].text, &uri, &err) < 0)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
        assert_string_equal(uri.name, cases[i].name);
        assert_string_equal(or_empty(uri.module_path), or_empty(cases[i].module));
        assert_string_equal(or_empty(uri.pin_source), or_empty(cases[i].source));
        assert_string_equal(or_empty(uri.pin_value), or_empty(cases[i].value));
    }
}

static void test_pkcs11_uris_that_name_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"file:/a", "starts with"},
        {"pkcs11:", "names no key"},
        {"pkcs11:token=a", "object or id"},
        {"pkcs11:object", "NAME=VALUE"},
        {"pkcs11:object=", "is empty"},
        {"pkcs11:object=a;object=b", "twice"},
        {"pkcs11:object=a;slot-id=1", "none of token"},
        {"pkcs11:object=a;type=cert", "neither private"},
        {"pkcs11:object=a%4", "RFC 7512"},
        {"pkcs11:object=a%zz", "RFC 7512"},
        {"pkcs11:object=a%00", "RFC 7512"},
        {"pkcs11:object=a b", "RFC 7512"},
        {"pkcs11:object=a\"b", "RFC 7512"},
        {"pkcs11:object=a;pin-value=hunter2", "none of token"},
        {"pkcs11:object=a?pin-source=|cat hunter2", "RFC 7512"},
        {"pkcs11:object=a?pin-source=%7ccat%20hunter2", "absolute path"},
        {"pkcs11:object=a?pin-source=hunter2", "absolute path"},
        {"pkcs11:object=a?module-path=hunter2.so", "absolute path"},
        {"pkcs11:object=a?pin-value=hunter2&pin-value=hunter2", "twice"},
        {"pkcs11:object=a?pin-value=hunter2 ", "RFC 7512"},
        {"pkcs11:object=a?module-name=hunter2", "module-path"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct pkcs11_uri uri = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(pkcs11_uri_parse(cases[i].text, &uri, &err), -1);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
        assert_null(strstr(error_message(&err), "hunter2"));
    }
}

static void test_requests_survive_the_way(void **state)
{
    (void)state;
    unsigned char message[] = {0, 1, 2, 255};
    char key[] = "a \"key\"", namespace[] = "shop", module[] = "/m.so", pin[] = "12\\34";
    const struct signer_request requests[] = {
        {.operation = SIGNER_PUBLIC_KEY, .key = key, .module = module, .pin = pin},
        {.operation = SIGNER_SIGN,
         .key = key,
         .namespace = namespace,
         .algorithm = KEY_ECDSA_P384,
         .hash = SIGNER_SHA384,
         .digest = {1, 2, 3}},
        {.operation = SIGNER_SIGN, .key = key, .algorithm = KEY_RSA, .pss = true},
        {.operation = SIGNER_SIGN,
         .key = key,
         .algorithm = KEY_ED25519,
         .message = message,
         .message_size = sizeof message},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(requests); i++) {
        const struct signer_request *sent = &requests[i];
        cleanup_secret char *text = NULL;
        cleanup_signer_request struct signer_request got = {0};
        assert_int_equal(signer_request_build(sent, &text, NULL), 0);
        assert_int_equal(signer_request_parse(text, strlen(text), &got, NULL), 0);
        assert_int_equal(got.operation, sent->operation);
        assert_string_equal(got.key, key);
        assert_string_equal(or_empty(got.namespace), or_empty(sent->namespace));
        assert_string_equal(or_empty(got.pin), or_empty(sent->pin));
        assert_int_equal(got.algorithm, sent->algorithm);
        assert_int_equal(got.message_size, sent->message_size);
        assert_int_equal(got.pss, sent->pss);
        assert_memory_equal(got.digest, sent->digest, sizeof got.digest);
    }
    struct signer_request large = requests[ARRAY_LENGTH(requests) - 1];
    cleanup_error struct error err = {0};
    char *text = NULL;
    large.message_size = SIGNER_MAX_MESSAGE + 1;
    assert_int_equal(signer_request_build(&large, &text, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
}

static void test_requests_that_are_none(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{\"version\":1,\"operation\":\"publicKey\"}",
        "{\"version\":2,\"operation\":\"publicKey\",\"key\":\"k\"}",
        "{\"version\":1,\"operation\":\"decrypt\",\"key\":\"k\"}",
        "{\"version\":1,\"operation\":\"publicKey\",\"key\":\"k\",\"more\":1}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"DSA\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"MD5\",\"digest\":\"AAAA\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"SHA256\",\"digest\":\"AAAA\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"SHA256\",\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"padding\":\"X\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"ECDSA P-256\","
        "\"hash\":\"SHA256\",\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\","
        "\"padding\":\"PSS\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"SHA256\",\"digest\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"padding\":1}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct signer_request got = {0};
        assert_int_equal(signer_request_parse(cases[i], strlen(cases[i]), &got, NULL), -1);
    }
}

// --- a program that has the key
// -------------------------------------------------------------------

static struct verify_key *ask(const char *script, struct error *err)
{
    struct verify_key *key = NULL;
    const struct signer signer = {.argv = (const char *const[]){"sh", "-c", script, NULL},
                                  .key = "packager",
                                  .timeout_ms = 2000};
    return signer_public_key(&signer, &key, err) == 0 ? key : NULL;
}

static void test_signer_that_answers_wrongly(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        enum error_code code;
        const char *sentence;
    } cases[] = {
        {"exit 3", ERROR_DENIED, "exit code 3: it says nothing"},
        {"echo token=hunter2 is old >&2; exit 1", ERROR_DENIED, "token=[cut] is old"},
        {"echo '{\"error\":\"no key; secret: hunter2\"}'; exit 1", ERROR_DENIED,
         "it refuses: no key; secret: [cut]"},
        {"echo '{\"error\":\"not today\"}'", ERROR_DENIED, "it refuses: not today"},
        {"echo '{\"error\":\"\"}'", ERROR_DENIED, "without a word"},
        {"echo hunter2", ERROR_INVALID, "no JSON object"},
        {"echo '{}'", ERROR_INVALID, "publicKey"},
        {"echo '{\"publicKey\":\"hunter2\"}'", ERROR_INVALID, "packager"},
        {"echo '{\"publicKey\":\"x\",\"key\":1}'", ERROR_INVALID, "unknown member"},
        {"echo '{\"publicKey\":\"x\",\"publicKey\":\"y\"}'", ERROR_INVALID, "no JSON object"},
        {"echo '{\"publicKey\":\"x\",\"hash\":\"MD5\"}'", ERROR_INVALID, "hash"},
        {"yes hunter2", ERROR_LIMIT, "65536"},
        {"sleep 60", ERROR_TIMEOUT, "in time"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        assert_null(ask(cases[i].script, &err));
        if (err.code != cases[i].code || strstr(error_message(&err), cases[i].sentence) == NULL ||
            strstr(error_message(&err), "hunter2") != NULL)
            fail_msg("%s: %s", cases[i].script, error_message(&err));
    }
}

// Answers with the public half of a key, and to `sign` with what `signature` prints.
struct keeper {
    char *dir;
    char *script;
};

static void keeper_open(struct keeper *keeper, const char *algorithm, const char *hash,
                        const char *signature)
{
    assert_int_equal(file_make_temp_dir("signer", &keeper->dir, NULL), 0);
    keeper->script = xasprintf(
        "set -e; cd %s; test -f k || openssl genpkey %s -out k 2>/dev/null;"
        "r=$(cat); m() { printf %%s \"$r\" | sed -n 's/.*\"'$1'\":\"\\([^\"]*\\)\".*/"
        "\\1/p'; };"
        "case $r in *publicKey*) printf '{\"publicKey\":\"%%s\"%s}' \"$(openssl pkey -in k "
        "-pubout | sed 's/$/\\\\n/' | tr -d '\\n')\";;"
        "*) m digest | base64 -d >d; m message | base64 -d >e;"
        "printf '{\"signature\":\"%%s\"}' \"$(%s | base64 -w0)\";; esac",
        keeper->dir, algorithm, hash, signature);
}

static void keeper_close(struct keeper *keeper)
{
    assert_int_equal(file_remove_tree(keeper->dir, NULL), 0);
    free(keeper->dir);
    free(keeper->script);
}

static void test_signer_signs(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm, *hash, *signature, *sentence;
    } cases[] = {
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "",
         "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha256", NULL},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", ",\"hash\":\"SHA384\"",
         "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha384", NULL},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-521", ",\"hash\":\"SHA512\"",
         "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha512", NULL},
        {"-algorithm RSA", "", "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha256", NULL},
        {"-algorithm RSA", "",
         "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha256 -pkeyopt "
         "rsa_padding_mode:pss",
         NULL},
        {"-algorithm ED25519", "", "openssl pkeyutl -sign -inkey k -rawin -in e", NULL},
        // A hash that nobody verifies with; the digest hashed once more; no signature at all.
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", ",\"hash\":\"SHA384\"", "true",
         "another hash"},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "", "openssl dgst -sha256 -sign k d",
         "did not make"},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "", "echo hunter2", "did not make"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct keeper keeper;
        cleanup_sign_key struct sign_key *key = NULL;
        cleanup_free unsigned char *signature = NULL;
        cleanup_error struct error err = {0};
        size_t size = 0;
        keeper_open(&keeper, cases[i].algorithm, cases[i].hash, cases[i].signature);
        const struct signer signer = {
            .argv = (const char *const[]){"sh", "-c", keeper.script, NULL}, .key = "packager"};
        int result = sign_key_open(&signer, &key, &err);
        if (result == 0)
            result = sign_key_sign(key, "sealed", 6, &signature, &size, &err);
        if (cases[i].sentence == NULL && result < 0)
            fail_msg("%s: %s", cases[i].algorithm, error_message(&err));
        if (cases[i].sentence != NULL && strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("%s: %s", cases[i].signature, error_message(&err));
        char *pem = NULL;
        if (result == 0)
            assert_int_equal(sign_key_write(key, "", &pem, NULL), -1);
        keeper_close(&keeper);
    }
}

// As Notation has it: the hash that it names for the key, and PSS of RSA keys.
static void test_signer_signs_in_another_manner(void **state)
{
    (void)state;
    static const char pss[] =
        "grep -q '\"padding\":\"PSS\"' r && openssl pkeyutl -sign -inkey k -in d "
        "-pkeyopt digest:sha384 -pkeyopt rsa_padding_mode:pss -pkeyopt "
        "rsa_pss_saltlen:";
    const struct {
        const char *algorithm, *signature, *salt, *sentence;
    } cases[] = {
        {"-algorithm RSA", pss, "digest", NULL},
        {"-algorithm RSA", pss, "max", "a salt as long as the hash"},
        {"-algorithm RSA", "openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha384", "",
         "by PSS"},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
         "! grep -q padding r && openssl pkeyutl -sign -inkey k -in d -pkeyopt digest:sha384", "",
         NULL},
        {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "openssl dgst -sha256 -sign k d", "",
         "did not make"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct keeper keeper;
        cleanup_sign_key struct sign_key *key = NULL;
        cleanup_free unsigned char *signature = NULL;
        cleanup_error struct error err = {0};
        size_t size = 0;
        cleanup_free char *command =
            xasprintf("echo \"$r\" >r; %s%s", cases[i].signature, cases[i].salt);
        keeper_open(&keeper, cases[i].algorithm, "", command);
        const struct signer signer = {
            .argv = (const char *const[]){"sh", "-c", keeper.script, NULL}, .key = "packager"};
        assert_int_equal(sign_key_open(&signer, &key, NULL), 0);
        int result = sign_key_sign_pss(key, EVP_sha384(), "sealed", 6, &signature, &size, &err);
        if (cases[i].sentence == NULL ? result < 0
                                      : strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("%zu: %s", i, error_message(&err));
        keeper_close(&keeper);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_lose_what_looks_secret),
        cmocka_unit_test(test_pkcs11_uris_that_name_keys),
        cmocka_unit_test(test_pkcs11_uris_that_name_none),
        cmocka_unit_test(test_requests_survive_the_way),
        cmocka_unit_test(test_requests_that_are_none),
        cmocka_unit_test(test_signer_that_answers_wrongly),
        cmocka_unit_test(test_signer_signs),
        cmocka_unit_test(test_signer_signs_in_another_manner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
