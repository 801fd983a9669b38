// Keyless signing against servers of the test's own, which speak Rekor's both versions: what is
// accepted, and what is refused of each answer. The real servers are in tests/e2e.
#include "oci/sign/keyless.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_http.h"
#include "fake_sigstore.h"
#include "oci/sign/certificate.h"
#include "oci/sign/identity_token.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/sigstore_bundle.h"
#include "oci/sign/sigstore_verify.h"
#include "oci/sign/trusted_root.h"

#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char statement[] =
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"
    "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"}}],\"predicateType\":"
    "\"https://example.com/p\",\"predicate\":{}}";

// What goes wrong, if anything.
struct wish {
    struct fake_certificate certificate;
    struct fake_entry entry;
    bool other_key;            // certify another key than the one that was sent
    bool detached;             // no embedded promise
    int64_t stamped_s;         // 0: when everything happens
    const char *log_answer;    // instead of an entry
    const char *fulcio_answer; // instead of a certificate
    const char *drop;          // member of Rekor v1's entry that is left out
};

struct scene {
    struct fake_sigstore fake;
    struct fake_http *http;
    struct trusted_root *root;
    struct identity_token token;
    struct wish wish;
};

static void reply_json(struct fake_exchange *exchange, const char *status, json_t *value)
{
    cleanup_free char *text = jval_compact(value);
    fake_reply(exchange, status, "Content-Type: application/json\r\n", text);
    json_decref(value);
}

static EVP_PKEY *key_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static void certify(struct scene *scene, struct fake_exchange *exchange, const json_t *asked)
{
    struct fake_certificate wish = scene->wish.certificate;
    EVP_PKEY *key = scene->wish.other_key
                        ? fake_key(FAKE_KEY_P256)
                        : key_of(jval_string(asked, "publicKeyRequest.publicKey.content"));
    char *data = NULL;
    if (scene->wish.fulcio_answer != NULL) {
        fake_reply(exchange, "200 OK", "", scene->wish.fulcio_answer);
        EVP_PKEY_free(key);
        return;
    }
    wish.key = key;
    X509 *x509 = fake_certificate_mint(&scene->fake, &wish);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x509);
    long size = BIO_get_mem_data(bio, &data);
    cleanup_free char *pem = xstrndup(data, (size_t)size);
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(key);
    reply_json(exchange, "201 Created",
               json_pack("{s:{s:{s:[s]}}}",
                         scene->wish.detached ? "signedCertificateDetachedSct"
                                              : "signedCertificateEmbeddedSct",
                         "chain", "certificates", pem));
}

static char *hex_of(const char *base64)
{
    cleanup_free unsigned char *data = NULL;
    size_t size = 0;
    if (base64_decode(base64, strlen(base64), &data, &size, NULL) < 0)
        abort();
    return hex_encode(data, size);
}

// What Rekor v1 makes of a proposed envelope.
static char *dsse_body(const json_t *asked)
{
    cleanup_json json_t *envelope = NULL;
    cleanup_free unsigned char *payload = NULL;
    const char *text = jval_string(asked, "spec.proposedContent.envelope");
    size_t size = 0;
    unsigned char hash[SHA256_SIZE];
    if (jval_parse(text, strlen(text), "envelope", &envelope, NULL) < 0 ||
        base64_decode(jval_string(envelope, "payload"), strlen(jval_string(envelope, "payload")),
                      &payload, &size, NULL) < 0)
        abort();
    sha256(payload, size, hash);
    cleanup_free char *payload_hash = hex_encode(hash, sizeof hash);
    sha256(text, strlen(text), hash);
    cleanup_free char *envelope_hash = hex_encode(hash, sizeof hash);
    const json_t *signatures = jval_array(envelope, "signatures");
    const json_t *verifiers = jval_array(asked, "spec.proposedContent.verifiers");
    return xasprintf("{\"apiVersion\":\"0.0.1\",\"kind\":\"dsse\",\"spec\":{\"envelopeHash\":{"
                     "\"algorithm\":\"sha256\",\"value\":\"%s\"},\"payloadHash\":{\"algorithm\":"
                     "\"sha256\",\"value\":\"%s\"},\"signatures\":[{\"signature\":\"%s\","
                     "\"verifier\":\"%s\"}]}}",
                     envelope_hash, payload_hash, jval_string(json_array_get(signatures, 0), "sig"),
                     json_string_value(json_array_get(verifiers, 0)));
}

