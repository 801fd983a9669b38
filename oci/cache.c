#include "oci/cache.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t default_max_bytes = (size_t)1 << 30;

struct pin {
    struct digest digest;
    unsigned count;
};

struct oci_cache {
    pthread_mutex_t lock;
    char *dir;
    size_t max_bytes;
    size_t bytes;    // of all files, as far as this process knows
    struct vec pins; // struct pin, sorted
};

struct cached_file {
    char *name; // hex digits
    size_t size;
    struct timespec used;
};

static void release_file(void *file)
{
    free(((struct cached_file *)file)->name);
}

static char *file_path(const struct oci_cache *cache, const char *digest)
{
    return path_join(cache->dir, digest_hex(digest));
}

static bool is_blob_name(const char *name)
{
    return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

// All files of the cache; temporary files that a crash left are removed where sweep is set.
static int list_files(const struct oci_cache *cache, bool sweep, struct vec *files,
                      struct error *err)
{
    DIR *dir = opendir(cache->dir);
    if (dir == NULL)
        return error_errno(err, errno, "read cache %s", cache->dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        if (is_blob_name(entry->d_name))
            *(struct cached_file *)vec_push(files) = (struct cached_file){
                .name = xstrdup(entry->d_name), .size = (size_t)st.st_size, .used = st.st_mtim};
        else if (sweep && entry->d_name[0] == '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return 0;
}

static size_t total_size(const struct vec *files)
{
    size_t total = 0;
    vec_foreach (const struct cached_file, file, files)
        total += file->size;
    return total;
}

int oci_cache_open(const char *dir, size_t max_bytes, struct oci_cache **ret_cache,
                   struct error *err)
{
    if (file_make_dirs(dir, err) < 0)
        return error_wrap(err, "cache");
    struct oci_cache *cache = xcalloc(1, sizeof *cache);
    pthread_mutex_init(&cache->lock, NULL);
    cache->dir = xstrdup(dir);
    cache->max_bytes = max_bytes > 0 ? max_bytes : default_max_bytes;
    cache->pins = VEC_OF(struct pin, NULL);
    cleanup_vec struct vec files = VEC_OF(struct cached_file, release_file);
    if (list_files(cache, true, &files, err) < 0) {
        oci_cache_close(cache);
        return -1;
    }
    cache->bytes = total_size(&files);
    *ret_cache = cache;
    return 0;
}

void oci_cache_close(struct oci_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_mutex_destroy(&cache->lock);
    vec_free(&cache->pins);
    free(cache->dir);
    free(cache);
}

static int compare_pins(const void *a, const void *b)
{
    return strcmp(((const struct pin *)a)->digest.text, ((const struct pin *)b)->digest.text);
}

static struct pin *find_pin(struct oci_cache *cache, const char *digest)
{
    struct pin key = {0};
    memcpy(key.digest.text, digest, sizeof key.digest.text);
    return vec_find(&cache->pins, &key, compare_pins);
}

void oci_cache_pin(struct oci_cache *cache, const char *digest)
{
    if (!digest_is_valid(digest))
        return;
    pthread_mutex_lock(&cache->lock);
    struct pin *pin = find_pin(cache, digest);
    if (pin == NULL) {
        pin = vec_push(&cache->pins);
        memcpy(pin->digest.text, digest, sizeof pin->digest.text);
        pin->count = 1;
        vec_sort(&cache->pins, compare_pins);
    } else {
        pin->count++;
    }
    pthread_mutex_unlock(&cache->lock);
}

void oci_cache_unpin(struct oci_cache *cache, const char *digest)
{
    if (!digest_is_valid(digest))
        return;
    pthread_mutex_lock(&cache->lock);
    struct pin *pin = find_pin(cache, digest);
    if (pin != NULL && --pin->count == 0)
        vec_remove(&cache->pins, (size_t)(pin - (struct pin *)cache->pins.data));
    pthread_mutex_unlock(&cache->lock);
}

// Under the lock.
static void drop(struct oci_cache *cache, const char *path, size_t size)
{
    if (unlink(path) == 0)
        cache->bytes -= size < cache->bytes ? size : cache->bytes;
}

static void forget_damaged(struct oci_cache *cache, const char *path, size_t size)
{
    pthread_mutex_lock(&cache->lock);
    drop(cache, path, size);
    pthread_mutex_unlock(&cache->lock);
}

bool oci_cache_has(const struct oci_cache *cache, const char *digest)
{
    cleanup_free char *path = digest_is_valid(digest) ? file_path(cache, digest) : NULL;
    return path != NULL && file_exists(path);
}

int oci_cache_get(struct oci_cache *cache, const char *digest, size_t max_bytes, char **ret_data,
                  size_t *ret_size, struct error *err)
{
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no sha256 digest", digest);
    cleanup_free char *path = file_path(cache, digest);
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (file_read(path, max_bytes, &data, &size, err) < 0)
        return -1;
    struct digest actual = digest_of(data, size);
    if (strcmp(actual.text, digest) != 0) {
        forget_damaged(cache, path, size);
        return error_set(err, ERROR_NOT_FOUND, "%s was damaged and is removed", path);
    }
    // Recency only; a read-only folder must not fail the read.
    if (utimensat(AT_FDCWD, path, NULL, 0) < 0)
        errno = 0;
    *ret_data = STEAL(data);
    *ret_size = size;
    return 0;
}

static int compare_age(const void *a, const void *b)
{
    const struct timespec *left = &((const struct cached_file *)a)->used;
    const struct timespec *right = &((const struct cached_file *)b)->used;
    if (left->tv_sec != right->tv_sec)
        return left->tv_sec < right->tv_sec ? -1 : 1;
    return (left->tv_nsec > right->tv_nsec) - (left->tv_nsec < right->tv_nsec);
}

// Removes the least recently used until `needed` more bytes fit. Under the lock.
static int make_room(struct oci_cache *cache, size_t needed, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(struct cached_file, release_file);
    if (list_files(cache, false, &files, err) < 0)
        return -1;
    cache->bytes = total_size(&files);
    vec_sort(&files, compare_age);
    vec_foreach (const struct cached_file, file, &files) {
        if (cache->bytes + needed <= cache->max_bytes)
            return 0;
        cleanup_free char *digest = xasprintf("sha256:%s", file->name);
        cleanup_free char *path = file_path(cache, digest);
        if (find_pin(cache, digest) == NULL)
            drop(cache, path, file->size);
    }
    if (cache->bytes + needed <= cache->max_bytes)
        return 0;
    return error_set(err, ERROR_LIMIT,
                     "cache %s is full of artifacts that run now; raise its size (%zu bytes)",
                     cache->dir, cache->max_bytes);
}

static int put_locked(struct oci_cache *cache, const char *path, const void *data, size_t size,
                      struct error *err)
{
    if (cache->bytes + size > cache->max_bytes && make_room(cache, size, err) < 0)
        return -1;
    struct stat st;
    size_t old = lstat(path, &st) == 0 ? (size_t)st.st_size : 0;
    // Without fsync: what a crash damages is a miss.
    if (file_write_swap(path, data, size, 0600, err) < 0)
        return -1;
    cache->bytes += size;
    cache->bytes -= old < cache->bytes ? old : cache->bytes;
    return 0;
}

int oci_cache_put(struct oci_cache *cache, const char *digest, const void *data, size_t size,
                  struct error *err)
{
    struct digest actual = digest_of(data, size);
    if (strcmp(actual.text, digest) != 0)
        return error_set(err, ERROR_INTERNAL, "cache: the bytes are not %s", digest);
    cleanup_free char *path = file_path(cache, digest);
    pthread_mutex_lock(&cache->lock);
    int result = put_locked(cache, path, data, size, err);
    pthread_mutex_unlock(&cache->lock);
    return result;
}
