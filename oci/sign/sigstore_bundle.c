#include "oci/sign/sigstore_bundle.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/json_strict.h"
#include "oci/sign/rekor.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LOG_ENTRIES = 32, MAX_TIMESTAMPS = 32, MAX_CERTIFICATES = 32, MAX_HINT = 1024 };

enum version { VERSION_0_1, VERSION_0_2, VERSION_0_3 };

void sigstore_bundle_release(struct sigstore_bundle *bundle)
{
    free(bundle->hint);
    bytes_release(&bundle->certificate);
    vec_free(&bundle->entries);
    vec_free(&bundle->timestamps);
    bytes_release(&bundle->stamped);
    dsse_envelope_release(&bundle->dsse);
    bytes_release(&bundle->digest);
    bytes_release(&bundle->signature);
    *bundle = (struct sigstore_bundle){0};
}

static int parse_version(const json_t *root, enum version *ret_version, struct error *err)
{
    static const struct {
        const char *type;
        enum version version;
    } versions[] = {
        {SIGSTORE_BUNDLE_TYPE, VERSION_0_3},
        {"application/vnd.dev.sigstore.bundle+json;version=0.3", VERSION_0_3},
        {"application/vnd.dev.sigstore.bundle+json;version=0.2", VERSION_0_2},
        {"application/vnd.dev.sigstore.bundle+json;version=0.1", VERSION_0_1},
    };
    const char *type = NULL;
    if (json_strict_string(root, "mediaType", &type, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(versions); i++)
        if (strcmp(type, versions[i].type) == 0) {
            *ret_version = versions[i].version;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "mediaType \"%.100s\" is no bundle of version 0.1 to 0.3",
                     type);
}

static int parse_hint(const json_t *key, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"hint", NULL};
    if (json_strict_members(key, "publicKey", names, err) < 0)
        return -1;
    const json_t *hint = json_proto_member(key, "hint");
    if (hint != NULL && (!json_is_string(hint) || json_string_length(hint) > MAX_HINT))
        return error_set(err, ERROR_INVALID, "hint is no text of at most %d bytes", MAX_HINT);
    bundle->material = SIGSTORE_PUBLIC_KEY;
    bundle->hint = xstrdup(hint != NULL ? json_string_value(hint) : "");
    return 0;
}

static int parse_certificate(const json_t *value, struct bytes *ret_der, struct error *err)
{
    static const char *const names[] = {"rawBytes", NULL};
    if (json_strict_members(value, "certificate", names, err) < 0)
        return -1;
    return json_proto_bytes(value, "rawBytes", ret_der, err);
}

// Roots come from the verifier, never from the one who is to be verified.
static int refuse_root(const struct bytes *der, struct error *err)
{
    const unsigned char *at = der->data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der->size);
    bool is_root =
        certificate != NULL && X509_check_ca(certificate) != 0 &&
        X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
    bool is_whole = certificate != NULL && at == der->data + der->size;
    X509_free(certificate);
    ERR_clear_error();
    if (!is_whole)
        return error_set(err, ERROR_INVALID, "x509CertificateChain holds what is no certificate");
    if (is_root)
        return error_set(err, ERROR_INVALID, "x509CertificateChain holds a root certificate");
    return 0;
}

static int parse_chain(const json_t *chain, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"certificates", NULL};
    const json_t *list = NULL;
    if (json_strict_members(chain, "x509CertificateChain", names, err) < 0 ||
        json_proto_array(chain, "certificates", MAX_CERTIFICATES, &list, err) < 0)
        return -1;
    if (json_array_size(list) == 0)
        return error_set(err, ERROR_INVALID, "x509CertificateChain is empty");
    for (size_t i = 0; i < json_array_size(list); i++) {
        cleanup_bytes struct bytes der = {0};
        if (parse_certificate(json_array_get(list, i), &der, err) < 0 || refuse_root(&der, err) < 0)
            return -1;
        if (i == 0) {
            bundle->certificate = der;
            der = (struct bytes){0};
        }
    }
    return 0;
}

