// Readers of signed things, one wrong member or line at a time.
#include "oci/sign/checkpoint.h"
#include "oci/sign/statement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "fake_sigstore.h"
#include "oci/sign/key.h"
#include "oci/sign/pem.h"
#include "oci/sign/trusted_root.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define DASH "\xe2\x80\x94 "

// Every member in turn is a number, or a text that is too long; where it is required, absent.
static void break_members(const char *text, const char *const *paths, size_t count, size_t required)
{
    cleanup_free char *large = xcalloc(1, 4096);
    memset(large, 'x', 4095);
    for (size_t i = 0; i < count; i++) {
        for (int way = 0; way < 3; way++) {
            cleanup_json json_t *value = json_loads(text, 0, NULL);
            cleanup_statement struct statement statement = {0};
            assert_non_null(value);
            if (way == 0)
                jval_set_int(value, paths[i], -7);
            else if (way == 1)
                jval_set_string(value, paths[i], large);
            else
                jval_remove(value, paths[i]);
            cleanup_free char *broken = jval_compact(value);
            int result = statement_parse(broken, strlen(broken), DIGEST, &statement, NULL);
            if (result != (way == 2 && i >= required ? 0 : -1))
                fail_msg("%s, way %d: %d", paths[i], way, result);
        }
    }
}

static void test_release_members_one_by_one(void **state)
{
    (void)state;
    const struct release release = {.repository = "r",
                                    .channel = "c",
                                    .sequence = 1,
                                    .issued_at_ms = 1795255200000,
                                    .not_after_ms = 1795255200000,
                                    .version = "1.0.0",
                                    .commit = "abc",
                                    .path = "p",
                                    .request_id = "q",
                                    .supersedes = DIGEST};
    cleanup_free char *text = statement_build_release("name", DIGEST, &release);
    static const char *const paths[] = {
        "predicate.repository", "predicate.channel",   "predicate.issuedAt", "predicate.sequence",
        "predicate.notAfter",   "predicate.version",   "predicate.commit",   "predicate.path",
        "predicate.requestId",  "predicate.supersedes"};
    break_members(text, paths, ARRAY_LENGTH(paths), 4);
}

static void test_provenance_members_one_by_one(void **state)
{
    (void)state;
    const struct provenance provenance = {.repository = "git.example.com/a/b",
                                          .ref = "refs/heads/main",
                                          .commit = "abc",
                                          .path = "p",
                                          .renderer = "plain",
                                          .renderer_version = "1",
                                          .values_digest = DIGEST,
                                          .request_id = "q",
                                          .started_ms = 1795255200000,
                                          .finished_ms = 1795255200000};
    cleanup_free char *text = statement_build_provenance("name", DIGEST, &provenance);
    static const char *const paths[] = {
        "predicate.buildDefinition.externalParameters.repository",
        "predicate.buildDefinition.externalParameters.ref",
        "predicate.buildDefinition.externalParameters.path",
        "predicate.buildDefinition.resolvedDependencies",
        "predicate.buildDefinition.internalParameters.renderer",
        "predicate.buildDefinition.internalParameters.rendererVersion",
        "predicate.buildDefinition.internalParameters.valuesDigest",
        "predicate.runDetails.metadata.invocationId",
        "predicate.runDetails.metadata.startedOn",
        "predicate.runDetails.metadata.finishedOn"};
    break_members(text, paths, ARRAY_LENGTH(paths), 4);
}

static void test_statement_heads_one_by_one(void **state)
{
    (void)state;
    cleanup_free char *text = statement_build_sign("name", DIGEST);
    static const char *const paths[] = {"_type", "predicateType", "subject"};
    break_members(text, paths, ARRAY_LENGTH(paths), 3);
    static const char *const texts[] = {
        "[]",
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"x\",\"subject\":[]}",
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"x\",\"subject\":[7]}",
        "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"x\",\"subject\":[{"
        "\"name\":7,\"digest\":{\"sha256\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}]}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cleanup_statement struct statement statement = {0};
        assert_int_equal(statement_parse(texts[i], strlen(texts[i]), DIGEST, &statement, NULL), -1);
    }
    struct strbuf many;
    strbuf_init(&many, 1 << 20);
    strbuf_addstr(&many, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"x\","
                         "\"subject\":[");
    for (int i = 0; i < 1025; i++)
        strbuf_addf(&many, "%s{}", i > 0 ? "," : "");
    strbuf_addstr(&many, "]}");
    cleanup_statement struct statement statement = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(statement_parse(many.data, many.len, DIGEST, &statement, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    strbuf_release(&many);
}

static void test_checkpoints_line_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says; // NULL: read
    } cases[] = {
        {"log\n7\n" ROOT "\n\n" DASH "log AAAA\n", NULL},
        {"log\n7\n" ROOT "\nmore\n\n" DASH "log AAAA\n", NULL},
        {"log\n7\n" ROOT "\n\nmore\n\n" DASH "log AAAA\n", NULL},
        {"", "no signatures"},
        {"log\n7\n" ROOT "\n", "no signatures"},
        {"\n\n", "no three lines"},
        {"log\n\nx", "no three lines"},
        {"log\n7\n\nx", "no three lines"},
        {"\n7\n" ROOT "\n\nx", "no origin"},
        {"log\n\n" ROOT "\n\nx", "no size"},
        {"log\n07\n" ROOT "\n\nx", "no size"},
        {"log\n7x\n" ROOT "\n\nx", "no size"},
        {"log\n-7\n" ROOT "\n\nx", "no size"},
        {"log\n1234567890123456789\n" ROOT "\n\nx", "no size"},
        {"log\n0\n" ROOT "\n\nx", NULL},
        {"log\n7\nAAAA\n\nx", "no root"},
        {"log\n7\n!\n\nx", "no root"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct checkpoint checkpoint;
        cleanup_error struct error err = {0};
        int result = checkpoint_parse(cases[i].text, &checkpoint, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].text, error_message(&err));
    }
    cleanup_free char *large = xcalloc(1, CHECKPOINT_MAX_BYTES + 2);
    memset(large, 'x', CHECKPOINT_MAX_BYTES + 1);
    struct checkpoint checkpoint;
    assert_int_equal(checkpoint_parse(large, &checkpoint, NULL), -1);
}

