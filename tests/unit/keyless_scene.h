// A Fulcio, Rekors of both versions and a timestamp authority of the test's own, and the wishes of
// what is wrong with their answers. Included after cmocka.h by one file per test program.
#ifndef TESTS_UNIT_KEYLESS_SCENE_H
#define TESTS_UNIT_KEYLESS_SCENE_H

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "fake_http.h"
#include "fake_sigstore.h"
#include "oci/sign/certificate.h"
#include "oci/sign/identity_token.h"
#include "oci/sign/keyless_internal.h"
#include "oci/sign/pem.h"
#include "oci/sign/trusted_root.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

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
    const char *path;          // what begins so is answered with `status` and `body`
    const char *status;
    const char *body;     // NULL: the request's Authorization
    bool untimed;         // the certificate's beginning is no time
    bool another_request; // the timestamp has another nonce
    bool no_nonce;        // or none
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
    if (scene->wish.fulcio_answer != NULL) {
        fake_reply(exchange, "200 OK", "", scene->wish.fulcio_answer);
        EVP_PKEY_free(key);
        return;
    }
    wish.key = key;
    X509 *x509 = fake_certificate_mint(&scene->fake, &wish);
    unsigned char *der = NULL;
    int size = i2d_X509(x509, &der);
    // The first time in it: UTCTime, 13 bytes.
    for (int i = 0; scene->wish.untimed && i + 2 < size; i++) {
        if (der[i] == 0x17 && der[i + 1] == 13) {
            der[i + 2] = 'x';
            break;
        }
    }
    cleanup_free char *pem = pem_encode("CERTIFICATE", der, (size_t)size);
    OPENSSL_free(der);
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

// A request ends with the nonce (INTEGER) and with certReq, which is three bytes.
static void drop_nonce(struct fake_exchange *exchange)
{
    unsigned char *query = (unsigned char *)exchange->body;
    for (size_t size = 5; size < 10; size++) {
        unsigned char *nonce = query + exchange->body_size - 3 - size - 2;
        if (nonce[0] != 2 || nonce[1] != size)
            continue;
        memmove(nonce, query + exchange->body_size - 3, 3);
        exchange->body_size -= size + 2;
        query[1] = (unsigned char)(query[1] - size - 2);
        return;
    }
}

static void stamp(struct scene *scene, struct fake_exchange *exchange)
{
    size_t size = 0;
    int64_t time_s = scene->wish.stamped_s != 0 ? scene->wish.stamped_s : FAKE_TIME;
    // The nonce's last byte stands before the request for a certificate, which are three.
    if (scene->wish.another_request)
        exchange->body[exchange->body_size - 4] ^= 1;
    if (scene->wish.no_nonce)
        drop_nonce(exchange);
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
    if (scene->wish.path != NULL &&
        strncmp(path, scene->wish.path, strlen(scene->wish.path)) == 0) {
        fake_reply(exchange, scene->wish.status, "",
                   scene->wish.body != NULL ? scene->wish.body : exchange->head);
        return;
    }
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

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    struct scene *scene = *state;
    fake_http_stop(scene->http);
    trusted_root_free(scene->root);
    identity_token_release(&scene->token);
    fake_sigstore_release(&scene->fake);
    free(scene);
    return 0;
}

static inline struct signing_config *config_of(const struct scene *scene, int major, bool stamped)
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

static inline int sign(struct scene *scene, const struct attempt *attempt, char **ret_bundle,
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

#endif
