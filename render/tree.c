// Path resolution over any back end: one component after the other, splicing in the text of each
// link, so that what is asked of the back end never passes through a link.
#include "render/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/strbuf.h"

enum {
    MAX_LINKS = 8,         // chains in real repositories have one or two
    MAX_PATH_BYTES = 4096, // PATH_MAX
    MAX_ENTRIES = 100000,  // above every limit a renderer has on files
};

void tree_entry_release(void *entry)
{
    free(((struct tree_entry *)entry)->name);
}

void tree_free(struct tree *tree)
{
    if (tree != NULL)
        tree->ops->free(tree);
}

void cleanup_tree_pointer(struct tree **tree)
{
    tree_free(*tree);
}

char *tree_join(const char *dir, const char *name)
{
    return *dir == '\0' ? xstrdup(name) : xasprintf("%s/%s", dir, name);
}

void tree_record(struct tree *tree, struct vec *paths)
{
    tree->record = paths;
}

void tree_record_finish(struct vec *paths)
{
    vec_sort(paths, vec_compare_strings);
    size_t kept = 0;
    char **items = paths->data;
    for (size_t i = 0; i < paths->len; i++) {
        if (kept > 0 && strcmp(items[kept - 1], items[i]) == 0)
            free(items[i]);
        else
            items[kept++] = items[i];
    }
    paths->len = kept;
}

// What is resolved and then read is looked up twice in a row.
static bool was_last(const struct vec *paths, const char *path, const char *suffix)
{
    if (paths->len == 0)
        return false;
    const char *last = *(char **)vec_at(paths, paths->len - 1);
    size_t length = strlen(path);
    return strncmp(last, path, length) == 0 && strcmp(last + length, suffix) == 0;
}

static void record(struct tree *tree, const char *path, const char *suffix)
{
    if (tree->record == NULL || was_last(tree->record, path, suffix))
        return;
    *(char **)vec_push(tree->record) = xasprintf("%s%s", path, suffix);
}

static int leads_out(const struct tree *tree, const char *asked, const char *link,
                     const char *target, struct error *err)
{
    if (link == NULL)
        return error_set(err, ERROR_DENIED, "%s leads out of the tree%s%s", asked,
                         tree->remedy != NULL ? "; " : "",
                         tree->remedy != NULL ? tree->remedy : "");
    return error_set(err, ERROR_DENIED,
                     "%s: the symbolic link leads to %s, out of the tree; commit the file itself",
                     link, target);
}

static void remove_last_component(struct strbuf *path)
{
    const char *slash = strrchr(path->data, '/');
    strbuf_truncate(path, slash != NULL ? (size_t)(slash - path->data) : 0);
}

// `resolved` is the prefix done so far, free of links; `rest` is what is left to walk.
struct walk {
    struct tree *tree;
    const char *asked;
    struct strbuf resolved;
    char *rest;   // owned
    char *link;   // owned; the last one followed
    char *target; // owned; its text
    int links;
    enum tree_kind kind;
    size_t size;
};

static void walk_release(struct walk *walk)
{
    strbuf_release(&walk->resolved);
    free(walk->rest);
    free(walk->link);
    free(walk->target);
}

static int follow(struct walk *walk, const char *behind, struct error *err)
{
    cleanup_free char *target = NULL;
    if (++walk->links > MAX_LINKS)
        return error_set(err, ERROR_INVALID,
                         "%s: more than %d symbolic links to follow; commit the file itself",
                         walk->asked, MAX_LINKS);
    record(walk->tree, walk->resolved.data, "");
    if (walk->tree->ops->read_link(walk->tree, walk->resolved.data, &target, err) < 0)
        return -1;
    free(walk->link);
    walk->link = xstrdup(walk->resolved.data);
    if (*target == '/')
        return leads_out(walk->tree, walk->asked, walk->link, target, err);
    remove_last_component(&walk->resolved);
    char *rest = xasprintf("%s/%s", target, behind);
    free(walk->rest);
    walk->rest = rest;
    free(walk->target);
    walk->target = STEAL(target);
    walk->kind = TREE_DIRECTORY;
    return strlen(rest) <= MAX_PATH_BYTES
               ? 0
               : error_set(err, ERROR_LIMIT, "%s: the path is longer than %d bytes", walk->asked,
                           MAX_PATH_BYTES);
}

