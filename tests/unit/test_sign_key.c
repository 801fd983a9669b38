#include "oci/sign/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "oci/sign/cosign_key.h"
#include "oci/sign/pem.h"
#include "oci/sign/secretbox.h"

#include <stdlib.h>
#include <string.h>

static char *read_data(const char *name, size_t *ret_size)
{
    cleanup_free char *path = xasprintf("%s/sign/%s", TEST_DATA, name);
    char *data = NULL;
    size_t size = 0;
    if (file_read(path, 1 << 20, &data, &size, NULL) < 0)
        fail_msg("cannot read %s", path);
    if (ret_size != NULL)
        *ret_size = size;
    return data;
}

static struct verify_key *load_public(const char *name)
{
    cleanup_free char *pem = read_data(name, NULL);
    struct verify_key *key = NULL;
    cleanup_error struct error err = {0};
    if (verify_key_load(pem, strlen(pem), name, &key, &err) < 0)
        fail_msg("%s", error_message(&err));
    return key;
}

static void test_key_verifies_what_openssl_signed(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *signature;
        enum key_algorithm algorithm;
    } cases[] = {
        {"p256.pub", "p256.sha256.sig", KEY_ECDSA_P256},
        {"p384.pub", "p384.sha384.sig", KEY_ECDSA_P384},
        {"p384.pub", "p384.sha256.sig", KEY_ECDSA_P384},
        {"p521.pub", "p521.sha512.sig", KEY_ECDSA_P521},
        {"p521.pub", "p521.sha256.sig", KEY_ECDSA_P521},
        {"rsa2048.pub", "rsa2048.sha256.sig", KEY_RSA},
        {"ed25519.pub", "ed25519.sig", KEY_ED25519},
    };
    size_t message_size = 0;
    cleanup_free char *message = read_data("message", &message_size);
    cleanup_verify_key struct verify_key *other = load_public("cosign.pub");
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_verify_key struct verify_key *key = load_public(cases[i].key);
        size_t size = 0;
        cleanup_free char *signature = read_data(cases[i].signature, &size);
        cleanup_error struct error err = {0};
        assert_int_equal(verify_key_algorithm(key), cases[i].algorithm);
        assert_int_equal(verify_key_check(key, message, message_size, signature, size, &err), 0);
        assert_int_equal(verify_key_check(key, message, message_size - 1, signature, size, &err),
                         -1);
        assert_int_equal(err.code, ERROR_UNVERIFIED);
        assert_int_equal(verify_key_check(key, message, message_size, signature, size - 1, &err),
                         -1);
        assert_int_equal(verify_key_check(key, message, message_size, "", 0, &err), -1);
        assert_int_equal(verify_key_check(other, message, message_size, signature, size, &err), -1);
        signature[size - 1] ^= 1;
        assert_int_equal(verify_key_check(key, message, message_size, signature, size, &err), -1);
    }
}

static void test_key_signs_what_it_verifies_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *public_half;
    } cases[] = {
        {"p256.pem", "p256.pub"},       {"p256.sec1.pem", "p256.pub"},
        {"p384.pem", "p384.pub"},       {"p384.sec1.pem", "p384.pub"},
        {"p521.pem", "p521.pub"},       {"p521.sec1.pem", "p521.pub"},
        {"rsa2048.pem", "rsa2048.pub"}, {"rsa2048.pkcs1.pem", "rsa2048.pub"},
        {"ed25519.pem", "ed25519.pub"}, {"cosign.key", "cosign.pub"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *pem = read_data(cases[i].file, NULL);
        cleanup_sign_key struct sign_key *key = NULL;
        cleanup_error struct error err = {0};
        if (sign_key_load(pem, strlen(pem), "hello", cases[i].file, &key, &err) < 0)
            fail_msg("%s", error_message(&err));
        cleanup_free unsigned char *signature = NULL;
        size_t size = 0;
        assert_int_equal(sign_key_sign(key, "abc", 3, &signature, &size, &err), 0);
        cleanup_verify_key struct verify_key *public_half = load_public(cases[i].public_half);
        assert_string_equal(verify_key_fingerprint(public_half)->text,
                            verify_key_fingerprint(sign_key_public(key))->text);
        assert_int_equal(verify_key_check(public_half, "abc", 3, signature, size, &err), 0);
        cleanup_free char *written = verify_key_pem(sign_key_public(key));
        cleanup_free char *expected = read_data(cases[i].public_half, NULL);
        assert_string_equal(written, expected);
    }
}

