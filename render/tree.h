// A read-only view of a file tree, whatever holds it: a folder on disk (tree_dir.c) or a commit in
// Git. Renderers see nothing else of the world.
//
// Paths are relative to the tree's root, with '/' between names; "" and "." are the root, ".." is
// fine as long as it stays inside. Symbolic links are followed inside the tree, at most 8 for one
// path; one that leads out of it is ERROR_DENIED and names the link. A tree is used by one thread
// at a time.
#ifndef RENDER_TREE_H
#define RENDER_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"

enum tree_kind {
    TREE_FILE,
    TREE_DIRECTORY,
    TREE_SYMLINK,
    TREE_OTHER, // devices, sockets, submodules: nothing that can be rendered
};

struct tree_entry {
    char *name; // owned; no path
    enum tree_kind kind;
    size_t size; // of a file; 0 for the rest
};
void tree_entry_release(void *entry);
#define TREE_ENTRIES VEC_OF(struct tree_entry, tree_entry_release)

struct tree;

// What a back end supplies. Paths that reach it are normalised: no "", ".", ".." or double slash
// in them, and the root is "". It follows no link itself: ERROR_NOT_FOUND where nothing has that
// name, or where a component but the last is a link.
struct tree_ops {
    // What the path itself is (a link is TREE_SYMLINK).
    int (*lookup)(struct tree *tree, const char *path, enum tree_kind *ret_kind, size_t *ret_size,
                  struct error *err);
    // The text of a link; owned, NUL-terminated, at most 4095 bytes.
    int (*read_link)(struct tree *tree, const char *path, char **ret_target, struct error *err);
    // Whole file; owned, with a NUL after its bytes. ERROR_LIMIT above max_bytes.
    int (*read)(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                size_t *ret_size, struct error *err);
    // Pushes every entry of the folder, in any order, without "." and "..".
    int (*list)(struct tree *tree, const char *path, struct vec *entries, struct error *err);
    void (*free)(struct tree *tree);
};

// The first member of a back end's own struct.
struct tree {
    const struct tree_ops *ops;
    struct vec *record; // borrowed; see tree_record
    // Borrowed; what to do about a path that leads out, behind the sentence that says so. NULL for
    // a tree that nobody can make larger.
    const char *remedy;
};

// A folder on disk, held open: renaming it changes nothing for the view.
int tree_open_dir(const char *path, struct tree **ret_tree, struct error *err)
    __attribute__((warn_unused_result));
void tree_free(struct tree *tree); // NULL is fine
void cleanup_tree_pointer(struct tree **tree);
#define cleanup_tree __attribute__((cleanup(cleanup_tree_pointer)))

// What the path is after links are followed: never TREE_SYMLINK. ret_size may be NULL.
int tree_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind, size_t *ret_size,
                struct error *err) __attribute__((warn_unused_result));
// The same, and where it really stands: *ret_path (owned) has no link in it, "" is the root. A
// folder found this way does not count as listed (see tree_record).
int tree_resolve(struct tree *tree, const char *path, char **ret_path, enum tree_kind *ret_kind,
                 struct error *err) __attribute__((warn_unused_result));
// For whoever was told ERROR_NOT_FOUND for a path that a person wrote: says in *err what there is
// none of, and which name beside it is most like it. Another error stays as it is. Always -1.
int tree_say_missing(struct tree *tree, const char *path, struct error *err);
// Whole file; *ret_data is owned, with a NUL after its *ret_size bytes. ERROR_NOT_FOUND,
// ERROR_LIMIT above max_bytes, ERROR_INVALID when it is no file, ERROR_DENIED out of the tree.
int tree_read(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
              size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
// The same of what tree_resolve just said to be a file.
int tree_read_resolved(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                       size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
// The entries of a folder, sorted bytewise; links are listed as such. *ret_entries is owned
// (TREE_ENTRIES). At most 100,000 entries (ERROR_LIMIT).
int tree_list(struct tree *tree, const char *path, struct vec *ret_entries, struct error *err)
    __attribute__((warn_unused_result));

// From now on every path that an answer depended on is pushed to `paths` (a vec of char *,
// borrowed until set again or the tree is freed): files read, links followed, names looked for in
// vain, and folders listed with a '/' behind them (the root's listing is "/"). May hold one path
// more than once. NULL ends it.
void tree_record(struct tree *tree, struct vec *paths);
// Sorts a record and drops what occurs twice.
void tree_record_finish(struct vec *paths);

// "a/b" from "a" and "b", "b" from "" and "b"; owned. Normalises nothing.
char *tree_join(const char *dir, const char *name);

#endif
