// Odd DER and odd files, as OpenSSL's own structures let one build them.
#include "oci/sign/certificate.h"
#include "oci/sign/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"
#include "fake_sigstore.h"
#include "oci/sign/cosign_key.h"
#include "oci/sign/json_proto.h"
#include "oci/sign/key.h"
#include "oci/sign/pem.h"
#include "oci/sign/trusted_root.h"

#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    struct fake_sigstore *fake = xcalloc(1, sizeof *fake);
    fake_sigstore_init(fake);
    *state = fake;
    return 0;
}

static int tear_down(void **state)
{
    fake_sigstore_release(*state);
    free(*state);
    return 0;
}

static struct trusted_root *root_of(const struct fake_sigstore *fake)
{
    cleanup_json json_t *value = fake_sigstore_root(fake);
    cleanup_free char *text = jval_compact(value);
    struct trusted_root *root = NULL;
    assert_int_equal(trusted_root_parse(text, strlen(text), "root", &root, NULL), 0);
    return root;
}

static void assert_refused(const char *what, int result, const struct error *err, const char *says)
{
    if (result == 0 || strstr(error_message(err), says) == NULL)
        fail_msg("%s: %d, \"%s\" shall say \"%s\"", what, result, error_message(err), says);
}

// Parses it as DER with `more` bytes behind it.
static int parse(X509 *x509, size_t more, struct certificate **ret_certificate, struct error *err)
{
    unsigned char *der = NULL;
    int size = i2d_X509(x509, &der);
    assert_true(size > 0);
    cleanup_free unsigned char *copy = xcalloc(1, (size_t)size + more);
    memcpy(copy, der, (size_t)size);
    OPENSSL_free(der);
    return certificate_parse(copy, (size_t)size + more, ret_certificate, err);
}

