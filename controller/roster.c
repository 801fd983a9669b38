#include "controller/roster.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void roster_init(struct roster *roster, void (*release_data)(void *data))
{
    *roster =
        (struct roster){.entries = VEC_OF(struct roster_entry, NULL), .release_data = release_data};
}

static void release_entry(struct roster *roster, struct roster_entry *entry)
{
    free(entry->key);
    json_decref(entry->object);
    if (roster->release_data != NULL && entry->data != NULL)
        roster->release_data(entry->data);
}

void roster_free(struct roster *roster)
{
    roster_clear(roster);
    vec_free(&roster->entries);
}

// What is released may run what was posted to the loop: by then it stands here no more.
void roster_clear(struct roster *roster)
{
    struct vec entries = roster->entries;
    roster->entries = VEC_OF(struct roster_entry, NULL);
    vec_foreach (struct roster_entry, entry, &entries)
        release_entry(roster, entry);
    vec_free(&entries);
}

char *roster_key(const json_t *object)
{
    return xasprintf("%s/%s", object_namespace(object), object_name(object));
}

// The index of the first entry that is not before key.
static size_t lower_bound(const struct roster *roster, const char *key)
{
    size_t low = 0;
    size_t high = roster->entries.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct roster_entry *entry = vec_at(&roster->entries, middle);
        if (strcmp(entry->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct roster_entry *roster_find(const struct roster *roster, const char *key)
{
    size_t index = lower_bound(roster, key);
    if (index == roster->entries.len)
        return NULL;
    struct roster_entry *entry = vec_at(&roster->entries, index);
    return strcmp(entry->key, key) == 0 ? entry : NULL;
}

struct roster_entry *roster_find_object(const struct roster *roster, const json_t *object)
{
    cleanup_free char *key = roster_key(object);
    return roster_find(roster, key);
}

struct roster_entry *roster_put(struct roster *roster, const json_t *object)
{
    cleanup_free char *key = roster_key(object);
    struct roster_entry *entry = roster_find(roster, key);
    if (entry == NULL) {
        entry = vec_insert(&roster->entries, lower_bound(roster, key));
        entry->key = STEAL(key);
    }
    json_decref(entry->object);
    entry->object = json_incref((json_t *)(uintptr_t)object);
    return entry;
}

void roster_remove(struct roster *roster, const char *key)
{
    size_t index = lower_bound(roster, key);
    struct roster_entry *entry = roster_find(roster, key);
    if (entry == NULL)
        return;
    struct roster_entry removed = *entry;
    vec_remove(&roster->entries, index);
    release_entry(roster, &removed);
}

_Bool roster_put_news(struct roster *roster, const json_t *object, char *news)
{
    struct roster_entry *entry = roster_put(roster, object);
    bool same = entry->data != NULL && strcmp(entry->data, news) == 0;
    free(entry->data);
    entry->data = news;
    return !same;
}

static bool names_secret(const json_t *value, const char *secret_name)
{
    size_t index;
    const char *name;
    json_t *member;
    json_array_foreach (value, index, member) {
        if (names_secret(member, secret_name))
            return true;
    }
    json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
        bool is_reference = strcmp(name, "secretRef") == 0 || strcmp(name, "certSecretRef") == 0 ||
                            strcmp(name, "proxySecretRef") == 0;
        if (is_reference && strcmp(jval_string_or(member, "name", ""), secret_name) == 0)
            return true;
        if (names_secret(member, secret_name))
            return true;
    }
    return false;
}

_Bool roster_refers_to_secret(const json_t *object, const char *secret_name)
{
    return names_secret(object_spec(object, ""), secret_name);
}
