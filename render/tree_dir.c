// A folder on disk as a tree. Links are followed by nobody here, so that even one that is put there
// while we read cannot lead out: the kernel walks a whole path without links (openat2, Linux 5.6),
// and where it cannot, every component is opened by itself with O_NOFOLLOW.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "render/tree.h"

enum { MAX_LINK_BYTES = 4095 };

struct dir_tree {
    struct tree tree;
    int root_fd;
};

static int fail(struct error *err, int errnum, const char *path)
{
    if (errnum == ELOOP || errnum == ENOTDIR)
        return error_set(err, ERROR_NOT_FOUND, "%s changed while it was read", path);
    return error_errno(err, errnum, "%s", *path != '\0' ? path : ".");
}

// The folder that holds the last component of path, which *ret_name points at. The caller closes
// the descriptor. -1 with errno.
static int open_parent(struct tree *tree, const char *path, int *ret_fd, const char **ret_name)
{
    cleanup_fd int fd =
        openat(((struct dir_tree *)tree)->root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    const char *cursor = path;
    for (const char *slash; (slash = strchr(cursor, '/')) != NULL; cursor = slash + 1) {
        cleanup_free char *name = xstrndup(cursor, (size_t)(slash - cursor));
        int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return -1;
        close(fd);
        fd = next;
    }
    *ret_name = *cursor != '\0' ? cursor : ".";
    *ret_fd = fd;
    fd = -1;
    return 0;
}

// -1 with errno; 0 in *ret_known where that says nothing about the path.
static int open_whole(struct tree *tree, const char *path, uint64_t flags, bool *ret_known)
{
    const struct open_how how = {
        .flags = flags | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, ((struct dir_tree *)tree)->root_fd, *path != '\0' ? path : ".",
                      &how, sizeof how);
    *ret_known = fd >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return (int)fd;
}

// The descriptor of what the path itself is, opened with `flags`; -1 with errno.
static int open_path(struct tree *tree, const char *path, int flags)
{
    bool known = false;
    int whole = open_whole(tree, path, (uint64_t)flags, &known);
    if (known)
        return whole;
    cleanup_fd int parent = -1;
    const char *name = NULL;
    if (open_parent(tree, path, &parent, &name) < 0)
        return -1;
    return openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC);
}

static enum tree_kind kind_of(const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        return TREE_FILE;
    if (S_ISDIR(st->st_mode))
        return TREE_DIRECTORY;
    return S_ISLNK(st->st_mode) ? TREE_SYMLINK : TREE_OTHER;
}

static int dir_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind,
                      size_t *ret_size, struct error *err)
{
    cleanup_fd int fd = open_path(tree, path, O_PATH);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, path);
    *ret_kind = kind_of(&st);
    *ret_size = *ret_kind == TREE_FILE ? (size_t)st.st_size : 0;
    return 0;
}

static int dir_read_link(struct tree *tree, const char *path, char **ret_target, struct error *err)
{
    cleanup_fd int fd = -1;
    const char *name = NULL;
    if (open_parent(tree, path, &fd, &name) < 0)
        return fail(err, errno, path);
    char target[MAX_LINK_BYTES + 1];
    ssize_t length = readlinkat(fd, name, target, sizeof target);
    if (length < 0)
        return fail(err, errno, path);
    if ((size_t)length >= sizeof target)
        return error_set(err, ERROR_LIMIT, "%s: the symbolic link is too long", path);
    *ret_target = xstrndup(target, (size_t)length);
    return 0;
}

static int dir_read(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                    size_t *ret_size, struct error *err)
{
    return file_read_opened(open_path(tree, path, O_RDONLY | O_NONBLOCK), path, max_bytes, ret_data,
                            ret_size, err);
}

static int dir_list(struct tree *tree, const char *path, struct vec *entries, struct error *err)
{
    int fd = open_path(tree, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fail(err, errno, path);
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return fail(err, errno, path);
    }
    int result = 0;
    for (struct dirent *found; result == 0 && (found = readdir(dir)) != NULL;) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        struct stat st;
        if (fstatat(fd, found->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            // Gone between the two calls: as if it had never been listed.
            result = errno == ENOENT ? 0 : fail(err, errno, path);
            continue;
        }
        struct tree_entry *entry = vec_push(entries);
        entry->name = xstrdup(found->d_name);
        entry->kind = kind_of(&st);
        entry->size = entry->kind == TREE_FILE ? (size_t)st.st_size : 0;
    }
    closedir(dir);
    return result;
}

static void dir_free(struct tree *tree)
{
    close(((struct dir_tree *)tree)->root_fd);
    free(tree);
}

int tree_open_dir(const char *path, struct tree **ret_tree, struct error *err)
{
    static const struct tree_ops ops = {
        .lookup = dir_lookup,
        .read_link = dir_read_link,
        .read = dir_read,
        .list = dir_list,
        .free = dir_free,
    };
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open folder %s", path);
    struct dir_tree *tree = xcalloc(1, sizeof *tree);
    tree->tree.ops = &ops;
    tree->root_fd = fd;
    *ret_tree = &tree->tree;
    return 0;
}
