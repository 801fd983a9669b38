#include "oci/sign/notation_envelope.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/notation_envelope_internal.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CERTIFICATE = 64 << 10, MAX_PAYLOAD = 64 << 10 };

static const struct {
    const char *name;
    int bits; // of RSA, or of the curve
} algorithms[NOTATION_ALGORITHMS] = {
    [NOTATION_PS256] = {"PS256", 2048}, [NOTATION_PS384] = {"PS384", 3072},
    [NOTATION_PS512] = {"PS512", 4096}, [NOTATION_ES256] = {"ES256", 256},
    [NOTATION_ES384] = {"ES384", 384},  [NOTATION_ES512] = {"ES512", 521},
};

static const struct {
    const char *name;
    unsigned header;
} header_names[] = {
    {"io.cncf.notary.signingScheme", NOTATION_HEADER_SCHEME},
    {"io.cncf.notary.signingTime", NOTATION_HEADER_SIGNING_TIME},
    {"io.cncf.notary.authenticSigningTime", NOTATION_HEADER_AUTHENTIC_TIME},
    {"io.cncf.notary.expiry", NOTATION_HEADER_EXPIRY},
};

const char *notation_algorithm_name(enum notation_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

static bool is_rsa(enum notation_algorithm algorithm)
{
    return algorithm <= NOTATION_PS512;
}

const EVP_MD *notation_algorithm_hash(enum notation_algorithm algorithm)
{
    switch (algorithm) {
    case NOTATION_PS384:
    case NOTATION_ES384:
        return EVP_sha384();
    case NOTATION_PS512:
    case NOTATION_ES512:
        return EVP_sha512();
    case NOTATION_PS256:
    case NOTATION_ES256:
    case NOTATION_ALGORITHMS:
        break;
    }
    return EVP_sha256();
}

static bool is_named_curve(const EVP_PKEY *key)
{
    char group[64] = "";
    EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
    return strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0 ||
           strcmp(group, "secp521r1") == 0;
}

int notation_algorithm_of(const EVP_PKEY *key, enum notation_algorithm *ret_algorithm,
                          struct error *err)
{
    int kind = EVP_PKEY_get_base_id(key);
    int bits = EVP_PKEY_get_bits(key);
    bool known = kind == EVP_PKEY_RSA || (kind == EVP_PKEY_EC && is_named_curve(key));
    for (unsigned i = 0; i < NOTATION_ALGORITHMS && known; i++)
        if (algorithms[i].bits == bits && is_rsa(i) == (kind == EVP_PKEY_RSA)) {
            *ret_algorithm = (enum notation_algorithm)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID,
                     "Notation signs with RSA of 2048, 3072 or 4096 bits, P-256, P-384 or P-521; "
                     "this is a key of %d bits%s",
                     bits, known ? "" : " of another kind");
}

void notation_release_certificate(void *element)
{
    X509_free(*(X509 **)element);
}

X509 *notation_certificate(const struct vec *chain, size_t index)
{
    return *(X509 **)vec_at(chain, index);
}

void notation_envelope_release(struct notation_envelope *envelope)
{
    free(STEAL(envelope->target.media_type));
    vec_free(&envelope->chain);
    bytes_release(&envelope->signed_bytes);
    bytes_release(&envelope->signature);
    bytes_release(&envelope->timestamp);
}

unsigned notation_header_of(const char *name, size_t size)
{
    for (size_t i = 0; i < ARRAY_LENGTH(header_names); i++)
        if (strlen(header_names[i].name) == size && memcmp(header_names[i].name, name, size) == 0)
            return header_names[i].header;
    return 0;
}

int64_t *notation_header_time(struct notation_headers *headers, unsigned header)
{
    switch (header) {
    case NOTATION_HEADER_SIGNING_TIME:
        return &headers->signing_ms;
    case NOTATION_HEADER_AUTHENTIC_TIME:
        return &headers->authentic_ms;
    case NOTATION_HEADER_EXPIRY:
        return &headers->expiry_ms;
    default:
        return NULL;
    }
}

int notation_header_unknown(const char *name, size_t size, struct error *err)
{
    static const char plugin[] = "io.cncf.notary.verificationPlugin";
    if (size < sizeof plugin - 1 || memcmp(name, plugin, sizeof plugin - 1) != 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "it asks for a verification plugin, and none is run here; sign without one");
}

int notation_header_critical(struct notation_headers *headers, const char *name, size_t size,
                             struct error *err)
{
    unsigned header = notation_header_of(name, size);
    if (header == 0)
        return error_set(err, ERROR_INVALID,
                         "it has the critical header \"%.*s\", which is not understood here",
                         size > 100 ? 100 : (int)size, name);
    if ((headers->critical & header) != 0)
        return error_set(err, ERROR_INVALID, "it lists the critical header \"%.*s\" twice",
                         (int)size, name);
    headers->critical |= header;
    return 0;
}

int notation_header_text(char *ret_text, size_t room, const char *what, const char *text,
                         size_t size, struct error *err)
{
    if (size >= room || memchr(text, '\0', size) != NULL)
        return error_set(err, ERROR_INVALID, "its %s is no text of at most %zu bytes", what,
                         room - 1);
    memcpy(ret_text, text, size);
    ret_text[size] = '\0';
    return 0;
}

int notation_add_certificate(struct notation_envelope *envelope, const void *der, size_t size,
                             struct error *err)
{
    const unsigned char *at = der;
    if (envelope->chain.len == NOTATION_MAX_CHAIN || size > MAX_CERTIFICATE)
        return error_set(err, ERROR_LIMIT,
                         "it has more than %d certificates, or one of more than %d bytes",
                         NOTATION_MAX_CHAIN, MAX_CERTIFICATE);
    X509 *certificate = d2i_X509(NULL, &at, (long)size);
    ERR_clear_error();
    if (certificate == NULL || at != (const unsigned char *)der + size) {
        X509_free(certificate);
        return error_set(err, ERROR_INVALID, "certificate %zu of its chain is no X.509 certificate",
                         envelope->chain.len + 1);
    }
    *(X509 **)vec_push(&envelope->chain) = certificate;
    return 0;
}

static int check_times(const struct notation_headers *headers, struct notation_envelope *envelope,
                       struct error *err)
{
    bool authority = envelope->scheme == NOTATION_SIGNING_AUTHORITY;
    unsigned wanted = authority ? NOTATION_HEADER_AUTHENTIC_TIME : NOTATION_HEADER_SIGNING_TIME;
    unsigned other = authority ? NOTATION_HEADER_SIGNING_TIME : NOTATION_HEADER_AUTHENTIC_TIME;
    if ((headers->present & wanted) == 0 || (headers->present & other) != 0)
        return error_set(err, ERROR_INVALID,
                         "it does not tell the time of signing as the scheme %s asks for",
                         headers->scheme);
    envelope->signed_ms = authority ? headers->authentic_ms : headers->signing_ms;
    envelope->expires_ms = headers->expiry_ms;
    if (envelope->signed_ms <= 0)
        return error_set(err, ERROR_INVALID, "it was signed before 1970");
    if ((headers->present & NOTATION_HEADER_EXPIRY) != 0 &&
        envelope->expires_ms <= envelope->signed_ms)
        return error_set(err, ERROR_INVALID, "it expires before it was signed");
    return 0;
}

static int check_headers(const struct notation_headers *headers, struct notation_envelope *envelope,
                         struct error *err)
{
    if (strcmp(headers->content_type, NOTATION_PAYLOAD_TYPE) != 0)
        return error_set(err, ERROR_INVALID, "its payload is a \"%.100s\", not a %s",
                         headers->content_type, NOTATION_PAYLOAD_TYPE);
    if (strcmp(headers->scheme, "notary.x509") == 0)
        envelope->scheme = NOTATION_X509;
    else if (strcmp(headers->scheme, "notary.x509.signingAuthority") == 0)
        envelope->scheme = NOTATION_SIGNING_AUTHORITY;
    else
        return error_set(err, ERROR_INVALID, "its signing scheme \"%s\" is not known",
                         headers->scheme);
    unsigned must = NOTATION_HEADER_SCHEME |
                    (headers->present & (NOTATION_HEADER_EXPIRY | NOTATION_HEADER_AUTHENTIC_TIME));
    if ((headers->critical & must) != must)
        return error_set(err, ERROR_INVALID,
                         "signing scheme, expiry and authentic signing time must be critical "
                         "headers where they are present");
    if ((headers->critical & ~headers->present) != 0)
        return error_set(err, ERROR_INVALID, "it lists a critical header that it does not have");
    return check_times(headers, envelope, err);
}

// {"targetArtifact": {"mediaType", "digest", "size", …}}; what else it says is not used.
static int parse_payload(const void *data, size_t size, struct notation_target *target,
                         struct error *err)
{
    cleanup_json json_t *payload = NULL;
    if (size > MAX_PAYLOAD)
        return error_set(err, ERROR_LIMIT, "its payload has %zu bytes; at most %d are read", size,
                         MAX_PAYLOAD);
    if (jval_parse_object(data, size, "its payload", &payload, err) < 0)
        return -1;
    const json_t *artifact = json_object_get(payload, "targetArtifact");
    const char *media_type = json_string_value(json_object_get(artifact, "mediaType"));
    const char *digest = json_string_value(json_object_get(artifact, "digest"));
    const json_t *length = json_object_get(artifact, "size");
    if (media_type == NULL || digest == NULL || !digest_is_valid(digest) ||
        !json_is_integer(length) || json_integer_value(length) < 0)
        return error_set(err, ERROR_INVALID,
                         "its payload names no artifact by media type, sha256 digest and size");
    target->media_type = xstrdup(media_type);
    memcpy(target->digest.text, digest, sizeof target->digest.text);
    target->size = json_integer_value(length);
    return 0;
}

int notation_envelope_finish(struct notation_envelope *envelope,
                             const struct notation_headers *headers, const void *payload,
                             size_t payload_size, struct error *err)
{
    enum notation_algorithm algorithm;
    if (envelope->chain.len == 0)
        return error_set(err, ERROR_INVALID, "it holds no certificates");
    if (envelope->signature.size == 0)
        return error_set(err, ERROR_INVALID, "it holds no signature");
    if (check_headers(headers, envelope, err) < 0)
        return -1;
    const EVP_PKEY *key = X509_get0_pubkey(notation_certificate(&envelope->chain, 0));
    ERR_clear_error();
    if (key == NULL)
        return error_set(err, ERROR_INVALID, "the key of its certificate cannot be read");
    if (notation_algorithm_of(key, &algorithm, err) < 0)
        return -1;
    if (algorithm != envelope->algorithm)
        return error_set(err, ERROR_INVALID, "it says %s, and the key of its certificate signs %s",
                         notation_algorithm_name(envelope->algorithm),
                         notation_algorithm_name(algorithm));
    return parse_payload(payload, payload_size, &envelope->target, err);
}

int notation_envelope_parse(const char *media_type, const void *data, size_t size,
                            struct notation_envelope *ret_envelope, struct error *err)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    if (size > NOTATION_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "it has %zu bytes; at most %d are read", size,
                         NOTATION_MAX_BYTES);
    int result = -1;
    if (strcmp(media_type, NOTATION_JWS_MEDIA) == 0)
        result = jws_parse(data, size, &envelope, err);
    else if (strcmp(media_type, NOTATION_COSE_MEDIA) == 0)
        result = cose_parse(data, size, &envelope, err);
    else
        error_set(err, ERROR_INVALID, "it is a %.100s, neither %s nor %s", media_type,
                  NOTATION_JWS_MEDIA, NOTATION_COSE_MEDIA);
    if (result < 0)
        return -1;
    envelope.content_hash = digest_of(data, size);
    *ret_envelope = envelope;
    envelope = (struct notation_envelope){.chain = NOTATION_CHAIN};
    return 0;
}

