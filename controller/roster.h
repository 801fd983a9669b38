// The objects of one kind as the watch last showed them, by "namespace/name". Loop thread.
#ifndef CONTROLLER_ROSTER_H
#define CONTROLLER_ROSTER_H

#include <jansson.h>

#include "base/vec.h"

struct roster_entry {
    char *key;      // "namespace/name"
    json_t *object; // a reference of its own
    void *data;     // the owner's
};

struct roster {
    struct vec entries; // of struct roster_entry, sorted by key
    void (*release_data)(void *data);
};

void roster_init(struct roster *roster, void (*release_data)(void *data));
void roster_free(struct roster *roster);

// Borrowed until the next put or remove; NULL when absent.
struct roster_entry *roster_find(const struct roster *roster, const char *key);
struct roster_entry *roster_find_object(const struct roster *roster, const json_t *object);
// Takes a new reference to object; makes the entry where there is none.
struct roster_entry *roster_put(struct roster *roster, const json_t *object);
void roster_remove(struct roster *roster, const char *key);
void roster_clear(struct roster *roster);
// For a roster whose data are texts (released by free): puts the object with `news` (consumed),
// what of it others act on. True when that is not what it was.
_Bool roster_put_news(struct roster *roster, const json_t *object, char *news);

// "namespace/name"; owned.
char *roster_key(const json_t *object);

// Whether any secretRef, certSecretRef or proxySecretRef of the object's spec names this Secret.
_Bool roster_refers_to_secret(const json_t *object, const char *secret_name);

#endif
