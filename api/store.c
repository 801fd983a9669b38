#include "api/store.h"

#include "api/fields.h"
#include "api/grant_words.h"
#include "api/secret_use.h"
#include "api/store_internal.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"

#include <openssl/crypto.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

// Longer notes are cut: events are for people.
enum { MAX_NOTE = 1024 };

struct secret_entry {
    char *key;
    unsigned char *bytes; // NUL behind them
    size_t size;
};

struct secret_data {
    char *version;
    struct vec entries; // of struct secret_entry
};

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static int check_kind(const char *kind, struct error *err)
{
    if (kind_table_find(kind) != NULL)
        return 0;
    return error_set(err, ERROR_INVALID, "\"%.100s\" is no kind of sealift", kind);
}

void store_free(struct store *store)
{
    if (store != NULL)
        store->ops->free(store);
}

int store_get(struct store *store, const char *kind, const char *namespace, const char *name,
              json_t **ret_object, struct error *err)
{
    if (check_kind(kind, err) < 0)
        return -1;
    return store->ops->get(store, kind, or_empty(namespace), name, ret_object, err);
}

int store_list(struct store *store, const char *kind, const char *namespace, json_t **ret_array,
               struct error *err)
{
    if (check_kind(kind, err) < 0)
        return -1;
    return store->ops->list(store, kind, namespace, ret_array, err);
}

int store_put_status(struct store *store, const json_t *object, const json_t *status,
                     json_t **ret_new, struct error *err)
{
    return store->ops->put_status(store, object, status, ret_new, err);
}

static bool lists(const json_t *names, const json_t *name)
{
    size_t index;
    json_t *other;
    json_array_foreach (names, index, other) {
        if (json_equal(other, name) != 0)
            return true;
    }
    return false;
}

json_t *store_merge_finalizers(const json_t *now, const json_t *read, const json_t *wanted)
{
    json_t *merged = json_array();
    size_t index;
    json_t *name;
    json_array_foreach (now, index, name) {
        if (lists(wanted, name) || !lists(read, name))
            json_array_append(merged, name);
    }
    json_array_foreach (wanted, index, name) {
        if (!lists(read, name) && !lists(merged, name))
            json_array_append(merged, name);
    }
    return merged;
}

int store_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                         json_t **ret_new, struct error *err)
{
    return store->ops->patch_metadata(store, object, patch, ret_new, err);
}

int store_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                  struct error *err)
{
    const struct kind_table *table = kind_table_find(object_kind(object));
    const struct field *field =
        table != NULL ? field_child(table, "spec", "suspend", strlen("suspend")) : NULL;
    if (field == NULL || field->pending != NULL)
        return error_set(err, ERROR_INVALID, "a %s cannot be suspended; a Bundle or a Sync can",
                         object_kind(object));
    return store->ops->suspend(store, object, suspend, ret_new, err);
}

int store_apply(struct store *store, const json_t *object, struct error *err)
{
    if (api_check(object, err) < 0)
        return -1;
    return store->ops->apply(store, object, err);
}

int store_delete(struct store *store, const char *kind, const char *namespace, const char *name,
                 struct error *err)
{
    if (check_kind(kind, err) < 0)
        return -1;
    return store->ops->remove(store, kind, or_empty(namespace), name, err);
}

// `role`: as what the right to read it is written, when it is missing.
static int read_secret(struct store *store, const char *namespace, const char *name,
                       const char *role, struct secret_data **ret_secret, struct error *err)
{
    cleanup_error struct error cause = {0};
    if (store->ops->secret(store, namespace, name, ret_secret, &cause) == 0)
        return 0;
    if (cause.code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND,
                         "there is no Secret %s/%s; create it: sealift create secret %s -n %s "
                         "--from-file KEY=FILE",
                         namespace, name, name, namespace);
    cleanup_free char *subject =
        cause.code == ERROR_DENIED ? grant_refused_subject(error_message(&cause)) : NULL;
    if (subject == NULL)
        return error_move(err, &cause);
    cleanup_free char *allow = grant_secret_commands(namespace, role, name, subject);
    return error_set(err, ERROR_DENIED, "%s; allow it: %s", error_message(&cause), allow);
}

int store_secret(struct store *store, const char *namespace, const char *name,
                 struct secret_data **ret_secret, struct error *err)
{
    cleanup_free char *role = xasprintf("sealift-read-%s", name);
    return read_secret(store, namespace, name, role, ret_secret, err);
}

