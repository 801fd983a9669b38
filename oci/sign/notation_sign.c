#include "oci/sign/notation_sign.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/manifest.h"
#include "oci/repository.h"
#include "oci/sign/key.h"
#include "oci/sign/notation_chain.h"
#include "oci/sign/notation_envelope.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_keys_own(const struct sign_key *key, X509 *leaf)
{
    size_t size = 0;
    const unsigned char *wanted = verify_key_der(sign_key_public(key), &size);
    unsigned char *der = NULL;
    int der_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    if (der_size <= 0)
        abort();
    bool own = (size_t)der_size == size && memcmp(der, wanted, size) == 0;
    OPENSSL_free(der);
    return own;
}

int notation_signing_check(const struct notation_signing *signing, struct error *err)
{
    int64_t from_ms;
    int64_t until_ms;
    if (signing->chain->len == 0 || signing->chain->len > NOTATION_MAX_CHAIN)
        return error_set(err, ERROR_INVALID, "the chain has %zu certificates; 1 to %d can be used",
                         signing->chain->len, NOTATION_MAX_CHAIN);
    if (!is_keys_own(signing->key, notation_certificate(signing->chain, 0)))
        return error_set(err, ERROR_INVALID,
                         "the first certificate of the chain is not for this key; put the "
                         "signer's first, then its issuer's, up to the root");
    if (notation_chain_check(signing->chain, NOTATION_FOR_CODE, err) < 0 ||
        notation_chain_window(signing->chain, &from_ms, &until_ms, err) < 0)
        return -1;
    if (signing->now_ms < from_ms || signing->now_ms > until_ms)
        return error_set(err, ERROR_INVALID, "the chain holds a certificate that is not valid now");
    if (signing->expires_ms != 0 && signing->expires_ms <= signing->now_ms)
        return error_set(err, ERROR_INVALID, "the signature would expire at once");
    return 0;
}

static char *encode_json(json_t *value)
{
    cleanup_json json_t *owned = value;
    if (owned == NULL)
        abort();
    cleanup_free char *text = jval_compact(owned);
    return base64url_encode(text, strlen(text));
}

static char *protected_header(const struct notation_signing *signing,
                              enum notation_algorithm algorithm)
{
    char signed_at[TIME_TEXT_SIZE];
    char expires[TIME_TEXT_SIZE];
    time_format(signing->now_ms, signed_at);
    time_format(signing->expires_ms, expires);
    json_t *header = json_pack(
        "{s:s, s:s, s:[s], s:s, s:s}", "alg", notation_algorithm_name(algorithm), "cty",
        NOTATION_PAYLOAD_TYPE, "crit", "io.cncf.notary.signingScheme",
        "io.cncf.notary.signingScheme", "notary.x509", "io.cncf.notary.signingTime", signed_at);
    if (signing->expires_ms != 0) {
        json_object_set_new(header, "io.cncf.notary.expiry", json_string(expires));
        json_array_append_new(json_object_get(header, "crit"),
                              json_string("io.cncf.notary.expiry"));
    }
    return encode_json(header);
}

static json_t *chain_json(const struct vec *chain, bool thumbprints)
{
    json_t *list = json_array();
    for (size_t i = 0; i < chain->len; i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(notation_certificate(chain, i), &der);
        if (size <= 0)
            abort();
        struct digest digest = digest_of(der, (size_t)size);
        cleanup_free char *text =
            thumbprints ? xstrdup(digest_hex(digest.text)) : base64_encode(der, (size_t)size);
        json_array_append_new(list, json_string(text));
        OPENSSL_free(der);
    }
    return list;
}

// r and s as wide as the curve, out of DER; both owned.
static void widen(unsigned char **signature, size_t *size, size_t width)
{
    const unsigned char *at = *signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    unsigned char *wide = xcalloc(2, width);
    if (pair == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(pair), wide, (int)width) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), wide + width, (int)width) < 0)
        abort();
    ECDSA_SIG_free(pair);
    free(*signature);
    *signature = wide;
    *size = 2 * width;
}

