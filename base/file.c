#include "base/file.h"

#include "base/memory.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cleanup_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int read_open_file(int fd, const char *path, size_t max_bytes, struct strbuf *content,
                          struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "%s is not a regular file", path);
    size_t chunk = st.st_size > 0 && (size_t)st.st_size <= max_bytes ? (size_t)st.st_size : 4096;
    for (;;) {
        if (chunk > max_bytes - content->len)
            chunk = max_bytes - content->len;
        // Behind the size that it has, and at the limit, one more byte tells whether it is larger,
        // without room for more that hardly ever comes.
        char extra;
        bool probe = chunk == 0 || (content->len > 0 && content->len == (size_t)st.st_size);
        char *room = probe ? &extra : strbuf_grow(content, chunk);
        ssize_t got = read(fd, room, probe ? 1 : chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "read %s", path);
        if (got == 0)
            return 0;
        if (chunk == 0)
            return error_set(err, ERROR_LIMIT, "%s is larger than the limit of %zu bytes", path,
                             max_bytes);
        if (probe)
            strbuf_addch(content, extra);
        else
            strbuf_grown(content, (size_t)got);
        chunk = 65536;
    }
}

int file_read_opened(int opened_fd, const char *name, size_t max_bytes, char **ret_data,
                     size_t *ret_size, struct error *err)
{
    int open_errno = errno;
    cleanup_fd int fd = opened_fd;
    if (fd < 0)
        return error_errno(err, open_errno, "open %s", name);
    cleanup_strbuf struct strbuf content;
    strbuf_init(&content, max_bytes);
    if (read_open_file(fd, name, max_bytes, &content, err) < 0)
        return -1;
    if (ret_size != NULL)
        *ret_size = content.len;
    *ret_data = strbuf_steal(&content);
    return 0;
}

int file_read_at(int dir_fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                 struct error *err)
{
    return file_read_opened(openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), path,
                            max_bytes, ret_data, ret_size, err);
}

int file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
              struct error *err)
{
    return file_read_at(AT_FDCWD, path, max_bytes, ret_data, ret_size, err);
}

int file_write_all(int fd, const void *data, size_t size, const char *name, struct error *err)
{
    const char *cursor = data;
    while (size > 0) {
        ssize_t wrote = write(fd, cursor, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return error_errno(err, errno, "write %s", name);
        cursor += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

static char *temp_name_beside(const char *path)
{
    const char *slash = strrchr(path, '/');
    int dir_length = slash != NULL ? (int)(slash - path) + 1 : 0;
    return xasprintf("%.*s.%s.XXXXXX", dir_length, path, path + dir_length);
}

static int write_temp(int fd, const char *path, const void *data, size_t size, mode_t mode,
                      bool durable, struct error *err)
{
    if (file_write_all(fd, data, size, path, err) < 0)
        return -1;
    if (fchmod(fd, mode) < 0)
        return error_errno(err, errno, "chmod %s", path);
    if (durable && fsync(fd) < 0)
        return error_errno(err, errno, "fsync %s", path);
    return 0;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static int write_and_rename(const char *path, const void *data, size_t size, mode_t mode,
                            bool durable, struct error *err)
{
    cleanup_free char *temp = temp_name_beside(path);
    cleanup_fd int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "create a file beside %s", path);
    int result = write_temp(fd, path, data, size, mode, durable, err);
    if (result == 0 && rename(temp, path) < 0)
        result = error_errno(err, errno, "rename to %s", path);
    if (result < 0) {
        unlink(temp);
        return -1;
    }
    if (!durable)
        return 0;
    cleanup_free char *dir = dir_of(path);
    return file_sync_dir(dir, err);
}

int file_write_atomic(const char *path, const void *data, size_t size, mode_t mode,
                      struct error *err)
{
    return write_and_rename(path, data, size, mode, true, err);
}

int file_write_swap(const char *path, const void *data, size_t size, mode_t mode, struct error *err)
{
    return write_and_rename(path, data, size, mode, false, err);
}

void file_remove_temporary(const char *path)
{
    static const size_t random_part = 7;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);
    cleanup_free char *folder = dir_of(path);
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *found; (found = readdir(dir)) != NULL;) {
        const char *temp = found->d_name;
        if (*temp == '.' && strlen(temp) == 1 + length + random_part &&
            strncmp(temp + 1, name, length) == 0 && temp[1 + length] == '.')
            (void)unlinkat(dirfd(dir), temp, 0);
    }
    closedir(dir);
}

int file_make_dirs(const char *path, struct error *err)
{
    cleanup_free char *partial = xstrdup(path);
    for (char *cursor = partial + 1; *partial != '\0'; cursor++) {
        if (*cursor != '/' && *cursor != '\0')
            continue;
        char end = *cursor;
        *cursor = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return error_errno(err, errno, "create folder %s", partial);
        *cursor = end;
        if (end == '\0')
            break;
    }
    struct stat st;
    if (stat(path, &st) < 0)
        return error_errno(err, errno, "stat %s", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, ERROR_INVALID, "%s is in the way: it is not a folder", path);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

int file_remove_tree(const char *path, struct error *err)
{
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return error_errno(err, errno, "remove %s", path);
    return 0;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int file_sync_dir(const char *path, struct error *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    if (fsync(fd) < 0)
        return error_errno(err, errno, "fsync %s", path);
    return 0;
}

int file_make_temp_dir(const char *prefix, char **ret_path, struct error *err)
{
    const char *base = getenv("TMPDIR");
    cleanup_free char *path =
        xasprintf("%s/%sXXXXXX", base != NULL && *base != '\0' ? base : "/tmp", prefix);
    if (mkdtemp(path) == NULL)
        return error_errno(err, errno, "create a folder like %s", path);
    *ret_path = STEAL(path);
    return 0;
}

char *path_join(const char *dir, const char *name)
{
    size_t length = strlen(dir);
    return xasprintf("%s%s%s", dir, length > 0 && dir[length - 1] == '/' ? "" : "/", name);
}