// One component: `name` of `length` bytes, with `behind` after it.
static int step(struct walk *walk, const char *name, size_t length, const char *behind,
                struct error *err)
{
    if (length == 0 || (length == 1 && *name == '.'))
        return 0;
    if (walk->kind != TREE_DIRECTORY)
        return error_set(err, ERROR_NOT_FOUND, "%s: %s is not a folder", walk->asked,
                         walk->resolved.data);
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        if (walk->resolved.len == 0)
            return leads_out(walk->tree, walk->asked, walk->link, walk->target, err);
        remove_last_component(&walk->resolved);
        return 0;
    }
    if (walk->resolved.len > 0)
        strbuf_addch(&walk->resolved, '/');
    strbuf_add(&walk->resolved, name, length);
    if (strbuf_check(&walk->resolved, "the path", err) < 0)
        return error_wrap(err, "%s", walk->asked);
    if (walk->tree->ops->lookup(walk->tree, walk->resolved.data, &walk->kind, &walk->size, err) <
        0) {
        record(walk->tree, walk->resolved.data, "");
        return -1;
    }
    return walk->kind == TREE_SYMLINK ? follow(walk, behind, err) : 0;
}

// Of more than one component, and nothing in it that a walk would leave out or go back for.
static bool is_whole(const char *path)
{
    if (strchr(path, '/') == NULL)
        return false;
    for (const char *at = path;; at++) {
        size_t length = strcspn(at, "/");
        if (length == 0 || (length == 1 && *at == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += length;
        if (*at == '\0')
            return true;
    }
}

// Most paths have no link in them: one question to the back end tells.
static bool resolve_whole(struct walk *walk, const char *path)
{
    enum tree_kind kind = TREE_OTHER;
    if (!is_whole(path) ||
        walk->tree->ops->lookup(walk->tree, path, &kind, &walk->size, NULL) < 0 ||
        kind == TREE_SYMLINK || strbuf_addstr(&walk->resolved, path) < 0)
        return false;
    walk->kind = kind;
    return true;
}

static int resolve(struct walk *walk, struct tree *tree, const char *path, struct error *err)
{
    walk->tree = tree;
    walk->asked = *path != '\0' ? path : ".";
    walk->kind = TREE_DIRECTORY;
    strbuf_init(&walk->resolved, MAX_PATH_BYTES);
    if (*path == '/')
        return leads_out(tree, path, NULL, NULL, err);
    if (strlen(path) > MAX_PATH_BYTES)
        return error_set(err, ERROR_LIMIT, "a path is longer than %d bytes", MAX_PATH_BYTES);
    if (resolve_whole(walk, path))
        return 0;
    walk->rest = xstrdup(path);
    const char *cursor = walk->rest;
    while (*cursor != '\0') {
        size_t length = strcspn(cursor, "/");
        const char *behind = cursor + length + (cursor[length] == '/');
        int links = walk->links;
        if (step(walk, cursor, length, behind, err) < 0)
            return -1;
        cursor = walk->links > links ? walk->rest : behind;
    }
    return 0;
}

int tree_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind, size_t *ret_size,
                struct error *err)
{
    __attribute__((cleanup(walk_release))) struct walk walk = {0};
    if (resolve(&walk, tree, path, err) < 0)
        return -1;
    record(tree, walk.resolved.data, walk.kind == TREE_DIRECTORY ? "/" : "");
    *ret_kind = walk.kind;
    if (ret_size != NULL)
        *ret_size = walk.kind == TREE_FILE ? walk.size : 0;
    return 0;
}

int tree_resolve(struct tree *tree, const char *path, char **ret_path, enum tree_kind *ret_kind,
                 struct error *err)
{
    __attribute__((cleanup(walk_release))) struct walk walk = {0};
    if (resolve(&walk, tree, path, err) < 0)
        return -1;
    if (walk.kind != TREE_DIRECTORY)
        record(tree, walk.resolved.data, "");
    *ret_path = strbuf_steal(&walk.resolved);
    *ret_kind = walk.kind;
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->name, ((const struct tree_entry *)b)->name);
}