static int sign(const struct notation_signing *signing, enum notation_algorithm algorithm,
                const char *text, char **ret_signature, struct error *err)
{
    cleanup_free unsigned char *signature = NULL;
    size_t size = 0;
    X509 *leaf = notation_certificate(signing->chain, 0);
    if (sign_key_sign_pss(signing->key, notation_algorithm_hash(algorithm), text, strlen(text),
                          &signature, &size, err) < 0)
        return -1;
    if (EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) == EVP_PKEY_EC)
        widen(&signature, &size, ((size_t)EVP_PKEY_get_bits(X509_get0_pubkey(leaf)) + 7) / 8);
    *ret_signature = base64url_encode(signature, size);
    return 0;
}

int notation_build_jws(const struct notation_signing *signing, const struct notation_target *target,
                       char **ret_text, struct error *err)
{
    enum notation_algorithm algorithm;
    cleanup_free char *signature = NULL;
    const X509 *leaf = notation_certificate(signing->chain, 0);
    if (notation_algorithm_of(X509_get0_pubkey(leaf), &algorithm, NULL) < 0)
        abort();
    cleanup_free char *protected = protected_header(signing, algorithm);
    cleanup_free char *payload = encode_json(
        json_pack("{s:{s:s, s:s, s:I}}", "targetArtifact", "mediaType", target->media_type,
                  "digest", target->digest.text, "size", (json_int_t)target->size));
    cleanup_free char *text = xasprintf("%s.%s", protected, payload);
    if (sign(signing, algorithm, text, &signature, err) < 0)
        return -1;
    cleanup_json json_t *envelope =
        json_pack("{s:s, s:s, s:{s:o, s:s}, s:s}", "payload", payload, "protected", protected,
                  "header", "x5c", chain_json(signing->chain, false), "io.cncf.notary.signingAgent",
                  "sealift", "signature", signature);
    if (envelope == NULL)
        abort();
    *ret_text = jval_compact(envelope);
    return 0;
}

// The type stands in the config and nowhere else, as notation writes it: that is what lists of
// referrers show of it, whichever way they are made.
static int put_referrer(struct oci_repository *repository, const struct oci_descriptor *artifact,
                        const struct notation_signing *signing, const char *envelope,
                        struct digest *ret_digest, struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {.layers = OCI_DESCRIPTORS};
    struct oci_descriptor layer = {0};
    char created[TIME_TEXT_SIZE];
    if (oci_put_blob(repository, NOTATION_JWS_MEDIA, envelope, strlen(envelope), &layer, err) < 0)
        return -1;
    *(struct oci_descriptor *)vec_push(&manifest.layers) = layer;
    manifest.config =
        oci_descriptor_of(NOTATION_SIGNATURE_TYPE, OCI_EMPTY_JSON, strlen(OCI_EMPTY_JSON));
    if (oci_put_blob(repository, NOTATION_SIGNATURE_TYPE, OCI_EMPTY_JSON, strlen(OCI_EMPTY_JSON),
                     NULL, err) < 0)
        return -1;
    manifest.subject = xcalloc(1, sizeof *manifest.subject);
    // A subject is media type, digest and size alone.
    manifest.subject->media_type = xstrdup(artifact->media_type);
    manifest.subject->digest = artifact->digest;
    manifest.subject->size = artifact->size;
    cleanup_json json_t *thumbprints = chain_json(signing->chain, true);
    cleanup_free char *list = jval_compact(thumbprints);
    time_format(signing->now_ms, created);
    manifest.annotations = json_pack("{s:s, s:s}", NOTATION_THUMBPRINTS, list,
                                     "org.opencontainers.image.created", created);
    size_t size = 0;
    cleanup_free char *data = oci_manifest_build(&manifest, &size);
    if (ret_digest != NULL)
        *ret_digest = digest_of(data, size);
    return oci_put_manifest(repository, data, size, NULL, NULL, err);
}

int notation_sign_artifact(struct oci_repository *repository, const struct oci_descriptor *artifact,
                           const struct notation_signing *signing, struct digest *ret_digest,
                           struct error *err)
{
    cleanup_free char *envelope = NULL;
    const struct notation_target target = {
        .media_type = artifact->media_type, .digest = artifact->digest, .size = artifact->size};
    if (notation_signing_check(signing, err) < 0 ||
        notation_build_jws(signing, &target, &envelope, err) < 0 ||
        put_referrer(repository, artifact, signing, envelope, ret_digest, err) < 0)
        return error_wrap(err, "sign %s in %s with Notation", artifact->digest.text,
                          oci_repository_identity(repository));
    return 0;
}
