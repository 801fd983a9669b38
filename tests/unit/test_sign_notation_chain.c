#include "oci/sign/notation_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "fake_notation.h"
#include "oci/sign/notation_envelope.h"
#include "oci/sign/pem.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#define CA_USAGE "critical,keyCertSign,cRLSign"

static const struct fake_certificate good_root = {
    .subject = "CN=root", .usage = CA_USAGE, .purpose = "", .constraints = "critical,CA:TRUE"};
static const struct fake_certificate good_middle = {
    .subject = "CN=middle", .usage = CA_USAGE, .purpose = "", .constraints = "critical,CA:TRUE"};
static const struct fake_certificate good_leaf = {.subject = "CN=leaf"};

static int check(X509 *const *certificates, size_t count, enum notation_purpose purpose,
                 struct error *err)
{
    cleanup_vec struct vec chain = VEC_OF(X509 *, NULL);
    for (size_t i = 0; i < count; i++)
        *(X509 **)vec_push(&chain) = certificates[i];
    return notation_chain_check(&chain, purpose, err);
}

static void expect(const char *name, int result, const struct error *err, const char *wrong)
{
    if (wrong == NULL && result == 0)
        return;
    if (wrong == NULL || result == 0 || strstr(error_message(err), wrong) == NULL)
        fail_msg("%s: %s", name, result == 0 ? "taken" : error_message(err));
}

struct leaf_row {
    struct fake_certificate leaf;
    const char *wrong;
};

static const struct leaf_row leaves[] = {
    {{.subject = "CN=leaf"}, NULL},
    {{.purpose = ""}, NULL},
    {{.purpose = "critical,codeSigning"}, NULL},
    {{.purpose = "1.2.3.4"}, NULL},
    {{.constraints = "critical,CA:FALSE"}, NULL},
    {{.usage = "critical,digitalSignature,nonRepudiation"}, NULL},
    {{.kind = "P-384"}, NULL},
    {{.kind = "RSA2048"}, NULL},
    {{.strange = "plain"}, NULL},
    {{.hash = "SHA512"}, NULL},
    {{.kind = "P-224"}, "weak key"},
    {{.kind = "RSA1024"}, "weak key"},
    {{.kind = "ED25519"}, "weak key"},
    {{.kind = "RSA2560"}, "Notation signs with"},
    {{.kind = "secp256k1"}, "Notation signs with"},
    {{.hash = "SHA1"}, "a hash other than"},
    {{.hash = "SHA224"}, "a hash other than"},
    {{.hash = "SHA384"}, NULL},
    {{.from_s = 400 * 24 * FAKE_HOUR_S, .until_s = 500 * 24 * FAKE_HOUR_S}, NULL},
    {{.from_s = -500 * 24 * FAKE_HOUR_S, .until_s = -400 * 24 * FAKE_HOUR_S}, NULL},
    {{.version = -1, .usage = "", .purpose = ""}, "version 3"},
    {{.strange = "broken", .usage = ""}, "readable"},
    {{.strange = "critical"}, "critical extension that is not understood"},
    {{.usage = "digitalSignature"}, "does not mark its key usage as critical"},
    {{.usage = ""}, "not for digital signatures alone"},
    {{.usage = "critical,keyCertSign"}, "not for digital signatures alone"},
    {{.usage = "critical,digitalSignature,keyCertSign"}, "not for digital signatures alone"},
    {{.usage = "critical,digitalSignature,keyEncipherment"}, "not for digital signatures alone"},
    {{.usage = "critical,digitalSignature,decipherOnly"}, "not for digital signatures alone"},
    {{.purpose = "codeSigning,serverAuth"}, "more than code signing"},
    {{.purpose = "clientAuth"}, "more than code signing"},
    {{.purpose = "emailProtection"}, "more than code signing"},
    {{.purpose = "timeStamping"}, "more than code signing"},
    {{.purpose = "OCSPSigning"}, "more than code signing"},
    {{.purpose = "anyExtendedKeyUsage"}, "more than code signing"},
    {{.constraints = "critical,CA:TRUE"}, "is an authority's"},
};

