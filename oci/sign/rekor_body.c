// What a log entry says, held against the bundle that it came with. Each kind names the signature,
// the key or certificate, and a hash of what was signed; all must be the bundle's, or an entry
// about something else would vouch for it (CVE-2022-36056, CVE-2026-22703).
#include "oci/sign/rekor.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/dsse.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/pem.h"

#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

static int differs(struct error *err, const char *what)
{
    return error_set(err, ERROR_UNVERIFIED, "the log entry is about another %s", what);
}

// `algorithm` as Rekor v1 ("sha256") and v2 ("SHA2_256") call it; NULL when it is none of them.
static const EVP_MD *hash_named(const char *algorithm)
{
    static const struct {
        const char *name;
        const char *v2_name;
        const EVP_MD *(*hash)(void);
    } hashes[] = {
        {"sha256", "SHA2_256", EVP_sha256},
        {"sha384", "SHA2_384", EVP_sha384},
        {"sha512", "SHA2_512", EVP_sha512},
    };
    for (size_t i = 0; algorithm != NULL && i < ARRAY_LENGTH(hashes); i++)
        if (strcmp(algorithm, hashes[i].name) == 0 || strcmp(algorithm, hashes[i].v2_name) == 0)
            return hashes[i].hash();
    return NULL;
}

static int check_hash(const char *algorithm, const void *value, size_t size,
                      const struct signed_data *data, struct error *err)
{
    const EVP_MD *hash = hash_named(algorithm);
    unsigned char expected[EVP_MAX_MD_SIZE];
    if (hash == NULL)
        return error_set(err, ERROR_INVALID, "the log entry has a hash of an unknown kind");
    if (hash == EVP_sha256())
        memcpy(expected, data->sha256, SHA256_SIZE);
    else if (data->data == NULL)
        return error_set(err, ERROR_INVALID,
                         "the log entry has a hash other than SHA-256; give the bytes, not their "
                         "digest");
    else if (EVP_Digest(data->data, data->size, expected, NULL, hash, NULL) != 1)
        abort();
    if (size != (size_t)EVP_MD_get_size(hash) || memcmp(expected, value, size) != 0)
        return differs(err, "content (its hash is not what was signed)");
    return 0;
}

// {"algorithm": "sha256", "value": hex}
static int check_hex_hash(const json_t *object, const struct signed_data *data, struct error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    const char *value = jval_string(object, "value");
    size_t size = value != NULL ? strlen(value) / 2 : 0;
    if (value == NULL || size > sizeof hash || size * 2 != strlen(value) ||
        hex_decode(value, hash, size) < 0)
        return error_set(err, ERROR_INVALID, "the log entry has no readable hash");
    return check_hash(jval_string(object, "algorithm"), hash, size, data, err);
}

// {"algorithm": "SHA2_256", "digest": base64}
static int check_digest(const json_t *object, const struct signed_data *data, struct error *err)
{
    cleanup_bytes struct bytes digest = {0};
    if (json_proto_bytes(object, "digest", &digest, err) < 0)
        return error_wrap(err, "the log entry");
    return check_hash(jval_string(object, "algorithm"), digest.data, digest.size, data, err);
}

static int check_signature(const json_t *object, const char *name, const struct rekor_claim *claim,
                           struct error *err)
{
    cleanup_bytes struct bytes signature = {0};
    if (json_proto_bytes(object, name, &signature, err) < 0)
        return error_wrap(err, "the log entry");
    if (!bytes_equal(&signature, claim->signature, claim->signature_size))
        return differs(err, "signature");
    return 0;
}

static int check_signer(const void *der, size_t size, bool is_certificate,
                        const struct rekor_claim *claim, struct error *err)
{
    if (is_certificate != claim->signer_is_certificate || size != claim->signer_size ||
        memcmp(der, claim->signer, size) != 0)
        return differs(err, claim->signer_is_certificate ? "certificate" : "key");
    return 0;
}

