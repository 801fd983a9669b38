// The store on files, inside (api/store_files.h says what it does).
//
// files_load    DIR -> sources (files) and what they define
// files_state   STATE/<kind>/<namespace>/<name>/: one object's folder, read and written under flock
// files_table   entries: the object of a document and its state, handed to readers and watches
// files_write   put_status, patch_metadata, suspend, deletion
// files_edit    store_apply and store_delete in DIR
// files_watch   watches, inotify, absence
// files_lease, files_record   lock files; events and records
//
// Locks, always taken in this order: load_lock (one thread at a time takes in DIR), flock on an
// object's folder (one process at a time changes it), lock (the table). A folder is only read under
// `lock`, so that what a reader puts into the table is never older than what a writer put there.
#ifndef API_FILES_INTERNAL_H
#define API_FILES_INTERNAL_H

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

#include "api/kind.h"
#include "api/store_files.h"
#include "api/store_internal.h"
#include "base/vec.h"

#define FILES_UID_SIZE 37
#define FILES_VERSION_SIZE 17

enum {
    FILES_MAX_FILE = 4 << 20,    // of YAML in DIR
    FILES_MAX_STATE = 1 << 20,   // of one file in STATE; etcd's own bound is near
    FILES_MAX_SOURCES = 20000,   // files in DIR
    FILES_MAX_DEPTH = 16,        // folders in DIR
    FILES_ABSENCE_MS = 60 * 1000 // DESIGN: an editor that writes anew is no deletion
};

struct files_entry;

// A file of DIR.
struct files_source {
    char *path; // relative to DIR
    struct stat stamp;
    bool loaded;       // stamp is that of what was taken in
    bool seen;         // by the walk that runs
    char *problem;     // why not all of it could be taken; NULL
    struct vec claims; // struct files_entry *: what it defines
};

// What STATE holds of one object.
struct files_state {
    json_t *record;  // object.json; NULL where there is none
    json_t *status;  // NULL where there is none
    json_t *request; // NULL where there is none
    json_t *finalizer;
    char version[FILES_VERSION_SIZE]; // of all four together
};

// One object.
struct files_entry {
    const struct kind *kind;
    char *namespace; // "" for cluster-scoped kinds
    char *name;
    struct files_source *source; // that defines it now; NULL = absent
    struct files_source *rival;  // another file that defines it too; NULL
    bool placeholder;            // stands for a TrustPolicy that nobody could ever read
    int64_t absent_since_ms;     // monotonic; while source is NULL
    json_t *base;                // the last good document with its defaults
    char *invalid;               // api_check's sentences about it; NULL
    char base_hash[FILES_VERSION_SIZE];
    struct files_state state;
    json_t *object; // what is handed out; NULL: nothing
};

struct files_inotify;

struct files_store {
    struct store store;
    char *config_dir;
    char *state_dir;
    const struct clock *clock;
    bool read_only;

    pthread_mutex_t load_lock;
    struct vec sources; // struct files_source *, sorted by path
    bool dir_readable;  // the last walk saw all of DIR, and an object in it
    char *dir_problem;  // why it did not; NULL
    struct vec stray;   // char *: sentences about DIR as a whole

    pthread_mutex_t lock;
    struct vec entries; // struct files_entry *, sorted by kind, namespace, name
    struct vec watches; // struct files_watch *

    // The loop's.
    struct loop *loop; // NULL until the first watch or lease
    int bell;          // eventfd: a watch has something to tell
    struct loop_fd *bell_watch;
    struct files_inotify *inotify;
    struct loop_timer *sweep;
    struct loop_timer *absence;
    int64_t deletable_since_ms; // monotonic: since when files_may_delete holds; -1
    struct vec leases;          // struct files_lease *
    bool delivering;
};

static inline struct files_store *files_of(struct store *store)
{
    return (struct files_store *)store;
}

// ---- files_table: under `lock`, unless said otherwise ----

struct files_entry *files_find(struct files_store *files, const char *kind, const char *namespace,
                               const char *name);
struct files_entry *files_find_or_add(struct files_store *files, const struct kind *kind,
                                      const char *namespace, const char *name);
struct object_key files_key(const struct files_entry *entry);
// Makes the object anew from base and state, and tells the watches when it differs.
void files_compose(struct files_store *files, struct files_entry *entry);
// Takes over what a folder says; composes. `state` is consumed.
void files_take_state(struct files_store *files, struct files_entry *entry,
                      struct files_state *state);
// Tells the watches and forgets it.
void files_drop(struct files_store *files, struct files_entry *entry);
void files_entry_free(struct files_entry *entry);
// The document with its defaults becomes base. `document` is borrowed.
void files_set_base(struct files_entry *entry, const json_t *document);
// First 16 hex digits of the hash of the canonical text.
void files_hash(const json_t *value, char ret_hash[FILES_VERSION_SIZE]);

// ---- files_hide ----

// Replaces the password in every URL below `value`, in place.
void files_hide_passwords(json_t *value);

// ---- files_state ----

// STATE/<kind>/<namespace or _>/<name>; owned.
char *files_state_path(const struct files_store *files, const struct object_key *key);
// An object's folder, locked against all other processes and threads until closed. `make` creates
// it. ERROR_NOT_FOUND. Never under `lock`.
int files_state_lock(const char *path, bool make, int *ret_fd, struct error *err)
    __attribute__((warn_unused_result));
