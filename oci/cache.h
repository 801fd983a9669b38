// Blobs and manifests by digest in a folder (--cache-dir), so that healing and restarts need no
// registry. Hashed again on every read: a damaged file is a miss and is removed. The least recently
// used go first when the folder is over its size; pinned digests (what runs) stay. Any thread.
#ifndef OCI_CACHE_H
#define OCI_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct oci_cache;

// Makes the folder. max_bytes 0 = 1 GiB.
int oci_cache_open(const char *dir, size_t max_bytes, struct oci_cache **ret_cache,
                   struct error *err) __attribute__((warn_unused_result));
void oci_cache_close(struct oci_cache *cache); // NULL is fine

// *ret_data is owned with a NUL behind it. ERROR_NOT_FOUND on a miss; ERROR_LIMIT above max_bytes.
int oci_cache_get(struct oci_cache *cache, const char *digest, size_t max_bytes, char **ret_data,
                  size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
// Whether there is something to read; it may still be damaged.
bool oci_cache_has(const struct oci_cache *cache, const char *digest);
// The bytes must have this digest. Failing to store is an error the caller may ignore.
int oci_cache_put(struct oci_cache *cache, const char *digest, const void *data, size_t size,
                  struct error *err) __attribute__((warn_unused_result));

// Counted: as many unpins as pins. A digest may be pinned before it is there.
void oci_cache_pin(struct oci_cache *cache, const char *digest);
void oci_cache_unpin(struct oci_cache *cache, const char *digest);

#endif
