#include "oci/sign/cosign_key.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/pem.h"
#include "oci/sign/secretbox.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SALT_SIZE = 32,
    SCRYPT_N = 65536,
    SCRYPT_R = 8,
    SCRYPT_P = 1,
    MAX_BOX_SIZE = 16 << 10, // PKCS#8 of RSA 4096 is 2.4 KB
};
// Above the 128 MiB that N = 131072 takes; OpenSSL's own default of 32 MiB refuses even 32768.
static const uint64_t scrypt_max_memory = 256 << 20;

bool cosign_key_is(const char *label)
{
    return strcmp(label, COSIGN_KEY_LABEL) == 0 ||
           strcmp(label, "ENCRYPTED COSIGN PRIVATE KEY") == 0;
}

static int derive(const char *password, const unsigned char *salt, uint64_t n,
                  unsigned char ret_key[SECRETBOX_KEY_SIZE], struct error *err)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    if (context == NULL)
        abort();
    uint32_t r = SCRYPT_R;
    uint32_t p = SCRYPT_P;
    uint64_t max_memory = scrypt_max_memory;
    cleanup_secret char *secret = xstrdup(password);
    cleanup_free unsigned char *salt_copy = xmemdup(salt, SALT_SIZE);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, secret, strlen(secret)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy, SALT_SIZE),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &max_memory),
        OSSL_PARAM_construct_end(),
    };
    bool done = EVP_KDF_derive(context, ret_key, SECRETBOX_KEY_SIZE, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    if (!done)
        return error_set(err, ERROR_INTERNAL, "scrypt with N=%llu failed; is there memory for it?",
                         (unsigned long long)n);
    return 0;
}

// What the JSON holds, decoded.
struct sealed {
    uint64_t n;
    unsigned char *salt;
    unsigned char *nonce;
    unsigned char *box;
    size_t box_size;
};

static void sealed_release(struct sealed *sealed)
{
    free(sealed->salt);
    free(sealed->nonce);
    free(sealed->box);
}

// Bytes in base64 at path; exactly `size` unless that is 0.
static int get_bytes(const json_t *root, const char *path, size_t size, unsigned char **ret_data,
                     size_t *ret_size, struct error *err)
{
    const json_t *value = jval_get(root, path);
    const char *text = json_string_value(value);
    size_t decoded_size = 0;
    cleanup_free unsigned char *decoded = NULL;
    if (text == NULL ||
        base64_decode(text, json_string_length(value), &decoded, &decoded_size, NULL) < 0)
        return error_set(err, ERROR_INVALID, "%s is not base64", path);
    if (size != 0 && decoded_size != size)
        return error_set(err, ERROR_INVALID, "%s has %zu bytes, not %zu", path, decoded_size, size);
    *ret_data = STEAL(decoded);
    *ret_size = decoded_size;
    return 0;
}

static int parse_sealed(const unsigned char *text, size_t size, struct sealed *sealed,
                        struct error *err)
{
    cleanup_json json_t *root = NULL;
    size_t ignored = 0;
    if (jval_parse_object((const char *)text, size, "the PEM block", &root, err) < 0)
        return -1;
    if (strcmp(jval_string_or(root, "kdf.name", ""), "scrypt") != 0 ||
        strcmp(jval_string_or(root, "cipher.name", ""), "nacl/secretbox") != 0)
        return error_set(
            err, ERROR_INVALID,
            "it is encrypted with something other than scrypt and nacl/secretbox; make "
            "a new key with `sealift keygen` or `cosign generate-key-pair`");
    int64_t n = jval_int(root, "kdf.params.N", 0);
    if ((n != 32768 && n != 65536 && n != 131072) ||
        jval_int(root, "kdf.params.r", 0) != SCRYPT_R ||
        jval_int(root, "kdf.params.p", 0) != SCRYPT_P)
        return error_set(err, ERROR_INVALID,
                         "its scrypt parameters are none that cosign writes (N 32768, 65536 or "
                         "131072, r 8, p 1)");
    sealed->n = (uint64_t)n;
    if (get_bytes(root, "kdf.salt", SALT_SIZE, &sealed->salt, &ignored, err) < 0 ||
        get_bytes(root, "cipher.nonce", SECRETBOX_NONCE_SIZE, &sealed->nonce, &ignored, err) < 0 ||
        get_bytes(root, "ciphertext", 0, &sealed->box, &sealed->box_size, err) < 0)
        return -1;
    if (sealed->box_size <= SECRETBOX_OVERHEAD || sealed->box_size > MAX_BOX_SIZE)
        return error_set(err, ERROR_INVALID, "its ciphertext of %zu bytes is no key",
                         sealed->box_size);
    return 0;
}

int cosign_key_open(const unsigned char *json, size_t size, const char *password, const char *what,
                    unsigned char **ret_der, size_t *ret_size, struct error *err)
{
    struct sealed sealed = {0};
    unsigned char key[SECRETBOX_KEY_SIZE];
    int result = -1;
    if (parse_sealed(json, size, &sealed, err) < 0 ||
        derive(password, sealed.salt, sealed.n, key, err) < 0) {
        error_wrap(err, "%s", what);
    } else {
        size_t der_size = sealed.box_size - SECRETBOX_OVERHEAD;
        unsigned char *der = xmalloc(der_size);
        result = secretbox_open(key, sealed.nonce, sealed.box, sealed.box_size, der);
        if (result == 0) {
            *ret_der = STEAL(der);
            *ret_size = der_size;
        } else {
            error_set(err, ERROR_DENIED, "%s: the password is wrong, or the file is damaged", what);
        }
        pem_wipe(der, der_size);
    }
    OPENSSL_cleanse(key, sizeof key);
    sealed_release(&sealed);
    return result;
}

int cosign_key_seal(const unsigned char *der, size_t size, const char *password, char **ret_pem,
                    struct error *err)
{
    unsigned char salt[SALT_SIZE];
    unsigned char nonce[SECRETBOX_NONCE_SIZE];
    unsigned char key[SECRETBOX_KEY_SIZE];
    if (size > MAX_BOX_SIZE - SECRETBOX_OVERHEAD)
        return error_set(err, ERROR_LIMIT, "a key of %zu bytes is too large for cosign.key", size);
    // Without random bytes nothing that follows is secret.
    if (RAND_bytes(salt, sizeof salt) != 1 || RAND_bytes(nonce, sizeof nonce) != 1)
        abort();
    if (derive(password, salt, SCRYPT_N, key, err) < 0)
        return -1;
    cleanup_free unsigned char *box = xmalloc(size + SECRETBOX_OVERHEAD);
    secretbox_seal(key, nonce, der, size, box);
    OPENSSL_cleanse(key, sizeof key);
    cleanup_free char *salt_text = base64_encode(salt, sizeof salt);
    cleanup_free char *nonce_text = base64_encode(nonce, sizeof nonce);
    cleanup_free char *box_text = base64_encode(box, size + SECRETBOX_OVERHEAD);
    cleanup_free char *json = xasprintf(
        "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":%d,\"r\":%d,\"p\":%d},\"salt\":\"%s\"},"
        "\"cipher\":{\"name\":\"nacl/secretbox\",\"nonce\":\"%s\"},\"ciphertext\":\"%s\"}",
        SCRYPT_N, SCRYPT_R, SCRYPT_P, salt_text, nonce_text, box_text);
    *ret_pem = pem_encode(COSIGN_KEY_LABEL, json, strlen(json));
    return 0;
}
