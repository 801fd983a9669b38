// The private half: reading it in the four forms that people have, and signing.
#include "oci/sign/key.h"

#include "base/memory.h"
#include "oci/sign/cosign_key.h"
#include "oci/sign/key_internal.h"
#include "oci/sign/pem.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *read_pkcs8(const unsigned char *der, size_t size)
{
    const unsigned char *at = der;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)size);
    EVP_PKEY *pkey = info != NULL && at == der + size ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return pkey;
}

static EVP_PKEY *read_type_specific(int type, const unsigned char *der, size_t size)
{
    const unsigned char *at = der;
    EVP_PKEY *pkey = d2i_PrivateKey(type, NULL, &at, (long)size);
    if (pkey != NULL && at != der + size) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

// A file whose two halves do not belong together would sign what nobody can verify.
static int check_halves(const struct sign_key *key, const char *what, struct error *err)
{
    static const char probe[] = "sealift";
    cleanup_free unsigned char *signature = NULL;
    size_t size = 0;
    if (sign_key_sign(key, probe, sizeof probe, &signature, &size, NULL) < 0 ||
        verify_key_check(key->public_half, probe, sizeof probe, signature, size, NULL) < 0)
        return error_set(err, ERROR_INVALID,
                         "%s is damaged: its private and public half do not belong together", what);
    return 0;
}

// Consumes pkey.
static int adopt(EVP_PKEY *pkey, const char *what, struct sign_key **ret_key, struct error *err)
{
    cleanup_sign_key struct sign_key *key = xcalloc(1, sizeof *key);
    key->pkey = pkey;
    if (key_public_of(pkey, what, &key->public_half, err) < 0 || check_halves(key, what, err) < 0)
        return -1;
    *ret_key = STEAL(key);
    return 0;
}

static int read_private(const char *label, const unsigned char *der, size_t size, const char *what,
                        struct sign_key **ret_key, struct error *err)
{
    EVP_PKEY *pkey = NULL;
    if (strcmp(label, "PRIVATE KEY") == 0)
        pkey = read_pkcs8(der, size);
    else if (strcmp(label, "EC PRIVATE KEY") == 0)
        pkey = read_type_specific(EVP_PKEY_EC, der, size);
    else if (strcmp(label, "RSA PRIVATE KEY") == 0)
        pkey = read_type_specific(EVP_PKEY_RSA, der, size);
    else
        return error_set(
            err, ERROR_INVALID,
            "%s is a \"%s\", no private key that can be read; give a cosign.key (see "
            "`sealift keygen`), or PKCS#8 as `openssl pkcs8 -topk8 -nocrypt` writes it",
            what, label);
    ERR_clear_error();
    if (pkey == NULL)
        return error_set(err, ERROR_INVALID, "%s holds no private key that can be read (\"%s\")",
                         what, label);
    return adopt(pkey, what, ret_key, err);
}

int sign_key_load(const char *pem, size_t size, const char *password, const char *what,
                  struct sign_key **ret_key, struct error *err)
{
    char label[PEM_LABEL_SIZE];
    unsigned char *block = NULL;
    size_t block_size = 0;
    if (pem_decode(pem, size, what, label, &block, &block_size, err) < 0)
        return -1;
    int result;
    if (cosign_key_is(label)) {
        unsigned char *der = NULL;
        size_t der_size = 0;
        result = cosign_key_open(block, block_size, password != NULL ? password : "", what, &der,
                                 &der_size, err);
        if (result < 0 && password == NULL && err != NULL && err->code == ERROR_DENIED)
            error_set(err, ERROR_DENIED, "%s is encrypted, and no password was given", what);
        if (result == 0)
            result = read_private("PRIVATE KEY", der, der_size, what, ret_key, err);
        pem_wipe(der, der_size);
    } else {
        result = read_private(label, block, block_size, what, ret_key, err);
    }
    pem_wipe(block, block_size);
    return result;
}

int sign_key_generate(struct sign_key **ret_key, struct error *err)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    if (pkey == NULL)
        abort();
    return adopt(pkey, "the new key", ret_key, err);
}

void sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    signer_link_free(key->link);
    verify_key_unref(key->public_half);
    free(key);
}

void cleanup_sign_key_pointer(struct sign_key **key)
{
    sign_key_free(*key);
}

const struct verify_key *sign_key_public(const struct sign_key *key)
{
    return key->public_half;
}

int sign_key_write(const struct sign_key *key, const char *password, char **ret_pem,
                   struct error *err)
{
    if (key->pkey == NULL)
        return error_set(err, ERROR_INVALID, "key %s stays where it is: only its program has it",
                         verify_key_fingerprint(key->public_half)->text);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
    unsigned char *der = NULL;
    int size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    // It was read from, or made for, this very form.
    if (size <= 0)
        abort();
    PKCS8_PRIV_KEY_INFO_free(info);
    int result = cosign_key_seal(der, (size_t)size, password, ret_pem, err);
    OPENSSL_clear_free(der, (size_t)size);
    return result;
}

static int sign_with(const struct sign_key *key, const struct sign_manner *manner, const void *data,
                     size_t size, unsigned char **ret_signature, size_t *ret_size,
                     struct error *err)
{
    EVP_PKEY_CTX *parameters = NULL; // of context
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        abort();
    size_t signature_size = (size_t)EVP_PKEY_get_size(key->pkey);
    cleanup_free unsigned char *signature = xmalloc(signature_size);
    bool done = EVP_DigestSignInit(context, &parameters, manner->hash, NULL, key->pkey) == 1;
    if (done && manner->pss)
        done = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) == 1;
    done = done && EVP_DigestSign(context, signature, &signature_size, data, size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (!done)
        return error_set(err, ERROR_INTERNAL, "OpenSSL did not sign with key %s",
                         verify_key_fingerprint(key->public_half)->text);
    *ret_signature = STEAL(signature);
    *ret_size = signature_size;
    return 0;
}

int sign_key_sign(const struct sign_key *key, const void *data, size_t size,
                  unsigned char **ret_signature, size_t *ret_size, struct error *err)
{
    if (key->link != NULL)
        return signer_link_sign(key->link, key->public_half, &(struct sign_manner){0}, data, size,
                                ret_signature, ret_size, err);
    // SHA-256 for every curve: cosign's verify and Flux know no other for keys.
    const struct sign_manner manner = {
        .hash = verify_key_algorithm(key->public_half) == KEY_ED25519 ? NULL : EVP_sha256()};
    return sign_with(key, &manner, data, size, ret_signature, ret_size, err);
}

int sign_key_sign_pss(const struct sign_key *key, const EVP_MD *hash, const void *data, size_t size,
                      unsigned char **ret_signature, size_t *ret_size, struct error *err)
{
    const struct sign_manner manner = {.hash = hash,
                                       .pss = verify_key_algorithm(key->public_half) == KEY_RSA};
    if (key->link != NULL)
        return signer_link_sign(key->link, key->public_half, &manner, data, size, ret_signature,
                                ret_size, err);
    return sign_with(key, &manner, data, size, ret_signature, ret_size, err);
}