// The DER form of r and s; owned (OPENSSL_free), NULL when they are not as wide as the curve.
static unsigned char *ecdsa_der(const struct notation_envelope *envelope, size_t *ret_size)
{
    size_t width = ((size_t)algorithms[envelope->algorithm].bits + 7) / 8;
    const unsigned char *data = envelope->signature.data;
    unsigned char *der = NULL;
    if (envelope->signature.size != 2 * width)
        return NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(data, (int)width, NULL);
    BIGNUM *s = BN_bin2bn(data + width, (int)width, NULL);
    if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1)
        abort();
    int size = i2d_ECDSA_SIG(pair, &der);
    ECDSA_SIG_free(pair);
    *ret_size = size > 0 ? (size_t)size : 0;
    return der;
}

static bool verifies(const struct notation_envelope *envelope, const void *signature, size_t size)
{
    EVP_PKEY *key = X509_get0_pubkey(notation_certificate(&envelope->chain, 0));
    const EVP_MD *hash = notation_algorithm_hash(envelope->algorithm);
    EVP_PKEY_CTX *parameters = NULL; // of context
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        abort();
    bool valid = EVP_DigestVerifyInit(context, &parameters, hash, NULL, key) == 1;
    // The salt is as long as the hash, and of no other length.
    if (valid && is_rsa(envelope->algorithm))
        valid = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
    valid = valid && EVP_DigestVerify(context, signature, size, envelope->signed_bytes.data,
                                      envelope->signed_bytes.size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return valid;
}

int notation_envelope_verify(const struct notation_envelope *envelope, struct error *err)
{
    bool valid;
    if (is_rsa(envelope->algorithm)) {
        valid = verifies(envelope, envelope->signature.data, envelope->signature.size);
    } else {
        size_t size = 0;
        unsigned char *der = ecdsa_der(envelope, &size);
        valid = der != NULL && verifies(envelope, der, size);
        OPENSSL_free(der);
    }
    if (valid)
        return 0;
    return error_set(err, ERROR_UNVERIFIED,
                     "the key of its certificate did not make this signature (%s)",
                     notation_algorithm_name(envelope->algorithm));
}
