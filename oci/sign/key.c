#include "oci/sign/key.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "oci/sign/key_internal.h"
#include "oci/sign/pem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// der_size is the length of the SubjectPublicKeyInfo with a named curve and an uncompressed point;
// 0 where it varies.
static const struct {
    const char *name;
    const char *group;
    size_t der_size;
} algorithms[] = {
    [KEY_ECDSA_P256] = {"ECDSA P-256", "prime256v1", 91},
    [KEY_ECDSA_P384] = {"ECDSA P-384", "secp384r1", 120},
    [KEY_ECDSA_P521] = {"ECDSA P-521", "secp521r1", 158},
    [KEY_RSA] = {"RSA", NULL, 0},
    [KEY_ED25519] = {"Ed25519", NULL, 44},
};

enum { RSA_MIN_BITS = 2048, RSA_MAX_BITS = 4096, RSA_EXPONENT = 65537 };

static const char supported[] =
    "use ECDSA P-256 (what `sealift keygen` makes), P-384, P-521, RSA of 2048 to 4096 bits, or "
    "Ed25519";

const char *key_algorithm_name(enum key_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

static int ec_algorithm(EVP_PKEY *pkey, const char *what, enum key_algorithm *ret_algorithm,
                        struct error *err)
{
    char group[64] = "unnamed";
    EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(algorithms); i++)
        if (algorithms[i].group != NULL && strcmp(algorithms[i].group, group) == 0) {
            *ret_algorithm = (enum key_algorithm)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "%s is on the curve %s; %s", what, group, supported);
}

static int rsa_algorithm(EVP_PKEY *pkey, const char *what, enum key_algorithm *ret_algorithm,
                         struct error *err)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
        return error_set(err, ERROR_INVALID, "%s has %d bits of RSA; %s", what, bits, supported);
    BIGNUM *exponent = NULL;
    bool usual = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                 BN_is_word(exponent, RSA_EXPONENT);
    BN_free(exponent);
    if (!usual)
        return error_set(err, ERROR_INVALID, "%s has an RSA exponent other than %d; %s", what,
                         RSA_EXPONENT, supported);
    *ret_algorithm = KEY_RSA;
    return 0;
}

static int algorithm_of(EVP_PKEY *pkey, const char *what, enum key_algorithm *ret_algorithm,
                        struct error *err)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_EC:
        return ec_algorithm(pkey, what, ret_algorithm, err);
    case EVP_PKEY_RSA:
        return rsa_algorithm(pkey, what, ret_algorithm, err);
    case EVP_PKEY_ED25519:
        *ret_algorithm = KEY_ED25519;
        return 0;
    default:
        return error_set(err, ERROR_INVALID, "%s is of a kind that is not trusted here; %s", what,
                         supported);
    }
}

static bool public_half_is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    // The quick check leaves out multiplying a point by its curve's order, which is as slow as a
    // verification and says nothing more: these curves have the cofactor 1.
    if (context == NULL)
        abort();
    bool sound = EVP_PKEY_public_check_quick(context) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return sound;
}

// pkey holds a public half and nothing else; the key takes a reference of its own.
static int key_of(EVP_PKEY *pkey, const char *what, struct verify_key **ret_key, struct error *err)
{
    enum key_algorithm algorithm;
    if (algorithm_of(pkey, what, &algorithm, err) < 0)
        return -1;
    unsigned char *der = NULL;
    int der_size = i2d_PUBKEY(pkey, &der);
    if (der_size <= 0 || (algorithms[algorithm].der_size != 0 &&
                          algorithms[algorithm].der_size != (size_t)der_size)) {
        OPENSSL_free(der);
        return error_set(err, ERROR_INVALID,
                         "%s is written with a compressed point or explicit curve parameters; "
                         "write it again with `openssl pkey -ec_conv_form uncompressed "
                         "-ec_param_enc named_curve`",
                         what);
    }
    if (!public_half_is_sound(pkey)) {
        OPENSSL_free(der);
        return error_set(err, ERROR_INVALID, "%s is no valid %s key", what,
                         key_algorithm_name(algorithm));
    }
    EVP_PKEY_up_ref(pkey);
    struct verify_key *key = xcalloc(1, sizeof *key);
    atomic_init(&key->refs, 1);
    key->pkey = pkey;
    key->algorithm = algorithm;
    key->der = der;
    key->der_size = (size_t)der_size;
    unsigned char hash[SHA256_SIZE];
    sha256(der, key->der_size, hash);
    key->fingerprint = digest_from_hash(hash);
    key->hint = base64_encode(hash, sizeof hash);
    *ret_key = key;
    return 0;
}