static void test_leaves(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    fake_certify(&good_root, NULL, &root);
    for (size_t i = 0; i < ARRAY_LENGTH(leaves); i++) {
        cleanup_fake_signer struct fake_signer leaf = {0};
        cleanup_error struct error err = {0};
        cleanup_free char *name = xasprintf("row %zu", i);
        struct fake_certificate wanted = leaves[i].leaf;
        wanted.subject = "CN=leaf";
        fake_certify(&wanted, &root, &leaf);
        X509 *const chain[] = {leaf.cert, root.cert};
        expect(name, check(chain, 2, NOTATION_FOR_CODE, &err), &err, leaves[i].wrong);
    }
}

static const struct {
    struct fake_certificate authority;
    const char *wrong;
} authorities[] = {
    {{.constraints = "critical,CA:TRUE", .usage = CA_USAGE}, NULL},
    {{.constraints = "critical,CA:TRUE,pathlen:0", .usage = CA_USAGE}, NULL},
    {{.constraints = "critical,CA:TRUE", .usage = CA_USAGE, .purpose = "codeSigning"}, NULL},
    {{.constraints = "critical,CA:TRUE", .usage = CA_USAGE, .purpose = "anyExtendedKeyUsage"},
     NULL},
    {{.constraints = "critical,CA:TRUE", .usage = CA_USAGE, .purpose = "serverAuth"},
     "certifies for other purposes only"},
    {{.constraints = "CA:TRUE", .usage = CA_USAGE}, "no authority's"},
    {{.constraints = "critical,CA:FALSE", .usage = CA_USAGE}, "no authority's"},
    {{.usage = CA_USAGE}, "no authority's"},
    {{.constraints = "critical,CA:TRUE", .usage = "keyCertSign"}, "may not sign certificates"},
    {{.constraints = "critical,CA:TRUE", .usage = ""}, "may not sign certificates"},
    {{.constraints = "critical,CA:TRUE", .usage = "critical,cRLSign"}, "may not sign certificates"},
    {{.constraints = "critical,CA:TRUE", .usage = CA_USAGE, .kind = "RSA1024"}, "weak key"},
};

static void test_authorities(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    fake_certify(&good_root, NULL, &root);
    for (size_t i = 0; i < ARRAY_LENGTH(authorities); i++) {
        cleanup_fake_signer struct fake_signer middle = {0};
        cleanup_fake_signer struct fake_signer leaf = {0};
        cleanup_error struct error err = {0};
        cleanup_free char *name = xasprintf("row %zu", i);
        struct fake_certificate wanted = authorities[i].authority;
        wanted.subject = "CN=middle";
        if (wanted.purpose == NULL)
            wanted.purpose = "";
        fake_certify(&wanted, &root, &middle);
        fake_certify(&good_leaf, &middle, &leaf);
        X509 *const chain[] = {leaf.cert, middle.cert, root.cert};
        expect(name, check(chain, 3, NOTATION_FOR_CODE, &err), &err, authorities[i].wrong);
    }
}

static void test_path_lengths(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer middle = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_error struct error err = {0};
    struct fake_certificate narrow = good_root;
    narrow.constraints = "critical,CA:TRUE,pathlen:0";
    fake_certify(&narrow, NULL, &root);
    fake_certify(&good_middle, &root, &middle);
    fake_certify(&good_leaf, &middle, &leaf);
    X509 *const chain[] = {leaf.cert, middle.cert, root.cert};
    expect("path", check(chain, 3, NOTATION_FOR_CODE, &err), &err, "path length");
}

// What RFC 5280 says besides: a name outside of what the authority may certify.
static void test_name_constraints(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_error struct error err = {0};
    struct fake_certificate narrow = good_root;
    narrow.names = "critical,permitted;email:example.com";
    fake_certify(&narrow, NULL, &root);
    fake_certify(&(struct fake_certificate){.subject = "CN=leaf/emailAddress=a@example.org"}, &root,
                 &leaf);
    X509 *const chain[] = {leaf.cert, root.cert};
    expect("names", check(chain, 2, NOTATION_FOR_CODE, &err), &err, "do not lead to their root");
}

