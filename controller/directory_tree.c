// Layout Tree: the directory is one value, replaced at once.
//
//     compare   what is wanted with what is there, entry by entry
//     build     .<name>.sealift beside it: unchanged files are hard links, the rest is written
//     sync      every new file and folder
//     exchange  RENAME_EXCHANGE: at every moment the path holds the old tree or the new one
//     remove    the old tree, which now has the temporary name
//
// A crash leaves at most the temporary folder, which the next apply removes. The marker .sealift
// names the owner and lists the objects, so that after a restart what is ours and no longer wanted
// can be told from what somebody else put there; the latter goes in any case.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "controller/directory_internal.h"

enum {
    MAX_MARKER = 32 << 20,
    MAX_SINGLE_SYNCS = 32, // more new files than that are synced by one syncfs
    MAX_FOREIGN = 100,     // results for what others put there; more is the same sentence again
};

// What there is and what there should be, for one piece of work.
struct tree_work {
    struct directory *directory;
    const struct target_request *request;
    enum directory_state state;
    int root; // of the directory; -1 when absent
    struct directory_cursor live;
    struct vec entries;   // DIRECTORY_ENTRIES: objects, kept objects, folders, marker
    struct vec inventory; // char *, sorted: the objects that the last apply left
    struct vec results;
    struct strbuf marker;
    bool changed; // something but the marker
    bool marker_changed;
    size_t foreign;
};

static void tree_work_release(struct tree_work *work)
{
    if (work->root >= 0)
        close(work->root);
    directory_cursor_release(&work->live);
    vec_free(&work->entries);
    vec_free(&work->inventory);
    vec_free(&work->results);
    strbuf_release(&work->marker);
}

// ---- what is wanted ----

static struct directory_entry *add_entry(struct tree_work *work, const char *path)
{
    struct directory_entry *entry = vec_push(&work->entries);
    entry->path = xstrdup(path);
    return entry;
}

static void set_content(struct directory_entry *entry, const char *bytes, size_t size)
{
    entry->bytes = bytes;
    entry->size = size;
    sha256(bytes, size, entry->hash);
}

static int add_objects(struct tree_work *work, struct error *err)
{
    for (size_t i = 0; i < work->request->n; i++) {
        const struct target_object *object = &work->request->objects[i];
        if (directory_check_path(object->path, err) < 0)
            return -1;
        struct directory_entry *entry = add_entry(work, object->path);
        set_content(entry, object->bytes, object->size);
        entry->object = object->path;
    }
    return 0;
}

static void read_inventory(struct tree_work *work)
{
    static const char word[] = "object ";
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (work->root >= 0 && directory_read(&work->live, DIRECTORY_MARKER, &text, &size, NULL) == 0) {
        for (char *line = text; line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (strncmp(line, word, sizeof word - 1) != 0)
                continue;
            line += sizeof word - 1;
            cleanup_free char *path = xstrndup(line, strcspn(line, "\n"));
            if (directory_check_path(path, NULL) == 0)
                *(char **)vec_push(&work->inventory) = STEAL(path);
        }
    } else {
        // The marker is gone, but this process remembers.
        vec_foreach (struct directory_entry, entry, &work->directory->expected) {
            if (!entry->folder && strcmp(entry->path, DIRECTORY_MARKER) != 0)
                vec_push_string(&work->inventory, entry->path);
        }
    }
    vec_sort(&work->inventory, vec_compare_strings);
}

static bool in_inventory(const struct tree_work *work, const char *path)
{
    return vec_find(&work->inventory, &path, vec_compare_strings) != NULL;
}

static int compare_object(const void *key, const void *element)
{
    return strcmp(key, ((const struct target_object *)element)->path);
}

static bool is_wanted(const struct target_request *request, const char *path)
{
    return request->n > 0 && bsearch(path, request->objects, request->n, sizeof *request->objects,
                                     compare_object) != NULL;
}

// What is ours and no longer wanted: gone, or kept as it stands on disk.
static void add_kept(struct tree_work *work)
{
    vec_foreach (char *, path, &work->inventory) {
        if (is_wanted(work->request, *path))
            continue;
        cleanup_free char *yaml = NULL;
        size_t size = 0;
        if (directory_read(&work->live, *path, &yaml, &size, NULL) < 0)
            continue;
        enum target_action action = directory_prune_action(work->request, yaml, size);
        directory_add_result(&work->results, *path, action);
        if (action == TARGET_PRUNE) {
            work->changed = true;
            continue;
        }
        struct directory_entry *entry = add_entry(work, *path);
        set_content(entry, yaml, size);
        entry->bytes = NULL;
    }
}

