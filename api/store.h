// The object store: where objects come from and where status goes. One interface, two back ends:
// files (api/store_files.h) and the Kubernetes API.
//
// Functions that read and write block and may be called on any thread; they are for workers and
// commands, not for the loop. Watches and leases belong to the loop. All watches and leases of one
// store must use the same loop.
//
// Objects handed out are complete: metadata.uid, resourceVersion, generation and creationTimestamp
// are set, spec has its defaults, and `problem` says when the spec is not to be used
// (object_problem). Secrets are handed out without their data (their resourceVersion changes when
// it does); store_secret gives the bytes.
//
// Kinds are named as in `kind:`: Bundle, Sync, Hook, TrustPolicy, Secret, ConfigMap, Namespace.
#ifndef API_STORE_H
#define API_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/object.h"
#include "api/secret_use.h"
#include "base/error.h"
#include "base/loop.h"

struct store;

// NULL is fine. Its watches and leases are freed with it. On the loop's thread, if it had any.
void store_free(struct store *store);

// *ret_object is owned (a new reference). `namespace` is "" or NULL for cluster-scoped kinds.
// ERROR_NOT_FOUND.
int store_get(struct store *store, const char *kind, const char *namespace, const char *name,
              json_t **ret_object, struct error *err) __attribute__((warn_unused_result));
// All objects of a kind, of one namespace or of all (NULL), sorted by namespace and name.
// *ret_array is owned.
int store_list(struct store *store, const char *kind, const char *namespace, json_t **ret_array,
               struct error *err) __attribute__((warn_unused_result));

// Replaces the status of `object` as it was read (uid and resourceVersion count). Spec and metadata
// are never touched. ERROR_CONFLICT when it was changed since: read again, decide again.
// ERROR_NOT_FOUND when it is gone. ret_new may be NULL; else the object as it is now, owned.
int store_put_status(struct store *store, const json_t *object, const json_t *status,
                     json_t **ret_new, struct error *err) __attribute__((warn_unused_result));

// Merges {"annotations": {...}, "labels": {...}, "finalizers": [...]} into the metadata of the
// object of the same uid, whatever its resourceVersion (a merge patch does not overwrite what
// others wrote under other names). A null removes a name; `finalizers` is the list as it is to be,
// compared with the one of `object` as it was read: what others added or took away since stays so.
// When the last finalizer of an object that is being deleted goes, the object goes; *ret_new is
// then as it was last. ERROR_NOT_FOUND when the object is gone or is another one under the same
// name.
int store_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                         json_t **ret_new, struct error *err) __attribute__((warn_unused_result));

// Sets spec.suspend without touching the rest. ERROR_NOT_FOUND.
int store_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                  struct error *err) __attribute__((warn_unused_result));

// Creates the object or replaces its spec (data of a Secret or ConfigMap), labels and annotations,
// for people's commands. ERROR_INVALID with the sentences of api_check.
int store_apply(struct store *store, const json_t *object, struct error *err)
    __attribute__((warn_unused_result));
// Asks for deletion; the object goes at once, or when its finalizers are gone. ERROR_NOT_FOUND.
int store_delete(struct store *store, const char *kind, const char *namespace, const char *name,
                 struct error *err) __attribute__((warn_unused_result));

// The decoded bytes of a Secret by key; cleansed when freed.
struct secret_data;
// *ret_secret is owned. ERROR_NOT_FOUND says how to create one.
int store_secret(struct store *store, const char *namespace, const char *name,
                 struct secret_data **ret_secret, struct error *err)
    __attribute__((warn_unused_result));
// For an object that names it: the sentence says in which field, for which keys, and how to create
// it with these.
int store_secret_for(struct store *store, const struct secret_use *use, const char *namespace,
                     const char *name, struct secret_data **ret_secret, struct error *err)
    __attribute__((warn_unused_result));
// That of a Hook (spec.secretRef); ERROR_DENIED has the commands of the Role and the RoleBinding
// that go with the Hook.
int store_hook_secret(struct store *store, const json_t *hook, struct secret_data **ret_secret,
                      struct error *err) __attribute__((warn_unused_result));