static void test_order(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer other = {0};
    cleanup_fake_signer struct fake_signer twin = {0};
    cleanup_fake_signer struct fake_signer middle = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&good_root, NULL, &root);
    fake_root("other", &other);
    fake_certify(&good_middle, &root, &middle);
    fake_certify(&good_leaf, &middle, &leaf);
    // The same name, another key.
    fake_certify(&good_middle, &root, &twin);
    const struct {
        const char *name;
        X509 *chain[4];
        size_t count;
        const char *wrong;
    } rows[] = {
        {"good", {leaf.cert, middle.cert, root.cert}, 3, NULL},
        {"no root", {leaf.cert, middle.cert}, 2, "did not sign itself"},
        {"leaf alone", {leaf.cert}, 1, "did not sign itself"},
        {"no middle", {leaf.cert, root.cert}, 2, "not followed by its issuer's"},
        {"turned", {root.cert, middle.cert, leaf.cert}, 3, "is not the last of the chain"},
        {"swapped", {middle.cert, leaf.cert, root.cert}, 3, "not followed by its issuer's"},
        {"two roots", {leaf.cert, middle.cert, root.cert, root.cert}, 4, "is not the last"},
        {"other root", {leaf.cert, middle.cert, other.cert}, 3, "not followed by its issuer's"},
        {"twin", {leaf.cert, twin.cert, root.cert}, 3, "do not lead to their root"},
        {"root alone", {root.cert}, 1, "is an authority's"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_error struct error err = {0};
        expect(rows[i].name, check(rows[i].chain, rows[i].count, NOTATION_FOR_CODE, &err), &err,
               rows[i].wrong);
    }
}

static void test_leaf_that_signed_itself(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_error struct error err = {0};
    fake_certify(&good_leaf, NULL, &leaf);
    fake_root("root", &root);
    X509 *const alone[] = {leaf.cert};
    X509 *const more[] = {leaf.cert, root.cert};
    expect("alone", check(alone, 1, NOTATION_FOR_CODE, &err), &err, NULL);
    expect("more", check(more, 2, NOTATION_FOR_CODE, &err), &err, "is not the last of the chain");
}

static void test_keys_that_cannot_be_read(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_error struct error err = {0};
    fake_root("root", &root);
    fake_leaf("leaf", &root, &leaf);
    X509 *odd_leaf = fake_unreadable_key(leaf.cert);
    X509 *odd_root = fake_unreadable_key(root.cert);
    X509 *const first[] = {odd_leaf, root.cert};
    X509 *const last[] = {leaf.cert, odd_root};
    expect("leaf", check(first, 2, NOTATION_FOR_CODE, &err), &err, "weak key");
    expect("root", check(last, 2, NOTATION_FOR_CODE, &err), &err, "did not sign itself");
    X509_free(odd_leaf);
    X509_free(odd_root);
}

static void test_stampers(void **state)
{
    (void)state;
    static const struct {
        struct fake_certificate leaf;
        const char *wrong;
    } rows[] = {
        {{.purpose = "critical,timeStamping"}, NULL},
        {{.purpose = "critical,timeStamping", .usage = "digitalSignature"}, NULL},
        {{.purpose = "timeStamping"}, "not for timestamps alone"},
        {{.purpose = "critical,timeStamping,codeSigning"}, "not for timestamps alone"},
        {{.purpose = ""}, "not for timestamps alone"},
    };
    cleanup_fake_signer struct fake_signer root = {0};
    struct fake_certificate lax = good_root;
    lax.usage = "keyCertSign";
    fake_certify(&lax, NULL, &root);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_fake_signer struct fake_signer leaf = {0};
        cleanup_error struct error err = {0};
        cleanup_free char *name = xasprintf("row %zu", i);
        struct fake_certificate wanted = rows[i].leaf;
        wanted.subject = "CN=stamps";
        fake_certify(&wanted, &root, &leaf);
        X509 *const chain[] = {leaf.cert, root.cert};
        expect(name, check(chain, 2, NOTATION_FOR_TIME, &err), &err, rows[i].wrong);
    }
}