// What cannot be read or is no JSON counts as absent: a crash can leave it so.
void files_state_read(const char *path, struct files_state *ret_state);
void files_state_release(struct files_state *state);
#define cleanup_files_state __attribute__((cleanup(files_state_release)))
// Writes one file of the folder and lets others know. `durable` waits for the disk. Locked.
int files_state_write(const char *path, const char *file, const json_t *value, bool durable,
                      struct error *err) __attribute__((warn_unused_result));
// Moves the folder away at once, then removes it. Locked.
int files_state_remove(const char *path, struct error *err) __attribute__((warn_unused_result));
// Whether object.json was made from this document of this file.
bool files_state_knows(const json_t *record, const json_t *document, const char *file);
// Gives a document its uid and generation: makes or updates object.json. Takes the lock.
int files_state_adopt(struct files_store *files, const struct object_key *key,
                      const json_t *document, const char *file, struct error *err)
    __attribute__((warn_unused_result));
// Objects in STATE whose document stands nowhere else, at the start; removes what crashes left.
void files_state_scan(struct files_store *files);

// ---- files_load: under load_lock, without `lock` ----

// Looks at every file of DIR, takes in those that changed.
void files_walk(struct files_store *files);
// Takes in one file that changed or went.
void files_load_path(struct files_store *files, const char *path);
// Takes in the file of a present object again, after its folder went.
void files_readopt(struct files_store *files, const struct object_key *key);
// Whether what is absent from DIR may count as deleted: all of DIR was read, and it holds objects.
bool files_may_delete(const struct files_store *files);
bool files_is_yaml_name(const char *name);
void files_source_release(void *element);

// ---- files_write ----

int files_put_status(struct store *store, const json_t *object, const json_t *status,
                     json_t **ret_new, struct error *err);
int files_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                         json_t **ret_new, struct error *err);
int files_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                  struct error *err);
// Marks an object as being deleted; without finalizers it goes at once.
int files_begin_deletion(struct files_store *files, const struct object_key *key, struct error *err)
    __attribute__((warn_unused_result));
// Reads the folder of an object again and tells the watches. True when the folder went although DIR
// still defines the object. Without `lock`.
bool files_reread(struct files_store *files, const struct object_key *key);
// The same, and takes such an object up again. Without locks.
void files_refresh(struct files_store *files, const struct object_key *key);
int files_check_writable(const struct files_store *files, struct error *err)
    __attribute__((warn_unused_result));

// ---- files_edit ----

int files_apply(struct store *store, const json_t *object, struct error *err);
int files_remove(struct store *store, const char *kind, const char *namespace, const char *name,
                 struct error *err);

// ---- files_watch ----

int files_watch(struct store *store, struct loop *loop, const char *kind,
                const struct store_watch_events *events, void *arg, struct store_watch **ret_watch,
                struct error *err);
void files_watch_free(struct store_watch *watch);
// Queues a change for the watches of its kind. Under `lock`.
void files_notify(struct files_store *files, enum store_change change, json_t *object);
// Queues a failure for all watches. Under `lock`.
void files_notify_error(struct files_store *files, const char *message);
bool files_has_loop(struct files_store *files);
// Looks when the next absent object counts as deleted; after every change in DIR. Loop thread.
void files_absence_arm(struct files_store *files);
int files_attach(struct files_store *files, struct loop *loop, struct error *err)
    __attribute__((warn_unused_result));
void files_detach(struct files_store *files);
// Everything again: DIR and all of STATE.
void files_rescan(struct files_store *files);

// ---- files_inotify: loop thread ----

int files_inotify_new(struct files_store *files, struct files_inotify **ret_inotify,
                      struct error *err) __attribute__((warn_unused_result));
// Starts to listen; STATE first. DIR's folders are added by walks.
void files_inotify_start(struct files_inotify *inotify, struct loop *loop);
void files_inotify_free(struct files_inotify *inotify);
// Watches a folder of DIR ("" is DIR itself). Again is fine.
void files_inotify_add_config(struct files_inotify *inotify, const char *path);
// Whether every folder is being watched; else a sweep has to look often.
bool files_inotify_is_complete(const struct files_inotify *inotify);

// ---- files_lease ----

int files_lease_new(struct store *store, struct loop *loop, const char *role,
                    const struct store_lease_events *events, void *arg,
                    struct store_lease **ret_lease, struct error *err);
bool files_lease_held(const struct store_lease *lease);
void files_lease_free(struct store_lease *lease);

// ---- files_record ----

void files_event(struct store *store, const json_t *regarding, enum store_event_type type,
                 const char *reason, const char *note);
int files_list_events(struct store *store, const struct object_key *regarding, json_t **ret_array,
                      struct error *err);
int files_record_get(struct store *store, const char *name, json_t **ret_record, char **ret_version,
                     struct error *err);
int files_record_put(struct store *store, const char *name, const json_t *record,
                     const char *version, char **ret_version, struct error *err);
int files_record_delete(struct store *store, const char *name, struct error *err);
int files_record_list(struct store *store, const char *folder, json_t **ret_names,
                      struct error *err);

#endif