// NUL-terminated behind its *ret_size bytes (ret_size may be NULL); NULL when the key is absent.
// Borrowed from the secret.
const void *secret_data_get(const struct secret_data *secret, const char *key, size_t *ret_size);
// As a string; NULL when absent or when it holds a NUL.
const char *secret_data_text(const struct secret_data *secret, const char *key);
// The names of its keys, in no order; NULL at and past their number. Borrowed.
const char *secret_data_key(const struct secret_data *secret, size_t index);
// Changes when the Secret changes. Borrowed.
const char *secret_data_version(const struct secret_data *secret);
void secret_data_free(struct secret_data *secret); // NULL is fine
void cleanup_secret_data_pointer(struct secret_data **secret);
#define cleanup_secret_data __attribute__((cleanup(cleanup_secret_data_pointer)))

// The labels of a namespace, owned; at least kubernetes.io/metadata.name. A namespace without an
// object of its own has only that one (files).
int store_namespace_labels(struct store *store, const char *namespace, json_t **ret_labels,
                           struct error *err) __attribute__((warn_unused_result));

enum store_event_type { STORE_EVENT_NORMAL, STORE_EVENT_WARNING };
// Fire and forget; quick; any thread, the loop's too. `reason` is UpperCamelCase, `note` a sentence
// of at most 1 KiB (longer ones are cut).
void store_event(struct store *store, const json_t *regarding, enum store_event_type type,
                 const char *reason, const char *note);
// {type, reason, note, at, regarding: {kind, namespace, name, uid}}, oldest first; those of one
// object, of all in a namespace (kind and name are ""), or all (NULL). *ret_array is owned.
int store_list_events(struct store *store, const struct object_key *regarding, json_t **ret_array,
                      struct error *err) __attribute__((warn_unused_result));

// Durable records of a role itself, such as floors: JSON objects under a name like
// "floors/<64 hex>" (segments of [a-z0-9._-], at most 200 bytes). The version is opaque.
// *ret_record and *ret_version are owned; ret_version may be NULL. ERROR_NOT_FOUND.
int store_record_get(struct store *store, const char *name, json_t **ret_record, char **ret_version,
                     struct error *err) __attribute__((warn_unused_result));
// On disk when it returns. `version` is the one read, or NULL for a record that must not exist yet.
// ERROR_CONFLICT when somebody else wrote meanwhile. ret_version may be NULL.
int store_record_put(struct store *store, const char *name, const json_t *record,
                     const char *version, char **ret_version, struct error *err)
    __attribute__((warn_unused_result));
// Absent is fine.
int store_record_delete(struct store *store, const char *name, struct error *err)
    __attribute__((warn_unused_result));
// The names below a folder ("floors"), whole ("floors/…"), sorted: an array of strings, owned. None
// is fine.
int store_record_list(struct store *store, const char *folder, json_t **ret_names,
                      struct error *err) __attribute__((warn_unused_result));

enum store_change { STORE_ADDED, STORE_MODIFIED, STORE_DELETED };

// Called on the loop, never from within store_watch. A callback may free its own watch.
struct store_watch_events {
    // `object` is borrowed; jval_ref keeps it. STORE_DELETED shows it as it was last. What
    // happened while the back end was out of reach arrives as ADDED, MODIFIED and DELETED after it
    // came back; several changes may arrive as one.
    void (*on_object)(void *arg, enum store_change change, const json_t *object);
    void (*on_synced)(void *arg); // all that existed at the start was delivered; once; may be NULL
    // The back end is out of reach or a source cannot be read; the watch goes on. May be NULL.
    void (*on_error)(void *arg, const struct error *err);
};

struct store_watch;
// Everything of one kind, in all namespaces. `events` is copied. Loop thread.
int store_watch(struct store *store, struct loop *loop, const char *kind,
                const struct store_watch_events *events, void *arg, struct store_watch **ret_watch,
                struct error *err) __attribute__((warn_unused_result));
// No callback comes afterwards. NULL is fine.
void store_watch_free(struct store_watch *watch);

// One owner per role ("packager", "controller"), whatever the number of processes.
struct store_lease_events {
    void (*on_acquired)(void *arg); // on the loop, never from within store_lease_new
    void (*on_lost)(void *arg);     // stop writing now; it may be acquired again later
};
struct store_lease;
int store_lease_new(struct store *store, struct loop *loop, const char *role,
                    const struct store_lease_events *events, void *arg,
                    struct store_lease **ret_lease, struct error *err)
    __attribute__((warn_unused_result));
bool store_lease_held(const struct store_lease *lease);
// Not held, as far as is known because another has it. False as long as it was neither held nor
// seen in other hands: the server does not answer, or refuses.
bool store_lease_elsewhere(const struct store_lease *lease);
void store_lease_free(struct store_lease *lease); // gives it back; NULL is fine

#endif
