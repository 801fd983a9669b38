#include "oci/sign/trusted_root.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/certificate.h"
#include "oci/sign/key.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_LOGS = 64, MAX_AUTHORITIES = 64, MAX_CHAIN = 8, MAX_LOG_ID = 64, MAX_HOST = 255 };

bool validity_covers(const struct validity *validity, int64_t wall_ms)
{
    return wall_ms >= validity->start_ms && wall_ms <= validity->end_ms;
}

static void release_log(void *element)
{
    struct trusted_log *log = element;
    bytes_release(&log->id);
    free(log->host);
    verify_key_unref(log->key);
}

static void release_certificate(void *element)
{
    X509_free(*(X509 **)element);
}

static void release_authority(void *element)
{
    vec_free(&((struct trusted_authority *)element)->chain);
}

void trusted_root_free(struct trusted_root *root)
{
    if (root == NULL)
        return;
    vec_free(&root->logs);
    vec_free(&root->ct_logs);
    vec_free(&root->authorities);
    vec_free(&root->tsas);
    free(root);
}

void cleanup_trusted_root_pointer(struct trusted_root **root)
{
    trusted_root_free(*root);
}

const struct trusted_log *trusted_root_log(const struct vec *logs, const void *id, size_t id_size)
{
    vec_foreach (const struct trusted_log, log, logs) {
        if (bytes_equal(&log->id, id, id_size))
            return log;
    }
    return NULL;
}

X509 *trusted_authority_certificate(const struct trusted_authority *authority, size_t index)
{
    return *(X509 **)vec_at(&authority->chain, index);
}

static int parse_end(const json_t *window, const char *name, int64_t *ret_ms, struct error *err)
{
    const json_t *value = json_proto_member(window, name);
    if (value == NULL)
        return 0;
    if (!json_is_string(value) || time_parse(json_string_value(value), ret_ms, NULL) < 0)
        return error_set(err, ERROR_INVALID, "validFor.%s is no RFC 3339 time", name);
    return 0;
}

int validity_parse(const json_t *owner, bool needs_start, struct validity *ret_validity,
                   struct error *err)
{
    const json_t *window = json_proto_member(owner, "validFor");
    struct validity validity = {.start_ms = INT64_MIN, .end_ms = INT64_MAX};
    if (window != NULL && !json_is_object(window))
        return error_set(err, ERROR_INVALID, "validFor is no object");
    if (parse_end(window, "start", &validity.start_ms, err) < 0 ||
        parse_end(window, "end", &validity.end_ms, err) < 0)
        return -1;
    if (needs_start && validity.start_ms == INT64_MIN)
        return error_set(err, ERROR_INVALID, "validFor.start is missing");
    *ret_validity = validity;
    return 0;
}

// SubjectPublicKeyInfo around the older form, in which two of Sigstore's logs wrote RSA keys.
static int wrap_pkcs1(struct bytes *raw, struct error *err)
{
    const unsigned char *at = raw->data;
    EVP_PKEY *pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)raw->size);
    unsigned char *der = NULL;
    int size = pkey != NULL && at == raw->data + raw->size ? i2d_PUBKEY(pkey, &der) : -1;
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    if (size <= 0)
        return error_set(err, ERROR_INVALID, "publicKey.rawBytes is no PKCS#1 key");
    bytes_release(raw);
    raw->data = xmemdup(der, (size_t)size);
    raw->size = (size_t)size;
    OPENSSL_free(der);
    return 0;
}

static const char *family_of(enum key_algorithm algorithm)
{
    if (algorithm == KEY_ED25519)
        return "_ED25519";
    return algorithm == KEY_RSA ? "_RSA_" : "_ECDSA_";
}

// *ret_key stays NULL for a kind of key or of tree that cannot be checked here.
static int parse_key(const json_t *log, struct verify_key **ret_key, struct error *err)
{
    static const char *const kinds[] = {
        "PKIX_ECDSA_P256_SHA_256",
        "PKIX_ECDSA_P384_SHA_384",
        "PKIX_ECDSA_P521_SHA_512",
        "PKIX_ED25519",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        "PKIX_RSA_PKCS1V15_4096_SHA256",
        "PKIX_RSA_PKCS1V5",
        "PKCS1_RSA_PKCS1V5",
    };
    const json_t *key = json_proto_member(log, "publicKey");
    const char *kind = NULL;
    const char *hash = NULL;
    cleanup_bytes struct bytes raw = {0};
    if (json_strict_string(log, "hashAlgorithm", &hash, err) < 0 ||
        json_strict_string(key, "keyDetails", &kind, err) < 0)
        return -1;
    if (strcmp(hash, "SHA2_256") != 0)
        return 0;
    size_t i = 0;
    while (i < ARRAY_LENGTH(kinds) && strcmp(kinds[i], kind) != 0)
        i++;
    if (i == ARRAY_LENGTH(kinds))
        return 0;
    if (json_proto_bytes(key, "rawBytes", &raw, err) < 0)
        return -1;
    if (strncmp(kind, "PKCS1_", 6) == 0 && wrap_pkcs1(&raw, err) < 0)
        return -1;
    cleanup_verify_key struct verify_key *read = NULL;
    if (verify_key_load_der(raw.data, raw.size, "publicKey.rawBytes", &read, err) < 0)
        return -1;
    // The curve and the size are the key's to say.
    if (strstr(kind, family_of(verify_key_algorithm(read))) == NULL)
        return error_set(err, ERROR_INVALID,
                         "publicKey.rawBytes is an %s key, not of keyDetails %s",
                         key_algorithm_name(verify_key_algorithm(read)), kind);
    *ret_key = STEAL(read);
    return 0;
}

