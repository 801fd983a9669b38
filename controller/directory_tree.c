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
#include "controller/directory_tree_internal.h"

enum {
    MAX_MARKER = 32 << 20,
    MAX_FOREIGN = 100, // results for what others put there; more is the same sentence again
};

void directory_tree_release(struct directory_tree *tree)
{
    if (tree->root >= 0)
        close(tree->root);
    directory_cursor_release(&tree->live);
    vec_free(&tree->entries);
    vec_free(&tree->inventory);
    vec_free(&tree->results);
    strbuf_release(&tree->marker);
}

// ---- what is wanted ----

static struct directory_entry *add_entry(struct directory_tree *tree, const char *path)
{
    struct directory_entry *entry = vec_push(&tree->entries);
    entry->path = xstrdup(path);
    return entry;
}

static void set_content(struct directory_entry *entry, const char *bytes, size_t size)
{
    entry->bytes = bytes;
    entry->size = size;
    sha256(bytes, size, entry->hash);
}

static int add_objects(struct directory_tree *tree, struct error *err)
{
    for (size_t i = 0; i < tree->request->n; i++) {
        const struct target_object *object = &tree->request->objects[i];
        if (directory_check_path(object->path, err) < 0)
            return -1;
        struct directory_entry *entry = add_entry(tree, object->path);
        set_content(entry, object->bytes, object->size);
        entry->object = object->path;
    }
    return 0;
}

static void read_inventory(struct directory_tree *tree)
{
    static const char word[] = "object ";
    cleanup_free char *text = NULL;
    size_t size = 0;
    if (tree->root >= 0 && directory_read(&tree->live, DIRECTORY_MARKER, &text, &size, NULL) == 0) {
        for (char *line = text; line != NULL; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (strncmp(line, word, sizeof word - 1) != 0)
                continue;
            line += sizeof word - 1;
            cleanup_free char *path = xstrndup(line, strcspn(line, "\n"));
            if (directory_check_path(path, NULL) == 0)
                *(char **)vec_push(&tree->inventory) = STEAL(path);
        }
    } else {
        // The marker is gone, but this process remembers.
        vec_foreach (struct directory_entry, entry, &tree->directory->expected) {
            if (!entry->folder && strcmp(entry->path, DIRECTORY_MARKER) != 0)
                vec_push_string(&tree->inventory, entry->path);
        }
    }
    vec_sort(&tree->inventory, vec_compare_strings);
}

static bool in_inventory(const struct directory_tree *tree, const char *path)
{
    return vec_find(&tree->inventory, &path, vec_compare_strings) != NULL;
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
static void add_kept(struct directory_tree *tree)
{
    vec_foreach (char *, path, &tree->inventory) {
        if (is_wanted(tree->request, *path))
            continue;
        cleanup_free char *yaml = NULL;
        size_t size = 0;
        if (directory_read(&tree->live, *path, &yaml, &size, NULL) < 0)
            continue;
        enum target_action action = directory_prune_action(tree->request, yaml, size);
        directory_add_result(&tree->results, *path, action);
        if (action == TARGET_PRUNE) {
            tree->changed = true;
            continue;
        }
        struct directory_entry *entry = add_entry(tree, *path);
        set_content(entry, yaml, size);
        entry->bytes = NULL;
    }
}

static void add_folders(struct directory_tree *tree)
{
    // Sorted, so that a folder's first mention is followed by all others.
    vec_sort(&tree->entries, directory_entry_compare);
    size_t files = tree->entries.len;
    cleanup_free char *last = xstrdup("");
    for (size_t i = 0; i < files; i++) {
        const struct directory_entry *file = vec_at(&tree->entries, i);
        cleanup_free char *path = xstrdup(file->path);
        for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            size_t length = strlen(path);
            bool known = strncmp(last, path, length) == 0 && last[length] == '/';
            if (!known)
                add_entry(tree, path)->folder = true;
            *slash = '/';
        }
        free(last);
        last = STEAL(path);
    }
    vec_sort(&tree->entries, directory_entry_compare);
}

static int add_marker(struct directory_tree *tree, struct error *err)
{
    strbuf_init(&tree->marker, MAX_MARKER);
    strbuf_addf(&tree->marker,
                "# A sealift Sync keeps this folder: what is put here by hand is removed.\n"
                "owner %s\n",
                tree->directory->owner);
    if (tree->request->revision != NULL)
        strbuf_addf(&tree->marker, "revision %s\n", tree->request->revision);
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        if (!entry->folder)
            strbuf_addf(&tree->marker, "object %s\n", entry->path);
    }
    if (strbuf_check(&tree->marker, "the marker", err) < 0)
        return -1;
    set_content(add_entry(tree, DIRECTORY_MARKER), tree->marker.data, tree->marker.len);
    vec_sort(&tree->entries, directory_entry_compare);
    return 0;
}

// ---- what there is ----

