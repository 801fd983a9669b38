// Timestamps whose content was exchanged for something that no authority would write: what they say
// is judged before the signature over it, and neither may be taken for a time.
#include "oci/sign/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/vec.h"
#include "fake_notation.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_time.h"
#include "oci/sign/trusted_root.h"

#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "signature"

struct scene {
    struct fake_signer root;
    struct fake_signer stamper;
    unsigned char *token;
    size_t token_size;
};

static int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_root("tsa root", &scene->root);
    fake_certify(&(struct fake_certificate){.subject = "C=US/ST=WA/O=acme/CN=tsa",
                                            .purpose = "critical,timeStamping"},
                 &scene->root, &scene->stamper);
    scene->token = fake_stamp(&scene->stamper, scene->root.cert, SIGNATURE, strlen(SIGNATURE), 0,
                              1500, "SHA256", &scene->token_size);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_signer_release(&scene->root);
    fake_signer_release(&scene->stamper);
    free(scene->token);
    free(scene);
    return 0;
}

static ASN1_INTEGER *number(const char *decimal)
{
    return s2i_ASN1_INTEGER(NULL, decimal);
}

static void set_accuracy(TS_TST_INFO *info, const char *seconds, const char *millis,
                         const char *micros)
{
    TS_ACCURACY *accuracy = TS_ACCURACY_new();
    ASN1_INTEGER *parts[] = {number(seconds), number(millis), number(micros)};
    assert_true(
        TS_ACCURACY_set_seconds(accuracy, parts[0]) && TS_ACCURACY_set_millis(accuracy, parts[1]) &&
        TS_ACCURACY_set_micros(accuracy, parts[2]) && TS_TST_INFO_set_accuracy(info, accuracy));
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
        ASN1_INTEGER_free(parts[i]);
    TS_ACCURACY_free(accuracy);
}

static void set_time(TS_TST_INFO *info, const char *text)
{
    ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_new();
    assert_int_equal(ASN1_STRING_set(time, text, (int)strlen(text)), 1);
    assert_int_equal(TS_TST_INFO_set_time(info, time), 1);
    ASN1_GENERALIZEDTIME_free(time);
}

static void set_imprint(TS_TST_INFO *info, int nid, int size)
{
    static unsigned char hash[64];
    TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
    X509_ALGOR *algorithm = X509_ALGOR_new();
    assert_int_equal(X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), V_ASN1_NULL, NULL), 1);
    assert_true(TS_MSG_IMPRINT_set_algo(imprint, algorithm) &&
                TS_MSG_IMPRINT_set_msg(imprint, hash, size));
    X509_ALGOR_free(algorithm);
}

static void nothing(TS_TST_INFO *info)
{
    (void)info;
}
static void newer_version(TS_TST_INFO *info)
{
    assert_int_equal(TS_TST_INFO_set_version(info, 2), 1);
}
static void weak_imprint(TS_TST_INFO *info)
{
    set_imprint(info, NID_sha1, 20);
}
static void short_imprint(TS_TST_INFO *info)
{
    set_imprint(info, NID_sha256, 31);
}
static void other_imprint(TS_TST_INFO *info)
{
    set_imprint(info, NID_sha512, 64);
}
static void no_time(TS_TST_INFO *info)
{
    set_time(info, "nonsense");
}
static void early_time(TS_TST_INFO *info)
{
    set_time(info, "19600101000000Z");
}
static void wide_seconds(TS_TST_INFO *info)
{
    set_accuracy(info, "2147483648", "1", "1");
}
static void wide_millis(TS_TST_INFO *info)
{
    set_accuracy(info, "1", "99999999999999999999999", "1");
}
static void wide_micros(TS_TST_INFO *info)
{
    set_accuracy(info, "1", "1", "-1");
}

// DER of the message, its content edited and its signers kept or not; owned (OPENSSL_free).
static unsigned char *edit(const struct scene *scene, void (*change)(TS_TST_INFO *), int signers,
                           int *ret_size)
{
    const unsigned char *at = scene->token;
    PKCS7 *message = d2i_PKCS7(NULL, &at, (long)scene->token_size);
    TS_TST_INFO *info = PKCS7_to_TS_TST_INFO(message);
    unsigned char *content = NULL, *der = NULL;
    assert_non_null(info);
    change(info);
    int size = i2d_TS_TST_INFO(info, &content);
    assert_int_equal(
        ASN1_STRING_set(message->d.sign->contents->d.other->value.octet_string, content, size), 1);
    STACK_OF(PKCS7_SIGNER_INFO) *list = PKCS7_get_signer_info(message);
    if (signers == 0)
        PKCS7_SIGNER_INFO_free(sk_PKCS7_SIGNER_INFO_pop(list));
    if (signers == 2) {
        unsigned char *one = NULL;
        int one_size = i2d_PKCS7_SIGNER_INFO(sk_PKCS7_SIGNER_INFO_value(list, 0), &one);
        const unsigned char *one_at = one;
        sk_PKCS7_SIGNER_INFO_push(list, d2i_PKCS7_SIGNER_INFO(NULL, &one_at, one_size));
        OPENSSL_free(one);
    }
    *ret_size = i2d_PKCS7(message, &der);
    assert_true(*ret_size > 0);
    OPENSSL_free(content);
    TS_TST_INFO_free(info);
    PKCS7_free(message);
    return der;
}

