// Documents and names that are almost what they should be: in the words that people get to read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "fake_sigstore.h"
#include "oci/sign/certificate.h"
#include "oci/sign/dsse.h"
#include "oci/sign/key.h"
#include "oci/sign/pem.h"
#include "oci/sign/signer_protocol.h"
#include "oci/sign/signer_words.h"
#include "oci/sign/simple_signing.h"
#include "oci/sign/statement.h"
#include "oci/sign/trusted_root.h"
#include "oci/sign/tuf_metadata.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

// says NULL: it is accepted.
static void judge(const char *what, int result, const struct error *err, const char *says)
{
    if (says == NULL ? result < 0 : result == 0 || strstr(error_message(err), says) == NULL)
        fail_msg("%s: %d, \"%s\" shall say \"%s\"", what, result, error_message(err),
                 says != NULL ? says : "nothing");
}

static void test_envelopes(void **state)
{
    (void)state;
#define ENVELOPE(signatures) "{\"payload\":\"YQ==\",\"payloadType\":\"t\"" signatures "}"
    static const struct {
        const char *json, *says;
    } cases[] = {
        {ENVELOPE(""), "signatures has not exactly one entry"},
        {ENVELOPE(",\"signatures\":null"), "signatures has not exactly one entry"},
        {ENVELOPE(",\"signatures\":{\"sig\":\"YQ==\"}"), "signatures has not exactly one entry"},
        {ENVELOPE(",\"signatures\":[7]"), "signatures[0]"},
        {ENVELOPE(",\"signatures\":[{\"sig\":\"YQ==\",\"cert\":\"\"}]"), "unknown member"},
        {ENVELOPE(",\"signatures\":[{\"sig\":\"YQ==\",\"keyid\":null}]"), NULL},
        {ENVELOPE(",\"signatures\":[{\"sig\":\"YQ==\",\"keyid\":\"me\"}]"), NULL},
        {ENVELOPE(",\"signatures\":[{\"sig\":\"YQ==\"}]"), NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *json = json_loads(cases[i].json, 0, NULL);
        cleanup_dsse_envelope struct dsse_envelope envelope = {0};
        cleanup_error struct error err = {0};
        assert_non_null(json);
        judge(cases[i].json, dsse_parse(json, &envelope, &err), &err, cases[i].says);
    }
}

static void test_payloads_of_cosign(void **state)
{
    (void)state;
    cleanup_free char *large = xcalloc(1, SIMPLE_SIGNING_MAX_BYTES + 2);
    memset(large, ' ', SIMPLE_SIGNING_MAX_BYTES + 1);
    static const char head[] = "{\"critical\":{\"image\":{\"docker-manifest-digest\":\"" DIGEST
                               "\"},\"type\":\"cosign container image signature\"";
    static const struct {
        const char *identity, *optional, *says;
    } cases[] = {
        {",\"identity\":{\"docker-reference\":\"r\"}", "null", NULL},
        {",\"identity\":{\"docker-reference\":\"r\",\"more\":1}", "null", "unknown member"},
        {",\"identity\":7", "null", "identity"},
        {"", "null", "identity"},
        {",\"identity\":{\"docker-reference\":\"r\"}", "7", "optional is no object"},
        {",\"identity\":{\"docker-reference\":\"r\"}", "\"x\"", "optional is no object"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text =
            xasprintf("%s%s},\"optional\":%s}", head, cases[i].identity, cases[i].optional);
        cleanup_simple_signing struct simple_signing payload = {0};
        cleanup_error struct error err = {0};
        judge(text, simple_signing_parse(text, strlen(text), &payload, &err), &err, cases[i].says);
    }
    cleanup_simple_signing struct simple_signing payload = {0};
    cleanup_error struct error err = {0};
    judge("large", simple_signing_parse(large, strlen(large), &payload, &err), &err,
          "has 65537 bytes; at most 65536");
}

// A statement of ours with this predicate.
static int read_statement(const char *type, const char *predicate, struct error *err)
{
    cleanup_free char *text = xasprintf(
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"
        "\"%s\"}}],\"predicateType\":\"%s\",\"predicate\":{%s}}",
        &DIGEST[strlen("sha256:")], type, predicate);
    cleanup_statement struct statement statement = {0};
    return statement_parse(text, strlen(text), DIGEST, &statement, err);
}

static void test_statements_of_ours(void **state)
{
    (void)state;
#define RELEASE STATEMENT_RELEASE_TYPE
#define APPROVAL STATEMENT_APPROVAL_TYPE
#define NAMES "\"repository\":\"r\",\"channel\":\"c\""
#define AT(name, time) ",\"" name "\":\"" time "\""
    static const struct {
        const char *type, *predicate, *says;
    } cases[] = {
        {APPROVAL, NAMES AT("approvedAt", "2026-11-21T10:00:00Z"), NULL},
        {APPROVAL, NAMES AT("approvedAt", "2026-11-21T10:00:00Z") ",\"comment\":7", "comment"},
        {APPROVAL, NAMES AT("approvedAt", "soon"), "approvedAt"},
        {APPROVAL, NAMES, "approvedAt is missing"},
        {APPROVAL, "\"channel\":\"c\"", "repository is missing"},
        {APPROVAL, "\"repository\":\"r\"", "channel is missing"},
        {RELEASE, NAMES ",\"sequence\":1" AT("issuedAt", "2026-11-21T10:00:00Z"), NULL},
        {RELEASE, NAMES ",\"sequence\":1" AT("issuedAt", "1969-12-31T23:59:59Z"), "between 1970"},
        {RELEASE, NAMES ",\"sequence\":1,\"supersedes\":7" AT("issuedAt", "2026-11-21T10:00:00Z"),
         "supersedes"},
        {RELEASE, NAMES ",\"sequence\":1,\"reason\":7" AT("issuedAt", "2026-11-21T10:00:00Z"),
         "reason"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        judge(cases[i].predicate, read_statement(cases[i].type, cases[i].predicate, &err), &err,
              cases[i].says);
    }
    cleanup_free char *large = xcalloc(1, (1 << 20) + 2);
    memset(large, ' ', (1 << 20) + 1);
    cleanup_statement struct statement statement = {0};
    cleanup_error struct error err = {0};
    judge("large", statement_parse(large, strlen(large), DIGEST, &statement, &err), &err,
          "the statement has 1048577 bytes");
}

// What went into a release besides the repository: charts, archives.
static void test_provenance_names_its_inputs(void **state)
{
    (void)state;
    static const struct provenance_input inputs[] = {
        {.uri = "oci://charts.example.com/redis", .algorithm = "sha256", .digest = "00ff"},
        {.uri = "git+https://git.example.com/base", .algorithm = "gitCommit", .digest = "abc"}};
    const struct provenance provenance = {.repository = "https://git.example.com/acme/config",
                                          .ref = "refs/heads/main",
                                          .commit = "abc",
                                          .path = "apps/shop",
                                          .renderer = "plain",
                                          .inputs = inputs,
                                          .n_inputs = ARRAY_LENGTH(inputs)};
    cleanup_free char *text = statement_build_provenance(NULL, DIGEST, &provenance);
    assert_non_null(strstr(text,
                           "{\"uri\":\"oci://charts.example.com/redis\",\"digest\":{\"sha256\""
                           ":\"00ff\"}}"));
    assert_non_null(strstr(text, "{\"uri\":\"git+https://git.example.com/base\",\"digest\":{"
                                 "\"gitCommit\":\"abc\"}}"));
    cleanup_statement struct statement statement = {0};
    assert_int_equal(statement_parse(text, strlen(text), DIGEST, &statement, NULL), 0);
    assert_string_equal(statement.provenance.commit, "abc");
}

// A public half of which nobody knows the private one.
static EVP_PKEY *wide_rsa(int bits)
{
    BIGNUM *modulus = BN_new(), *exponent = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    assert_true(BN_set_bit(modulus, bits - 1) && BN_set_bit(modulus, 0) &&
                BN_set_word(exponent, 65537) &&
                OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
                OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent));
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    assert_true(EVP_PKEY_fromdata_init(context) == 1 &&
                EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static void test_keys_of_other_labels(void **state)
{
    (void)state;
    static const struct {
        const char *label, *says;
    } cases[] = {
        {"CERTIFICATE", "take its key with `openssl x509 -pubkey -noout`"},
        {"RSA PUBLIC KEY", "convert it with `openssl rsa -RSAPublicKey_in -pubout`"},
        {"EC PRIVATE KEY", "keep this one secret"},
        {"PGP MESSAGE", "give a PEM block \"PUBLIC KEY\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *pem = pem_encode(cases[i].label, "0123", 4);
        cleanup_verify_key struct verify_key *key = NULL;
        cleanup_error struct error err = {0};
        judge(cases[i].label, verify_key_load(pem, strlen(pem), "key", &key, &err), &err,
              cases[i].says);
    }
    // Larger than anybody checks without noticing.
    EVP_PKEY *wide = wide_rsa(8704);
    cleanup_free char *pem = fake_public_pem(wide);
    cleanup_verify_key struct verify_key *key = NULL;
    cleanup_error struct error err = {0};
    judge("wide", verify_key_load(pem, strlen(pem), "key", &key, &err), &err, "8704 bits of RSA");
    EVP_PKEY_free(wide);
}

// The same key in another encoding would be another signer.
static void test_keys_with_bytes_behind(void **state)
{
    (void)state;
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_verify_key struct verify_key *again = NULL;
    cleanup_error struct error err = {0};
    size_t size = 0;
    assert_int_equal(sign_key_generate(&key, NULL), 0);
    const unsigned char *der = verify_key_der(sign_key_public(key), &size);
    cleanup_free unsigned char *longer = xcalloc(1, size + 1);
    memcpy(longer, der, size);
    judge("longer", verify_key_load_der(longer, size + 1, "key", &again, &err), &err, "key");
    assert_null(again);
}

static void test_serials_and_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same;
    } serials[] = {{"0X1F", "1f"}, {"0x1f", "1f"}, {"01:F0", "1f0"}, {"0", "0"}, {"x1", NULL}};
    for (size_t i = 0; i < ARRAY_LENGTH(serials); i++) {
        cleanup_free char *text = certificate_serial_text(serials[i].text);
        if (serials[i].same == NULL)
            assert_null(text);
        else if (text == NULL || strcmp(text, serials[i].same) != 0)
            fail_msg("%s: %s", serials[i].text, text != NULL ? text : "nothing");
    }
    static const char *const names[] = {"CN=a,O=b",         "O=b,CN=a",  "issuer=O = b, CN = a",
                                        "cn=A+o=B",         "CN=a\nO=b", "CN=a,,O=b,",
                                        "CN=\"a\",O=\"b\"", "CN=a,O=b\\"};
    cleanup_free char *first = certificate_name_text(names[0]);
    for (size_t i = 1; i < ARRAY_LENGTH(names); i++) {
        cleanup_free char *text = certificate_name_text(names[i]);
        if (strcmp(text, first) != 0)
            fail_msg("%s: %s, not %s", names[i], text, first);
    }
    // A deny-list may so deny one more, never one less.
    cleanup_free char *escaped = certificate_name_text("CN=a\\,O=b");
    assert_string_equal(escaped, first);
    X509 *nameless = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(nameless), -31);
    cleanup_free char *issuer = certificate_issuer_of(nameless);
    cleanup_free char *serial = certificate_serial_of(nameless);
    assert_string_equal(issuer, "");
    assert_string_equal(serial, "1f");
    X509_free(nameless);
}

static void test_claims_that_are_odd(void **state)
{
    (void)state;
    struct fake_sigstore fake;
    fake_sigstore_init(&fake);
    EVP_PKEY *key = fake_key(FAKE_KEY_P256);
    cleanup_free char *large = xcalloc(1, 4098);
    memset(large, 'a', 4097);
    cleanup_strbuf struct strbuf arcs;
    strbuf_init(&arcs, 400);
    strbuf_addstr(&arcs, "1.3.6.1.4.1.57264.1");
    for (int i = 0; i < 60; i++)
        strbuf_addstr(&arcs, ".7");
    const struct {
        const char *oid, *value, *says;
    } cases[] = {
        {"1.3.6.1.4.1.57264.1.2", large, "1.2 is no text of at most 4096 bytes"},
        {"1.3.6.1.4.1.57264.1.13", "ab", "1.13 is no text"},
        {"1.3.6.1.4.1.57264.1.13", "\x0c\x01", "1.13 is no text"},
        {arcs.data, "x", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        X509 *x509 = fake_certificate_mint(
            &fake, &(struct fake_certificate){
                       .key = key, .extra_oid = cases[i].oid, .extra_value = cases[i].value});
        cleanup_certificate struct certificate *certificate = NULL;
        cleanup_error struct error err = {0};
        unsigned char *der = NULL;
        int size = i2d_X509(x509, &der);
        judge(cases[i].oid, certificate_parse(der, (size_t)size, &certificate, &err), &err,
              cases[i].says);
        OPENSSL_free(der);
        X509_free(x509);
    }
    // An anchor that is the signer itself vouches for nobody.
    X509 *own = fake_certificate_mint(&fake, &(struct fake_certificate){.key = key});
    unsigned char *der = NULL;
    int size = i2d_X509(own, &der);
    cleanup_certificate struct certificate *certificate = NULL;
    cleanup_error struct error err = {0};
    X509 *issuer = NULL;
    struct trusted_authority authority = {.valid = {INT64_MIN, INT64_MAX},
                                          .chain = VEC_OF(X509 *, NULL)};
    struct trusted_root root = {.authorities = VEC_OF(struct trusted_authority, NULL)};
    *(X509 **)vec_push(&authority.chain) = own;
    *(struct trusted_authority *)vec_push(&root.authorities) = authority;
    assert_int_equal(certificate_parse(der, (size_t)size, &certificate, NULL), 0);
    judge("itself", certificate_check_chain(certificate, &root, FAKE_TIME * 1000, &issuer, &err),
          &err, "may not sign certificates for code signing");
    vec_free(&authority.chain);
    vec_free(&root.authorities);
    OPENSSL_free(der);
    X509_free(own);
    EVP_PKEY_free(key);
    fake_sigstore_release(&fake);
}

static void test_answers_and_requests_of_signers(void **state)
{
    (void)state;
    static const struct {
        enum signer_operation operation;
        const char *text;
        bool fine;
    } answers[] = {
        {SIGNER_PUBLIC_KEY, "{\"publicKey\":\"x\",\"hash\":\"SHA384\"}", true},
        {SIGNER_PUBLIC_KEY, "{\"publicKey\":\"x\",\"hash\":7}", false},
        {SIGNER_SIGN, "{\"signature\":\"AAAA\"}", true},
        {SIGNER_SIGN, "{\"signature\":\"AAAA\",\"more\":1}", false},
        {SIGNER_SIGN, "{\"publicKey\":\"x\"}", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
        cleanup_signer_answer struct signer_answer answer = {0};
        assert_int_equal(signer_answer_parse(answers[i].text, strlen(answers[i].text),
                                             answers[i].operation, &answer, NULL),
                         answers[i].fine ? 0 : -1);
    }
    static const char *const requests[] = {
        "{\"version\":1,\"key\":\"k\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":7}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"SHA1\"}",
        "{\"version\":1,\"operation\":\"sign\",\"key\":\"k\",\"algorithm\":\"RSA\",\"hash\":"
        "\"SHA256\"}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(requests); i++) {
        cleanup_signer_request struct signer_request request = {0};
        assert_int_equal(signer_request_parse(requests[i], strlen(requests[i]), &request, NULL),
                         -1);
    }
}

static void test_words_with_schemes(void **state)
{
    (void)state;
    static const struct {
        const char *said, *shown;
    } cases[] = {
        {"curl -H basic dXNlcjpwYXNz x", "curl -H basic [cut] x"},
        {"token: basic dXNlcjpwYXNz x", "token: [cut] x"},
        {"it wants bearer", "it wants bearer"},
        {"token=bearer", "token=[cut]"},
        {" \n  spaces", "spaces"},
        {"ID ABCD1234/EFGH5678+IJKL9012/MNOP3456+QRST", "ID ABCD1234/EFGH5678+IJKL9012/MNOP3456+"
                                                        "QRST"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *shown = signer_words(cases[i].said, strlen(cases[i].said));
        assert_string_equal(shown, cases[i].shown);
    }
}

// A fraction anywhere makes the whole of it uncertain.
static void test_canonical_json_of_fractions(void **state)
{
    (void)state;
    static const char *const cases[] = {"{\"a\":1.5}", "{\"a\":1.5,\"b\":1}", "[1.5,1]", "[1,1.5]",
                                        "{\"a\":[{\"b\":[1e3]}],\"c\":2}"};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *value = json_loads(cases[i], 0, NULL);
        size_t size = 0;
        assert_null(tuf_canonical(value, &size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_payloads_of_cosign),
        cmocka_unit_test(test_statements_of_ours),
        cmocka_unit_test(test_provenance_names_its_inputs),
        cmocka_unit_test(test_keys_of_other_labels),
        cmocka_unit_test(test_keys_with_bytes_behind),
        cmocka_unit_test(test_serials_and_names),
        cmocka_unit_test(test_claims_that_are_odd),
        cmocka_unit_test(test_answers_and_requests_of_signers),
        cmocka_unit_test(test_words_with_schemes),
        cmocka_unit_test(test_canonical_json_of_fractions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