// An entry as bundles have it, in the words of Rekor v1's interface.
static json_t *v1_answer(const json_t *entry, const char *drop)
{
    const json_t *proof = json_object_get(entry, "inclusionProof");
    cleanup_free char *root = hex_of(jval_string(proof, "rootHash"));
    cleanup_free char *id = hex_of(jval_string(entry, "logId.keyId"));
    json_t *hashes = json_array();
    for (size_t i = 0; i < json_array_size(json_object_get(proof, "hashes")); i++) {
        cleanup_free char *hash =
            hex_of(json_string_value(json_array_get(json_object_get(proof, "hashes"), i)));
        json_array_append_new(hashes, json_string(hash));
    }
    json_t *value = json_pack(
        "{s:s, s:I, s:s, s:I, s:{s:{s:s, s:o, s:I, s:s, s:I}, s:s}}", "body",
        jval_string(entry, "canonicalizedBody"), "integratedTime",
        (json_int_t)atoll(jval_string(entry, "integratedTime")), "logID", id, "logIndex",
        (json_int_t)atoll(jval_string(entry, "logIndex")), "verification", "inclusionProof",
        "checkpoint", jval_string(proof, "checkpoint.envelope"), "hashes", hashes, "logIndex",
        (json_int_t)atoll(jval_string(proof, "logIndex")), "rootHash", root, "treeSize",
        (json_int_t)atoll(jval_string(proof, "treeSize")), "signedEntryTimestamp",
        jval_string(entry, "inclusionPromise.signedEntryTimestamp"));
    if (drop != NULL)
        jval_remove(value, drop);
    return json_pack("{s:o}", "24296fb24b8ad77a", value);
}

static void log_v1(struct scene *scene, struct fake_exchange *exchange, const json_t *asked)
{
    struct fake_entry wish = scene->wish.entry;
    bool dsse = strcmp(jval_string(asked, "kind"), "dsse") == 0;
    cleanup_free char *body = dsse ? dsse_body(asked) : jval_canonical(asked);
    wish.kind = dsse ? "dsse" : "hashedrekord";
    wish.version = "0.0.1";
    wish.body = body;
    cleanup_json json_t *entry = fake_entry_mint(&scene->fake, &wish);
    reply_json(exchange, "201 Created", v1_answer(entry, scene->wish.drop));
}

static void log_v2(struct scene *scene, struct fake_exchange *exchange, const json_t *asked)
{
    struct fake_entry wish = scene->wish.entry;
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:{s:{s:{s:s, s:s}, s:O}}}", "apiVersion", "0.0.2", "kind",
                  "hashedrekord", "spec", "hashedRekordV002", "data", "algorithm", "SHA2_256",
                  "digest", jval_string(asked, "hashedRekordRequestV002.digest"), "signature",
                  jval_object(asked, "hashedRekordRequestV002.signature"));
    cleanup_free char *body = jval_canonical(value);
    wish.kind = "hashedrekord";
    wish.version = "0.0.2";
    wish.body = body;
    wish.v2 = true;
    reply_json(exchange, "201 Created", fake_entry_mint(&scene->fake, &wish));
}

