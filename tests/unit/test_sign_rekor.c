// Bodies of log entries that differ from what was signed in one place each, and proofs at the edges
// of a tree.
#include "oci/sign/rekor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/dsse.h"
#include "oci/sign/pem.h"

#include <stdlib.h>
#include <string.h>

#define PAYLOAD "a statement"
#define TYPE "application/vnd.in-toto+json"
#define SIGNATURE "sig" // base64: c2ln; once more: YzJsbg==
#define SIGNER "der"    // base64: ZGVy

struct facts {
    struct dsse_envelope envelope;
    struct signed_data data;
    char hash[2 * SHA256_SIZE + 1]; // of the payload
    char *key;                      // base64 of PEM
    char *certificate;              // likewise
    char *other;                    // of another label
};

static char *pem_of(const char *label)
{
    cleanup_free char *pem = pem_encode(label, SIGNER, strlen(SIGNER));
    return base64_encode(pem, strlen(pem));
}

static int set_up(void **state)
{
    struct facts *facts = xcalloc(1, sizeof *facts);
    facts->envelope = (struct dsse_envelope){.payload = xmemdup(PAYLOAD, strlen(PAYLOAD)),
                                             .payload_size = strlen(PAYLOAD),
                                             .payload_type = xstrdup(TYPE)};
    facts->data = (struct signed_data){.data = PAYLOAD, .size = strlen(PAYLOAD)};
    sha256(PAYLOAD, strlen(PAYLOAD), facts->data.sha256);
    snprintf(facts->hash, sizeof facts->hash, "%s",
             digest_hex(digest_of(PAYLOAD, strlen(PAYLOAD)).text));
    facts->key = pem_of("PUBLIC KEY");
    facts->certificate = pem_of("CERTIFICATE");
    facts->other = pem_of("PRIVATE KEY");
    *state = facts;
    return 0;
}

static int tear_down(void **state)
{
    struct facts *facts = *state;
    dsse_envelope_release(&facts->envelope);
    free(facts->key);
    free(facts->certificate);
    free(facts->other);
    free(facts);
    return 0;
}

// In a body's text: @h the hash of the payload, @k, @c and @o the PEMs, @s the signature.
static char *fill_in(const struct facts *facts, const char *text)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 16);
    for (; *text != '\0'; text++) {
        if (*text != '@') {
            strbuf_addch(&out, *text);
            continue;
        }
        text++;
        strbuf_addstr(&out, *text == 'h'   ? facts->hash
                            : *text == 'k' ? facts->key
                            : *text == 'c' ? facts->certificate
                            : *text == 'o' ? facts->other
                                           : "c2ln");
    }
    return strbuf_steal(&out);
}

static int check(const struct facts *facts, const char *kind, const char *version, const char *spec,
                 bool by_certificate, struct error *err)
{
    cleanup_free char *filled = fill_in(facts, spec);
    struct rekor_entry entry = {.kind = xstrdup(kind), .version = xstrdup(version)};
    char *body =
        xasprintf("{\"kind\":\"%s\",\"apiVersion\":\"%s\",\"spec\":%s}", kind, version, filled);
    entry.body = (struct bytes){.data = (unsigned char *)body, .size = strlen(body)};
    const struct rekor_claim claim = {.signature = SIGNATURE,
                                      .signature_size = strlen(SIGNATURE),
                                      .signer = SIGNER,
                                      .signer_size = strlen(SIGNER),
                                      .signer_is_certificate = by_certificate,
                                      .data = &facts->data,
                                      .dsse = &facts->envelope};
    int result = rekor_body_check(&entry, &claim, err);
    rekor_entry_release(&entry);
    return result;
}

#define HASH "{\"algorithm\":\"sha256\",\"value\":\"@h\"}"
#define RECORD(key) \
    "{\"data\":{\"hash\":" HASH "},\"signature\":{\"content\":\"@s\",\"publicKey\":" key "}}"
