#include "oci/sign/tuf_key.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/key.h"

#include <stdbool.h>
#include <string.h>

enum { ED25519_SIZE = 32, P256_POINT_SIZE = 65, MAX_HEAD = 32 };

// The DER in front of a bare key: SubjectPublicKeyInfo of Ed25519 (RFC 8410) and of an uncompressed
// point on P-256 (RFC 5480).
static const unsigned char ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                             0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const unsigned char p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                          0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                          0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

static const struct {
    const char *type;
    const char *scheme;
    enum key_algorithm algorithm;
} kinds[] = {
    {"ed25519", "ed25519", KEY_ED25519},
    {"ecdsa", "ecdsa-sha2-nistp256", KEY_ECDSA_P256},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", KEY_ECDSA_P256},
    {"ecdsa", "ecdsa-sha2-nistp384", KEY_ECDSA_P384},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", KEY_ECDSA_P384},
    {"rsa", "rsassa-pss-sha256", KEY_RSA},
};

static bool find_kind(const json_t *value, enum key_algorithm *ret_algorithm)
{
    const char *type = jval_string_or(value, "keytype", "");
    const char *scheme = jval_string_or(value, "scheme", "");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (strcmp(kinds[i].type, type) == 0 && strcmp(kinds[i].scheme, scheme) == 0) {
            *ret_algorithm = kinds[i].algorithm;
            return true;
        }
    return false;
}

static int load_hex(const char *hex, enum key_algorithm algorithm, struct verify_key **ret_key,
                    struct error *err)
{
    bool ed25519 = algorithm == KEY_ED25519;
    size_t head = ed25519 ? sizeof ed25519_head : sizeof p256_head;
    size_t size = ed25519 ? ED25519_SIZE : P256_POINT_SIZE;
    unsigned char der[MAX_HEAD + P256_POINT_SIZE];
    memcpy(der, ed25519 ? ed25519_head : p256_head, head);
    if (hex_decode(hex, der + head, size) < 0)
        return error_set(err, ERROR_INVALID, "a TUF key is no hex text of %zu bytes", size);
    return verify_key_load_der(der, head + size, "a TUF key", ret_key, err);
}

int tuf_key_load(const json_t *value, struct verify_key **ret_key, struct error *err)
{
    enum key_algorithm algorithm;
    const char *text = jval_string(json_object_get(value, "keyval"), "public");
    cleanup_verify_key struct verify_key *key = NULL;
    if (text == NULL || !find_kind(value, &algorithm))
        return error_set(err, ERROR_INVALID, "a TUF key is of a kind that is not known here");
    bool pem = strncmp(text, "-----BEGIN", 10) == 0;
    bool may_be_hex = algorithm == KEY_ED25519 || algorithm == KEY_ECDSA_P256;
    if (!pem && !may_be_hex)
        return error_set(err, ERROR_INVALID, "a TUF key is no PEM");
    if (pem ? verify_key_load(text, strlen(text), "a TUF key", &key, err) < 0
            : load_hex(text, algorithm, &key, err) < 0)
        return -1;
    if (verify_key_algorithm(key) != algorithm)
        return error_set(err, ERROR_INVALID, "a TUF key is another kind of key than it says");
    *ret_key = STEAL(key);
    return 0;
}