static void test_windows(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    cleanup_vec struct vec chain = VEC_OF(X509 *, NULL);
    int64_t from_ms;
    int64_t until_ms;
    struct fake_certificate old = good_root;
    old.from_s = -100;
    old.until_s = 50;
    fake_certify(&old, NULL, &root);
    fake_certify(&(struct fake_certificate){.subject = "CN=l", .from_s = -200, .until_s = 90},
                 &root, &leaf);
    *(X509 **)vec_push(&chain) = leaf.cert;
    *(X509 **)vec_push(&chain) = root.cert;
    assert_int_equal(notation_chain_window(&chain, &from_ms, &until_ms, NULL), 0);
    assert_int_equal(from_ms, FAKE_NOW - 100000);
    assert_int_equal(until_ms, FAKE_NOW + 50000);
    assert_int_equal(notation_time_ms(NULL, &from_ms), -1);
}

static int read_pem(const char *text, size_t size, size_t *ret_count, struct error *err)
{
    cleanup_vec struct vec chain = NOTATION_CHAIN;
    int result = notation_certificates_read(text, size, "chain.pem", &chain, err);
    *ret_count = chain.len;
    return result;
}

static void test_files_of_certificates(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer root = {0};
    cleanup_fake_signer struct fake_signer leaf = {0};
    size_t count = 0;
    size_t size = 0;
    fake_root("root", &root);
    fake_leaf("leaf", &root, &leaf);
    X509 *const both[] = {leaf.cert, root.cert};
    cleanup_free char *pem = fake_pem(both, 2);
    cleanup_free unsigned char *der = fake_der(leaf.cert, &size);
    assert_int_equal(read_pem(pem, strlen(pem), &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(read_pem((const char *)der, size, &count, NULL), 0);
    assert_int_equal(count, 1);
    cleanup_free char *noted = xasprintf("subject=CN=leaf\n%s\n", pem);
    assert_int_equal(read_pem(noted, strlen(noted), &count, NULL), 0);
    cleanup_free char *cut = xstrndup(pem, strlen(pem) - 40);
    cleanup_free char *key =
        xasprintf("%s-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", pem);
    cleanup_free char *odd =
        xasprintf("%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem);
    cleanup_free unsigned char *longer = xcalloc(size + 1, 1);
    memcpy(longer, der, size);
    cleanup_free char *padded = pem_encode("CERTIFICATE", longer, size + 1);
    assert_int_equal(read_pem((const char *)longer, size + 1, &count, NULL), -1);
    const struct {
        const char *text;
        const char *wrong;
    } rows[] = {{padded, "damaged or no certificate"},
                {"", "no certificate"},
                {"text", "no certificate"},
                {cut, "damaged"},
                {key, "damaged or no certificate"},
                {odd, "damaged or no certificate"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_error struct error err = {0};
        expect(rows[i].text, read_pem(rows[i].text, strlen(rows[i].text), &count, &err), &err,
               rows[i].wrong);
    }
    cleanup_free char *large = xcalloc(NOTATION_MAX_PEM_BYTES + 1, 1);
    cleanup_error struct error err = {0};
    expect("large", read_pem(large, NOTATION_MAX_PEM_BYTES + 1, &count, &err), &err, "at most");
}

static void test_subjects(void **state)
{
    (void)state;
    cleanup_fake_signer struct fake_signer leaf = {0};
    fake_certify(&(struct fake_certificate){.subject = "C=DE/O=Äpfel, Birnen/CN=x"}, NULL, &leaf);
    cleanup_free char *subject = notation_subject(leaf.cert);
    assert_string_equal(subject, "CN=x,O=Äpfel\\, Birnen,C=DE");
    X509 *empty = X509_new();
    cleanup_free char *nothing = notation_subject(empty);
    assert_string_equal(nothing, "");
    X509_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_authorities),
        cmocka_unit_test(test_path_lengths),
        cmocka_unit_test(test_name_constraints),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_leaf_that_signed_itself),
        cmocka_unit_test(test_keys_that_cannot_be_read),
        cmocka_unit_test(test_stampers),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_files_of_certificates),
        cmocka_unit_test(test_subjects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