int store_secret_for(struct store *store, const struct secret_use *use, const char *namespace,
                     const char *name, struct secret_data **ret_secret, struct error *err)
{
    cleanup_error struct error cause = {0};
    if (store_secret(store, namespace, name, ret_secret, &cause) == 0)
        return 0;
    if (cause.code == ERROR_NOT_FOUND)
        return secret_use_missing(use, namespace, name, err);
    cleanup_free char *who = object_text(use->object);
    error_wrap(&cause, "%s of %s", use->field, who);
    return error_move(err, &cause);
}

int store_hook_secret(struct store *store, const json_t *hook, struct secret_data **ret_secret,
                      struct error *err)
{
    cleanup_free char *role = grant_hook_name(object_name(hook));
    return read_secret(store, object_namespace(hook),
                       jval_string_or(hook, "spec.secretRef.name", ""), role, ret_secret, err);
}

int store_namespace_labels(struct store *store, const char *namespace, json_t **ret_labels,
                           struct error *err)
{
    return store->ops->namespace_labels(store, namespace, ret_labels, err);
}

// Cuts before the character that would not fit, so that the text stays UTF-8.
static char *cut_note(const char *note)
{
    size_t size = strlen(note);
    if (size <= MAX_NOTE)
        return xstrdup(note);
    size = MAX_NOTE - 3;
    while (size > 0 && ((unsigned char)note[size] & 0xc0) == 0x80)
        size--;
    return xasprintf("%.*s…", (int)size, note);
}

void store_event(struct store *store, const json_t *regarding, enum store_event_type type,
                 const char *reason, const char *note)
{
    cleanup_free char *text = cut_note(note);
    store->ops->event(store, regarding, type, reason, text);
}

int store_list_events(struct store *store, const struct object_key *regarding, json_t **ret_array,
                      struct error *err)
{
    return store->ops->list_events(store, regarding, ret_array, err);
}

bool store_event_concerns(const json_t *event, const struct object_key *regarding)
{
    struct object_key key = {.kind = jval_string_or(event, "regarding.kind", ""),
                             .namespace = jval_string_or(event, "regarding.namespace", ""),
                             .name = jval_string_or(event, "regarding.name", "")};
    if (regarding == NULL)
        return true;
    if (*regarding->name == '\0')
        return strcmp(key.namespace, regarding->namespace) == 0;
    return object_key_equal(&key, regarding);
}

int store_check_record_name(const char *name, struct error *err)
{
    size_t size = strlen(name);
    bool fine = size > 0 && size <= 200;
    for (const char *at = name; fine;) {
        size_t length = strcspn(at, "/");
        fine = length > 0 && at[0] != '.' &&
               strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
        if (at[length] == '\0')
            break;
        at += length + 1;
    }
    if (fine)
        return 0;
    return error_set(err, ERROR_INVALID, "\"%.200s\" is no name of a record", name);
}

int store_record_get(struct store *store, const char *name, json_t **ret_record, char **ret_version,
                     struct error *err)
{
    if (store_check_record_name(name, err) < 0)
        return -1;
    return store->ops->record_get(store, name, ret_record, ret_version, err);
}

int store_record_put(struct store *store, const char *name, const json_t *record,
                     const char *version, char **ret_version, struct error *err)
{
    if (store_check_record_name(name, err) < 0)
        return -1;
    return store->ops->record_put(store, name, record, version, ret_version, err);
}

int store_record_delete(struct store *store, const char *name, struct error *err)
{
    if (store_check_record_name(name, err) < 0)
        return -1;
    return store->ops->record_delete(store, name, err);
}

int store_record_list(struct store *store, const char *folder, json_t **ret_names,
                      struct error *err)
{
    if (store_check_record_name(folder, err) < 0)
        return -1;
    return store->ops->record_list(store, folder, ret_names, err);
}

int store_watch(struct store *store, struct loop *loop, const char *kind,
                const struct store_watch_events *events, void *arg, struct store_watch **ret_watch,
                struct error *err)
{
    if (check_kind(kind, err) < 0)
        return -1;
    return store->ops->watch(store, loop, kind, events, arg, ret_watch, err);
}

void store_watch_free(struct store_watch *watch)
{
    if (watch != NULL)
        watch->store->ops->watch_free(watch);
}