static void test_checkpoint_versions(void **state)
{
    (void)state;
    static const struct {
        const char *origin;
        bool v1;
    } cases[] = {
        {"rekor.sigstore.dev - 2605736670972794746", true},
        {"a - 1", true},
        {" - 1", true},
        {"- 1", false},
        {"12", false},
        {"log2025.example.com", false},
        {"log2025.example.com - ", false},
        {"log-1", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const struct checkpoint checkpoint = {.origin = cases[i].origin,
                                              .origin_size = strlen(cases[i].origin)};
        if (checkpoint_is_v1(&checkpoint) != cases[i].v1)
            fail_msg("%s", cases[i].origin);
    }
}

// Signatures by keys of every kind that a log may have, and lines that are none.
static void test_checkpoint_signatures(void **state)
{
    (void)state;
    static const char body[] = "log.example.com\n7\n" ROOT "\n";
    const int kinds[] = {FAKE_KEY_P256, FAKE_KEY_RSA, FAKE_KEY_ED25519};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        EVP_PKEY *pkey = fake_key(kinds[i]);
        cleanup_free char *pem = fake_public_pem(pkey);
        struct trusted_log log = {.host = xstrdup("log.example.com")};
        assert_int_equal(verify_key_load(pem, strlen(pem), "log", &log.key, NULL), 0);
        unsigned char data[1024];
        size_t size = sizeof data - 4;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(context, NULL,
                                            kinds[i] == FAKE_KEY_ED25519 ? NULL : EVP_sha256(),
                                            NULL, pkey),
                         1);
        assert_int_equal(
            EVP_DigestSign(context, data + 4, &size, (const unsigned char *)body, strlen(body)), 1);
        EVP_MD_CTX_free(context);
        size_t der_size = 0;
        const unsigned char *der = verify_key_der(log.key, &der_size);
        // C2SP signed-note and Go's x/mod/sumdb/note: what identifies a key.
        struct strbuf hint;
        unsigned char hash[SHA256_SIZE];
        strbuf_init(&hint, 4096);
        if (kinds[i] != FAKE_KEY_P256)
            strbuf_addstr(&hint, "log.example.com\n");
        if (kinds[i] == FAKE_KEY_RSA)
            strbuf_addstr(&hint, "\xffPKIX-RSA-PKCS#1v1.5");
        if (kinds[i] == FAKE_KEY_ED25519)
            strbuf_add(&hint, "\x01", 1);
        size_t skipped = kinds[i] == FAKE_KEY_ED25519 ? der_size - 32 : 0;
        strbuf_add(&hint, der + skipped, der_size - skipped);
        sha256(hint.data, hint.len, hash);
        strbuf_release(&hint);
        memcpy(data, hash, 4);
        cleanup_free char *encoded = base64_encode(data, size + 4);
        cleanup_free char *good = xasprintf(DASH "log.example.com %s\n", encoded);
        cleanup_free char *named = xasprintf(DASH "other.example.com %s\n", encoded);
        cleanup_free char *endless = xasprintf(DASH "log.example.com %s", encoded);
        cleanup_free char *twice = xasprintf("%s%s", good, good);
        const struct {
            const char *lines;
            const char *says;
        } cases[] = {
            {good, NULL},
            {twice, NULL},
            {named, "did not sign the checkpoint"},
            {endless, "do not end"},
            {"", "did not sign the checkpoint"},
            {DASH "log.example.com AAAA\n", "did not sign"},
            {DASH "log.example.com AAAAAAAA\n", "did not sign"},
            {"log.example.com AAAA\n", "malformed signature line"},
            {DASH "\n", "malformed signature line"},
            {DASH "x\n", "malformed signature line"},
            {DASH " AAAA\n", "malformed signature line"},
            {DASH "log !\n", "malformed signature line"},
            {"x\n", "malformed signature line"},
        };
        for (size_t j = 0; j < ARRAY_LENGTH(cases); j++) {
            cleanup_free char *text = xasprintf("%s\n%s", body, cases[j].lines);
            struct checkpoint checkpoint;
            cleanup_error struct error err = {0};
            assert_int_equal(checkpoint_parse(text, &checkpoint, NULL), 0);
            int result = checkpoint_verify(&checkpoint, &log, &err);
            if (cases[j].says == NULL
                    ? result < 0
                    : result == 0 || strstr(error_message(&err), cases[j].says) == NULL)
                fail_msg("key %zu, %s: %s", i, cases[j].lines, error_message(&err));
        }
        struct strbuf many;
        strbuf_init(&many, CHECKPOINT_MAX_BYTES);
        strbuf_addf(&many, "%s\n", body);
        for (int j = 0; j < 70; j++)
            strbuf_addstr(&many, DASH "witness AAAA\n");
        struct checkpoint checkpoint;
        assert_int_equal(checkpoint_parse(many.data, &checkpoint, NULL), 0);
        assert_int_equal(checkpoint_verify(&checkpoint, &log, NULL), -1);
        strbuf_release(&many);
        verify_key_unref(log.key);
        free(log.host);
        EVP_PKEY_free(pkey);
    }
}

