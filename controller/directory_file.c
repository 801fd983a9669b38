// One entry on disk. Nothing here follows a symbolic link: whoever puts one into the directory must
// not be able to send our reads and writes elsewhere.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_internal.h"

void directory_entry_release(void *entry)
{
    free(((struct directory_entry *)entry)->path);
}

int directory_entry_compare(const void *a, const void *b)
{
    return strcmp(((const struct directory_entry *)a)->path,
                  ((const struct directory_entry *)b)->path);
}

struct directory_entry *directory_entry_find(const struct vec *sorted_entries, const char *path)
{
    size_t low = 0;
    size_t high = sorted_entries->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct directory_entry *entry = vec_at(sorted_entries, middle);
        int order = strcmp(path, entry->path);
        if (order == 0)
            return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void directory_cursor_release(struct directory_cursor *cursor)
{
    if (cursor->fd >= 0)
        close(cursor->fd);
    cursor->fd = -1;
    free(STEAL(cursor->parent));
}

static int open_folders(int root, const char *path, int *ret_fd)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *cursor = path;
    while (fd >= 0 && *cursor != '\0') {
        size_t length = strcspn(cursor, "/");
        cleanup_free char *name = xstrndup(cursor, length);
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int open_errno = errno;
        close(fd);
        errno = open_errno;
        fd = next;
        cursor += length + (cursor[length] == '/');
    }
    if (fd < 0)
        return errno;
    *ret_fd = fd;
    return 0;
}

int directory_cursor_enter(struct directory_cursor *cursor, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *parent =
        slash != NULL ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
    if (cursor->fd < 0 || strcmp(cursor->parent, parent) != 0) {
        int fd = -1;
        int failed = open_folders(cursor->root, parent, &fd);
        if (failed != 0)
            return failed;
        directory_cursor_release(cursor);
        cursor->fd = fd;
        cursor->parent = STEAL(parent);
    }
    *ret_name = slash != NULL ? slash + 1 : path;
    return 0;
}

// Reads what is there and one byte more, so that a file that grew meanwhile is seen.
static bool has_content(int fd, const struct directory_entry *entry)
{
    cleanup_free char *data = xmalloc(entry->size + 1);
    size_t size = 0;
    while (size <= entry->size) {
        ssize_t got = read(fd, data + size, entry->size + 1 - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    if (size != entry->size)
        return false;
    unsigned char hash[SHA256_SIZE];
    sha256(data, size, hash);
    return memcmp(hash, entry->hash, sizeof hash) == 0;
}

enum directory_match directory_match(struct directory_cursor *cursor,
                                     const struct directory_entry *entry)
{
    const char *name = NULL;
    int failed = directory_cursor_enter(cursor, entry->path, &name);
    if (failed != 0)
        return failed == ENOENT ? DIRECTORY_MISSING : DIRECTORY_DIFFERENT;
    // Neither a pipe nor a terminal that somebody put there makes us wait.
    cleanup_fd int fd = openat(cursor->fd, name,
                               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
                                   (entry->folder ? O_DIRECTORY : 0));
    if (fd < 0)
        return errno == ENOENT ? DIRECTORY_MISSING : DIRECTORY_DIFFERENT;
    struct stat st;
    mode_t mode = entry->folder ? S_IFDIR | DIRECTORY_FOLDER_MODE : S_IFREG | DIRECTORY_FILE_MODE;
    if (fstat(fd, &st) < 0 || st.st_mode != mode || st.st_uid != geteuid())
        return DIRECTORY_DIFFERENT;
    if (entry->folder)
        return DIRECTORY_SAME;
    return (size_t)st.st_size == entry->size && has_content(fd, entry) ? DIRECTORY_SAME
                                                                       : DIRECTORY_DIFFERENT;
}

int directory_read(struct directory_cursor *cursor, const char *path, char **ret_data,
                   size_t *ret_size, struct error *err)
{
    const char *name = NULL;
    int failed = directory_cursor_enter(cursor, path, &name);
    if (failed != 0)
        return error_errno(err, failed, "open %s", path);
    return file_read_opened(
        openat(cursor->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), path,
        DIRECTORY_MAX_FILE, ret_data, ret_size, err);
}

int directory_write_at(int dir_fd, const char *name, const char *path, const void *data,
                       size_t size, struct error *err)
{
    cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               DIRECTORY_FILE_MODE);
    if (fd < 0)
        return error_errno(err, errno, "create %s", path);
    if (file_write_all(fd, data, size, path, err) < 0)
        return -1;
    if (fchmod(fd, DIRECTORY_FILE_MODE) < 0)
        return error_errno(err, errno, "chmod %s", path);
    // Its bytes begin to move to the disk while the next file is written; directory_sync_file
    // waits for them, if that is worth a call of its own. It is a hint: a failure shows there.
    (void)!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

int directory_sync_file(struct directory_cursor *cursor, const char *path, struct error *err)
{
    const char *name = NULL;
    int failed = directory_cursor_enter(cursor, path, &name);
    if (failed != 0)
        return error_errno(err, failed, "open %s", path);
    cleanup_fd int fd = openat(cursor->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "fsync %s", path);
    return 0;
}

int directory_sync_at(int dir_fd, const char *path, struct error *err)
{
    cleanup_fd int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "fsync folder %s", path);
    return 0;
}