int key_public_of(EVP_PKEY *pkey, const char *what, struct verify_key **ret_key, struct error *err)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(pkey, &der);
    const unsigned char *at = der;
    EVP_PKEY *public_half = size > 0 ? d2i_PUBKEY(NULL, &at, size) : NULL;
    OPENSSL_free(der);
    ERR_clear_error();
    if (public_half == NULL)
        return error_set(err, ERROR_INVALID, "%s has no public half that can be written; %s", what,
                         supported);
    int result = key_of(public_half, what, ret_key, err);
    EVP_PKEY_free(public_half);
    return result;
}

// As key_of, for a key that was written as `der`. pkey is NULL where nothing could be read.
static int key_of_written(EVP_PKEY *pkey, const unsigned char *der, size_t size, const char *what,
                          struct verify_key **ret_key, struct error *err)
{
    ERR_clear_error();
    if (pkey == NULL)
        return error_set(err, ERROR_INVALID, "%s holds no public key that can be read; %s", what,
                         supported);
    struct verify_key *key = NULL;
    if (key_of(pkey, what, &key, err) < 0)
        return -1;
    // Another encoding of the same key would be another signer.
    if (key->der_size != size || memcmp(key->der, der, size) != 0) {
        verify_key_unref(key);
        return error_set(err, ERROR_INVALID,
                         "%s is not written in the canonical form; write it again with `openssl "
                         "pkey -pubin -pubout`",
                         what);
    }
    *ret_key = key;
    return 0;
}

int verify_key_load_der(const unsigned char *der, size_t size, const char *what,
                        struct verify_key **ret_key, struct error *err)
{
    const unsigned char *at = der;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)size);
    int result = key_of_written(pkey, der, size, what, ret_key, err);
    EVP_PKEY_free(pkey);
    return result;
}

int verify_key_of_certificate(X509 *x509, const char *what, struct verify_key **ret_key,
                              struct error *err)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    if (size <= 0)
        abort();
    int result = key_of_written(X509_get0_pubkey(x509), der, (size_t)size, what, ret_key, err);
    OPENSSL_free(der);
    return result;
}

int verify_key_load(const char *pem, size_t size, const char *what, struct verify_key **ret_key,
                    struct error *err)
{
    char label[PEM_LABEL_SIZE];
    cleanup_free unsigned char *der = NULL;
    size_t der_size = 0;
    if (pem_decode(pem, size, what, label, &der, &der_size, err) < 0)
        return -1;
    if (strcmp(label, "PUBLIC KEY") == 0)
        return verify_key_load_der(der, der_size, what, ret_key, err);
    const char *next = "give a PEM block \"PUBLIC KEY\"";
    if (strcmp(label, "CERTIFICATE") == 0)
        next = "take its key with `openssl x509 -pubkey -noout`";
    else if (strcmp(label, "RSA PUBLIC KEY") == 0)
        next = "convert it with `openssl rsa -RSAPublicKey_in -pubout`";
    else if (strstr(label, "PRIVATE KEY") != NULL)
        next = "give its public half and keep this one secret";
    return error_set(err, ERROR_INVALID, "%s is a \"%s\"; %s", what, label, next);
}

struct verify_key *verify_key_ref(const struct verify_key *key)
{
    // The count is the one part of a key that changes; a key is never an object in read-only
    // memory.
    struct verify_key *counted;
    memcpy(&counted, &key, sizeof counted);
    atomic_fetch_add(&counted->refs, 1);
    return counted;
}

void verify_key_unref(const struct verify_key *key)
{
    if (key == NULL)
        return;
    struct verify_key *counted;
    memcpy(&counted, &key, sizeof counted);
    if (atomic_fetch_sub(&counted->refs, 1) > 1)
        return;
    EVP_PKEY_free(counted->pkey);
    OPENSSL_free(counted->der);
    free(counted->hint);
    free(counted);
}

void cleanup_verify_key_pointer(struct verify_key **key)
{
    verify_key_unref(*key);
}

enum key_algorithm verify_key_algorithm(const struct verify_key *key)
{
    return key->algorithm;
}

const struct digest *verify_key_fingerprint(const struct verify_key *key)
{
    return &key->fingerprint;
}

const char *verify_key_hint(const struct verify_key *key)
{
    return key->hint;
}

const unsigned char *verify_key_der(const struct verify_key *key, size_t *ret_size)
{
    *ret_size = key->der_size;
    return key->der;
}

char *verify_key_pem(const struct verify_key *key)
{
    return pem_encode("PUBLIC KEY", key->der, key->der_size);
}