static void test_key_refuses_other_kinds_and_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *says;
    } cases[] = {
        {"refused.p224.pub", "on the curve secp224r1; use ECDSA P-256"},
        {"refused.k1.pub", "on the curve secp256k1"},
        {"refused.rsa1024.pub", "1024 bits of RSA"},
        {"refused.rsa-exponent3.pub", "RSA exponent other than 65537"},
        {"refused.rsa-pss.pub", "of a kind that is not trusted here"},
        {"refused.x25519.pub", "of a kind that is not trusted here"},
        {"refused.p256-compressed.pub", "compressed point"},
        {"refused.p256-explicit.pub", "explicit curve parameters"},
        {"refused.two.pub", "something behind its PEM block"},
        {"refused.private.pub", "keep this one secret"},
        {"message", "no PEM key"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *pem = read_data(cases[i].file, NULL);
        struct verify_key *key = NULL;
        cleanup_error struct error err = {0};
        if (verify_key_load(pem, strlen(pem), cases[i].file, &key, &err) == 0)
            fail_msg("%s was accepted", cases[i].file);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_null(key);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].file, err.message);
    }
}

static void test_key_pem_is_strict(void **state)
{
    (void)state;
    cleanup_free char *pem = read_data("p256.pub", NULL);
    cleanup_free char *body = xstrndup(strchr(pem, '\n') + 1, 124);
    static const char *const forms[] = {
        "-----BEGIN PUBLIC KEY-----\n%s",
        "-----BEGIN PUBLIC KEY-----\n%s\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n%sA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n%s====\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n\n%s\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\nx",
        "x\n-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n%sAAAA\n-----END PUBLIC KEY-----\n",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        const char *hole = strstr(forms[i], "%s");
        cleanup_free char *text =
            xasprintf("%.*s%s%s", (int)(hole - forms[i]), forms[i], body, hole + 2);
        struct verify_key *key = NULL;
        if (verify_key_load(text, strlen(text), "the key", &key, NULL) == 0)
            fail_msg("form %zu was accepted", i);
    }
    cleanup_free char *spaced = xasprintf(" \n%s \r\n\n", pem);
    cleanup_verify_key struct verify_key *key = NULL;
    assert_int_equal(verify_key_load(spaced, strlen(spaced), "the key", &key, NULL), 0);
    cleanup_verify_key struct verify_key *same = verify_key_ref(key);
    assert_ptr_equal(same, key);
}

static void test_key_round_trips_through_cosign_key(void **state)
{
    (void)state;
    static const char *const passwords[] = {"", "correct horse"};
    for (size_t i = 0; i < ARRAY_LENGTH(passwords); i++) {
        cleanup_sign_key struct sign_key *key = NULL;
        cleanup_sign_key struct sign_key *again = NULL;
        cleanup_free char *pem = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(sign_key_generate(&key, &err), 0);
        assert_int_equal(verify_key_algorithm(sign_key_public(key)), KEY_ECDSA_P256);
        assert_int_equal(sign_key_write(key, passwords[i], &pem, &err), 0);
        assert_int_equal(sign_key_load(pem, strlen(pem), passwords[i], "cosign.key", &again, &err),
                         0);
        assert_string_equal(verify_key_hint(sign_key_public(key)),
                            verify_key_hint(sign_key_public(again)));
        struct sign_key *none = NULL;
        assert_int_equal(sign_key_load(pem, strlen(pem), "wrong", "cosign.key", &none, &err), -1);
        assert_int_equal(err.code, ERROR_DENIED);
        assert_string_equal(err.message,
                            "cosign.key: the password is wrong, or the file is damaged");
        // Without one the empty one is tried: it may be that.
        int result = sign_key_load(pem, strlen(pem), NULL, "cosign.key", &none, &err);
        assert_int_equal(result, i == 0 ? 0 : -1);
        if (result < 0) {
            assert_int_equal(err.code, ERROR_DENIED);
            assert_string_equal(err.message, "cosign.key is encrypted, and no password was given");
        }
        sign_key_free(none);
    }
}