// The same as an authority answers.
static unsigned char *respond(const unsigned char *token, int token_size, int *ret_size)
{
    const unsigned char *at = token;
    PKCS7 *message = d2i_PKCS7(NULL, &at, token_size);
    TS_TST_INFO *info = PKCS7_to_TS_TST_INFO(message);
    TS_RESP *response = TS_RESP_new();
    TS_STATUS_INFO *status = TS_STATUS_INFO_new();
    unsigned char *der = NULL;
    assert_true(TS_STATUS_INFO_set_status(status, 0) && TS_RESP_set_status_info(response, status));
    TS_RESP_set_tst_info(response, message, info);
    *ret_size = i2d_TS_RESP(response, &der);
    assert_true(*ret_size > 0);
    TS_STATUS_INFO_free(status);
    TS_RESP_free(response);
    return der;
}

static const struct {
    void (*change)(TS_TST_INFO *);
    int signers;
    const char *notation; // what Notation's verifier says; NULL: it is fine
    const char *sigstore; // likewise, where nobody is trusted: no time, and no error
} cases[] = {
    {nothing, 1, NULL, NULL},
    {nothing, 0, "by none of the authorities", NULL},
    {nothing, 2, "by none of the authorities", NULL},
    {newer_version, 1, "no RFC 3161 token", NULL},
    {weak_imprint, 1, "none of SHA-256, SHA-384 and SHA-512", "none of SHA-256"},
    {short_imprint, 1, "about another signature", "about another signature"},
    {other_imprint, 1, "about another signature", "about another signature"},
    {no_time, 1, "tells no time", "tells no time"},
    {early_time, 1, "tells no time", "tells no time"},
    {wide_seconds, 1, "tells no time", NULL},
    {wide_millis, 1, "tells no time", NULL},
    {wide_micros, 1, "tells no time", NULL},
};

static void test_stamps_of_notation(void **state)
{
    const struct scene *scene = *state;
    cleanup_vec struct vec roots = VEC_OF(X509 *, NULL);
    *(X509 **)vec_push(&roots) = scene->root.cert;
    struct bytes signature = {(unsigned char *)xstrdup(SIGNATURE), strlen(SIGNATURE)};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec chain = NOTATION_CHAIN;
        cleanup_error struct error err = {0};
        int64_t earliest = 0, latest = 0;
        int size = 0;
        unsigned char *der = edit(scene, cases[i].change, cases[i].signers, &size);
        const struct bytes token = {der, (size_t)size};
        int result =
            notation_stamp_verify(&token, &signature, &roots, &earliest, &latest, &chain, &err);
        OPENSSL_free(der);
        if (cases[i].notation == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].notation) == NULL)
            fail_msg("case %zu: \"%s\"", i, error_message(&err));
        if (result == 0)
            assert_true(earliest == FAKE_NOW - 1501 && latest == FAKE_NOW + 1501);
        assert_true(result == 0 || (earliest == 0 && latest == 0));
    }
    free(signature.data);
}

static void test_stamps_of_sigstore(void **state)
{
    const struct scene *scene = *state;
    cleanup_vec struct vec nobody = VEC_OF(struct trusted_authority, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        int64_t wall_ms = 0;
        int size = 0, response_size = 0;
        unsigned char *der = edit(scene, cases[i].change, cases[i].signers, &size);
        unsigned char *response = respond(der, size, &response_size);
        int result = timestamp_verify(response, (size_t)response_size, SIGNATURE, strlen(SIGNATURE),
                                      &nobody, &wall_ms, &err);
        OPENSSL_free(der);
        OPENSSL_free(response);
        assert_true(wall_ms == 0);
        if (cases[i].sigstore == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].sigstore) == NULL)
            fail_msg("case %zu: \"%s\"", i, error_message(&err));
    }
}

// Without signers, or by two, nobody has said it: also where the authority is the trusted one.
static void test_stamps_without_their_one_signer(void **state)
{
    const struct scene *scene = *state;
    struct trusted_authority tsa = {.valid = {INT64_MIN, INT64_MAX}, .chain = VEC_OF(X509 *, NULL)};
    *(X509 **)vec_push(&tsa.chain) = scene->stamper.cert;
    *(X509 **)vec_push(&tsa.chain) = scene->root.cert;
    cleanup_vec struct vec tsas = VEC_OF(struct trusted_authority, NULL);
    *(struct trusted_authority *)vec_push(&tsas) = tsa;
    for (int signers = 0; signers < 3; signers++) {
        int64_t wall_ms = 0;
        int size = 0, response_size = 0;
        unsigned char *der = edit(scene, nothing, signers, &size);
        unsigned char *response = respond(der, size, &response_size);
        assert_int_equal(timestamp_verify(response, (size_t)response_size, SIGNATURE,
                                          strlen(SIGNATURE), &tsas, &wall_ms, NULL),
                         0);
        assert_true(wall_ms == (signers == 1 ? FAKE_NOW : 0));
        OPENSSL_free(der);
        OPENSSL_free(response);
    }
    // The content of another token under this one's signature.
    int size = 0, response_size = 0;
    int64_t wall_ms = 0;
    unsigned char *der = edit(scene, wide_seconds, 1, &size);
    unsigned char *response = respond(der, size, &response_size);
    assert_int_equal(timestamp_verify(response, (size_t)response_size, SIGNATURE, strlen(SIGNATURE),
                                      &tsas, &wall_ms, NULL),
                     0);
    assert_true(wall_ms == 0);
    OPENSSL_free(der);
    OPENSSL_free(response);
    vec_free(&tsa.chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stamps_of_notation),
        cmocka_unit_test(test_stamps_of_sigstore),
        cmocka_unit_test(test_stamps_without_their_one_signer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
