// Layouts OneFile (k3s, RKE2: one multi-document file among others) and Pods (kubelet: flat, one
// Pod a file). Files appear by rename, and what did not change is not written, because their
// readers act on every write.
//
//     sealift-<namespace>-<sync, dots as dashes>-<8 hex of sha256("namespace/sync")>.yaml
//     sealift-<namespace>-<sync>-<pod>-<8 hex of sha256("namespace/sync/pod")>.yaml
//
// The hash tells our files from those of a Sync whose name begins like ours, without any list.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_flat_internal.h"

enum {
    HASH_DIGITS = 8,
    MAX_PREFIX = 120, // with MAX_POD and the rest below NAME_MAX, a temporary name included
    MAX_POD = 100,
};

// ---- names ----

static char *hash_of(const char *text)
{
    unsigned char hash[SHA256_SIZE];
    sha256(text, strlen(text), hash);
    return hex_encode(hash, HASH_DIGITS / 2);
}

char *directory_flat_prefix(const char *owner)
{
    cleanup_free char *name = xstrndup(owner, MAX_PREFIX);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '/' || *at == '.')
            *at = '-';
    return xasprintf("sealift-%s-", name);
}

char *directory_flat_one_file(const struct directory *directory)
{
    cleanup_free char *hash = hash_of(directory->owner);
    return xasprintf("%s%s.yaml", directory->prefix, hash);
}

char *directory_flat_pod_part(const char *name)
{
    if (strlen(name) <= MAX_POD)
        return xstrdup(name);
    cleanup_free char *hash = hash_of(name);
    return xasprintf("%.*s-%s", MAX_POD - 1 - HASH_DIGITS, name, hash);
}

char *directory_flat_pod_file(const struct directory *directory, const char *part)
{
    cleanup_free char *hashed = xasprintf("%s/%s", directory->owner, part);
    cleanup_free char *hash = hash_of(hashed);
    return xasprintf("%s%s-%s.yaml", directory->prefix, part, hash);
}

bool directory_flat_is_ours(const struct directory *directory, const char *name)
{
    if (directory->layout == DIRECTORY_ONE_FILE) {
        cleanup_free char *file = directory_flat_one_file(directory);
        return strcmp(name, file) == 0;
    }
    size_t prefix = strlen(directory->prefix);
    size_t suffix = 1 + HASH_DIGITS + strlen(".yaml");
    size_t length = strlen(name);
    if (length <= prefix + suffix || strncmp(name, directory->prefix, prefix) != 0)
        return false;
    cleanup_free char *part = xstrndup(name + prefix, length - prefix - suffix);
    cleanup_free char *file = directory_flat_pod_file(directory, part);
    return strcmp(name, file) == 0;
}

// ---- the folder ----

int directory_flat_open(struct directory *directory, bool create, int *ret_fd, struct error *err)
{
    enum directory_state state;
    int fd = -1;
    if (directory_examine(directory, &state, &fd, err) < 0)
        return -1;
    if (fd < 0 && create) {
        if (file_make_dirs(directory->path, err) < 0)
            return -1;
        fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return error_errno(err, errno, "open folder %s", directory->path);
    }
    *ret_fd = fd;
    return 0;
}

int directory_flat_gone(struct error *failure, struct error *err)
{
    return failure->code == ERROR_INVALID ? 0 : error_move(err, failure);
}

void directory_flat_list(const struct directory *directory, int root, bool temporary,
                         struct vec *names)
{
    static const size_t random_part = 7;
    int fd = root >= 0 ? openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    for (struct dirent *found; dir != NULL && (found = readdir(dir)) != NULL;) {
        size_t length = strlen(found->d_name);
        cleanup_free char *name = xstrdup(found->d_name);
        if (temporary) {
            if (*name != '.' || length <= random_part + 1)
                continue;
            free(name);
            name = xstrndup(found->d_name + 1, length - 1 - random_part);
        }
        if (directory_flat_is_ours(directory, name))
            vec_push_string(names, found->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    vec_sort(names, vec_compare_strings);
}

void directory_flat_clean(const struct directory *directory, int root)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    directory_flat_list(directory, root, true, &names);
    vec_foreach (char *, name, &names) {
        // What cannot be removed is in nobody's way: no reader takes a name with a dot in front.
        (void)unlinkat(root, *name, 0);
    }
}

void directory_flat_watch(struct directory *directory)
{
    directory_watch_folder(directory, directory->path, "", directory->watch_generation);
    directory_watch_parent(directory, directory->watch_generation);
}

void directory_flat_expect(struct vec *entries, const char *name, const char *bytes, size_t size)
{
    struct directory_entry *entry = vec_push(entries);
    entry->path = xstrdup(name);
    entry->bytes = bytes;
    entry->size = size;
    sha256(bytes, size, entry->hash);
}

int directory_flat_write(const struct directory *directory, const char *name, const char *bytes,
                         size_t size, struct error *err)
{
    cleanup_free char *path = path_join(directory->path, name);
    return file_write_atomic(path, bytes, size, DIRECTORY_FILE_MODE, err);
}

void directory_flat_drop(struct vec *results, enum target_action action)
{
    for (size_t i = results->len; i > 0; i--)
        if (((struct target_result *)vec_at(results, i - 1))->action == action)
            vec_remove(results, i - 1);
}

void directory_flat_hand_over(struct vec *from, struct vec *ret_results)
{
    *ret_results = *from;
    *from = TARGET_RESULTS;
}