#define RECORD2(verifier)                                                             \
    "{\"hashedRekordV002\":{\"data\":{\"algorithm\":\"SHA2_256\",\"digest\":\"%s\"}," \
    "\"signature\":{\"content\":\"@s\",\"verifier\":" verifier "}}}"
#define INTOTO(type, hash, signatures)                                                   \
    "{\"content\":{\"payloadHash\":" hash ",\"envelope\":{\"payloadType\":\"" type "\"," \
    "\"signatures\":" signatures "}}}"
#define ONE(sig) "[{\"sig\":\"" sig "\",\"publicKey\":\"@k\"}]"

static void test_bodies_of_version_1(void **state)
{
    static const struct {
        const char *kind, *version, *spec;
        const char *says; // NULL: it is about the claim
    } cases[] = {
        {"hashedrekord", "0.0.1", RECORD("{\"content\":\"@k\"}"), NULL},
        {"hashedrekord", "0.0.1", RECORD("{\"content\":\"@c\"}"), "another key"},
        {"hashedrekord", "0.0.1", RECORD("{\"content\":\"@o\"}"), "is a \"PRIVATE KEY\""},
        {"hashedrekord", "0.0.1", RECORD("{\"content\":\"YWJj\"}"), "the log entry: content"},
        {"hashedrekord", "0.0.1", RECORD("{}"), "content is missing"},
        {"hashedrekord", "0.0.1",
         "{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"@h@h@h\"}}}",
         "no readable hash"},
        {"hashedrekord", "0.0.1", "{\"data\":{\"hash\":{\"algorithm\":\"sha256\"}}}",
         "no readable hash"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, ONE("YzJsbg==")), NULL},
        {"intoto", "0.0.2", INTOTO("text/plain", HASH, ONE("YzJsbg==")), "another payload type"},
        {"intoto", "0.0.2", "{\"content\":{}}", "another payload type"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, "[]"), "sig"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, "[{},{}]"), "sig"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, "[{}]"), "sig is missing"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, ONE("@s")), "the log entry: sig"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, ONE("YzJsaA==")), "another signature"},
        {"intoto", "0.0.2", INTOTO(TYPE, HASH, ONE("YzI4PQ==")), "another signature"},
        {"dsse", "0.0.1", "{\"payloadHash\":" HASH ",\"signatures\":[]}", "signature is missing"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        int result = check(*state, cases[i].kind, cases[i].version, cases[i].spec, false, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: \"%s\" shall say \"%s\"", cases[i].spec, error_message(&err),
                     cases[i].says != NULL ? cases[i].says : "nothing");
    }
}

static void test_bodies_of_version_2(void **state)
{
    const struct facts *facts = *state;
    static const struct {
        const char *spec;
        bool by_certificate;
        const char *says;
    } cases[] = {
        {RECORD2("{\"publicKey\":{\"rawBytes\":\"ZGVy\"}}"), false, NULL},
        {RECORD2("{\"x509Certificate\":{\"rawBytes\":\"ZGVy\"}}"), true, NULL},
        // The same bytes as the other kind of thing.
        {RECORD2("{\"publicKey\":{\"rawBytes\":\"ZGVy\"}}"), true, "another certificate"},
        {RECORD2("{\"publicKey\":{\"rawBytes\":\"ZGVyZA==\"}}"), false, "another key"},
        {RECORD2("{\"publicKey\":{\"rawBytes\":\"ZGVz\"}}"), false, "another key"},
        {RECORD2("{\"publicKey\":{}}"), false, "rawBytes is missing"},
        {RECORD2("{\"x509Certificate\":{}}"), true, "rawBytes is missing"},
        {RECORD2("{}"), false, "not exactly one verifier"},
        {RECORD2("{\"publicKey\":{\"rawBytes\":\"ZGVy\"},\"x509Certificate\":{\"rawBytes\":"
                 "\"ZGVy\"}}"),
         false, "not exactly one verifier"},
    };
    cleanup_free char *digest = base64_encode(facts->data.sha256, SHA256_SIZE);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        const char *gap = strstr(cases[i].spec, "%s");
        cleanup_free char *spec =
            xasprintf("%.*s%s%s", (int)(gap - cases[i].spec), cases[i].spec, digest, gap + 2);
        int result = check(facts, "hashedrekord", "0.0.2", spec, cases[i].by_certificate, &err);
        if (cases[i].says == NULL
                ? result < 0
                : result == 0 || strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: \"%s\" shall say \"%s\"", cases[i].spec, error_message(&err),
                     cases[i].says != NULL ? cases[i].says : "nothing");
    }
}