int store_lease_new(struct store *store, struct loop *loop, const char *role,
                    const struct store_lease_events *events, void *arg,
                    struct store_lease **ret_lease, struct error *err)
{
    if (store_check_record_name(role, err) < 0 || strchr(role, '/') != NULL)
        return error_set(err, ERROR_INVALID, "\"%.100s\" is no name of a role", role);
    return store->ops->lease_new(store, loop, role, events, arg, ret_lease, err);
}

bool store_lease_held(const struct store_lease *lease)
{
    return lease->store->ops->lease_held(lease);
}

bool store_lease_elsewhere(const struct store_lease *lease)
{
    const struct store_ops *ops = lease->store->ops;
    return (ops->lease_known == NULL || ops->lease_known(lease)) && !ops->lease_held(lease);
}

void store_lease_free(struct store_lease *lease)
{
    if (lease != NULL)
        lease->store->ops->lease_free(lease);
}

json_t *store_labels_of_namespace(const json_t *object, const char *namespace)
{
    const json_t *own = object_labels(object);
    json_t *labels = own != NULL ? json_copy(jval_unconst(own)) : json_object();
    json_object_set_new(labels, LABEL_NAMESPACE_NAME, json_string(namespace));
    return labels;
}

static void release_secret_entry(void *element)
{
    struct secret_entry *entry = element;
    free(entry->key);
    if (entry->bytes != NULL)
        OPENSSL_cleanse(entry->bytes, entry->size);
    free(entry->bytes);
}

static struct secret_entry *find_secret_entry(const struct secret_data *secret, const char *key)
{
    vec_foreach (struct secret_entry, entry, &secret->entries) {
        if (strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

static int add_encoded(struct secret_data *secret, const json_t *data, struct error *err)
{
    const char *key;
    json_t *value;
    jval_foreach (data, key, value) {
        struct secret_entry *entry = vec_push(&secret->entries);
        entry->key = xstrdup(key);
        const char *text = json_string_value(value);
        if (text == NULL ||
            base64_decode(text, json_string_length(value), &entry->bytes, &entry->size, NULL) < 0)
            return error_set(err, ERROR_INVALID, "data.%.100s is no base64", key);
    }
    return 0;
}

static void add_plain(struct secret_data *secret, const json_t *data)
{
    const char *key;
    json_t *value;
    jval_foreach (data, key, value) {
        struct secret_entry *entry = find_secret_entry(secret, key);
        if (entry == NULL) {
            entry = vec_push(&secret->entries);
            entry->key = xstrdup(key);
        } else if (entry->bytes != NULL) {
            OPENSSL_cleanse(entry->bytes, entry->size);
            free(entry->bytes);
        }
        entry->size = json_string_length(value);
        entry->bytes = xmalloc(entry->size + 1);
        if (entry->size > 0)
            memcpy(entry->bytes, json_string_value(value), entry->size);
        entry->bytes[entry->size] = '\0';
    }
}

int secret_data_new(const json_t *object, const char *version, struct secret_data **ret_secret,
                    struct error *err)
{
    cleanup_secret_data struct secret_data *secret = xcalloc(1, sizeof *secret);
    secret->version = xstrdup(version);
    secret->entries = VEC_OF(struct secret_entry, release_secret_entry);
    if (add_encoded(secret, jval_object(object, "data"), err) < 0)
        return error_wrap(err, "Secret %s/%s", object_namespace(object), object_name(object));
    add_plain(secret, jval_object(object, "stringData"));
    *ret_secret = STEAL(secret);
    return 0;
}

const void *secret_data_get(const struct secret_data *secret, const char *key, size_t *ret_size)
{
    const struct secret_entry *entry = find_secret_entry(secret, key);
    if (entry == NULL)
        return NULL;
    if (ret_size != NULL)
        *ret_size = entry->size;
    return entry->bytes;
}

const char *secret_data_text(const struct secret_data *secret, const char *key)
{
    size_t size;
    const char *text = secret_data_get(secret, key, &size);
    return text != NULL && strlen(text) == size ? text : NULL;
}

const char *secret_data_key(const struct secret_data *secret, size_t index)
{
    if (index >= secret->entries.len)
        return NULL;
    return ((const struct secret_entry *)vec_at(&secret->entries, index))->key;
}

const char *secret_data_version(const struct secret_data *secret)
{
    return secret->version;
}

void secret_data_free(struct secret_data *secret)
{
    if (secret == NULL)
        return;
    free(secret->version);
    vec_free(&secret->entries);
    free(secret);
}

void cleanup_secret_data_pointer(struct secret_data **secret)
{
    secret_data_free(*secret);
}