static void stamp(struct scene *scene, struct fake_exchange *exchange)
{
    size_t size = 0;
    int64_t time_s = scene->wish.stamped_s != 0 ? scene->wish.stamped_s : FAKE_TIME;
    cleanup_free unsigned char *answer =
        fake_timestamp_answer(&scene->fake, exchange->body, exchange->body_size, time_s, &size);
    cleanup_free char *head = xasprintf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    fake_send_text(exchange, head);
    fake_send(exchange, answer, size);
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    cleanup_json json_t *asked = NULL;
    const char *path = exchange->path;
    if (strcmp(path, "/stamp") == 0) {
        stamp(scene, exchange);
        return;
    }
    if (jval_parse(exchange->body, exchange->body_size, "it", &asked, NULL) < 0)
        fake_reply(exchange, "400 Bad Request", "", "no JSON");
    else if (strcmp(path, "/api/v2/signingCert") == 0)
        certify(scene, exchange, asked);
    else if (scene->wish.log_answer != NULL)
        fake_reply(exchange, "201 Created", "", scene->wish.log_answer);
    else if (strcmp(path, "/api/v1/log/entries") == 0)
        log_v1(scene, exchange, asked);
    else if (strcmp(path, "/api/v2/log/entries") == 0)
        log_v2(scene, exchange, asked);
    else
        fake_reply(exchange, "404 Not Found", "", "");
}

static int set_up(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    fake_sigstore_init(&scene->fake);
    cleanup_json json_t *root = fake_sigstore_root(&scene->fake);
    cleanup_free char *text = jval_compact(root);
    cleanup_free char *payload = base64url_encode("{\"sub\":\"me\"}", 12);
    cleanup_free char *token = xasprintf("eyJhbGciOiJub25lIn0.%s.c2lnbmF0dXJl", payload);
    if (trusted_root_parse(text, strlen(text), "root", &scene->root, NULL) < 0 ||
        identity_token_parse(token, strlen(token), &scene->token, NULL) < 0)
        return -1;
    scene->http = fake_http_start(NULL, handle, scene);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_http_stop(scene->http);
    trusted_root_free(scene->root);
    identity_token_release(&scene->token);
    fake_sigstore_release(&scene->fake);
    free(scene);
    return 0;
}

static struct signing_config *config_of(const struct scene *scene, int major, bool stamped)
{
    static const char form[] =
        "{\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.2+json\",\"caUrls\":[{"
        "\"url\":\"%s\",\"majorApiVersion\":1,\"validFor\":{\"start\":\"2020-01-01T00:00:00Z\"}}],"
        "\"rekorTlogUrls\":[{\"url\":\"%s\",\"majorApiVersion\":%d,\"validFor\":{\"start\":"
        "\"2020-01-01T00:00:00Z\"}}],\"rekorTlogConfig\":{\"selector\":\"ANY\"},\"tsaUrls\":[%s%s%s"
        "],\"tsaConfig\":{\"selector\":\"ANY\"}}";
    static const char tsa[] = "{\"majorApiVersion\":1,\"validFor\":{\"start\":"
                              "\"2020-01-01T00:00:00Z\"},\"url\":\"";
    struct signing_config *config = NULL;
    cleanup_free char *url = fake_http_url(scene->http, "/");
    cleanup_free char *stamps = fake_http_url(scene->http, "/stamp\"}");
    cleanup_free char *text =
        xasprintf(form, url, url, major, stamped ? tsa : "", stamped ? stamps : "", "");
    assert_int_equal(signing_config_parse(text, strlen(text), "config", &config, NULL), 0);
    return config;
}

struct attempt {
    const char *name;
    int major;
    bool stamped;
    bool dsse;
    struct wish wish;
    const char *sentence; // part of the error
};

static int sign(struct scene *scene, const struct attempt *attempt, char **ret_bundle,
                size_t *ret_size, struct error *err)
{
    cleanup_signing_config struct signing_config *config =
        config_of(scene, attempt->major, attempt->stamped);
    cleanup_keyless struct keyless *keyless = NULL;
    const struct keyless_request request = {.config = config,
                                            .root = scene->root,
                                            .token = &scene->token,
                                            .now_ms = FAKE_TIME * 1000,
                                            .timeout_ms = 20000};
    scene->wish = attempt->wish;
    if (keyless_open(&request, &keyless, err) < 0)
        return -1;
    assert_string_equal(keyless_certificate(keyless)->subject, FAKE_SUBJECT);
    return attempt->dsse ? keyless_sign_statement(keyless, statement, strlen(statement), ret_bundle,
                                                  ret_size, err)
                         : keyless_sign_bytes(keyless, "hello", 5, ret_bundle, ret_size, err);
}