// " (did you mean apps/web.yaml?)" for the entry of `missing`'s folder that is most like it, or
// what to do where none is. Owned.
static char *hint(struct tree *tree, const char *missing)
{
    const char *slash = strrchr(missing, '/');
    cleanup_free char *dir = xstrndup(missing, slash != NULL ? (size_t)(slash - missing) : 0);
    struct nearest nearest = {.wanted = slash != NULL ? slash + 1 : missing};
    cleanup_vec struct vec entries = TREE_ENTRIES;
    cleanup_error struct error ignored = {0};
    if (tree->ops->list(tree, dir, &entries, &ignored) == 0) {
        vec_sort(&entries, compare_entries);
        vec_foreach (const struct tree_entry, entry, &entries)
            nearest_offer(&nearest, entry->name);
    }
    if (nearest.best == NULL)
        return xstrdup("; add it, or correct the path");
    cleanup_free char *meant = tree_join(dir, nearest.best);
    return xasprintf(" (did you mean %s?)", meant);
}

int tree_say_missing(struct tree *tree, const char *path, struct error *err)
{
    __attribute__((cleanup(walk_release))) struct walk walk = {0};
    cleanup_error struct error failure = {0};
    if (err == NULL || err->code != ERROR_NOT_FOUND || resolve(&walk, tree, path, &failure) == 0 ||
        failure.code != ERROR_NOT_FOUND || walk.kind != TREE_DIRECTORY || walk.resolved.len == 0)
        return -1;
    error_release(err);
    if (walk.link != NULL)
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no %s, where the symbolic link %s leads; commit it, too",
                         walk.resolved.data, walk.link);
    cleanup_free char *what_now = hint(tree, walk.resolved.data);
    return error_set(err, ERROR_NOT_FOUND, "there is no %s%s", walk.resolved.data, what_now);
}

int tree_read(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
              size_t *ret_size, struct error *err)
{
    __attribute__((cleanup(walk_release))) struct walk walk = {0};
    if (resolve(&walk, tree, path, err) < 0)
        return -1;
    record(tree, walk.resolved.data, walk.kind == TREE_DIRECTORY ? "/" : "");
    if (walk.kind != TREE_FILE)
        return error_set(err, ERROR_INVALID, "%s is not a file", walk.asked);
    return tree->ops->read(tree, walk.resolved.data, max_bytes, ret_data, ret_size, err);
}

int tree_read_resolved(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                       size_t *ret_size, struct error *err)
{
    record(tree, path, "");
    return tree->ops->read(tree, path, max_bytes, ret_data, ret_size, err);
}

int tree_list(struct tree *tree, const char *path, struct vec *ret_entries, struct error *err)
{
    __attribute__((cleanup(walk_release))) struct walk walk = {0};
    if (resolve(&walk, tree, path, err) < 0)
        return -1;
    record(tree, walk.resolved.data, walk.kind == TREE_DIRECTORY ? "/" : "");
    if (walk.kind != TREE_DIRECTORY)
        return error_set(err, ERROR_INVALID, "%s is not a folder", walk.asked);
    cleanup_vec struct vec entries = TREE_ENTRIES;
    if (tree->ops->list(tree, walk.resolved.data, &entries, err) < 0)
        return -1;
    if (entries.len > MAX_ENTRIES)
        return error_set(err, ERROR_LIMIT, "%s holds more than %d files", walk.asked, MAX_ENTRIES);
    vec_sort(&entries, compare_entries);
    *ret_entries = entries;
    entries = TREE_ENTRIES;
    return 0;
}
