// What the files of the directory target share.
//
//     target_directory.c   the path, whose it is, and what is refused
//     directory_file.c     one entry on disk: compare, read, write, without following a link
//     directory_tree.c, directory_swap.c                         layout Tree
//     directory_flat.c, directory_one_file.c, directory_pods.c   layouts OneFile and Pods
//     directory_watch.c    inotify, shared by all targets of a loop, and the check of a suspicion
//
// Work runs on one worker at a time. What the loop reads beside it (expected, root, working) is
// under `lock`.
#ifndef CONTROLLER_DIRECTORY_INTERNAL_H
#define CONTROLLER_DIRECTORY_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "controller/target.h"

#define DIRECTORY_MARKER ".sealift"

enum {
    DIRECTORY_MAX_FILE = 64 << 20, // the largest file that is read back: OneFile holds a bundle
    DIRECTORY_FILE_MODE = 0644,
    DIRECTORY_FOLDER_MODE = 0755,
};

// One file or folder as it should be.
struct directory_entry {
    char *path; // owned; relative to the directory
    bool folder;
    unsigned char hash[SHA256_SIZE];
    size_t size;
    // During one apply only:
    const char *bytes;  // borrowed; NULL for folders and for what is kept as it is on disk
    const char *object; // borrowed; the object's path, or NULL
    bool in_place;      // what is on disk is it
};
void directory_entry_release(void *entry);
#define DIRECTORY_ENTRIES VEC_OF(struct directory_entry, directory_entry_release)
int directory_entry_compare(const void *a, const void *b); // by path
struct directory_entry *directory_entry_find(const struct vec *sorted_entries, const char *path);

struct directory_watcher;

struct directory {
    struct target target;
    struct loop *loop; // NULL: nobody listens
    struct directory_watcher *watcher;
    enum directory_layout layout;
    char *owner;                 // "namespace/name"
    char *path;                  // absolute, without a slash at its end
    char *parent;                // of path
    char *base;                  // last component of path
    char *temp;                  // Tree: the sibling that becomes path
    const char *const *kept_out; // borrowed, NULL-ended; or NULL
    char *prefix;                // flat layouts: what the names of our files begin with

    pthread_mutex_t lock;
    struct vec expected; // DIRECTORY_ENTRIES, sorted; from the last apply
    bool has_expected;
    bool has_drifted;  // told since then: the way back is news, too
    bool working;      // an apply is on; suspicions wait
    dev_t root_device; // of the directory as we left it; 0, 0 before
    ino_t root_inode;
    int watch_problem; // errno of the last failed watch, 0

    // The worker's.
    unsigned watch_generation; // listened to now
    unsigned watch_last;       // the highest number given out

    // The loop's.
    void (*on_drift)(void *arg);
    void *on_drift_arg;
    struct loop_timer *timer;
    struct vec suspects; // char *, relative paths; "" is the directory itself
    bool suspect_all;
};

static inline struct directory *directory_of(struct target *target)
{
    return (struct directory *)target;
}

// ---- target_directory.c ----

// What stands at the path now.
enum directory_state {
    DIRECTORY_ABSENT,
    DIRECTORY_EMPTY,
    DIRECTORY_OURS,
};
// ERROR_INVALID with a sentence for everything that must not be touched. *ret_fd is a descriptor of
// the directory (the caller closes it), or -1 when it is absent.
int directory_examine(struct directory *directory, enum directory_state *ret_state, int *ret_fd,
                      struct error *err) __attribute__((warn_unused_result));
// Relative, at least one name, no name that is empty or starts with a dot, no control characters.
int directory_check_path(const char *path, struct error *err) __attribute__((warn_unused_result));
// The part of a marker behind its word, or NULL: who owns the folder at `path`. Owned.
char *directory_owner_at(const char *path);
// Hands the entries over as what is expected from now on, with the folder they stand in.
void directory_expect(struct directory *directory, struct vec *entries);
void directory_expect_nothing(struct directory *directory);
void directory_set_working(struct directory *directory, bool working);

struct target_result *directory_add_result(struct vec *results, const char *path,
                                           enum target_action action);
// KEEP when the request or the object's own annotation protects it, else PRUNE. `yaml` may be NULL.
enum target_action directory_prune_action(const struct target_request *request, const char *yaml,
                                          size_t size);

// ---- directory_file.c ----

// Opens the folders on the way to a path and keeps the last one open, because paths come sorted.
struct directory_cursor {
    int root; // borrowed
    int fd;   // of the folder `parent`; -1 before the first
    char *parent;
};
void directory_cursor_release(struct directory_cursor *cursor);
#define cleanup_cursor __attribute__((cleanup(directory_cursor_release)))
// 0 and the last name of path, or an errno. Follows no link.
int directory_cursor_enter(struct directory_cursor *cursor, const char *path,
                           const char **ret_name);

// Whether what is on disk is the entry: kind, mode, size, hash.
enum directory_match { DIRECTORY_SAME, DIRECTORY_DIFFERENT, DIRECTORY_MISSING };
enum directory_match directory_match(struct directory_cursor *cursor,
                                     const struct directory_entry *entry);
// Whole regular file below the cursor's root; owned.
int directory_read(struct directory_cursor *cursor, const char *path, char **ret_data,
                   size_t *ret_size, struct error *err) __attribute__((warn_unused_result));
// A new file in the folder, not yet safe on disk. `path` only for messages.
int directory_write_at(int fd, const char *name, const char *path, const void *data, size_t size,
                       struct error *err) __attribute__((warn_unused_result));
int directory_sync_file(struct directory_cursor *cursor, const char *path, struct error *err)
    __attribute__((warn_unused_result));
int directory_sync_at(int fd, const char *path, struct error *err)
    __attribute__((warn_unused_result));

// ---- the layouts ----

extern const struct target_ops directory_tree_ops;
extern const struct target_ops directory_one_file_ops;
extern const struct target_ops directory_pods_ops;
// What the names of a Sync's files begin with: "sealift-<namespace>-<sync, dots as dashes>-".
// Owned.
char *directory_flat_prefix(const char *owner);
// Whether a name in the folder is that of a file of ours (Pods, OneFile).
bool directory_flat_is_ours(const struct directory *directory, const char *name);

// ---- directory_watch.c ----

// Loop thread. What all targets of the loop share; one reference each.
int directory_watcher_join(struct directory *directory, struct error *err)
    __attribute__((warn_unused_result));
void directory_watcher_leave(struct directory *directory);
// Any thread: listens to one folder. Events are told as `relative` + '/' + name ("" is the
// directory itself). A watch belongs to the generation it was made for.
void directory_watch_folder(struct directory *directory, const char *folder, const char *relative,
                            unsigned generation);
// As above for the folder that holds the directory: only what happens to `base` is told.
void directory_watch_parent(struct directory *directory, unsigned generation);
// Any thread: from now on only what was watched for `generation` is listened to.
void directory_watch_keep(struct directory *directory, unsigned generation);
// The next generation's number, for one apply.
unsigned directory_watch_begin(struct directory *directory);

int directory_watch(struct target *target, void (*on_drift)(void *arg), void *arg,
                    struct error *err);
void directory_free(struct target *target);
int directory_health(struct target *target, struct cancel *cancel, struct target_health *ret_health,
                     struct error *err);

#endif