// Base64 of PEM.
static int check_pem_signer(const json_t *object, const char *name, const struct rekor_claim *claim,
                            struct error *err)
{
    cleanup_bytes struct bytes pem = {0};
    cleanup_free unsigned char *der = NULL;
    size_t size = 0;
    char label[PEM_LABEL_SIZE];
    if (json_proto_bytes(object, name, &pem, err) < 0 ||
        pem_decode((const char *)pem.data, pem.size, name, label, &der, &size, err) < 0)
        return error_wrap(err, "the log entry");
    bool is_certificate = strcmp(label, "CERTIFICATE") == 0;
    if (!is_certificate && strcmp(label, "PUBLIC KEY") != 0)
        return error_set(err, ERROR_INVALID, "the log entry: %s is a \"%s\"", name, label);
    return check_signer(der, size, is_certificate, claim, err);
}

// Rekor v2: {"x509Certificate": {"rawBytes": …}} or {"publicKey": {"rawBytes": …}}, with keyDetails
// beside it, which the key itself says.
static int check_verifier(const json_t *signature, const struct rekor_claim *claim,
                          struct error *err)
{
    const json_t *verifier = json_object_get(signature, "verifier");
    const json_t *certificate = json_proto_member(verifier, "x509Certificate");
    const json_t *key = json_proto_member(verifier, "publicKey");
    cleanup_bytes struct bytes der = {0};
    if ((certificate != NULL) == (key != NULL))
        return error_set(err, ERROR_INVALID, "the log entry names not exactly one verifier");
    if (json_proto_bytes(certificate != NULL ? certificate : key, "rawBytes", &der, err) < 0)
        return error_wrap(err, "the log entry");
    return check_signer(der.data, der.size, certificate != NULL, claim, err);
}

static struct signed_data payload_of(const struct dsse_envelope *dsse)
{
    struct signed_data payload = {.data = dsse->payload, .size = dsse->payload_size};
    sha256(dsse->payload, dsse->payload_size, payload.sha256);
    return payload;
}

static const json_t *only_element(const json_t *array)
{
    return json_array_size(array) == 1 ? json_array_get(array, 0) : NULL;
}

static int check_hashedrekord_1(const json_t *spec, const struct rekor_claim *claim,
                                struct error *err)
{
    const json_t *signature = json_object_get(spec, "signature");
    if (check_hex_hash(jval_object(spec, "data.hash"), claim->data, err) < 0 ||
        check_signature(signature, "content", claim, err) < 0)
        return -1;
    return check_pem_signer(json_object_get(signature, "publicKey"), "content", claim, err);
}

static int check_hashedrekord_2(const json_t *spec, const struct rekor_claim *claim,
                                struct error *err)
{
    const json_t *record = json_object_get(spec, "hashedRekordV002");
    const json_t *signature = json_object_get(record, "signature");
    if (check_digest(json_object_get(record, "data"), claim->data, err) < 0 ||
        check_signature(signature, "content", claim, err) < 0)
        return -1;
    return check_verifier(signature, claim, err);
}

static int check_dsse_1(const json_t *spec, const struct rekor_claim *claim, struct error *err)
{
    struct signed_data payload = payload_of(claim->dsse);
    const json_t *signature = only_element(json_object_get(spec, "signatures"));
    if (check_hex_hash(json_object_get(spec, "payloadHash"), &payload, err) < 0 ||
        check_signature(signature, "signature", claim, err) < 0)
        return -1;
    return check_pem_signer(signature, "verifier", claim, err);
}

static int check_dsse_2(const json_t *spec, const struct rekor_claim *claim, struct error *err)
{
    struct signed_data payload = payload_of(claim->dsse);
    const json_t *record = json_object_get(spec, "dsseV002");
    const json_t *signature = only_element(json_object_get(record, "signatures"));
    if (check_digest(json_object_get(record, "payloadHash"), &payload, err) < 0 ||
        check_signature(signature, "content", claim, err) < 0)
        return -1;
    return check_verifier(signature, claim, err);
}

// Base64 of what is base64 already.
static int check_double_signature(const json_t *signature, const struct rekor_claim *claim,
                                  struct error *err)
{
    cleanup_bytes struct bytes text = {0};
    cleanup_free unsigned char *inner = NULL;
    size_t size = 0;
    if (json_proto_bytes(signature, "sig", &text, err) < 0 ||
        base64_decode((const char *)text.data, text.size, &inner, &size, err) < 0)
        return error_wrap(err, "the log entry: sig");
    if (size != claim->signature_size || memcmp(inner, claim->signature, size) != 0)
        return differs(err, "signature");
    return 0;
}