static void add_folders(struct tree_work *work)
{
    // Sorted, so that a folder's first mention is followed by all others.
    vec_sort(&work->entries, directory_entry_compare);
    size_t files = work->entries.len;
    cleanup_free char *last = xstrdup("");
    for (size_t i = 0; i < files; i++) {
        const struct directory_entry *file = vec_at(&work->entries, i);
        cleanup_free char *path = xstrdup(file->path);
        for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            size_t length = strlen(path);
            bool known = strncmp(last, path, length) == 0 && last[length] == '/';
            if (!known)
                add_entry(work, path)->folder = true;
            *slash = '/';
        }
        free(last);
        last = STEAL(path);
    }
    vec_sort(&work->entries, directory_entry_compare);
}

static int add_marker(struct tree_work *work, struct error *err)
{
    strbuf_init(&work->marker, MAX_MARKER);
    strbuf_addf(&work->marker,
                "# A sealift Sync keeps this folder: what is put here by hand is removed.\n"
                "owner %s\n",
                work->directory->owner);
    if (work->request->revision != NULL)
        strbuf_addf(&work->marker, "revision %s\n", work->request->revision);
    vec_foreach (struct directory_entry, entry, &work->entries) {
        if (!entry->folder)
            strbuf_addf(&work->marker, "object %s\n", entry->path);
    }
    if (strbuf_check(&work->marker, "the marker", err) < 0)
        return -1;
    set_content(add_entry(work, DIRECTORY_MARKER), work->marker.data, work->marker.len);
    vec_sort(&work->entries, directory_entry_compare);
    return 0;
}

// ---- what there is ----

static int match_entries(struct tree_work *work, bool applying, struct error *err)
{
    vec_foreach (struct directory_entry, entry, &work->entries) {
        if (cancel_check(work->request->cancel, err) < 0)
            return -1;
        enum directory_match match =
            work->root >= 0 ? directory_match(&work->live, entry) : DIRECTORY_MISSING;
        entry->in_place = match == DIRECTORY_SAME;
        if (strcmp(entry->path, DIRECTORY_MARKER) == 0) {
            work->marker_changed = !entry->in_place;
            continue;
        }
        work->changed = work->changed || !entry->in_place;
        enum target_action action = match == DIRECTORY_MISSING ? TARGET_CREATE : TARGET_UPDATE;
        if (entry->in_place)
            action = TARGET_UNCHANGED;
        // A folder is worth a line only when it is its mode or owner that changed.
        if (entry->object != NULL ? action != TARGET_UNCHANGED || applying
                                  : entry->folder && match == DIRECTORY_DIFFERENT)
            directory_add_result(&work->results, entry->path, action);
    }
    struct stat st;
    if (work->state == DIRECTORY_OURS && fstat(work->root, &st) == 0 &&
        (st.st_mode & 07777) != DIRECTORY_FOLDER_MODE) {
        work->changed = true;
        directory_add_result(&work->results, ".", TARGET_UPDATE);
    }
    return 0;
}

// Whether something of the inventory lies below the folder.
static bool leads_to_inventory(const struct tree_work *work, const char *folder)
{
    size_t length = strlen(folder);
    vec_foreach (char *, path, &work->inventory) {
        if (strncmp(*path, folder, length) == 0 && (*path)[length] == '/')
            return true;
    }
    return false;
}

static void scan_folder(struct tree_work *work, int parent, const char *name, const char *path);

static void scan_entry(struct tree_work *work, int folder, const char *name, const char *path)
{
    const struct directory_entry *entry = directory_entry_find(&work->entries, path);
    if (entry != NULL ? entry->folder : leads_to_inventory(work, path)) {
        scan_folder(work, folder, name, path);
        return;
    }
    if (entry != NULL || in_inventory(work, path))
        return;
    work->changed = true;
    if (++work->foreign <= MAX_FOREIGN)
        directory_add_result(&work->results, path, TARGET_PRUNE);
}

// Finds what somebody else put there. Depth is that of our own paths: a folder that is not ours is
// not entered.
static void scan_folder(struct tree_work *work, int parent, const char *name, const char *path)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        // What cannot be entered was reported when its entries were compared.
        if (fd >= 0)
            close(fd);
        work->changed = true;
        return;
    }
    for (struct dirent *found; (found = readdir(dir)) != NULL;) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        cleanup_free char *below =
            *path == '\0' ? xstrdup(found->d_name) : xasprintf("%s/%s", path, found->d_name);
        scan_entry(work, fd, found->d_name, below);
    }
    closedir(dir);
}

