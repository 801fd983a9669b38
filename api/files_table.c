// The table of objects: documents of DIR joined with their state.
#include "api/files_internal.h"

#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const struct object_key *a, const struct object_key *b)
{
    int order = strcmp(a->kind, b->kind);
    if (order == 0)
        order = strcmp(a->namespace, b->namespace);
    return order != 0 ? order : strcmp(a->name, b->name);
}

struct object_key files_key(const struct files_entry *entry)
{
    return (struct object_key){
        .kind = entry->kind->name, .namespace = entry->namespace, .name = entry->name};
}

// Where the key is, or where it belongs.
static size_t position_of(const struct files_store *files, const struct object_key *key,
                          bool *ret_found)
{
    size_t low = 0, high = files->entries.len;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct files_entry *entry = *(struct files_entry **)vec_at(&files->entries, middle);
        struct object_key at = files_key(entry);
        int order = compare_keys(&at, key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct files_entry *files_find(struct files_store *files, const char *kind, const char *namespace,
                               const char *name)
{
    struct object_key key = {.kind = kind, .namespace = namespace, .name = name};
    bool found;
    size_t at = position_of(files, &key, &found);
    return found ? *(struct files_entry **)vec_at(&files->entries, at) : NULL;
}

struct files_entry *files_find_or_add(struct files_store *files, const struct kind *kind,
                                      const char *namespace, const char *name)
{
    struct object_key key = {.kind = kind->name, .namespace = namespace, .name = name};
    bool found;
    size_t at = position_of(files, &key, &found);
    if (found)
        return *(struct files_entry **)vec_at(&files->entries, at);
    struct files_entry *entry = xcalloc(1, sizeof *entry);
    entry->kind = kind;
    entry->namespace = xstrdup(namespace);
    entry->name = xstrdup(name);
    entry->absent_since_ms = clock_mono_ms(files->clock);
    *(struct files_entry **)vec_insert(&files->entries, at) = entry;
    return entry;
}

void files_entry_free(struct files_entry *entry)
{
    free(entry->namespace);
    free(entry->name);
    free(entry->invalid);
    json_decref(entry->base);
    files_state_release(&entry->state);
    json_decref(entry->object);
    free(entry);
}

void files_hash(const json_t *value, char ret_hash[FILES_VERSION_SIZE])
{
    cleanup_free char *text = value != NULL ? jval_canonical(value) : xstrdup("");
    struct digest digest = digest_of(text, strlen(text));
    memcpy(ret_hash, digest_hex(digest.text), FILES_VERSION_SIZE - 1);
    ret_hash[FILES_VERSION_SIZE - 1] = '\0';
}

void files_set_base(struct files_entry *entry, const json_t *document)
{
    char hash[FILES_VERSION_SIZE];
    files_hash(document, hash);
    if (entry->base != NULL && strcmp(hash, entry->base_hash) == 0)
        return;
    memcpy(entry->base_hash, hash, sizeof hash);
    json_decref(entry->base);
    entry->base = api_with_defaults(document);
    free(entry->invalid);
    entry->invalid = NULL;
    cleanup_error struct error err = {0};
    if (api_check(document, &err) < 0)
        entry->invalid = xstrdup(error_message(&err));
}

// Adds the members of `more` to a copy of `own`; a null takes a member away.
static json_t *merged(const json_t *own, const json_t *more)
{
    json_t *result = json_is_object(own) ? json_copy(jval_unconst(own)) : json_object();
    const char *name;
    json_t *value;
    jval_foreach (more, name, value) {
        if (json_is_null(value))
            json_object_del(result, name);
        else
            json_object_set(result, name, value);
    }
    return result;
}

static void set_unless_empty(json_t *object, const char *name, json_t *value)
{
    if (json_object_size(value) > 0 || json_array_size(value) > 0)
        json_object_set_new(object, name, value);
    else
        json_decref(value);
}

// Objects without state have an identity that all processes can compute.
static void set_derived_identity(const struct files_entry *entry, json_t *metadata)
{
    cleanup_free char *text =
        xasprintf("%s/%s/%s", entry->kind->name, entry->namespace, entry->name);
    struct digest digest = digest_of(text, strlen(text));
    const char *hex = digest_hex(digest.text);
    json_object_set_new(
        metadata, "uid",
        json_sprintf("%.8s-%.4s-8%.3s-8%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18));
    json_object_set_new(metadata, "resourceVersion", json_string(entry->base_hash));
}

static void set_identity(const struct files_entry *entry, json_t *metadata, const char *problem)
{
    const json_t *record = entry->state.record;
    char hash[FILES_VERSION_SIZE] = "";
    if (problem != NULL) {
        cleanup_json json_t *text = json_string(problem);
        files_hash(text, hash);
    }
    jval_set_string(metadata, "uid", jval_string_or(record, "uid", ""));
    // What comes after the dash is no state and so no conflict.
    json_object_set_new(
        metadata, "resourceVersion",
        json_sprintf("%s%s%.8s", entry->state.version, *hash != '\0' ? "-" : "", hash));
    jval_set_int(metadata, "generation", jval_int(record, "generation", 0));
    jval_set_string(metadata, "creationTimestamp", jval_string(record, "created"));
    jval_set_string(metadata, "deletionTimestamp", jval_string(record, "deleted"));
}

// Why this object cannot simply be used, and how; NULL when it can. Owned.
static char *problem_of(const struct files_entry *entry, const char **ret_reason)
{
    struct object_key key = files_key(entry);
    cleanup_free char *subject = object_key_text(&key);
    if (entry->invalid != NULL) {
        *ret_reason = "Invalid";
        return xstrdup(entry->invalid);
    }
    *ret_reason = "Unreadable";
    if (entry->source != NULL && entry->source->problem != NULL)
        return xasprintf("%s: its file cannot be taken, so its last good version stands: %s",
                         subject, entry->source->problem);
    if (entry->rival != NULL)
        return xasprintf("%s: %s and %s both define it, so its last good version stands; remove it "
                         "from one of them",
                         subject, entry->source->path, entry->rival->path);
    return NULL;
}

static json_t *metadata_of(const struct files_entry *entry, const char *problem)
{
    const json_t *own = jval_object(entry->base, "metadata");
    json_t *metadata = json_object();
    jval_set_string(metadata, "name", entry->name);
    if (*entry->namespace != '\0')
        jval_set_string(metadata, "namespace", entry->namespace);
    if (entry->kind->has_status && !entry->placeholder)
        set_identity(entry, metadata, problem);
    else
        set_derived_identity(entry, metadata);
    const json_t *request = entry->state.request;
    set_unless_empty(metadata, "labels",
                     merged(json_object_get(own, "labels"), jval_object(request, "labels")));
    set_unless_empty(
        metadata, "annotations",
        merged(json_object_get(own, "annotations"), jval_object(request, "annotations")));
    const json_t *finalizers = jval_array(entry->state.finalizer, "finalizers");
    if (json_array_size(finalizers) > 0)
        json_object_set_new(metadata, "finalizers", jval_ref(finalizers));
    return metadata;
}

static json_t *spec_of(const struct files_entry *entry)
{
    json_t *spec = json_object_get(entry->base, "spec");
    const json_t *suspend = json_object_get(entry->state.request, "suspend");
    if (!json_is_object(spec) || !json_is_boolean(suspend))
        return json_incref(spec);
    json_t *copy = json_copy(spec);
    json_object_set_new(copy, "suspend", jval_ref(suspend));
    return copy;
}

static json_t *make_object(const struct files_entry *entry)
{
    const char *reason;
    cleanup_free char *problem = problem_of(entry, &reason);
    json_t *object = json_object();
    const char *name;
    json_t *value;
    bool secret = strcmp(entry->kind->name, "Secret") == 0;
    jval_foreach (entry->base, name, value) {
        // The bytes of a Secret are only for who asks for them.
        if (secret && (strcmp(name, "data") == 0 || strcmp(name, "stringData") == 0))
            continue;
        if (strcmp(name, "metadata") == 0)
            json_object_set_new(object, name, metadata_of(entry, problem));
        else if (strcmp(name, "spec") == 0)
            json_object_set_new(object, name, spec_of(entry));
        else if (strcmp(name, "status") != 0 && strcmp(name, "problem") != 0)
            json_object_set(object, name, value);
    }
    if (entry->state.status != NULL)
        json_object_set(object, "status", entry->state.status);
    if (problem != NULL)
        json_object_set_new(object, "problem",
                            json_pack("{s:s, s:s}", "reason", reason, "message", problem));
    return object;
}

static bool differs(const json_t *old, const json_t *object)
{
    return strcmp(object_resource_version(old), object_resource_version(object)) != 0 ||
           strcmp(object_uid(old), object_uid(object)) != 0 ||
           strcmp(object_problem_message(old), object_problem_message(object)) != 0;
}

void files_compose(struct files_store *files, struct files_entry *entry)
{
    bool has_identity = !entry->kind->has_status || entry->state.record != NULL ||
                        entry->placeholder || files->read_only;
    if (entry->base == NULL || !has_identity)
        return;
    cleanup_json json_t *object = make_object(entry);
    if (entry->object != NULL && !differs(entry->object, object))
        return;
    // Another uid under the same name is another object.
    bool replaced =
        entry->object != NULL && strcmp(object_uid(entry->object), object_uid(object)) != 0;
    if (replaced)
        files_notify(files, STORE_DELETED, entry->object);
    bool added = entry->object == NULL || replaced;
    json_decref(entry->object);
    entry->object = STEAL(object);
    files_notify(files, added ? STORE_ADDED : STORE_MODIFIED, entry->object);
}

void files_take_state(struct files_store *files, struct files_entry *entry,
                      struct files_state *state)
{
    // Another process may know a newer document than we have read so far.
    const json_t *document = jval_object(state->record, "document");
    if (document != NULL && !(files->read_only && entry->source != NULL))
        files_set_base(entry, document);
    json_object_del(state->record, "document");
    files_state_release(&entry->state);
    entry->state = *state;
    *state = (struct files_state){0};
    files_compose(files, entry);
}

void files_drop(struct files_store *files, struct files_entry *entry)
{
    if (entry->object != NULL)
        files_notify(files, STORE_DELETED, entry->object);
    struct object_key key = files_key(entry);
    bool found;
    size_t at = position_of(files, &key, &found);
    if (found)
        vec_remove(&files->entries, at);
}