static void test_key_reads_the_older_cosign_label(void **state)
{
    (void)state;
    char label[PEM_LABEL_SIZE];
    cleanup_free char *pem = read_data("cosign.key", NULL);
    cleanup_free unsigned char *json = NULL;
    size_t size = 0;
    assert_int_equal(pem_decode(pem, strlen(pem), "x", label, &json, &size, NULL), 0);
    assert_string_equal(label, COSIGN_KEY_LABEL);
    cleanup_free char *older = pem_encode("ENCRYPTED COSIGN PRIVATE KEY", json, size);
    cleanup_sign_key struct sign_key *key = NULL;
    assert_int_equal(sign_key_load(older, strlen(older), "hello", "x", &key, NULL), 0);
}

static void test_key_refuses_sec1_inside_cosign_key(void **state)
{
    (void)state;
    char label[PEM_LABEL_SIZE];
    cleanup_free char *sec1 = read_data("p256.sec1.pem", NULL);
    cleanup_free unsigned char *der = NULL;
    cleanup_free char *sealed = NULL;
    size_t size = 0;
    struct sign_key *key = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(pem_decode(sec1, strlen(sec1), "x", label, &der, &size, NULL), 0);
    assert_int_equal(cosign_key_seal(der, size, "", &sealed, &err), 0);
    assert_int_equal(sign_key_load(sealed, strlen(sealed), NULL, "cosign.key", &key, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
}

static void test_key_bounds_what_cosign_key_may_ask_for(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[]",
        "{\"kdf\":{}}",
        "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":1073741824,\"r\":8,\"p\":1}},"
        "\"cipher\":{\"name\":\"nacl/secretbox\"}}",
        "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":64,\"p\":1}},"
        "\"cipher\":{\"name\":\"nacl/secretbox\"}}",
        "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8,\"p\":9}},"
        "\"cipher\":{\"name\":\"nacl/secretbox\"}}",
        "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":65536,\"r\":8,\"p\":1},\"salt\":\"AAAA\"},"
        "\"cipher\":{\"name\":\"nacl/secretbox\"}}",
        "{\"kdf\":{\"name\":\"argon2\"},\"cipher\":{\"name\":\"nacl/secretbox\"}}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cleanup_free char *pem = pem_encode(COSIGN_KEY_LABEL, texts[i], strlen(texts[i]));
        struct sign_key *key = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(sign_key_load(pem, strlen(pem), NULL, "cosign.key", &key, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void unhex(const char *text, unsigned char *out)
{
    assert_int_equal(hex_decode(text, out, strlen(text) / 2), 0);
}

// "Cryptography in NaCl", section 10: the example of crypto_secretbox.
static void test_secretbox_gives_nacls_example(void **state)
{
    (void)state;
    static const char message_hex[] =
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d4"
        "5e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a"
        "024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
    static const char box_start_hex[] = "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273";
    unsigned char key[32];
    unsigned char nonce[24];
    unsigned char message[131];
    unsigned char start[24];
    unsigned char box[sizeof message + SECRETBOX_OVERHEAD];
    unsigned char opened[sizeof message];
    unhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389", key);
    unhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37", nonce);
    unhex(message_hex, message);
    unhex(box_start_hex, start);
    secretbox_seal(key, nonce, message, sizeof message, box);
    assert_memory_equal(box, start, sizeof start);
    assert_int_equal(secretbox_open(key, nonce, box, sizeof box, opened), 0);
    assert_memory_equal(opened, message, sizeof message);
    box[sizeof box - 1] ^= 1;
    assert_int_equal(secretbox_open(key, nonce, box, sizeof box, opened), -1);
    assert_int_equal(secretbox_open(key, nonce, box, SECRETBOX_OVERHEAD - 1, opened), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_verifies_what_openssl_signed),
        cmocka_unit_test(test_key_signs_what_it_verifies_in_every_form),
        cmocka_unit_test(test_key_refuses_other_kinds_and_encodings),
        cmocka_unit_test(test_key_pem_is_strict),
        cmocka_unit_test(test_key_round_trips_through_cosign_key),
        cmocka_unit_test(test_key_reads_the_older_cosign_label),
        cmocka_unit_test(test_key_refuses_sec1_inside_cosign_key),
        cmocka_unit_test(test_key_bounds_what_cosign_key_may_ask_for),
        cmocka_unit_test(test_secretbox_gives_nacls_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