static int compare_results(const void *a, const void *b)
{
    return strcmp(((const struct target_result *)a)->path, ((const struct target_result *)b)->path);
}

static int compare_tree(struct tree_work *work, struct directory *directory,
                        const struct target_request *request, bool applying, struct error *err)
{
    *work = (struct tree_work){
        .directory = directory,
        .request = request,
        .root = -1,
        .live = {.root = -1, .fd = -1},
        .entries = DIRECTORY_ENTRIES,
        .inventory = VEC_OF(char *, vec_release_string),
        .results = TARGET_RESULTS,
    };
    if (directory_examine(directory, &work->state, &work->root, err) < 0)
        return -1;
    work->live.root = work->root;
    if (work->state == DIRECTORY_OURS)
        read_inventory(work);
    if (add_objects(work, err) < 0)
        return -1;
    if (work->state == DIRECTORY_OURS)
        add_kept(work);
    add_folders(work);
    if (add_marker(work, err) < 0)
        return -1;
    // Listening begins before looking, so that nothing can change in between unheard.
    if (applying && work->state == DIRECTORY_OURS) {
        unsigned generation = directory->watch_generation;
        directory_watch_folder(directory, directory->path, "", generation);
        vec_foreach (struct directory_entry, entry, &work->entries) {
            cleanup_free char *folder = path_join(directory->path, entry->path);
            if (entry->folder)
                directory_watch_folder(directory, folder, entry->path, generation);
        }
        directory_watch_parent(directory, generation);
    }
    if (match_entries(work, applying, err) < 0)
        return -1;
    if (work->root >= 0)
        scan_folder(work, work->root, ".", "");
    vec_sort(&work->results, compare_results);
    return 0;
}

static void hand_over(struct vec *from, struct vec *ret_results)
{
    *ret_results = *from;
    *from = TARGET_RESULTS;
}

static int tree_plan(struct target *target, const struct target_request *request,
                     struct vec *ret_results, struct error *err)
{
    __attribute__((cleanup(tree_work_release))) struct tree_work work;
    if (compare_tree(&work, directory_of(target), request, false, err) < 0)
        return -1;
    hand_over(&work.results, ret_results);
    return 0;
}

static int tree_prune_candidates(struct target *target, const struct target_request *request,
                                 struct vec *ret_results, struct error *err)
{
    __attribute__((cleanup(tree_work_release))) struct tree_work work;
    if (compare_tree(&work, directory_of(target), request, false, err) < 0)
        return -1;
    struct vec results = TARGET_RESULTS;
    vec_foreach (struct target_result, result, &work.results) {
        if (!is_wanted(request, result->path) && in_inventory(&work, result->path))
            directory_add_result(&results, result->path, result->action);
    }
    *ret_results = results;
    return 0;
}

// ---- the new tree ----

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