static int check_entry(const struct vec *entries, const struct rekor_entry *entry,
                       enum version version, struct error *err)
{
    if (version == VERSION_0_1 && entry->promise.size == 0)
        return error_set(err, ERROR_INVALID,
                         "version 0.1 needs an inclusionPromise in every log entry");
    if (version != VERSION_0_1 && !entry->has_proof)
        return error_set(err, ERROR_INVALID,
                         "versions from 0.2 on need an inclusionProof in every log entry");
    for (size_t i = 0; i + 1 < entries->len; i++) {
        const struct rekor_entry *other = vec_at(entries, i);
        if (other->index == entry->index &&
            bytes_equal(&other->log_id, entry->log_id.data, entry->log_id.size))
            return error_set(err, ERROR_INVALID, "the same log entry stands there twice");
    }
    return 0;
}

static int parse_entries(const json_t *material, enum version version, struct vec *entries,
                         struct error *err)
{
    const json_t *list = NULL;
    if (json_proto_array(material, "tlogEntries", MAX_LOG_ENTRIES, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct rekor_entry *entry = vec_push(entries);
        if (rekor_entry_parse(json_array_get(list, i), entry, err) < 0 ||
            check_entry(entries, entry, version, err) < 0)
            return error_wrap(err, "tlogEntries[%zu]", i);
    }
    return 0;
}

static int parse_timestamps(const json_t *material, struct vec *timestamps, struct error *err)
{
    static const char *const names[] = {"rfc3161Timestamps", NULL};
    static const char *const entry_names[] = {"signedTimestamp", NULL};
    const json_t *data = json_proto_member(material, "timestampVerificationData");
    const json_t *list = NULL;
    if (data == NULL)
        return 0;
    if (json_strict_members(data, "timestampVerificationData", names, err) < 0 ||
        json_proto_array(data, "rfc3161Timestamps", MAX_TIMESTAMPS, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct bytes *timestamp = vec_push(timestamps);
        const json_t *value = json_array_get(list, i);
        if (json_strict_members(value, "rfc3161Timestamps", entry_names, err) < 0 ||
            json_proto_bytes(value, "signedTimestamp", timestamp, err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (bytes_equal(vec_at(timestamps, j), timestamp->data, timestamp->size))
                return error_set(err, ERROR_INVALID, "the same timestamp stands there twice");
    }
    return 0;
}

static int parse_material(const json_t *material, enum version version,
                          struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"publicKey",
                                        "certificate",
                                        "tlogEntries",
                                        "x509CertificateChain",
                                        "timestampVerificationData",
                                        NULL};
    if (json_strict_members(material, "verificationMaterial", names, err) < 0)
        return -1;
    const json_t *key = json_proto_member(material, "publicKey");
    const json_t *certificate = json_proto_member(material, "certificate");
    const json_t *chain = json_proto_member(material, "x509CertificateChain");
    if ((key != NULL) + (certificate != NULL) + (chain != NULL) != 1)
        return error_set(err, ERROR_INVALID,
                         "verificationMaterial holds not exactly one of publicKey, certificate and "
                         "x509CertificateChain");
    if (chain != NULL && version == VERSION_0_3)
        return error_set(err, ERROR_INVALID,
                         "version 0.3 holds a certificate, not an x509CertificateChain");
    bundle->material = SIGSTORE_CERTIFICATE;
    if ((key != NULL && parse_hint(key, bundle, err) < 0) ||
        (certificate != NULL && parse_certificate(certificate, &bundle->certificate, err) < 0) ||
        (chain != NULL && parse_chain(chain, bundle, err) < 0) ||
        parse_entries(material, version, &bundle->entries, err) < 0)
        return -1;
    return parse_timestamps(material, &bundle->timestamps, err);
}

// It identifies the artifact, and proves nothing. Writers that hash nothing, as cosign for Ed25519
// keys, leave it empty.
static int parse_digest(const json_t *value, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"algorithm", "digest", NULL};
    static const struct {
        const char *name;
        const EVP_MD *(*hash)(void);
    } hashes[] = {
        {"SHA2_256", EVP_sha256},
        {"SHA2_384", EVP_sha384},
        {"SHA2_512", EVP_sha512},
    };
    if (value == NULL)
        return 0;
    if (json_strict_members(value, "messageDigest", names, err) < 0)
        return -1;
    if (json_object_size(value) == 0)
        return 0;
    if (json_proto_bytes(value, "digest", &bundle->digest, err) < 0)
        return -1;
    const char *name = jval_string_or(value, "algorithm", "");
    for (size_t i = 0; i < ARRAY_LENGTH(hashes); i++)
        if (strcmp(name, hashes[i].name) == 0)
            bundle->digest_hash = hashes[i].hash();
    if (bundle->digest_hash == NULL ||
        bundle->digest.size != (size_t)EVP_MD_get_size(bundle->digest_hash))
        return error_set(err, ERROR_INVALID,
                         "messageDigest is no whole hash of SHA2_256, SHA2_384 or SHA2_512");
    return 0;
}

static int parse_message(const json_t *message, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"messageDigest", "signature", NULL};
    if (json_strict_members(message, "messageSignature", names, err) < 0 ||
        json_proto_bytes(message, "signature", &bundle->signature, err) < 0)
        return -1;
    return parse_digest(json_proto_member(message, "messageDigest"), bundle, err);
}

static int parse_bundle(const json_t *root, struct sigstore_bundle *bundle, struct error *err)
{
    static const char *const names[] = {"mediaType", "verificationMaterial", "messageSignature",
                                        "dsseEnvelope", NULL};
    enum version version = VERSION_0_1;
    if (json_strict_members(root, "the bundle", names, err) < 0 ||
        parse_version(root, &version, err) < 0 ||
        parse_material(json_proto_member(root, "verificationMaterial"), version, bundle, err) < 0)
        return -1;
    const json_t *dsse = json_proto_member(root, "dsseEnvelope");
    const json_t *message = json_proto_member(root, "messageSignature");
    if ((dsse != NULL) + (message != NULL) != 1)
        return error_set(err, ERROR_INVALID,
                         "it holds not exactly one of dsseEnvelope and messageSignature");
    bundle->content = dsse != NULL ? SIGSTORE_DSSE : SIGSTORE_MESSAGE;
    return dsse != NULL ? dsse_parse(dsse, &bundle->dsse, err)
                        : parse_message(message, bundle, err);
}

int sigstore_bundle_parse(const char *data, size_t size, struct sigstore_bundle *ret_bundle,
                          struct error *err)
{
    cleanup_json json_t *root = NULL;
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {
        .entries = VEC_OF(struct rekor_entry, rekor_entry_release),
        .timestamps = VEC_OF(struct bytes, bytes_release),
    };
    if (size > SIGSTORE_BUNDLE_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "the bundle has %zu bytes; at most %d are read", size,
                         SIGSTORE_BUNDLE_MAX_BYTES);
    if (json_proto_parse(data, size, "the bundle", &root, err) < 0)
        return -1;
    if (parse_bundle(root, &bundle, err) < 0)
        return error_wrap(err, "Sigstore bundle");
    *ret_bundle = bundle;
    bundle = (struct sigstore_bundle){0};
    return 0;
}

char *sigstore_bundle_build(const struct dsse_envelope *envelope, const char *hint,
                            size_t *ret_size)
{
    cleanup_json json_t *root = json_pack("{s:s, s:{s:{s:s}}, s:o}", "mediaType",
                                          SIGSTORE_BUNDLE_TYPE, "verificationMaterial", "publicKey",
                                          "hint", hint, "dsseEnvelope", dsse_json(envelope));
    if (root == NULL)
        abort();
    char *text = jval_compact(root);
    *ret_size = strlen(text);
    return text;
}

char *sigstore_bundle_build_message(const unsigned char sha256[SHA256_SIZE], const void *signature,
                                    size_t signature_size, const char *hint, size_t *ret_size)
{
    cleanup_free char *digest = base64_encode(sha256, SHA256_SIZE);
    cleanup_free char *text = base64_encode(signature, signature_size);
    cleanup_json json_t *root =
        json_pack("{s:s, s:{s:{s:s}}, s:{s:{s:s, s:s}, s:s}}", "mediaType", SIGSTORE_BUNDLE_TYPE,
                  "verificationMaterial", "publicKey", "hint", hint, "messageSignature",
                  "messageDigest", "algorithm", "SHA2_256", "digest", digest, "signature", text);
    if (root == NULL)
        abort();
    char *bundle = jval_compact(root);
    *ret_size = strlen(bundle);
    return bundle;
}
