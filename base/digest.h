// SHA-256 and HMAC-SHA256, and digests in the form OCI writes them: "sha256:" and 64 lower-case hex
// digits.
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define SHA256_SIZE 32
#define SHA256_HEX_SIZE (2 * SHA256_SIZE + 1)
#define DIGEST_TEXT_SIZE (sizeof "sha256:" + 2 * SHA256_SIZE)

// A digest as text, NUL-terminated.
struct digest {
    char text[DIGEST_TEXT_SIZE];
};

void sha256(const void *data, size_t size, unsigned char ret_hash[SHA256_SIZE]);
// The same for a name that tells contents apart and that no security rests on: without what OpenSSL
// reads and allocates at the first digest of a process (1 ms and 2 MB).
void sha256_for_name(const void *data, size_t size, unsigned char ret_hash[SHA256_SIZE]);
void hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                 unsigned char ret_mac[SHA256_SIZE]);
// In constant time for equal sizes.
bool mac_equal(const void *a, const void *b, size_t size);

struct digest digest_of(const void *data, size_t size);
struct digest digest_from_hash(const unsigned char hash[SHA256_SIZE]);
// Only sha256 with lower-case hex is a digest here: it goes into paths, URLs and tags.
bool digest_is_valid(const char *text);
// The 64 hex digits after "sha256:"; text must be valid.
const char *digest_hex(const char *text);

// A hash over bytes that arrive in pieces.
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, const void *data, size_t size);
// The digest of all so far; the stream can only be freed afterwards.
struct digest digest_stream_end(struct digest_stream *stream);
void digest_stream_free(struct digest_stream *stream); // NULL is fine
void cleanup_digest_stream_pointer(struct digest_stream **stream);
#define cleanup_digest_stream __attribute__((cleanup(cleanup_digest_stream_pointer)))

#endif
