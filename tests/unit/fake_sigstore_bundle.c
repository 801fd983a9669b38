// The second half of the fake Sigstore: timestamps, bodies of log entries, whole bundles.
#include "fake_sigstore.h"

#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

static void must(bool fine)
{
    if (!fine)
        abort();
}

static ASN1_INTEGER *next_serial(TS_RESP_CTX *context, void *arg)
{
    (void)context;
    (void)arg;
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, 7);
    return serial;
}

static int told_time(TS_RESP_CTX *context, void *arg, long *ret_s, long *ret_us)
{
    (void)context;
    *ret_s = (long)*(int64_t *)arg;
    *ret_us = 0;
    return 1;
}

static BIO *request(const void *data, size_t size, bool embed, const EVP_MD *imprint)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned hash_size = 0;
    TS_REQ *wanted = TS_REQ_new();
    TS_MSG_IMPRINT *stamped = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    must(EVP_Digest(data, size, hash, &hash_size, imprint, NULL) == 1);
    X509_ALGOR_set_md(algorithm, imprint);
    TS_MSG_IMPRINT_set_algo(stamped, algorithm);
    TS_MSG_IMPRINT_set_msg(stamped, hash, (int)hash_size);
    TS_REQ_set_version(wanted, 1);
    TS_REQ_set_msg_imprint(wanted, stamped);
    TS_REQ_set_cert_req(wanted, embed);
    BIO *bio = BIO_new(BIO_s_mem());
    must(i2d_TS_REQ_bio(bio, wanted) == 1);
    X509_ALGOR_free(algorithm);
    TS_MSG_IMPRINT_free(stamped);
    TS_REQ_free(wanted);
    return bio;
}

static unsigned char *answer(const struct fake_sigstore *fake, BIO *wanted, int64_t time_s,
                             size_t *ret_size)
{
    TS_RESP_CTX *context = TS_RESP_CTX_new();
    ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
    must(TS_RESP_CTX_set_signer_cert(context, fake->tsa) == 1 &&
         TS_RESP_CTX_set_signer_key(context, fake->tsa_key) == 1 &&
         TS_RESP_CTX_set_signer_digest(context, EVP_sha256()) == 1 &&
         TS_RESP_CTX_set_def_policy(context, policy) == 1 &&
         TS_RESP_CTX_add_md(context, EVP_sha256()) == 1 &&
         TS_RESP_CTX_add_md(context, EVP_sha384()) == 1 &&
         TS_RESP_CTX_add_md(context, EVP_sha512()) == 1);
    TS_RESP_CTX_set_serial_cb(context, next_serial, NULL);
    TS_RESP_CTX_set_time_cb(context, told_time, &time_s);
    TS_RESP *response = TS_RESP_create_response(context, wanted);
    unsigned char *der = NULL;
    int der_size = i2d_TS_RESP(response, &der);
    must(der_size > 0);
    unsigned char *copy = xmemdup(der, (size_t)der_size);
    *ret_size = (size_t)der_size;
    OPENSSL_free(der);
    TS_RESP_free(response);
    TS_RESP_CTX_free(context);
    ASN1_OBJECT_free(policy);
    BIO_free(wanted);
    return copy;
}

unsigned char *fake_timestamp_mint(const struct fake_sigstore *fake, const void *data, size_t size,
                                   int64_t time_s, bool embed, const EVP_MD *imprint,
                                   size_t *ret_size)
{
    return answer(fake, request(data, size, embed, imprint), time_s, ret_size);
}

unsigned char *fake_timestamp_answer(const struct fake_sigstore *fake, const void *query,
                                     size_t size, int64_t time_s, size_t *ret_size)
{
    return answer(fake, BIO_new_mem_buf(query, (int)size), time_s, ret_size);
}

static unsigned char *sign(EVP_PKEY *key, const void *data, size_t size, size_t *ret_size)
{
    const EVP_MD *hash = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL
                         : EVP_PKEY_get_bits(key) == 384               ? EVP_sha384()
                                                                       : EVP_sha256();
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *signature = xmalloc(1024);
    *ret_size = 1024;
    must(EVP_DigestSignInit(context, NULL, hash, NULL, key) == 1 &&
         EVP_DigestSign(context, signature, ret_size, data, size) == 1);
    EVP_MD_CTX_free(context);
    return signature;
}

static json_t *base64_json(const void *data, size_t size)
{
    cleanup_free char *text = base64_encode(data, size);
    return json_string(text);
}

// What goes into the entry, all as texts.
struct parts {
    char *hex;    // SHA-256 of what was signed
    char *digest; // the same as base64
    char *payload_hex;
    char *payload_digest;
    char *envelope_hex;
    char *signature;
    char *signature_twice;
    char *pem; // base64 of PEM
    char *raw; // base64 of DER
    const char *raw_name;
    const char *payload_type;
};

static char *base64_of_text(const char *text)
{
    return base64_encode(text, strlen(text));
}

static void hash_texts(const void *data, size_t size, char **ret_hex, char **ret_base64)
{
    unsigned char hash[SHA256_SIZE];
    sha256(data, size, hash);
    *ret_hex = hex_encode(hash, sizeof hash);
    *ret_base64 = base64_encode(hash, sizeof hash);
}