static void test_keyless_signs(void **state)
{
    struct scene *scene = *state;
    static const struct attempt attempts[] = {
        {.name = "v2", .major = 2, .stamped = true},
        {.name = "v2 envelope", .major = 2, .stamped = true, .dsse = true},
        {.name = "v2 only entry", .major = 2, .stamped = true, .wish = {.entry = {.size = 1}}},
        {.name = "v1", .major = 1},
        {.name = "v1 envelope", .major = 1, .dsse = true},
        {.name = "v1 with a timestamp", .major = 1, .stamped = true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        cleanup_error struct error err = {0};
        cleanup_free char *text = NULL;
        cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
        cleanup_certificate struct certificate *signer = NULL;
        struct signed_data data;
        size_t size = 0;
        if (sign(scene, &attempts[i], &text, &size, &err) < 0)
            fail_msg("%s: %s", attempts[i].name, error_message(&err));
        signed_data_of("hello", 5, &data);
        assert_int_equal(sigstore_bundle_parse(text, size, &bundle, NULL), 0);
        assert_int_equal(bundle.timestamps.len, attempts[i].stamped);
        assert_int_equal(sigstore_verify_keyless(&bundle, scene->root, &data, &signer, NULL), 0);
        assert_int_equal(sigstore_check_content(&bundle, &data, NULL), 0);
    }
}

static void test_keyless_refuses(void **state)
{
    struct scene *scene = *state;
    static const struct attempt attempts[] = {
        {"another key", 1, false, false, {.other_key = true}, "for another key"},
        {"detached", 1, false, false, {.detached = true}, "do not hold the promise"},
        {"no sct", 1, false, false, {.certificate = {.no_sct = true}}, "no promise"},
        {"wrong sct", 1, false, false, {.certificate = {.wrong_sct = true}}, "promised to publish"},
        {"serving",
         1,
         false,
         false,
         {.certificate = {.extended_usage = "serverAuth"}},
         "certificate"},
        {"no JSON", 1, false, false, {.fulcio_answer = "x"}, "its answer"},
        {"nothing", 1, false, false, {.fulcio_answer = "{}"}, "holds no certificate"},
        {"no list",
         1,
         false,
         false,
         {.fulcio_answer = "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":1}}}"},
         "no list"},
        {"no PEM",
         1,
         false,
         false,
         {.fulcio_answer = "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":["
                           "\"x\"]}}}"},
         "no PEM"},
        {"another PEM",
         1,
         false,
         false,
         {.fulcio_answer =
              "{\"signedCertificateEmbeddedSct\":{\"chain\":{\"certificates\":[\"-----BEGIN X-----"
              "\\nAAAA\\n-----END X-----\\n\"]}}}"},
         "holds a \"X\""},
        {"no timestamp authority", 2, false, false, {.drop = NULL}, "names no timestamp authority"},
        {"a log of version 3", 3, true, false, {.drop = NULL}, "names no log"},
        {"late stamp",
         2,
         true,
         false,
         {.stamped_s = FAKE_TIME + 86400},
         "does not verify, and was not written"},
        {"corrupt note", 2, true, false, {.entry = {.corrupt_note = true}}, "Rekor http"},
        {"another log", 2, true, false, {.entry = {.origin = "x.example.com"}}, "Rekor http"},
        {"no proof", 2, true, false, {.entry = {.no_proof = true}}, "Rekor http"},
        {"no entry", 2, true, false, {.log_answer = "{}"}, "Rekor http"},
        {"no v2 JSON", 2, true, false, {.log_answer = "x"}, "its answer"},
        {"no v1 JSON", 1, false, false, {.log_answer = "x"}, "its answer"},
        {"no v1 entry", 1, false, false, {.log_answer = "{}"}, "0 entries"},
        {"two v1 entries", 1, false, false, {.log_answer = "{\"a\":{},\"b\":{}}"}, "2 entries"},
        {"no object", 1, false, false, {.log_answer = "{\"a\":1}"}, "no log entry"},
        {"no body", 1, false, false, {.drop = "body"}, "no log entry"},
        {"no log", 1, false, false, {.drop = "logID"}, "no log entry"},
        {"no v1 proof", 1, false, false, {.drop = "verification.inclusionProof"}, "no log entry"},
        {"no root",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.rootHash"},
         "no log entry"},
        {"no hashes",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.hashes"},
         "Rekor http"},
        {"no size", 1, false, false, {.drop = "verification.inclusionProof.treeSize"}, "treeSize"},
        {"no checkpoint",
         1,
         false,
         false,
         {.drop = "verification.inclusionProof.checkpoint"},
         "envelope is missing"},
        {"no promise",
         1,
         false,
         false,
         {.drop = "verification.signedEntryTimestamp"},
         "signedEntryTimestamp"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        cleanup_error struct error err = {0};
        char *text = NULL;
        size_t size = 0;
        if (sign(scene, &attempts[i], &text, &size, &err) == 0)
            fail_msg("%s was signed", attempts[i].name);
        if (strstr(error_message(&err), attempts[i].sentence) == NULL)
            fail_msg("%s: %s", attempts[i].name, error_message(&err));
        assert_null(text);
    }
}

static void test_keyless_reads_odd_entries(void **state)
{
    (void)state;
    struct strbuf text;
    struct rekor_entry entry = {0};
    strbuf_init(&text, 1 << 20);
    // A body that is no JSON, and a proof that is too long.
    static const char start[] =
        "{\"a\":{\"body\":\"%s\",\"logID\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"verification\":{"
        "\"inclusionProof\":{\"rootHash\":"
        "\"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\",\"hashes\":[";
    for (int i = 0; i < 3; i++) {
        cleanup_free char *head = xasprintf(start, i == 0 ? "eA==" : i == 1 ? "!" : "e30=");
        strbuf_reset(&text);
        strbuf_addstr(&text, head);
        for (int j = 0; i == 2 && j < 65; j++)
            strbuf_addf(&text, "%s\"%064d\"", j > 0 ? "," : "", 0);
        strbuf_addstr(&text, i == 0 ? "\"zz\"]}}}}" : "]}}}}");
        assert_int_equal(keyless_read_v1_entry(text.data, text.len, &entry, NULL), -1);
    }
    strbuf_release(&text);
}

static void test_keyless_keeps_the_token(void **state)
{
    struct scene *scene = *state;
    struct signing_config *config = config_of(scene, 1, false);
    struct signing_service *authority = vec_at(&config->authorities, 0);
    static const struct {
        const char *url;
        const char *sentence;
    } cases[] = {
        {"http://fulcio.example.com", "not sent to http://fulcio.example.com"},
        {"http://127.example.com", "not sent to http://127.example.com"},
        {"http://127.0.0.1:1", "Fulcio http://127.0.0.1:1/"},
        {"http://localhost:1", "Fulcio http://localhost:1/"},
        {"http://[::1]:1", "Fulcio http://[::1]:1/"},
        {"https://127.0.0.1:1", "Fulcio https://127.0.0.1:1/"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct keyless *keyless = NULL;
        cleanup_error struct error err = {0};
        const struct keyless_request request = {.config = config,
                                                .root = scene->root,
                                                .token = &scene->token,
                                                .now_ms = FAKE_TIME * 1000,
                                                .timeout_ms = 1000};
        free(authority->url);
        authority->url = xstrdup(cases[i].url);
        assert_int_equal(keyless_open(&request, &keyless, &err), -1);
        if (strstr(error_message(&err), cases[i].sentence) == NULL)
            fail_msg("%s: %s", cases[i].url, error_message(&err));
    }
    signing_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keyless_signs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keyless_refuses, set_up, tear_down),
        cmocka_unit_test(test_keyless_reads_odd_entries),
        cmocka_unit_test_setup_teardown(test_keyless_keeps_the_token, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
