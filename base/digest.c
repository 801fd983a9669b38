#include "base/digest.h"

#include "base/memory.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct digest_stream {
    EVP_MD_CTX *context;
};

void sha256(const void *data, size_t size, unsigned char ret_hash[SHA256_SIZE])
{
    if (EVP_Digest(data, size, ret_hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
}

void sha256_for_name(const void *data, size_t size, unsigned char ret_hash[SHA256_SIZE])
{
    SHA256_CTX context;
// Deprecated for EVP, whose start is what this does without.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    SHA256_Init(&context);
    SHA256_Update(&context, data, size);
    SHA256_Final(ret_hash, &context);
#pragma GCC diagnostic pop
}

void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char ret_mac[SHA256_SIZE])
{
    unsigned int mac_size = SHA256_SIZE;
    assert(key_size <= INT_MAX);
    if (HMAC(EVP_sha256(), key, (int)key_size, data, size, ret_mac, &mac_size) == NULL)
        abort();
}

bool mac_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

struct digest digest_from_hash(const unsigned char hash[SHA256_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    struct digest digest = {.text = "sha256:"};
    char *out = digest.text + strlen("sha256:");
    for (int i = 0; i < SHA256_SIZE; i++) {
        *out++ = digits[hash[i] >> 4];
        *out++ = digits[hash[i] & 15];
    }
    *out = '\0';
    return digest;
}

struct digest digest_of(const void *data, size_t size)
{
    unsigned char hash[SHA256_SIZE];
    sha256(data, size, hash);
    return digest_from_hash(hash);
}

bool digest_is_valid(const char *text)
{
    static const size_t prefix = sizeof "sha256:" - 1;
    return strncmp(text, "sha256:", prefix) == 0 &&
           strspn(text + prefix, "0123456789abcdef") == 64 && text[prefix + 64] == '\0';
}

const char *digest_hex(const char *text)
{
    assert(digest_is_valid(text));
    return text + strlen("sha256:");
}

struct digest_stream *digest_stream_new(void)
{
    struct digest_stream *stream = xcalloc(1, sizeof *stream);
    stream->context = EVP_MD_CTX_new();
    if (stream->context == NULL || EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1)
        abort();
    return stream;
}

void digest_stream_add(struct digest_stream *stream, const void *data, size_t size)
{
    if (EVP_DigestUpdate(stream->context, data, size) != 1)
        abort();
}

struct digest digest_stream_end(struct digest_stream *stream)
{
    unsigned char hash[SHA256_SIZE];
    if (EVP_DigestFinal_ex(stream->context, hash, NULL) != 1)
        abort();
    return digest_from_hash(hash);
}

void digest_stream_free(struct digest_stream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    free(stream);
}

void cleanup_digest_stream_pointer(struct digest_stream **stream)
{
    digest_stream_free(*stream);
}