static void node(const unsigned char left[SHA256_SIZE], const unsigned char right[SHA256_SIZE],
                 unsigned char ret_hash[SHA256_SIZE])
{
    unsigned char both[1 + 2 * SHA256_SIZE] = {1};
    memcpy(both + 1, left, SHA256_SIZE);
    memcpy(both + 1 + SHA256_SIZE, right, SHA256_SIZE);
    sha256(both, sizeof both, ret_hash);
}

// A tree of three leaves: its last one has a sibling only one level up.
static void test_proofs_at_the_edges(void **state)
{
    (void)state;
    unsigned char leaves[3][SHA256_SIZE] = {{1}, {2}, {3}};
    unsigned char pair[1][SHA256_SIZE], root[SHA256_SIZE];
    node(leaves[0], leaves[1], pair[0]);
    node(pair[0], leaves[2], root);
    const unsigned char(*up)[SHA256_SIZE] = (const unsigned char(*)[SHA256_SIZE])pair;
    const unsigned char path[2][SHA256_SIZE] = {{2}, {3}};
    assert_true(rekor_proof_holds(leaves[2], 2, 3, up, 1, root));
    assert_true(rekor_proof_holds(leaves[0], 0, 3, path, 2, root));
    assert_true(rekor_proof_holds(root, 0, 1, NULL, 0, root));
    assert_false(rekor_proof_holds(leaves[2], 2, 3, up, 0, root));
    assert_false(rekor_proof_holds(leaves[0], 0, 3, path, 1, root));
    assert_false(rekor_proof_holds(root, 0, 1, path, 1, root));
    assert_false(rekor_proof_holds(leaves[2], 3, 3, up, 1, root));
    assert_false(rekor_proof_holds(leaves[2], -1, 3, up, 1, root));
    assert_false(rekor_proof_holds(leaves[2], 0, 0, up, 1, root));
}

// What only promises can be read from the older form of signatures; nothing comes with neither.
static void test_an_entry_without_any_proof(void **state)
{
    (void)state;
    const struct rekor_entry entry = {0};
    cleanup_error struct error err = {0};
    int64_t time_s = 0;
    assert_int_equal(rekor_entry_verify(&entry, NULL, NULL, &time_s, &err), -1);
    assert_non_null(strstr(error_message(&err), "neither a promise nor a proof"));
}

// No bundle is as long as this, but an entry alone is bounded as well.
static void test_an_entry_with_a_long_body(void **state)
{
    (void)state;
    size_t size = (1 << 20) / 3 * 4 + 8;
    cleanup_free char *body = xcalloc(1, size + 1);
    memset(body, 'A', size);
    cleanup_json json_t *value = json_pack(
        "{s:s, s:{s:s}, s:{s:s, s:s}, s:s}", "logIndex", "7", "logId", "keyId", "AAAA",
        "kindVersion", "kind", "hashedrekord", "version", "0.0.1", "canonicalizedBody", body);
    struct rekor_entry entry = {0};
    cleanup_error struct error err = {0};
    assert_int_equal(rekor_entry_parse(value, &entry, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    rekor_entry_release(&entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_of_version_1),
        cmocka_unit_test(test_bodies_of_version_2),
        cmocka_unit_test(test_proofs_at_the_edges),
        cmocka_unit_test(test_an_entry_without_any_proof),
        cmocka_unit_test(test_an_entry_with_a_long_body),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