static int parse_host(const json_t *log, char **ret_host, struct error *err)
{
    const char *base = jval_string_or(log, "baseUrl", "");
    const char *host = strstr(base, "://");
    host = host != NULL ? host + 3 : base;
    size_t size = strcspn(host, ":/?#");
    if (size > MAX_HOST)
        return error_set(err, ERROR_INVALID, "baseUrl names a host of more than %d bytes",
                         MAX_HOST);
    *ret_host = xstrndup(host, size);
    return 0;
}

static int parse_log(const json_t *value, struct vec *logs, struct error *err)
{
    struct trusted_log log = {0};
    int result = -1;
    if (validity_parse(json_proto_member(value, "publicKey"), true, &log.valid, err) == 0 &&
        parse_key(value, &log.key, err) == 0 &&
        json_proto_bytes(json_proto_member(value, "logId"), "keyId", &log.id, err) == 0 &&
        parse_host(value, &log.host, err) == 0) {
        result = 0;
        if (log.id.size > MAX_LOG_ID || trusted_root_log(logs, log.id.data, log.id.size) != NULL)
            result = error_set(err, ERROR_INVALID, "logId.keyId is too long or named twice");
    }
    if (result < 0 || log.key == NULL)
        release_log(&log);
    else
        *(struct trusted_log *)vec_push(logs) = log;
    return result;
}

static int parse_authority(const json_t *value, struct vec *authorities, struct error *err)
{
    struct trusted_authority *authority = vec_push(authorities);
    authority->chain = VEC_OF(X509 *, release_certificate);
    const json_t *list = NULL;
    if (json_proto_array(json_proto_member(value, "certChain"), "certificates", MAX_CHAIN, &list,
                         err) < 0 ||
        validity_parse(value, false, &authority->valid, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        cleanup_bytes struct bytes raw = {0};
        if (json_proto_bytes(json_array_get(list, i), "rawBytes", &raw, err) < 0)
            return error_wrap(err, "certificates[%zu]", i);
        const unsigned char *at = raw.data;
        X509 *certificate = d2i_X509(NULL, &at, (long)raw.size);
        ERR_clear_error();
        if (certificate != NULL)
            *(X509 **)vec_push(&authority->chain) = certificate;
        if (certificate == NULL || at != raw.data + raw.size)
            return error_set(err, ERROR_INVALID, "certificates[%zu] is no certificate", i);
    }
    if (authority->chain.len == 0)
        return error_set(err, ERROR_INVALID, "certChain names no certificates");
    return 0;
}

static int parse_list(const json_t *root, const char *name, size_t max,
                      int (*parse)(const json_t *, struct vec *, struct error *), struct vec *vec,
                      struct error *err)
{
    const json_t *list = NULL;
    if (json_proto_array(root, name, max, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (parse(json_array_get(list, i), vec, err) < 0)
            return error_wrap(err, "%s[%zu]", name, i);
    return 0;
}

static int check_type(const json_t *value, struct error *err)
{
    static const char *const types[] = {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    };
    const char *type = NULL;
    if (json_strict_string(value, "mediaType", &type, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (strcmp(types[i], type) == 0)
            return 0;
    return error_set(err, ERROR_INVALID,
                     "mediaType \"%.100s\" is no trusted root of version 0.1 or 0.2", type);
}

int trusted_root_parse(const char *data, size_t size, const char *what,
                       struct trusted_root **ret_root, struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (size > TRUSTED_ROOT_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "%s has %zu bytes; at most %d are read", what, size,
                         TRUSTED_ROOT_MAX_BYTES);
    if (json_proto_parse(data, size, what, &value, err) < 0)
        return -1;
    cleanup_trusted_root struct trusted_root *root = xcalloc(1, sizeof *root);
    root->digest = digest_of(data, size);
    root->logs = VEC_OF(struct trusted_log, release_log);
    root->ct_logs = VEC_OF(struct trusted_log, release_log);
    root->authorities = VEC_OF(struct trusted_authority, release_authority);
    root->tsas = VEC_OF(struct trusted_authority, release_authority);
    if (check_type(value, err) < 0 ||
        parse_list(value, "tlogs", MAX_LOGS, parse_log, &root->logs, err) < 0 ||
        parse_list(value, "ctlogs", MAX_LOGS, parse_log, &root->ct_logs, err) < 0 ||
        parse_list(value, "certificateAuthorities", MAX_AUTHORITIES, parse_authority,
                   &root->authorities, err) < 0 ||
        parse_list(value, "timestampAuthorities", MAX_AUTHORITIES, parse_authority, &root->tsas,
                   err) < 0)
        return error_wrap(err, "%s: no trusted root", what);
    vec_foreach (struct trusted_authority, authority, &root->authorities)
        authority->linked = certificate_authority_is_linked(authority);
    *ret_root = STEAL(root);
    return 0;
}