static int clear_temp(const struct directory *directory, struct error *err)
{
    struct stat st;
    if (lstat(directory->temp, &st) < 0 && errno == ENOENT)
        return 0;
    // Written by an apply that did not end: its marker is its first file. One that ended before
    // that is empty.
    cleanup_free char *owner = directory_owner_at(directory->temp);
    if (owner != NULL && strcmp(owner, directory->owner) == 0)
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
static int build_file(struct tree_work *work, struct directory_cursor *to,
                      const struct directory_entry *entry, bool sync, struct error *err)
{
    const char *name = NULL;
    const char *old_name = NULL;
    int failed = directory_cursor_enter(to, entry->path, &name);
    if (failed != 0)
        return error_errno(err, failed, "open the folder of %s", entry->path);
    bool kept = entry->bytes == NULL;
    if ((entry->in_place || kept) && work->root >= 0 &&
        directory_cursor_enter(&work->live, entry->path, &old_name) == 0 && entry->in_place &&
        linkat(work->live.fd, old_name, to->fd, name, 0) == 0)
        return 0;
    if (!kept)
        return directory_write_at(to->fd, name, entry->path, entry->bytes, entry->size, sync, err);
    cleanup_free char *data = NULL;
    size_t size = 0;
    if (directory_read(&work->live, entry->path, &data, &size, err) < 0)
        return -1;
    return directory_write_at(to->fd, name, entry->path, data, size, sync, err);
}

static int build_folder(int root, const char *path, struct error *err)
{
    if (mkdirat(root, path, DIRECTORY_FOLDER_MODE) < 0 ||
        fchmodat(root, path, DIRECTORY_FOLDER_MODE, 0) < 0)
        return error_errno(err, errno, "create folder %s", path);
    return 0;
}

static int build_entries(struct tree_work *work, int root, bool sync, unsigned generation,
                         struct error *err)
{
    const struct directory *directory = work->directory;
    cleanup_cursor struct directory_cursor to = {.root = root, .fd = -1};
    // The marker first: it tells whose this is, should we not come to the end.
    if (build_file(work, &to, directory_entry_find(&work->entries, DIRECTORY_MARKER), sync, err) <
        0)
        return -1;
    vec_foreach (struct directory_entry, entry, &work->entries) {
        if (cancel_check(work->request->cancel, err) < 0)
            return -1;
        if (strcmp(entry->path, DIRECTORY_MARKER) == 0)
            continue;
        if (!entry->folder) {
            if (build_file(work, &to, entry, sync, err) < 0)
                return -1;
            continue;
        }
        if (build_folder(root, entry->path, err) < 0)
            return -1;
        cleanup_free char *folder = path_join(directory->temp, entry->path);
        directory_watch_folder(work->directory, folder, entry->path, generation);
    }
    return 0;
}

static int build_tree(struct tree_work *work, unsigned generation, struct error *err)
{
    const struct directory *directory = work->directory;
    size_t to_write = 0;
    vec_foreach (struct directory_entry, entry, &work->entries) {
        to_write += !entry->folder && !entry->in_place;
    }
    bool each = to_write <= MAX_SINGLE_SYNCS;
    if (build_folder(AT_FDCWD, directory->temp, err) < 0)
        return -1;
    cleanup_fd int root = open(directory->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return error_errno(err, errno, "open folder %s", directory->temp);
    directory_watch_folder(work->directory, directory->temp, "", generation);
    if (build_entries(work, root, each, generation, err) < 0)
        return -1;
    if (!each)
        return syncfs(root) < 0 ? error_errno(err, errno, "sync %s", directory->temp) : 0;
    // Only now, when everything is in them.
    vec_foreach (struct directory_entry, entry, &work->entries) {
        if (entry->folder && directory_sync_at(root, entry->path, err) < 0)
            return -1;
    }
    return directory_sync_at(root, ".", err);
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

static int swap_in(struct tree_work *work, struct error *err)
{
    struct directory *directory = work->directory;
    if (file_make_dirs(directory->parent, err) < 0 || clear_temp(directory, err) < 0)
        return -1;
    unsigned generation = directory_watch_begin(directory);
    directory_watch_parent(directory, generation);
    if (build_tree(work, generation, err) < 0 || exchange(directory, err) < 0) {
        directory_watch_keep(directory, directory->watch_generation);
        // What cannot be removed now is removed before the next try.
        (void)!remove_old(directory->temp, NULL);
        return error_wrap(err, "%s", directory->path);
    }
    // The old tree is about to go; that is not drift.
    directory_watch_keep(directory, generation);
    directory_expect(directory, &work->entries);
    if (directory_sync_at(AT_FDCWD, directory->parent, err) < 0)
        return -1;
    return remove_old(directory->temp, err);
}

static int rewrite_marker(struct tree_work *work, struct error *err)
{
    cleanup_free char *path = path_join(work->directory->path, DIRECTORY_MARKER);
    return file_write_atomic(path, work->marker.data, work->marker.len, DIRECTORY_FILE_MODE, err);
}

static int apply_tree(struct tree_work *work, struct directory *directory,
                      const struct target_request *request, struct error *err)
{
    if (compare_tree(work, directory, request, true, err) < 0)
        return -1;
    if (work->changed || work->state != DIRECTORY_OURS)
        return swap_in(work, err);
    if (clear_temp(directory, err) < 0)
        return -1;
    if (work->marker_changed && rewrite_marker(work, err) < 0)
        return -1;
    directory_expect(directory, &work->entries);
    return 0;
}

static int tree_apply(struct target *target, const struct target_request *request,
                      struct vec *ret_results, struct error *err)
{
    struct directory *directory = directory_of(target);
    __attribute__((cleanup(tree_work_release))) struct tree_work work;
    directory_set_working(directory, true);
    int result = apply_tree(&work, directory, request, err);
    directory_set_working(directory, false);
    if (result < 0)
        return -1;
    hand_over(&work.results, ret_results);
    return 0;
}

static int tree_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
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
        if (tree_prune_candidates(target, &nothing, &results, err) < 0 ||
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
    hand_over(&results, ret_results);
    return 0;
}

const struct target_ops directory_tree_ops = {
    .plan = tree_plan,
    .apply = tree_apply,
    .prune_candidates = tree_prune_candidates,
    .remove_all = tree_remove_all,
    .health = directory_health,
    .watch = directory_watch,
    .free = directory_free,
};
