#include "oci/sign/secretbox.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64, POLY1305_KEY_SIZE = 32 };

static uint32_t load32(const unsigned char *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static void store32(unsigned char *out, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(word >> 8 * i);
}

static void quarter(uint32_t x[16], int a, int b, int c, int d)
{
#define ROTATE(word, bits) ((word) << (bits) | (word) >> (32 - (bits)))
    uint32_t sum = x[a] + x[d];
    x[b] ^= ROTATE(sum, 7);
    sum = x[b] + x[a];
    x[c] ^= ROTATE(sum, 9);
    sum = x[c] + x[b];
    x[d] ^= ROTATE(sum, 13);
    sum = x[d] + x[c];
    x[a] ^= ROTATE(sum, 18);
#undef ROTATE
}

// The matrix of the constant, the key and 16 bytes of input.
static void fill(uint32_t x[16], const unsigned char key[32], const unsigned char input[16])
{
    static const unsigned char constant[] = "expand 32-byte k";
    for (int i = 0; i < 4; i++) {
        x[5 * i] = load32(constant + 4 * i);
        x[1 + i] = load32(key + 4 * i);
        x[6 + i] = load32(input + 4 * i);
        x[11 + i] = load32(key + 16 + 4 * i);
    }
}

static void twenty_rounds(uint32_t x[16])
{
    for (int i = 0; i < 10; i++) {
        quarter(x, 0, 4, 8, 12);
        quarter(x, 5, 9, 13, 1);
        quarter(x, 10, 14, 2, 6);
        quarter(x, 15, 3, 7, 11);
        quarter(x, 0, 1, 2, 3);
        quarter(x, 5, 6, 7, 4);
        quarter(x, 10, 11, 8, 9);
        quarter(x, 15, 12, 13, 14);
    }
}

static void salsa20_block(const unsigned char key[32], const unsigned char input[16],
                          unsigned char out[BLOCK_SIZE])
{
    uint32_t start[16];
    uint32_t x[16];
    fill(start, key, input);
    memcpy(x, start, sizeof x);
    twenty_rounds(x);
    for (int i = 0; i < 16; i++)
        store32(out + 4 * i, x[i] + start[i]);
    OPENSSL_cleanse(start, sizeof start);
    OPENSSL_cleanse(x, sizeof x);
}

static void hsalsa20(const unsigned char key[32], const unsigned char input[16],
                     unsigned char out[32])
{
    static const int kept[8] = {0, 5, 10, 15, 6, 7, 8, 9};
    uint32_t x[16];
    fill(x, key, input);
    twenty_rounds(x);
    for (int i = 0; i < 8; i++)
        store32(out + 4 * i, x[kept[i]]);
    OPENSSL_cleanse(x, sizeof x);
}

// XSalsa20's stream from its first byte: 32 bytes for Poly1305's key, the rest over the data. `in`
// may be `out`.
static void crypt_with(const unsigned char key[32], const unsigned char nonce[24],
                       const unsigned char *in, unsigned char *out, size_t size,
                       unsigned char ret_mac_key[POLY1305_KEY_SIZE])
{
    unsigned char subkey[32];
    unsigned char input[16] = {0};
    unsigned char block[BLOCK_SIZE];
    hsalsa20(key, nonce, subkey);
    memcpy(input, nonce + 16, 8);
    salsa20_block(subkey, input, block);
    memcpy(ret_mac_key, block, POLY1305_KEY_SIZE);
    size_t used = POLY1305_KEY_SIZE;
    uint32_t counter = 0;
    for (size_t i = 0; i < size; i++, used++) {
        if (used == BLOCK_SIZE) {
            store32(input + 8, ++counter);
            salsa20_block(subkey, input, block);
            used = 0;
        }
        out[i] = in[i] ^ block[used];
    }
    OPENSSL_cleanse(subkey, sizeof subkey);
    OPENSSL_cleanse(block, sizeof block);
}

static void poly1305(const unsigned char key[POLY1305_KEY_SIZE], const unsigned char *data,
                     size_t size, unsigned char ret_tag[SECRETBOX_OVERHEAD])
{
    size_t tag_size = 0;
    if (EVP_Q_mac(NULL, "POLY1305", NULL, NULL, NULL, key, POLY1305_KEY_SIZE, data, size, ret_tag,
                  SECRETBOX_OVERHEAD, &tag_size) == NULL ||
        tag_size != SECRETBOX_OVERHEAD)
        abort();
}

void secretbox_seal(const unsigned char key[SECRETBOX_KEY_SIZE],
                    const unsigned char nonce[SECRETBOX_NONCE_SIZE], const unsigned char *data,
                    size_t size, unsigned char *ret_box)
{
    unsigned char mac_key[POLY1305_KEY_SIZE];
    crypt_with(key, nonce, data, ret_box + SECRETBOX_OVERHEAD, size, mac_key);
    poly1305(mac_key, ret_box + SECRETBOX_OVERHEAD, size, ret_box);
    OPENSSL_cleanse(mac_key, sizeof mac_key);
}

int secretbox_open(const unsigned char key[SECRETBOX_KEY_SIZE],
                   const unsigned char nonce[SECRETBOX_NONCE_SIZE], const unsigned char *box,
                   size_t size, unsigned char *ret_data)
{
    if (size < SECRETBOX_OVERHEAD)
        return -1;
    unsigned char mac_key[POLY1305_KEY_SIZE];
    unsigned char tag[SECRETBOX_OVERHEAD];
    crypt_with(key, nonce, NULL, NULL, 0, mac_key);
    poly1305(mac_key, box + SECRETBOX_OVERHEAD, size - SECRETBOX_OVERHEAD, tag);
    int result = CRYPTO_memcmp(tag, box, SECRETBOX_OVERHEAD) == 0 ? 0 : -1;
    if (result == 0)
        crypt_with(key, nonce, box + SECRETBOX_OVERHEAD, ret_data, size - SECRETBOX_OVERHEAD,
                   mac_key);
    OPENSSL_cleanse(mac_key, sizeof mac_key);
    return result;
}
