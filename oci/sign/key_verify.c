// Checking signatures: which hash and padding go with which key.
#include "oci/sign/key.h"

#include "oci/sign/key_internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <stdbool.h>
#include <stdlib.h>

// The algorithm's own hash; NULL for Ed25519.
static const EVP_MD *own_hash(enum key_algorithm algorithm)
{
    switch (algorithm) {
    case KEY_ECDSA_P384:
        return EVP_sha384();
    case KEY_ECDSA_P521:
        return EVP_sha512();
    case KEY_ED25519:
        return NULL;
    case KEY_ECDSA_P256:
    case KEY_RSA:
        break;
    }
    return EVP_sha256();
}

// Of RSA keys only: PKCS#1 v1.5 or PSS (MGF1 with the same hash; OpenSSL's words for the salt).
static bool set_padding(EVP_PKEY_CTX *context, int padding, int salt)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1 &&
           (padding != RSA_PKCS1_PSS_PADDING ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) == 1);
}

static bool check_salted(const struct verify_key *key, const EVP_MD *hash, int padding, int salt,
                         const void *data, size_t size, const void *signature,
                         size_t signature_size)
{
    EVP_PKEY_CTX *parameters = NULL; // of context
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        abort();
    bool valid = EVP_DigestVerifyInit(context, &parameters, hash, NULL, key->pkey) == 1 &&
                 (padding == 0 || set_padding(parameters, padding, salt)) &&
                 EVP_DigestVerify(context, signature, signature_size, data, size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return valid;
}

static bool check_with(const struct verify_key *key, const EVP_MD *hash, int padding,
                       const void *data, size_t size, const void *signature, size_t signature_size)
{
    return check_salted(key, hash, padding, RSA_PSS_SALTLEN_AUTO, data, size, signature,
                        signature_size);
}

bool key_check_manner(const struct verify_key *key, const struct sign_manner *manner,
                      const void *data, size_t size, const void *signature, size_t signature_size)
{
    return check_salted(key, manner->hash, manner->pss ? RSA_PKCS1_PSS_PADDING : 0,
                        RSA_PSS_SALTLEN_DIGEST, data, size, signature, signature_size);
}

static int refuse(const struct verify_key *key, struct error *err)
{
    return error_set(
        err, ERROR_UNVERIFIED, "no valid %s signature by key %s%s",
        key_algorithm_name(key->algorithm), key->fingerprint.text,
        key->algorithm == KEY_ED25519
            ? " (`cosign sign` makes Ed25519ph of such keys, which neither OpenSSL 3.0 nor "
              "`cosign verify` reads: sign with `sealift sign`, or with an ECDSA P-256 key)"
            : "");
}

int verify_key_check(const struct verify_key *key, const void *data, size_t size,
                     const void *signature, size_t signature_size, struct error *err)
{
    const EVP_MD *hash = own_hash(key->algorithm);
    if (key->algorithm == KEY_RSA) {
        if (check_with(key, hash, RSA_PKCS1_PADDING, data, size, signature, signature_size) ||
            check_with(key, hash, RSA_PKCS1_PSS_PADDING, data, size, signature, signature_size))
            return 0;
        return refuse(key, err);
    }
    if (check_with(key, hash, 0, data, size, signature, signature_size))
        return 0;
    // Cosign up to 2.5 signed with SHA-256 whatever the curve; its verify and Flux still expect
    // that.
    bool wide = key->algorithm == KEY_ECDSA_P384 || key->algorithm == KEY_ECDSA_P521;
    if (wide && check_with(key, EVP_sha256(), 0, data, size, signature, signature_size))
        return 0;
    return refuse(key, err);
}

static bool check_hash_with(const struct verify_key *key, int padding,
                            const unsigned char hash[SHA256_SIZE], const void *signature,
                            size_t signature_size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    if (context == NULL)
        abort();
    bool valid = EVP_PKEY_verify_init(context) == 1 &&
                 (padding == 0 || set_padding(context, padding, RSA_PSS_SALTLEN_AUTO)) &&
                 EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                 EVP_PKEY_verify(context, signature, signature_size, hash, SHA256_SIZE) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return valid;
}

int verify_key_check_sha256(const struct verify_key *key, const unsigned char hash[SHA256_SIZE],
                            const void *signature, size_t signature_size, struct error *err)
{
    if (key->algorithm == KEY_ED25519)
        return error_set(err, ERROR_INVALID,
                         "an Ed25519 signature cannot be checked against a digest; give the bytes "
                         "that were signed");
    if (key->algorithm == KEY_RSA) {
        if (check_hash_with(key, RSA_PKCS1_PADDING, hash, signature, signature_size) ||
            check_hash_with(key, RSA_PKCS1_PSS_PADDING, hash, signature, signature_size))
            return 0;
        return refuse(key, err);
    }
    return check_hash_with(key, 0, hash, signature, signature_size) ? 0 : refuse(key, err);
}