static int match_entries(struct directory_tree *tree, bool applying, struct error *err)
{
    vec_foreach (struct directory_entry, entry, &tree->entries) {
        if (cancel_check(tree->request->cancel, err) < 0)
            return -1;
        enum directory_match match =
            tree->root >= 0 ? directory_match(&tree->live, entry) : DIRECTORY_MISSING;
        entry->in_place = match == DIRECTORY_SAME;
        if (strcmp(entry->path, DIRECTORY_MARKER) == 0) {
            tree->marker_changed = !entry->in_place;
            continue;
        }
        tree->changed = tree->changed || !entry->in_place;
        enum target_action action = match == DIRECTORY_MISSING ? TARGET_CREATE : TARGET_UPDATE;
        if (entry->in_place)
            action = TARGET_UNCHANGED;
        // A folder is worth a line only when it is its mode or owner that changed.
        if (entry->object != NULL ? action != TARGET_UNCHANGED || applying
                                  : entry->folder && match == DIRECTORY_DIFFERENT)
            directory_add_result(&tree->results, entry->path, action);
    }
    struct stat st;
    if (tree->state == DIRECTORY_OURS && fstat(tree->root, &st) == 0 &&
        (st.st_mode & 07777) != DIRECTORY_FOLDER_MODE) {
        tree->changed = true;
        directory_add_result(&tree->results, ".", TARGET_UPDATE);
    }
    return 0;
}

// Whether something of the inventory lies below the folder.
static bool leads_to_inventory(const struct directory_tree *tree, const char *folder)
{
    size_t length = strlen(folder);
    vec_foreach (char *, path, &tree->inventory) {
        if (strncmp(*path, folder, length) == 0 && (*path)[length] == '/')
            return true;
    }
    return false;
}

static void scan_folder(struct directory_tree *tree, int parent, const char *name,
                        const char *path);

static void scan_entry(struct directory_tree *tree, int folder, const char *name, const char *path)
{
    const struct directory_entry *entry = directory_entry_find(&tree->entries, path);
    if (entry != NULL ? entry->folder : leads_to_inventory(tree, path)) {
        scan_folder(tree, folder, name, path);
        return;
    }
    if (entry != NULL || in_inventory(tree, path))
        return;
    tree->changed = true;
    if (++tree->foreign <= MAX_FOREIGN)
        directory_add_result(&tree->results, path, TARGET_PRUNE);
}

// Finds what somebody else put there. Depth is that of our own paths: a folder that is not ours is
// not entered.
static void scan_folder(struct directory_tree *tree, int parent, const char *name, const char *path)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        // What cannot be entered was reported when its entries were compared.
        if (fd >= 0)
            close(fd);
        tree->changed = true;
        return;
    }
    for (struct dirent *found; (found = readdir(dir)) != NULL;) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        cleanup_free char *below =
            *path == '\0' ? xstrdup(found->d_name) : xasprintf("%s/%s", path, found->d_name);
        scan_entry(tree, fd, found->d_name, below);
    }
    closedir(dir);
}

static int compare_results(const void *a, const void *b)
{
    return strcmp(((const struct target_result *)a)->path, ((const struct target_result *)b)->path);
}

int directory_tree_compare(struct directory_tree *tree, struct directory *directory,
                           const struct target_request *request, bool applying, struct error *err)
{
    *tree = (struct directory_tree){
        .directory = directory,
        .request = request,
        .root = -1,
        .live = {.root = -1, .fd = -1},
        .entries = DIRECTORY_ENTRIES,
        .inventory = VEC_OF(char *, vec_release_string),
        .results = TARGET_RESULTS,
    };
    if (directory_examine(directory, &tree->state, &tree->root, err) < 0)
        return -1;
    tree->live.root = tree->root;
    if (tree->state == DIRECTORY_OURS)
        read_inventory(tree);
    if (add_objects(tree, err) < 0)
        return -1;
    if (tree->state == DIRECTORY_OURS)
        add_kept(tree);
    add_folders(tree);
    if (add_marker(tree, err) < 0)
        return -1;
    // Listening begins before looking, so that nothing can change in between unheard.
    if (applying && tree->state == DIRECTORY_OURS) {
        unsigned generation = directory->watch_generation;
        directory_watch_folder(directory, directory->path, "", generation);
        vec_foreach (struct directory_entry, entry, &tree->entries) {
            cleanup_free char *folder = path_join(directory->path, entry->path);
            if (entry->folder)
                directory_watch_folder(directory, folder, entry->path, generation);
        }
        directory_watch_parent(directory, generation);
    }
    if (match_entries(tree, applying, err) < 0)
        return -1;
    if (tree->root >= 0)
        scan_folder(tree, tree->root, ".", "");
    vec_sort(&tree->results, compare_results);
    return 0;
}

void directory_tree_hand_over(struct directory_tree *tree, struct vec *ret_results)
{
    *ret_results = tree->results;
    tree->results = TARGET_RESULTS;
}

static int tree_plan(struct target *target, const struct target_request *request,
                     struct vec *ret_results, struct error *err)
{
    cleanup_directory_tree struct directory_tree tree;
    if (directory_tree_compare(&tree, directory_of(target), request, false, err) < 0)
        return -1;
    directory_tree_hand_over(&tree, ret_results);
    return 0;
}

int directory_tree_prune_candidates(struct target *target, const struct target_request *request,
                                    struct vec *ret_results, struct error *err)
{
    cleanup_directory_tree struct directory_tree tree;
    if (directory_tree_compare(&tree, directory_of(target), request, false, err) < 0)
        return -1;
    struct vec results = TARGET_RESULTS;
    vec_foreach (struct target_result, result, &tree.results) {
        if (!is_wanted(request, result->path) && in_inventory(&tree, result->path))
            directory_add_result(&results, result->path, result->action);
    }
    *ret_results = results;
    return 0;
}

const struct target_ops directory_tree_ops = {
    .plan = tree_plan,
    .apply = directory_tree_apply,
    .prune_candidates = directory_tree_prune_candidates,
    .remove_all = directory_tree_remove_all,
    .health = directory_health,
    .watch = directory_watch,
    .free = directory_free,
};
