// The directory target: whose the directory is, and what is refused. Happy path of an apply:
// examine the place, compare what is there with what is wanted, write what differs beside it,
// move it in, and from then on expect exactly that.
#include "controller/directory_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/yamljson.h"

static const char owner_line[] = "\nowner ";

// ---- whose it is ----

char *directory_owner_at(const char *path)
{
    cleanup_free char *marker = path_join(path, DIRECTORY_MARKER);
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (file_read_opened(open(marker, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), marker,
                         DIRECTORY_MAX_FILE, &text, &size, NULL) < 0)
        return NULL;
    const char *line = strstr(text, owner_line);
    if (line == NULL)
        return NULL;
    line += sizeof owner_line - 1;
    // Without its end the line was cut by a crash, and so may be the name.
    const char *end = strchr(line, '\n');
    return end != NULL ? xstrndup(line, (size_t)(end - line)) : NULL;
}

static bool is_empty_folder(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    if (dir == NULL) {
        if (own >= 0)
            close(own);
        return false;
    }
    size_t entries = 0;
    while (entries <= 2 && readdir(dir) != NULL)
        entries++;
    closedir(dir);
    return entries <= 2;
}

static bool is_mount_point(int fd)
{
    struct statx stx;
    return statx(fd, "", AT_EMPTY_PATH, STATX_INO, &stx) == 0 &&
           (stx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
           (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// What is written there would be read as objects, or as what the roles remember.
static int check_own(const struct directory *directory, const char *real, struct error *err)
{
    for (const char *const *dir = directory->kept_out; dir != NULL && *dir != NULL; dir++) {
        cleanup_free char *own = realpath(*dir, NULL);
        if (own != NULL && strcmp(own, real) == 0)
            return error_set(err, ERROR_INVALID,
                             "%s lies inside %s, a folder of sealift's own; choose a path outside",
                             directory->path, *dir);
    }
    return 0;
}

// Looks for a marker in every folder above that exists.
static int check_above(const struct directory *directory, struct error *err)
{
    cleanup_free char *own = realpath(directory->path, NULL);
    if (own != NULL && check_own(directory, own, err) < 0)
        return -1;
    cleanup_free char *above = xstrdup(directory->parent);
    cleanup_free char *real = NULL;
    while ((real = realpath(above, NULL)) == NULL) {
        char *slash = strrchr(above, '/');
        if (slash == NULL || slash == above)
            return 0;
        *slash = '\0';
    }
    for (;;) {
        cleanup_free char *owner = directory_owner_at(real);
        if (owner != NULL)
            return error_set(err, ERROR_INVALID,
                             "%s lies inside %s, the directory of Sync %s, which would remove it; "
                             "choose a path outside",
                             directory->path, real, owner);
        if (check_own(directory, real, err) < 0)
            return -1;
        char *slash = strrchr(real, '/');
        if (slash == NULL || slash[1] == '\0')
            return 0;
        slash[slash == real] = '\0';
    }
}

static int examine_tree(struct directory *directory, int fd, enum directory_state *ret_state,
                        struct error *err)
{
    if (is_mount_point(fd))
        return error_set(err, ERROR_INVALID,
                         "%s is a mount point, which cannot be replaced as a whole; use a folder "
                         "below it",
                         directory->path);
    cleanup_free char *owner = directory_owner_at(directory->path);
    if (owner != NULL && strcmp(owner, directory->owner) == 0) {
        *ret_state = DIRECTORY_OURS;
        return 0;
    }
    if (owner != NULL)
        return error_set(err, ERROR_INVALID,
                         "%s belongs to Sync %s; give this Sync a path of its own", directory->path,
                         owner);
    struct stat st;
    // Somebody took the marker away from the very folder that we put there.
    if (fstat(fd, &st) == 0 && st.st_ino == directory->root_inode &&
        st.st_dev == directory->root_device && directory->has_expected) {
        *ret_state = DIRECTORY_OURS;
        return 0;
    }
    if (!is_empty_folder(fd))
        return error_set(err, ERROR_INVALID,
                         "%s exists, is not empty and was not made by this Sync; empty it or "
                         "choose another path",
                         directory->path);
    *ret_state = DIRECTORY_EMPTY;
    return 0;
}

int directory_examine(struct directory *directory, enum directory_state *ret_state, int *ret_fd,
                      struct error *err)
{
    if (check_above(directory, err) < 0)
        return -1;
    struct stat st;
    if (lstat(directory->path, &st) < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return error_errno(err, errno, "%s", directory->path);
        *ret_state = DIRECTORY_ABSENT;
        *ret_fd = -1;
        return 0;
    }
    if (!S_ISDIR(st.st_mode)) {
        // In the place of the folder that we put there it is drift, and is exchanged like it.
        if (directory->layout == DIRECTORY_TREE && directory->root_inode != 0) {
            *ret_state = DIRECTORY_ABSENT;
            *ret_fd = -1;
            return 0;
        }
        return error_set(err, ERROR_INVALID,
                         "%s is %s, not a folder; remove it or choose another path",
                         directory->path, S_ISLNK(st.st_mode) ? "a symbolic link" : "a file");
    }
    cleanup_fd int fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open folder %s", directory->path);
    if (directory->layout == DIRECTORY_TREE) {
        if (examine_tree(directory, fd, ret_state, err) < 0)
            return -1;
    } else {
        cleanup_free char *owner = directory_owner_at(directory->path);
        if (owner != NULL)
            return error_set(err, ERROR_INVALID,
                             "%s is the directory of Sync %s, which would remove other files; "
                             "choose another path",
                             directory->path, owner);
        *ret_state = DIRECTORY_OURS;
    }
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int directory_check_path(const char *path, struct error *err)
{
    bool fine = *path != '\0' && strlen(path) < PATH_MAX / 2;
    size_t length = 0;
    for (const char *at = path; fine && *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F || (length == 0 && (*at == '/' || *at == '.')))
            fine = false;
        length = *at == '/' ? 0 : length + 1;
        if (length > NAME_MAX)
            fine = false;
    }
    if (!fine || length == 0)
        return error_set(err, ERROR_INVALID, "an object's path \"%.200s\" cannot be a file's",
                         path);
    return 0;
}

// ---- what is expected ----

void directory_expect(struct directory *directory, struct vec *entries)
{
    struct stat st = {0};
    bool exists = lstat(directory->path, &st) == 0;
    pthread_mutex_lock(&directory->lock);
    vec_free(&directory->expected);
    directory->expected = *entries;
    vec_foreach (struct directory_entry, entry, &directory->expected) {
        entry->bytes = NULL;
        entry->object = NULL;
    }
    directory->has_expected = true;
    directory->has_drifted = false;
    directory->root_device = exists ? st.st_dev : 0;
    directory->root_inode = exists ? st.st_ino : 0;
    pthread_mutex_unlock(&directory->lock);
    *entries = DIRECTORY_ENTRIES;
}

void directory_expect_nothing(struct directory *directory)
{
    pthread_mutex_lock(&directory->lock);
    vec_free(&directory->expected);
    directory->has_expected = false;
    directory->has_drifted = false;
    directory->root_device = 0;
    directory->root_inode = 0;
    pthread_mutex_unlock(&directory->lock);
}

void directory_set_working(struct directory *directory, bool working)
{
    pthread_mutex_lock(&directory->lock);
    directory->working = working;
    if (working)
        directory->watch_problem = 0;
    pthread_mutex_unlock(&directory->lock);
}

// ---- results ----

struct target_result *directory_add_result(struct vec *results, const char *path,
                                           enum target_action action)
{
    struct target_result *result = vec_push(results);
    result->path = xstrdup(path);
    result->action = action;
    return result;
}

enum target_action directory_prune_action(const struct target_request *request, const char *yaml,
                                          size_t size)
{
    if (!request->prune)
        return TARGET_KEEP;
    cleanup_json json_t *value = NULL;
    if (yaml == NULL || yamljson_parse(yaml, size, "", &value, NULL) < 0)
        return TARGET_PRUNE;
    const json_t *annotations = jval_object(value, "metadata.annotations");
    const char *prune = json_string_value(json_object_get(annotations, "sealift.dev/prune"));
    return prune != NULL && strcmp(prune, "disabled") == 0 ? TARGET_KEEP : TARGET_PRUNE;
}

int directory_health(struct target *target, struct cancel *cancel, struct target_health *ret_health,
                     struct error *err)
{
    struct directory *directory = directory_of(target);
    if (cancel_check(cancel, err) < 0)
        return -1;
    // A file that is in place is all that a directory can tell.
    pthread_mutex_lock(&directory->lock);
    size_t files = 0;
    vec_foreach (struct directory_entry, entry, &directory->expected) {
        if (!entry->folder && strcmp(entry->path, DIRECTORY_MARKER) != 0)
            files++;
    }
    pthread_mutex_unlock(&directory->lock);
    *ret_health = (struct target_health){.ready = files, .total = files};
    return 0;
}

// ---- making one ----

// Absolute, without "", "." and a slash at the end; ".." would let one path have two names.
static int normalise(const char *path, char **ret_path, struct error *err)
{
    if (*path != '/')
        return error_set(err, ERROR_INVALID,
                         "target.directory.path \"%s\" is not absolute; start it with '/'", path);
    cleanup_strbuf struct strbuf clean;
    strbuf_init(&clean, PATH_MAX / 2);
    for (const char *at = path; *at != '\0';) {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (length == 2 && strncmp(at, "..", 2) == 0)
            return error_set(err, ERROR_INVALID,
                             "target.directory.path \"%s\" contains \"..\"; write it without",
                             path);
        if (length > 0 && !(length == 1 && *at == '.')) {
            strbuf_addch(&clean, '/');
            strbuf_add(&clean, at, length);
        }
        at += length;
    }
    if (strbuf_check(&clean, "target.directory.path", err) < 0)
        return -1;
    if (clean.len == 0)
        return error_set(err, ERROR_INVALID,
                         "target.directory.path is the root folder; name a folder below it");
    *ret_path = strbuf_steal(&clean);
    return 0;
}

void directory_free(struct target *target)
{
    struct directory *directory = directory_of(target);
    directory_watcher_leave(directory);
    free(directory->owner);
    free(directory->path);
    free(directory->parent);
    free(directory->base);
    free(directory->temp);
    free(directory->prefix);
    vec_free(&directory->expected);
    vec_free(&directory->suspects);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

int target_directory_new(struct loop *loop, const char *owner, const char *path,
                         enum directory_layout layout, struct target **ret_target,
                         struct error *err)
{
    static const struct target_ops *const ops[] = {
        [DIRECTORY_TREE] = &directory_tree_ops,
        [DIRECTORY_ONE_FILE] = &directory_one_file_ops,
        [DIRECTORY_PODS] = &directory_pods_ops,
    };
    // Longer ones leave no room for a temporary name beside.
    static const size_t max_base = 240;
    cleanup_free char *clean = NULL;
    if (normalise(path, &clean, err) < 0)
        return -1;
    const char *slash = strrchr(clean, '/');
    if (strlen(slash + 1) > max_base)
        return error_set(err, ERROR_LIMIT, "the last name of %s is longer than %zu bytes", clean,
                         max_base);
    struct directory *directory = xcalloc(1, sizeof *directory);
    directory->target.ops = ops[layout];
    directory->loop = loop;
    directory->layout = layout;
    directory->owner = xstrdup(owner);
    directory->parent = slash == clean ? xstrdup("/") : xstrndup(clean, (size_t)(slash - clean));
    directory->base = xstrdup(slash + 1);
    cleanup_free char *temp_name = xasprintf(".%s.sealift", directory->base);
    directory->temp = path_join(directory->parent, temp_name);
    directory->prefix = directory_flat_prefix(owner);
    directory->path = STEAL(clean);
    pthread_mutex_init(&directory->lock, NULL);
    directory->expected = DIRECTORY_ENTRIES;
    directory->suspects = VEC_OF(char *, vec_release_string);
    if (loop != NULL && directory_watcher_join(directory, err) < 0) {
        directory_free(&directory->target);
        return -1;
    }
    *ret_target = &directory->target;
    return 0;
}

void target_directory_keep_out(struct target *target, const char *const *dirs)
{
    directory_of(target)->kept_out = dirs;
}
