// Layout Tree: the new tree is built beside the directory and exchanged with it; see
// directory_tree.c for the whole.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_tree_internal.h"

enum { MAX_SINGLE_SYNCS = 32 }; // more new files than that are synced by one syncfs

// The marker goes last, so that what a crash leaves can still be told to be ours.
static int remove_old(const char *path, struct error *err)
{
    // A link or a file that had taken the directory's place goes by itself.
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    int result = 0;
    for (struct dirent *found; dir != NULL && result == 0 && (found = readdir(dir)) != NULL;) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
            strcmp(found->d_name, DIRECTORY_MARKER) == 0)
            continue;
        cleanup_free char *child = path_join(path, found->d_name);
        result = file_remove_tree(child, err);
    }
    if (dir != NULL)
        closedir(dir);
    return result < 0 ? -1 : file_remove_tree(path, err);
}

// A crash came between the making of a marker and its end, or a power cut took its content.
static bool has_cut_marker(const char *path, const char *owner)
{
    cleanup_free char *marker = path_join(path, DIRECTORY_MARKER);
    struct stat st;
    return owner == NULL && lstat(marker, &st) == 0 && S_ISREG(st.st_mode);
}

static int clear_temp(const struct directory *directory, struct error *err)
{
    struct stat st;
    if (lstat(directory->temp, &st) < 0 && errno == ENOENT)
        return 0;
    // Written by an apply that did not end: its marker is its first file. One that ended before
    // that is empty.
    cleanup_free char *owner = directory_owner_at(directory->temp);
    if ((owner != NULL && strcmp(owner, directory->owner) == 0) ||
        has_cut_marker(directory->temp, owner))
        return remove_old(directory->temp, err);
    // What we exchanged for the new tree and could not remove any more: a link or a file that had
    // taken our place.
    if (rmdir(directory->temp) == 0 || (S_ISLNK(st.st_mode) && unlink(directory->temp) == 0))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "%s is in the way and was not made by this Sync; remove it", directory->temp);
}

// A file whose content is already on disk costs a link; where linking is not allowed (another
// owner, too many links) it is written like a new one.
static int build_file(struct directory_tree *tree, struct directory_cursor *to,
                      const struct directory_entry *entry, struct error *err)
{
    const char *name = NULL;
    const char *old_name = NULL;
    int failed = directory_cursor_enter(to, entry->path, &name);
    if (failed != 0)
        return error_errno(err, failed, "open the folder of %s", entry->path);
    bool kept = entry->bytes == NULL;
    if ((entry->in_place || kept) && tree->root >= 0 &&
        directory_cursor_enter(&tree->live, entry->path, &old_name) == 0 && entry->in_place &&
        linkat(tree->live.fd, old_name, to->fd, name, 0) == 0)
        return 0;
    if (!kept)
        return directory_write_at(to->fd, name, entry->path, entry->bytes, entry->size, err);
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (directory_read(&tree->live, entry->path, &data, &size, err) < 0)
        return -1;
    return directory_write_at(to->fd, name, entry->path, data, size, err);
}

static int build_folder(int root, const char *path, struct error *err)
{
    if (mkdirat(root, path, DIRECTORY_FOLDER_MODE) < 0 ||
        fchmodat(root, path, DIRECTORY_FOLDER_MODE, 0) < 0)
        return error_errno(err, errno, "create folder %s", path);
    return 0;
}

static int build_entries(struct directory_tree *tree, int root, unsigned generation,
                         struct error *err)
{
    const struct directory *directory = tree->directory;
    cleanup_cursor struct directory_cursor to = {.root = root, .fd = -1};
    // The marker first: it tells whose this is, should we not come to the end.
    if (build_file(tree, &to, directory_entry_find(&tree->entries, DIRECTORY_MARKER), err) < 0)
        return -1;
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        if (cancel_check(tree->request->cancel, err) < 0)
            return -1;
        if (strcmp(entry->path, DIRECTORY_MARKER) == 0)
            continue;
        if (!entry->folder) {
            if (build_file(tree, &to, entry, err) < 0)
                return -1;
            continue;
        }
        if (build_folder(root, entry->path, err) < 0)
            return -1;
        cleanup_free char *folder = path_join(directory->temp, entry->path);
        directory_watch_folder(tree->directory, folder, entry->path, generation);
    }
    return 0;
}

// Everything is in place before the first wait: the file system then writes it in one go, instead
// of once for each file.
static int sync_tree(const struct directory_tree *tree, int root, struct error *err)
{
    cleanup_cursor struct directory_cursor cursor = {.root = root, .fd = -1};
    size_t written = 0;
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        written += !entry->folder && !entry->in_place;
    }
    if (written > MAX_SINGLE_SYNCS)
        return syncfs(root) < 0 ? error_errno(err, errno, "sync the file system") : 0;
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        if (!entry->folder && !entry->in_place &&
            directory_sync_file(&cursor, entry->path, err) < 0)
            return -1;
    }
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        if (entry->folder && directory_sync_at(root, entry->path, err) < 0)
            return -1;
    }
    return directory_sync_at(root, ".", err);
}