static int check_intoto_2(const json_t *spec, const struct rekor_claim *claim, struct error *err)
{
    struct signed_data payload = payload_of(claim->dsse);
    const json_t *content = json_object_get(spec, "content");
    const json_t *envelope = json_object_get(content, "envelope");
    const json_t *signature = only_element(json_object_get(envelope, "signatures"));
    if (strcmp(jval_string_or(envelope, "payloadType", ""), claim->dsse->payload_type) != 0)
        return differs(err, "payload type");
    if (check_hex_hash(json_object_get(content, "payloadHash"), &payload, err) < 0 ||
        check_double_signature(signature, claim, err) < 0)
        return -1;
    return check_pem_signer(signature, "publicKey", claim, err);
}

// This kind does not name the signature; the hash of the envelope, as the clients that wrote such
// entries wrote it down, does.
static int check_intoto_1(const json_t *spec, const struct rekor_claim *claim, struct error *err)
{
    struct signed_data payload = payload_of(claim->dsse);
    const json_t *content = json_object_get(spec, "content");
    cleanup_free char *body = base64_encode(claim->dsse->payload, claim->dsse->payload_size);
    cleanup_free char *signature = base64_encode(claim->signature, claim->signature_size);
    cleanup_free char *envelope = xasprintf(
        "{\"payloadType\":\"%s\",\"payload\":\"%s\",\"signatures\":[{\"keyid\":\"\",\"sig\":"
        "\"%s\"}]}",
        claim->dsse->payload_type, body, signature);
    struct signed_data whole = {.data = envelope, .size = strlen(envelope)};
    sha256(envelope, strlen(envelope), whole.sha256);
    if (check_hex_hash(json_object_get(content, "payloadHash"), &payload, err) < 0 ||
        check_hex_hash(json_object_get(content, "hash"), &whole, err) < 0)
        return -1;
    return check_pem_signer(spec, "publicKey", claim, err);
}

static const struct body_kind {
    const char *kind;
    const char *version;
    bool of_dsse; // about an envelope and nothing else
    int (*check)(const json_t *spec, const struct rekor_claim *claim, struct error *err);
} kinds[] = {
    {"hashedrekord", "0.0.1", false, check_hashedrekord_1},
    {"hashedrekord", "0.0.2", false, check_hashedrekord_2},
    {"dsse", "0.0.1", true, check_dsse_1},
    {"dsse", "0.0.2", true, check_dsse_2},
    {"intoto", "0.0.1", true, check_intoto_1},
    {"intoto", "0.0.2", true, check_intoto_2},
};

static const struct body_kind *find_kind(const char *kind, const char *version)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0 && strcmp(kinds[i].version, version) == 0)
            return &kinds[i];
    return NULL;
}

int rekor_body_check(const struct rekor_entry *entry, const struct rekor_claim *claim,
                     struct error *err)
{
    static const char *const names[] = {"apiVersion", "kind", "spec", NULL};
    cleanup_json json_t *body = NULL;
    const struct body_kind *kind = find_kind(entry->kind, entry->version);
    if (kind == NULL)
        return error_set(err, ERROR_UNVERIFIED, "the log entry is a %s %s, which is not read",
                         entry->kind, entry->version);
    if (jval_parse_object((const char *)entry->body.data, entry->body.size, "canonicalizedBody",
                          &body, err) < 0 ||
        json_strict_members(body, "canonicalizedBody", names, err) < 0)
        return -1;
    if (strcmp(jval_string_or(body, "kind", ""), entry->kind) != 0 ||
        strcmp(jval_string_or(body, "apiVersion", ""), entry->version) != 0)
        return error_set(err, ERROR_INVALID, "the log entry is of another kind than it says");
    if (kind->of_dsse && claim->dsse == NULL)
        return differs(err, "kind of signature");
    return kind->check(json_object_get(body, "spec"), claim, err);
}