static char *pae(const char *type, const void *data, size_t size)
{
    cleanup_free char *body = xstrndup(data, size);
    return xasprintf("DSSEv1 %zu %s %zu %s", strlen(type), type, size, body);
}

static char *body_text(const char *kind, const char *version, const struct parts *parts)
{
    char *spec;
    if (strcmp(kind, "hashedrekord") == 0 && strcmp(version, "0.0.1") == 0)
        spec = xasprintf("{\"data\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"}},"
                         "\"signature\":{\"content\":\"%s\",\"publicKey\":{\"content\":\"%s\"}}}",
                         parts->hex, parts->signature, parts->pem);
    else if (strcmp(kind, "hashedrekord") == 0)
        spec = xasprintf(
            "{\"hashedRekordV002\":{\"data\":{\"algorithm\":\"SHA2_256\",\"digest\":\"%s\"},"
            "\"signature\":{\"content\":\"%s\",\"verifier\":{\"keyDetails\":\"PKIX_ECDSA_P256_SHA_"
            "256\",\"%s\":{\"rawBytes\":\"%s\"}}}}}",
            parts->digest, parts->signature, parts->raw_name, parts->raw);
    else if (strcmp(kind, "dsse") == 0 && strcmp(version, "0.0.1") == 0)
        spec = xasprintf(
            "{\"envelopeHash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},\"payloadHash\":{"
            "\"algorithm\":\"sha256\",\"value\":\"%s\"},\"signatures\":[{\"signature\":\"%s\","
            "\"verifier\":\"%s\"}]}",
            parts->envelope_hex, parts->payload_hex, parts->signature, parts->pem);
    else if (strcmp(kind, "dsse") == 0)
        spec = xasprintf(
            "{\"dsseV002\":{\"payloadHash\":{\"algorithm\":\"SHA2_256\",\"digest\":\"%s\"},"
            "\"signatures\":[{\"content\":\"%s\",\"verifier\":{\"%s\":{\"rawBytes\":\"%s\"}}}]}}",
            parts->payload_digest, parts->signature, parts->raw_name, parts->raw);
    else if (strcmp(version, "0.0.1") == 0)
        spec = xasprintf(
            "{\"content\":{\"hash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},\"payloadHash\":{"
            "\"algorithm\":\"sha256\",\"value\":\"%s\"}},\"publicKey\":\"%s\"}",
            parts->envelope_hex, parts->payload_hex, parts->pem);
    else
        spec = xasprintf(
            "{\"content\":{\"envelope\":{\"payloadType\":\"%s\",\"signatures\":[{\"publicKey\":"
            "\"%s\",\"sig\":\"%s\"}]},\"hash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"},"
            "\"payloadHash\":{\"algorithm\":\"sha256\",\"value\":\"%s\"}}}",
            parts->payload_type, parts->pem, parts->signature_twice, parts->envelope_hex,
            parts->payload_hex);
    char *body =
        xasprintf("{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"spec\":%s}", version, kind, spec);
    free(spec);
    return body;
}

static void release_parts(struct parts *parts)
{
    char *all[] = {
        parts->hex,          parts->digest,    parts->payload_hex,     parts->payload_digest,
        parts->envelope_hex, parts->signature, parts->signature_twice, parts->pem,
        parts->raw};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        free(all[i]);
}

static void fill_signer(struct parts *parts, EVP_PKEY *key, X509 *certificate)
{
    unsigned char *der = NULL;
    int size = certificate != NULL ? i2d_X509(certificate, &der) : i2d_PUBKEY(key, &der);
    parts->raw = base64_encode(der, (size_t)size);
    parts->raw_name = certificate != NULL ? "x509Certificate" : "publicKey";
    OPENSSL_free(der);
    cleanup_free char *pem = NULL;
    if (certificate != NULL) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data = NULL;
        PEM_write_bio_X509(bio, certificate);
        long length = BIO_get_mem_data(bio, &data);
        pem = xstrndup(data, (size_t)length);
        BIO_free(bio);
    } else {
        pem = fake_public_pem(key);
    }
    parts->pem = base64_of_text(pem);
}