static int build_tree(struct directory_tree *tree, unsigned generation, struct error *err)
{
    const struct directory *directory = tree->directory;
    if (build_folder(AT_FDCWD, directory->temp, err) < 0)
        return -1;
    cleanup_fd int root = open(directory->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return error_errno(err, errno, "open folder %s", directory->temp);
    directory_watch_folder(tree->directory, directory->temp, "", generation);
    if (build_entries(tree, root, generation, err) < 0)
        return -1;
    return sync_tree(tree, root, err);
}

static int exchange(struct directory *directory, struct error *err)
{
    bool made = mkdir(directory->path, DIRECTORY_FOLDER_MODE) == 0;
    if (!made && errno != EEXIST)
        return error_errno(err, errno, "create folder %s", directory->path);
    if (renameat2(AT_FDCWD, directory->temp, AT_FDCWD, directory->path, RENAME_EXCHANGE) == 0)
        return 0;
    int failed = errno;
    if (made)
        rmdir(directory->path);
    if (failed == EINVAL || failed == ENOSYS || failed == EOPNOTSUPP)
        return error_set(err, ERROR_INVALID,
                         "the file system of %s cannot exchange two folders at once "
                         "(RENAME_EXCHANGE); use ext4, xfs, btrfs or tmpfs, or layout OneFile",
                         directory->path);
    return error_errno(err, failed, "exchange %s and %s", directory->temp, directory->path);
}

static int swap_in(struct directory_tree *tree, struct error *err)
{
    struct directory *directory = tree->directory;
    if (file_make_dirs(directory->parent, err) < 0 || clear_temp(directory, err) < 0)
        return -1;
    unsigned generation = directory_watch_begin(directory);
    directory_watch_parent(directory, generation);
    if (build_tree(tree, generation, err) < 0 || exchange(directory, err) < 0) {
        directory_watch_keep(directory, directory->watch_generation);
        // What cannot be removed now is removed before the next try.
        (void)!remove_old(directory->temp, NULL);
        return error_wrap(err, "%s", directory->path);
    }
    // The old tree is about to go; that is not drift.
    directory_watch_keep(directory, generation);
    directory_expect(directory, &tree->entries);
    // The exchange needs no sync of its own: what a power cut takes back, the next start does
    // again.
    return remove_old(directory->temp, err);
}

static int rewrite_marker(struct directory_tree *tree, struct error *err)
{
    cleanup_free char *path = path_join(tree->directory->path, DIRECTORY_MARKER);
    return file_write_atomic(path, tree->marker.data, tree->marker.len, DIRECTORY_FILE_MODE, err);
}

static int apply_tree(struct directory_tree *tree, struct directory *directory,
                      const struct target_request *request, struct error *err)
{
    if (directory_tree_compare(tree, directory, request, true, err) < 0)
        return -1;
    if (tree->changed || tree->state != DIRECTORY_OURS)
        return swap_in(tree, err);
    if (clear_temp(directory, err) < 0)
        return -1;
    if (tree->marker_changed && rewrite_marker(tree, err) < 0)
        return -1;
    directory_expect(directory, &tree->entries);
    return 0;
}

int directory_tree_apply(struct target *target, const struct target_request *request,
                         struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    cleanup_directory_tree struct directory_tree tree;
    directory_set_working(directory, true);
    int result = apply_tree(&tree, directory, request, err);
    directory_set_working(directory, false);
    if (result < 0)
        return -1;
    directory_tree_hand_over(&tree, ret_results);
    return 0;
}

int directory_tree_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                              struct error *err)
{
    struct directory *directory = directory_of(target);
    const struct target_request nothing = {.prune = true, .cancel = cancel};
    cleanup_free char *owner = directory_owner_at(directory->path);
    cleanup_vec struct vec results = TARGET_RESULTS;
    if (cancel_check(cancel, err) < 0)
        return -1;
    directory_expect_nothing(directory);
    directory_watch_keep(directory, directory_watch_begin(directory));
    // Another's directory, or one without a marker, is not ours to remove.
    if (owner != NULL && strcmp(owner, directory->owner) == 0) {
        if (directory_tree_prune_candidates(target, &nothing, &results, err) < 0 ||
            clear_temp(directory, err) < 0)
            return -1;
        vec_foreach (struct target_result, result, &results)
            result->action = TARGET_PRUNE;
        if (rename(directory->path, directory->temp) < 0)
            return error_errno(err, errno, "move %s out of the way", directory->path);
        if (directory_sync_at(AT_FDCWD, directory->parent, err) < 0)
            return -1;
    }
    if (clear_temp(directory, err) < 0)
        return -1;
    *ret_results = results;
    results = TARGET_RESULTS;
    return 0;
}
