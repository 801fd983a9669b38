// What the back ends of the store share.
#ifndef API_STORE_INTERNAL_H
#define API_STORE_INTERNAL_H

#include "api/store.h"

// One back end; the functions are those of api/store.h.
struct store_ops {
    void (*free)(struct store *store);
    int (*get)(struct store *store, const char *kind, const char *namespace, const char *name,
               json_t **ret_object, struct error *err);
    int (*list)(struct store *store, const char *kind, const char *namespace, json_t **ret_array,
                struct error *err);
    int (*put_status)(struct store *store, const json_t *object, const json_t *status,
                      json_t **ret_new, struct error *err);
    int (*patch_metadata)(struct store *store, const json_t *object, const json_t *patch,
                          json_t **ret_new, struct error *err);
    int (*suspend)(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                   struct error *err);
    int (*apply)(struct store *store, const json_t *object, struct error *err);
    int (*remove)(struct store *store, const char *kind, const char *namespace, const char *name,
                  struct error *err);
    int (*secret)(struct store *store, const char *namespace, const char *name,
                  struct secret_data **ret_secret, struct error *err);
    int (*namespace_labels)(struct store *store, const char *namespace, json_t **ret_labels,
                            struct error *err);
    void (*event)(struct store *store, const json_t *regarding, enum store_event_type type,
                  const char *reason, const char *note);
    int (*list_events)(struct store *store, const struct object_key *regarding, json_t **ret_array,
                       struct error *err);
    int (*record_get)(struct store *store, const char *name, json_t **ret_record,
                      char **ret_version, struct error *err);
    int (*record_put)(struct store *store, const char *name, const json_t *record,
                      const char *version, char **ret_version, struct error *err);
    int (*record_delete)(struct store *store, const char *name, struct error *err);
    int (*record_list)(struct store *store, const char *folder, json_t **ret_names,
                       struct error *err);
    int (*watch)(struct store *store, struct loop *loop, const char *kind,
                 const struct store_watch_events *events, void *arg, struct store_watch **ret_watch,
                 struct error *err);
    void (*watch_free)(struct store_watch *watch);
    int (*lease_new)(struct store *store, struct loop *loop, const char *role,
                     const struct store_lease_events *events, void *arg,
                     struct store_lease **ret_lease, struct error *err);
    bool (*lease_held)(const struct store_lease *lease);
    bool (*lease_known)(const struct store_lease *lease); // whose it is; NULL: always
    void (*lease_free)(struct store_lease *lease);
};

// First members of the back ends' own structs.
struct store {
    const struct store_ops *ops;
};
struct store_watch {
    struct store *store;
};
struct store_lease {
    struct store *store;
};

// The list `now` with what `wanted` adds to and takes from `read`. Owned.
json_t *store_merge_finalizers(const json_t *now, const json_t *read, const json_t *wanted);
// Decodes data and stringData of a Secret that passed api_check. *ret_secret is owned.
int secret_data_new(const json_t *secret, const char *version, struct secret_data **ret_secret,
                    struct error *err) __attribute__((warn_unused_result));

// The labels of a namespace from its object, which may be NULL. Owned.
json_t *store_labels_of_namespace(const json_t *object, const char *namespace);

// Whether an event as store_list_events gives it is among those of `regarding`.
bool store_event_concerns(const json_t *event, const struct object_key *regarding);

// ERROR_INVALID when the name of a record could leave its place.
int store_check_record_name(const char *name, struct error *err)
    __attribute__((warn_unused_result));

#endif