static json_t *mint_entry(const struct fake_sigstore *fake, const struct fake_bundle *wish,
                          EVP_PKEY *key, X509 *certificate, const unsigned char *signature,
                          size_t signature_size)
{
    const char *type =
        wish->payload_type != NULL ? wish->payload_type : "application/vnd.in-toto+json";
    const void *data = wish->entry_data != NULL ? wish->entry_data : wish->data;
    size_t size = wish->entry_data != NULL ? wish->entry_size : wish->size;
    cleanup_free char *encoding = wish->dsse ? pae(type, data, size) : xstrndup(data, size);
    size_t other_size = 0;
    cleanup_free unsigned char *other = sign(key, encoding, strlen(encoding), &other_size);
    struct parts parts = {.payload_type = type};
    parts.signature = wish->entry_signature ? base64_encode(other, other_size)
                                            : base64_encode(signature, signature_size);
    parts.signature_twice = base64_of_text(parts.signature);
    hash_texts(encoding, strlen(encoding), &parts.hex, &parts.digest);
    hash_texts(data, size, &parts.payload_hex, &parts.payload_digest);
    cleanup_free char *payload = base64_encode(data, size);
    cleanup_free char *envelope =
        xasprintf("{\"payloadType\":\"%s\",\"payload\":\"%s\",\"signatures\":[{\"keyid\":\"\","
                  "\"sig\":\"%s\"}]}",
                  type, payload, parts.signature);
    cleanup_free char *unused = NULL;
    hash_texts(envelope, strlen(envelope), &parts.envelope_hex, &unused);
    if (wish->entry_key != NULL)
        fill_signer(&parts, wish->entry_key, NULL);
    else
        fill_signer(&parts, key, certificate);
    struct fake_entry entry = wish->entry;
    entry.v2 = entry.v2 || wish->v2;
    if (entry.time_s == 0)
        entry.time_s = wish->time_s;
    const char *kind = wish->kind != NULL        ? wish->kind
                       : wish->dsse && !wish->v2 ? "dsse"
                                                 : "hashedrekord";
    const char *version = wish->version != NULL ? wish->version : wish->v2 ? "0.0.2" : "0.0.1";
    cleanup_free char *body = body_text(kind, version, &parts);
    if (entry.body == NULL)
        entry.body = body;
    if (entry.kind == NULL)
        entry.kind = kind;
    if (entry.version == NULL)
        entry.version = version;
    json_t *minted = fake_entry_mint(fake, &entry);
    release_parts(&parts);
    return minted;
}

static json_t *certificate_json(X509 *certificate)
{
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    json_t *value = json_pack("{s:o}", "rawBytes", base64_json(der, (size_t)size));
    OPENSSL_free(der);
    return value;
}

static json_t *hint_json(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    unsigned char hash[SHA256_SIZE];
    int size = i2d_PUBKEY(key, &der);
    sha256(der, (size_t)size, hash);
    OPENSSL_free(der);
    return json_pack("{s:o}", "hint", base64_json(hash, sizeof hash));
}

json_t *fake_bundle_mint(const struct fake_sigstore *fake, const struct fake_bundle *wish)
{
    EVP_PKEY *key = wish->key != NULL ? wish->key : fake_key(FAKE_KEY_P256);
    struct fake_certificate certificate = wish->certificate;
    if (certificate.key == NULL)
        certificate.key = key;
    X509 *x509 = wish->keyed ? NULL : fake_certificate_mint(fake, &certificate);
    const char *type =
        wish->payload_type != NULL ? wish->payload_type : "application/vnd.in-toto+json";
    cleanup_free char *encoding =
        wish->dsse ? pae(type, wish->data, wish->size) : xmemdup(wish->data, wish->size);
    size_t encoding_size = wish->dsse ? strlen(encoding) : wish->size;
    size_t size = 0;
    cleanup_free unsigned char *signature = sign(key, encoding, encoding_size, &size);
    json_t *material =
        json_pack("{s:[o]}", "tlogEntries", mint_entry(fake, wish, key, x509, signature, size));
    if (wish->keyed)
        json_object_set_new(material, "publicKey", hint_json(key));
    else if (wish->chain)
        json_object_set_new(material, "x509CertificateChain",
                            json_pack("{s:[o, o]}", "certificates", certificate_json(x509),
                                      certificate_json(fake->middle)));
    else
        json_object_set_new(material, "certificate", certificate_json(x509));
    if (wish->v2 || wish->stamped) {
        size_t stamp_size = 0;
        cleanup_free unsigned char *stamp =
            fake_timestamp_mint(fake, signature, size, wish->time_s != 0 ? wish->time_s : FAKE_TIME,
                                true, EVP_sha256(), &stamp_size);
        json_object_set_new(material, "timestampVerificationData",
                            json_pack("{s:[{s:o}]}", "rfc3161Timestamps", "signedTimestamp",
                                      base64_json(stamp, stamp_size)));
    }
    json_t *bundle =
        json_pack("{s:s, s:o}", "mediaType",
                  wish->media_type != NULL ? wish->media_type
                                           : "application/vnd.dev.sigstore.bundle.v0.3+json",
                  "verificationMaterial", material);
    unsigned char hash[SHA256_SIZE];
    sha256(wish->data, wish->size, hash);
    if (wish->dsse)
        json_object_set_new(bundle, "dsseEnvelope",
                            json_pack("{s:o, s:s, s:[{s:o}]}", "payload",
                                      base64_json(wish->data, wish->size), "payloadType", type,
                                      "signatures", "sig", base64_json(signature, size)));
    else
        json_object_set_new(bundle, "messageSignature",
                            json_pack("{s:{s:s, s:o}, s:o}", "messageDigest", "algorithm",
                                      "SHA2_256", "digest", base64_json(hash, sizeof hash),
                                      "signature", base64_json(signature, size)));
    X509_free(x509);
    if (wish->key == NULL)
        EVP_PKEY_free(key);
    must(bundle != NULL);
    return bundle;
}