static void test_certificates_that_are_odd(void **state)
{
    struct fake_sigstore *fake = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    const struct {
        const char *what;
        struct fake_certificate wish;
        size_t more;
        const char *says; // NULL: fine
    } cases[] = {
        {"plain", {.key = key}, 0, NULL},
        {"trailing bytes", {.key = key}, 1, "no X.509 certificate"},
        {"large", {.key = key}, CERTIFICATE_MAX_BYTES, "at most"},
        {"a weak key", {.key = weak}, 0, "1024 bits"},
        {"an empty claim of the newer kind",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.13", .extra_value = "\x0c"},
         0,
         "1.13 is no text"},
        {"an empty claim of the older kind",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.2", .extra_value = ""},
         0,
         NULL},
        {"a claim of the future",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.99", .extra_value = "x"},
         0,
         NULL},
        {"below a claim",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.8.1", .extra_value = "x"},
         0,
         NULL},
        {"the arc's zero",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.0", .extra_value = "x"},
         0,
         NULL},
        {"the name's number",
         {.key = key, .extra_oid = "1.3.6.1.4.1.57264.1.7", .extra_value = "x"},
         0,
         NULL},
        {"another company's", {.key = key, .extra_oid = "1.2.3.4", .extra_value = "x"}, 0, NULL},
        {"unreadable key usage",
         {.key = key, .key_usage = "", .extra_oid = "2.5.29.15", .extra_value = "x"},
         0,
         "extensions cannot be read"},
        {"a list of promises that cannot be read",
         {.key = key, .no_sct = true, .extra_oid = "1.3.6.1.4.1.11129.2.4.2", .extra_value = "x"},
         0,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        X509 *x509 = fake_certificate_mint(fake, &cases[i].wish);
        cleanup_certificate struct certificate *certificate = NULL;
        cleanup_error struct error err = {0};
        int result = parse(x509, cases[i].more, &certificate, &err);
        X509_free(x509);
        if (cases[i].says != NULL)
            assert_refused(cases[i].what, result, &err, cases[i].says);
        else if (result < 0)
            fail_msg("%s: %s", cases[i].what, error_message(&err));
    }
    certificate_free(NULL);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(key);
}

static void test_promises_that_are_odd(void **state)
{
    struct fake_sigstore *fake = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_trusted_root struct trusted_root *root = root_of(fake);
    static const char list[] = "1.3.6.1.4.1.11129.2.4.2";
    const struct {
        struct fake_certificate wish;
        const char *says;
    } cases[] = {
        {{.key = key}, NULL},
        {{.key = key, .two_scts = true}, NULL},
        {{.key = key, .no_sct = true}, "holds no promise"},
        {{.key = key, .no_sct = true, .extra_oid = list, .extra_value = "x"}, "holds no promise"},
        // Two lists: which one counts?
        {{.key = key, .extra_oid = list, .extra_value = "\x04\x03x"}, "holds no promise"},
        {{.key = key, .sct_ms = -1}, "no log of the trusted root promised"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        X509 *x509 = fake_certificate_mint(fake, &cases[i].wish);
        cleanup_certificate struct certificate *certificate = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(parse(x509, 0, &certificate, NULL), 0);
        X509_free(x509);
        int result = certificate_check_sct(certificate, fake->middle, root, &err);
        if (cases[i].says != NULL)
            assert_refused("promise", result, &err, cases[i].says);
        else
            assert_int_equal(result, 0);
        // By another issuer it is another promise.
        assert_int_equal(certificate_check_sct(certificate, fake->root, root, NULL), -1);
    }
    EVP_PKEY_free(key);
}

// An authority whose own usage says nothing about code.
static void test_authorities_for_something_else(void **state)
{
    struct fake_sigstore *fake = *state;
    struct fake_sigstore other = *fake;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    other.middle = X509_dup(fake->middle);
    int at = X509_get_ext_by_NID(other.middle, NID_ext_key_usage, -1);
    X509_EXTENSION_free(X509_delete_ext(other.middle, at));
    X509_EXTENSION *usage = X509V3_EXT_conf_nid(NULL, NULL, NID_ext_key_usage, "serverAuth");
    assert_int_equal(X509_add_ext(other.middle, usage, -1), 1);
    X509_EXTENSION_free(usage);
    assert_true(X509_sign(other.middle, fake->root_key, EVP_sha384()) > 0);
    cleanup_trusted_root struct trusted_root *root = root_of(&other);
    X509 *x509 = fake_certificate_mint(&other, &(struct fake_certificate){.key = key});
    cleanup_certificate struct certificate *certificate = NULL;
    cleanup_error struct error err = {0};
    X509 *issuer = NULL;
    assert_int_equal(parse(x509, 0, &certificate, NULL), 0);
    assert_refused("authority",
                   certificate_check_chain(certificate, root, FAKE_TIME * 1000, &issuer, &err),
                   &err, "may not sign certificates for code signing");
    // Every certificate of the chain is judged at the time, not the leaf alone.
    cleanup_trusted_root struct trusted_root *good = root_of(fake);
    assert_int_equal(certificate_check_chain(certificate, good, FAKE_TIME * 1000, &issuer, NULL),
                     0);
    X509_free(issuer);
    X509_free(x509);
    X509_free(other.middle);
    EVP_PKEY_free(key);
}

// What the upper certificates say, and who signed the lower ones, holds although the chain of the
// root is checked once and not with every leaf.
static void test_limits_of_the_upper_authorities_hold(void **state)
{
    struct fake_sigstore *fake = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    EVP_PKEY *stranger = fake_key(FAKE_KEY_P384);
    X509 *x509 = fake_certificate_mint(fake, &(struct fake_certificate){.key = key});
    cleanup_certificate struct certificate *certificate = NULL;
    assert_int_equal(parse(x509, 0, &certificate, NULL), 0);
    const struct {
        const char *name;
        X509 **part;
        EVP_PKEY *signer;
        const EVP_MD *hash;
        int extension;
        const char *value;
        const char *says;
    } cases[] = {
        {"path length", &fake->root, fake->root_key, EVP_sha384(), NID_basic_constraints,
         "critical,CA:TRUE,pathlen:0", "path length constraint exceeded"},
        {"names", &fake->root, fake->root_key, EVP_sha384(), NID_name_constraints,
         "critical,excluded;URI:git.example.com", "excluded subtree violation"},
        {"another signer", &fake->middle, stranger, EVP_sha384(), NID_undef, NULL,
         "certificate signature failure"},
        {"a weak hash", &fake->middle, fake->root_key, EVP_sha1(), NID_undef, NULL,
         "CA signature digest algorithm too weak"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        X509 *before = *cases[i].part;
        X509 *changed = X509_dup(before);
        if (cases[i].extension != NID_undef) {
            int at = X509_get_ext_by_NID(changed, cases[i].extension, -1);
            X509_EXTENSION_free(at >= 0 ? X509_delete_ext(changed, at) : NULL);
            X509_EXTENSION *extension =
                X509V3_EXT_conf_nid(NULL, NULL, cases[i].extension, cases[i].value);
            assert_int_equal(X509_add_ext(changed, extension, -1), 1);
            X509_EXTENSION_free(extension);
        }
        assert_true(X509_sign(changed, cases[i].signer, cases[i].hash) > 0);
        *cases[i].part = changed;
        cleanup_trusted_root struct trusted_root *root = root_of(fake);
        cleanup_error struct error err = {0};
        X509 *issuer = NULL;
        assert_refused(cases[i].name,
                       certificate_check_chain(certificate, root, FAKE_TIME * 1000, &issuer, &err),
                       &err, cases[i].says);
        *cases[i].part = before;
        X509_free(changed);
    }
    X509_free(x509);
    EVP_PKEY_free(key);
    EVP_PKEY_free(stranger);
}

// CVE-2026-24122: an authority that had expired when the leaf, still valid, was used.
static void test_every_certificate_of_the_chain_is_judged(void **state)
{
    struct fake_sigstore *fake = *state;
    X509 **const parts[] = {&fake->middle, &fake->root};
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    X509 *x509 = fake_certificate_mint(fake, &(struct fake_certificate){.key = key});
    cleanup_certificate struct certificate *certificate = NULL;
    assert_int_equal(parse(x509, 0, &certificate, NULL), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        X509 *before = *parts[i];
        X509 *expired = X509_dup(before);
        X509_time_adj_ex(X509_getm_notAfter(expired), 0, 0, &(time_t){FAKE_TIME - 30});
        assert_true(X509_sign(expired, fake->root_key, EVP_sha384()) > 0);
        *parts[i] = expired;
        cleanup_trusted_root struct trusted_root *root = root_of(fake);
        cleanup_error struct error err = {0};
        X509 *issuer = NULL;
        assert_refused("expired authority",
                       certificate_check_chain(certificate, root, FAKE_TIME * 1000, &issuer, &err),
                       &err, "certificate has expired");
        *parts[i] = before;
        X509_free(expired);
    }
    X509_free(x509);
    EVP_PKEY_free(key);
}

// A date that is none is no date to be before or after.
static void test_authorities_with_dates_that_are_none(void **state)
{
    struct fake_sigstore *fake = *state;
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    X509 *x509 = fake_certificate_mint(fake, &(struct fake_certificate){.key = key});
    cleanup_certificate struct certificate *certificate = NULL;
    assert_int_equal(parse(x509, 0, &certificate, NULL), 0);
    for (int late = 0; late < 2; late++) {
        X509 *before = fake->root;
        X509 *odd = X509_dup(before);
        ASN1_TIME *date = late ? X509_getm_notAfter(odd) : X509_getm_notBefore(odd);
        assert_int_equal(ASN1_STRING_set(date, "209913999999Z", -1), 1);
        assert_true(X509_sign(odd, fake->root_key, EVP_sha384()) > 0);
        fake->root = odd;
        cleanup_trusted_root struct trusted_root *root = root_of(fake);
        cleanup_error struct error err = {0};
        X509 *issuer = NULL;
        assert_refused("odd date",
                       certificate_check_chain(certificate, root, FAKE_TIME * 1000, &issuer, &err),
                       &err, "format error in certificate's not");
        fake->root = before;
        X509_free(odd);
    }
    X509_free(x509);
    EVP_PKEY_free(key);
}

static int stamp_der(TS_RESP *response, const struct trusted_root *root, struct error *err)
{
    unsigned char *der = NULL;
    int64_t wall_ms = 0;
    int size = i2d_TS_RESP(response, &der);
    assert_true(size > 0);
    int result = timestamp_verify(der, (size_t)size, "signature", 9, &root->tsas, &wall_ms, err);
    OPENSSL_free(der);
    return result;
}

static void test_timestamps_that_are_odd(void **state)
{
    struct fake_sigstore *fake = *state;
    cleanup_trusted_root struct trusted_root *root = root_of(fake);
    size_t size = 0;
    cleanup_free unsigned char *good =
        fake_timestamp_mint(fake, "signature", 9, FAKE_TIME, true, EVP_sha256(), &size);
    const unsigned char *at = good;
    TS_RESP *response = d2i_TS_RESP(NULL, &at, (long)size);
    cleanup_error struct error err = {0};
    assert_non_null(response);
    assert_int_equal(stamp_der(response, root, NULL), 0);
    // Rejected, and granted with changes.
    TS_STATUS_INFO *status = TS_STATUS_INFO_new();
    TS_STATUS_INFO_set_status(status, 2);
    TS_RESP_set_status_info(response, status);
    assert_refused("rejected", stamp_der(response, root, &err), &err, "no granted");
    TS_STATUS_INFO_set_status(status, 1);
    TS_RESP_set_status_info(response, status);
    assert_int_equal(stamp_der(response, root, NULL), 0);
    TS_STATUS_INFO_free(status);
    TS_RESP_free(response);
    // Granted, and nothing in it.
    TS_RESP *empty = TS_RESP_new();
    TS_STATUS_INFO *granted = TS_STATUS_INFO_new();
    TS_STATUS_INFO_set_status(granted, 0);
    TS_RESP_set_status_info(empty, granted);
    assert_refused("empty", stamp_der(empty, root, &err), &err, "no granted");
    TS_STATUS_INFO_free(granted);
    TS_RESP_free(empty);
    // A time before time.
    cleanup_free unsigned char *early =
        fake_timestamp_mint(fake, "signature", 9, -86400, true, EVP_sha256(), &size);
    int64_t wall_ms = 0;
    assert_refused("early",
                   timestamp_verify(early, size, "signature", 9, &root->tsas, &wall_ms, &err), &err,
                   "tells no time");
    // Bytes behind it.
    cleanup_free unsigned char *longer = xcalloc(1, size + 1);
    memcpy(longer, early, size);
    assert_refused("longer",
                   timestamp_verify(longer, size + 1, "signature", 9, &root->tsas, &wall_ms, &err),
                   &err, "no granted");
    // A root whose only certificate of the authority is the leaf itself.
    trusted_root_free(STEAL(root));
    cleanup_json json_t *value = fake_sigstore_root(fake);
    json_array_remove(
        json_object_get(
            json_object_get(json_array_get(json_object_get(value, "timestampAuthorities"), 0),
                            "certChain"),
            "certificates"),
        1);
    cleanup_free char *text = jval_compact(value);
    assert_int_equal(trusted_root_parse(text, strlen(text), "root", &root, NULL), 0);
    cleanup_free unsigned char *again =
        fake_timestamp_mint(fake, "signature", 9, FAKE_TIME, false, EVP_sha512(), &size);
    assert_int_equal(timestamp_verify(again, size, "signature", 9, &root->tsas, &wall_ms, NULL), 0);
    assert_true(wall_ms == FAKE_TIME * 1000);
}

#define SALT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NONCE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KDF                                                                                        \
    "\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":32768,\"r\":8,\"p\":1},\"salt\":\"" SALT "\"}" \
    ","
#define CIPHER "\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"" NONCE "\"},"

static void test_cosign_keys_that_are_odd(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error_code code;
    } cases[] = {
        {"{" KDF CIPHER "\"ciphertext\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ERROR_DENIED},
        {"{" KDF CIPHER "\"ciphertext\":\"AAAA\"}", ERROR_INVALID},
        {"{" KDF CIPHER "\"ciphertext\":\"!\"}", ERROR_INVALID},
        {"{" KDF CIPHER "\"ciphertext\":7}", ERROR_INVALID},
        {"{" KDF "\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"AAAA\"},\"ciphertext\":\"\"}",
         ERROR_INVALID},
        {"{" KDF "\"cipher\":{\"name\":\"aes\"}}", ERROR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *pem = pem_encode(COSIGN_KEY_LABEL, cases[i].text, strlen(cases[i].text));
        struct sign_key *key = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(sign_key_load(pem, strlen(pem), "x", "cosign.key", &key, &err), -1);
        if (err.code != cases[i].code)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
    }
    char *pem = NULL;
    cleanup_free unsigned char *large = xcalloc(1, 1 << 20);
    assert_int_equal(cosign_key_seal(large, 1 << 20, "", &pem, NULL), -1);
}

static void test_numbers_and_bytes_of_proto_json(void **state)
{
    (void)state;
    cleanup_json json_t *value = json_loads(
        "{\"a\":\"0\",\"b\":\"9223372036854775807\",\"c\":\"\",\"d\":\"A\\nQ\\rI=\",\"e\":[],"
        "\"f\":\"x\",\"g\":\"12a\"}",
        0, NULL);
    int64_t number = 7;
    assert_int_equal(json_proto_number(value, "a", true, &number, NULL), 0);
    assert_int_equal(number, 0);
    assert_int_equal(json_proto_number(value, "b", true, &number, NULL), 0);
    assert_true(number == INT64_MAX);
    static const char *const wrong[] = {"c", "e", "f", "g", "absent"};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(json_proto_number(value, wrong[i], true, &number, NULL), -1);
    assert_int_equal(json_proto_number(value, "absent", false, &number, NULL), 0);
    cleanup_bytes struct bytes bytes = {0};
    assert_int_equal(json_proto_bytes(value, "d", &bytes, NULL), 0);
    assert_int_equal(bytes.size, 2);
    assert_true(bytes_equal(&bytes, "\x01\x02", 2));
    assert_false(bytes_equal(&bytes, "\x01\x03", 2));
    assert_false(bytes_equal(&bytes, "\x01", 1));
    assert_true(bytes_equal(&(struct bytes){0}, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates_that_are_odd),
        cmocka_unit_test(test_promises_that_are_odd),
        cmocka_unit_test(test_authorities_for_something_else),
        cmocka_unit_test(test_limits_of_the_upper_authorities_hold),
        cmocka_unit_test(test_every_certificate_of_the_chain_is_judged),
        cmocka_unit_test(test_authorities_with_dates_that_are_none),
        cmocka_unit_test(test_timestamps_that_are_odd),
        cmocka_unit_test(test_cosign_keys_that_are_odd),
        cmocka_unit_test(test_numbers_and_bytes_of_proto_json),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