// RSA keys sign with either padding; a digest alone is enough for SHA-256.
static void test_signatures_with_pss(void **state)
{
    (void)state;
    static const char data[] = "data";
    EVP_PKEY *pkey = fake_key(FAKE_KEY_RSA);
    cleanup_free char *pem = fake_public_pem(pkey);
    cleanup_verify_key struct verify_key *key = NULL;
    assert_int_equal(verify_key_load(pem, strlen(pem), "key", &key, NULL), 0);
    unsigned char hash[SHA256_SIZE];
    sha256(data, strlen(data), hash);
    for (int pss = 0; pss < 2; pss++) {
        unsigned char signature[512];
        size_t size = sizeof signature;
        EVP_PKEY_CTX *parameters = NULL;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        assert_int_equal(EVP_DigestSignInit(context, &parameters, EVP_sha256(), NULL, pkey), 1);
        if (pss)
            assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(
            EVP_DigestSign(context, signature, &size, (const unsigned char *)data, strlen(data)),
            1);
        EVP_MD_CTX_free(context);
        assert_int_equal(verify_key_check(key, data, strlen(data), signature, size, NULL), 0);
        assert_int_equal(verify_key_check_sha256(key, hash, signature, size, NULL), 0);
        signature[7] ^= 1;
        assert_int_equal(verify_key_check(key, data, strlen(data), signature, size, NULL), -1);
        assert_int_equal(verify_key_check_sha256(key, hash, signature, size, NULL), -1);
    }
    EVP_PKEY_free(pkey);
}

static void test_pem_blocks_that_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-----BEGIN ",
        "-----BEGIN -----\n-----END -----",
        "-----BEGIN X",
        "-----BEGIN x-----\nYQ==\n-----END x-----",
        "-----BEGIN X-----\nYQ==",
        "-----BEGIN X-----\nYQ==\n-----END Y-----",
        "-----BEGIN X-----\nYQ==\n-----END X",
        "-----BEGIN X-----\nYQ==\n-----END ",
        "-----BEGIN X-----\nYQ==\n-----END X-----\nmore",
        "-----BEGIN X-----\nYQ=\n-----END X-----",
        ("-----BEGIN A VERY LONG LABEL THAT NO KEY HAS AND THAT DOES NOT FIT INTO THE ROOM FOR IT"
         "-----\nYQ==\n-----END X-----"),
    };
    char label[PEM_LABEL_SIZE];
    unsigned char *data = NULL;
    size_t size = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        if (pem_decode(texts[i], strlen(texts[i]), "it", label, &data, &size, NULL) == 0)
            fail_msg("%s", texts[i]);
    cleanup_free char *large = xcalloc(1, PEM_MAX_BYTES + 1);
    assert_int_equal(pem_decode(large, PEM_MAX_BYTES + 1, "it", label, &data, &size, NULL), -1);
    static const char good[] = " \t\r\n-----BEGIN X 9-----\r\nYQ=\t=\r\n-----END X 9-----\r\n ";
    assert_int_equal(pem_decode(good, strlen(good), "it", label, &data, &size, NULL), 0);
    assert_string_equal(label, "X 9");
    assert_int_equal(size, 1);
    pem_wipe(data, size);
    pem_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_release_members_one_by_one),
        cmocka_unit_test(test_provenance_members_one_by_one),
        cmocka_unit_test(test_statement_heads_one_by_one),
        cmocka_unit_test(test_checkpoints_line_by_line),
        cmocka_unit_test(test_checkpoint_versions),
        cmocka_unit_test(test_checkpoint_signatures),
        cmocka_unit_test(test_signatures_with_pss),
        cmocka_unit_test(test_pem_blocks_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
