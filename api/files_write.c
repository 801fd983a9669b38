// Changes to an object's state: lock its folder, look at what is there now, write one file, put the
// result into the table.
#include "api/files_internal.h"

#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int files_check_writable(const struct files_store *files, struct error *err)
{
    if (!files->read_only)
        return 0;
    return error_set(err, ERROR_DENIED, "%s was opened for reading only", files->state_dir);
}

bool files_reread(struct files_store *files, const struct object_key *key)
{
    cleanup_free char *path = files_state_path(files, key);
    bool folder_went = false;
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry = files_find(files, key->kind, key->namespace, key->name);
    if (entry != NULL && !entry->placeholder && !entry->kind->has_status) {
        // Its folder is only the sign of a deletion.
        if (entry->source == NULL)
            files_drop(files, entry);
    } else if (entry != NULL && !entry->placeholder) {
        cleanup_files_state struct files_state state = {0};
        files_state_read(path, &state);
        if (state.record != NULL || files->read_only)
            files_take_state(files, entry, &state);
        else if (entry->source == NULL)
            files_drop(files, entry);
        else {
            // Forgotten, so that the document is taken up anew.
            files_state_release(&entry->state);
            folder_went = true;
        }
    }
    pthread_mutex_unlock(&files->lock);
    return folder_went;
}

void files_refresh(struct files_store *files, const struct object_key *key)
{
    if (!files_reread(files, key))
        return;
    pthread_mutex_lock(&files->load_lock);
    files_readopt(files, key);
    pthread_mutex_unlock(&files->load_lock);
}

// One change under way.
struct change {
    struct files_store *files;
    struct object_key key;
    char *path;
    int fd;
    struct files_state state; // as it is on disk, while the folder is locked
};

static void change_end(struct change *change)
{
    free(change->path);
    cleanup_close_fd(&change->fd);
    files_state_release(&change->state);
}
#define cleanup_change __attribute__((cleanup(change_end)))

static int gone(const struct object_key *key, struct error *err)
{
    cleanup_free char *subject = object_key_text(key);
    return error_set(err, ERROR_NOT_FOUND, "%s is gone", subject);
}

static int change_begin(struct store *store, const json_t *object, struct change *change,
                        struct error *err)
{
    struct files_store *files = files_of(store);
    change->files = files;
    change->key = object_key(object);
    if (files_check_writable(files, err) < 0)
        return -1;
    const struct kind *kind = kind_find(change->key.kind);
    if (kind == NULL || !kind->has_status)
        return error_set(err, ERROR_INVALID, "a %s has no state to write", change->key.kind);
    change->path = files_state_path(files, &change->key);
    cleanup_error struct error cause = {0};
    if (files_state_lock(change->path, false, &change->fd, &cause) < 0)
        return cause.code == ERROR_NOT_FOUND ? gone(&change->key, err) : error_move(err, &cause);
    files_state_read(change->path, &change->state);
    const char *uid = jval_string_or(change->state.record, "uid", "");
    if (*uid == '\0' || strcmp(uid, object_uid(object)) != 0)
        return gone(&change->key, err);
    return 0;
}

// Shows what was written. The folder is still locked, so no older state can come after it.
static int change_show(struct change *change, json_t **ret_new, struct error *err)
{
    struct files_store *files = change->files;
    int result = 0;
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry =
        files_find(files, change->key.kind, change->key.namespace, change->key.name);
    if (entry != NULL) {
        struct files_state state = {0};
        files_state_read(change->path, &state);
        files_take_state(files, entry, &state);
    }
    if (ret_new != NULL && entry != NULL && entry->object != NULL)
        *ret_new = json_incref(entry->object);
    else if (ret_new != NULL)
        result = gone(&change->key, err);
    pthread_mutex_unlock(&files->lock);
    return result;
}

static bool is_read_version(const json_t *object, const struct files_state *state)
{
    const char *version = object_resource_version(object);
    size_t size = strcspn(version, "-");
    return size == strlen(state->version) && strncmp(version, state->version, size) == 0;
}

int files_put_status(struct store *store, const json_t *object, const json_t *status,
                     json_t **ret_new, struct error *err)
{
    cleanup_change struct change change = {.fd = -1};
    if (change_begin(store, object, &change, err) < 0)
        return -1;
    if (!is_read_version(object, &change.state)) {
        cleanup_free char *subject = object_key_text(&change.key);
        if (change_show(&change, NULL, NULL) < 0)
            return gone(&change.key, err);
        return error_set(err, ERROR_CONFLICT,
                         "%s was changed since it was read; read it again and decide again",
                         subject);
    }
    bool same =
        change.state.status != NULL && json_equal(change.state.status, jval_unconst(status)) != 0;
    if (!same && files_state_write(change.path, "status.json", status, true, err) < 0)
        return -1;
    return change_show(&change, ret_new, err);
}

// Sets the names of patch in request.json. A null is kept only where it hides what DIR says.
static void patch_map(json_t *request, const json_t *document, const char *map, const json_t *patch)
{
    const json_t *own = jval_get(jval_get(document, "metadata"), map);
    json_t *values = json_object_get(request, map);
    if (!json_is_object(values)) {
        values = json_object();
        json_object_set_new(request, map, values);
    }
    const char *name;
    json_t *value;
    jval_foreach (patch, name, value) {
        if (json_is_null(value) && json_object_get(own, name) == NULL)
            json_object_del(values, name);
        else
            json_object_set(values, name, value);
    }
}

static int write_request(struct change *change, const json_t *patch, struct error *err)
{
    static const char *const maps[] = {"annotations", "labels"};
    cleanup_json json_t *request =
        change->state.request != NULL ? json_deep_copy(change->state.request) : json_object();
    const json_t *document = jval_get(change->state.record, "document");
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++)
        if (jval_object(patch, maps[i]) != NULL)
            patch_map(request, document, maps[i], json_object_get(patch, maps[i]));
    const json_t *suspend = json_object_get(patch, "suspend");
    if (suspend != NULL)
        json_object_set_new(request, "suspend", jval_ref(suspend));
    if (json_equal(request, change->state.request) != 0)
        return 0;
    return files_state_write(change->path, "request.json", request, true, err);
}

static int write_finalizers(struct change *change, const json_t *read, const json_t *wanted,
                            struct error *err)
{
    cleanup_json json_t *file =
        change->state.finalizer != NULL ? json_copy(change->state.finalizer) : json_object();
    const json_t *now = jval_array(change->state.finalizer, "finalizers");
    json_object_set_new(file, "finalizers", store_merge_finalizers(now, read, wanted));
    if (json_equal(file, change->state.finalizer) != 0)
        return 0;
    return files_state_write(change->path, "finalizer.json", file, true, err);
}

// The folder goes, and the object with it; what DIR still defines comes back as another object.
// The folder is locked.
static int remove_object(struct files_store *files, const struct object_key *key, const char *path,
                         json_t **ret_last, struct error *err)
{
    if (files_state_remove(path, err) < 0)
        return -1;
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry = files_find(files, key->kind, key->namespace, key->name);
    if (entry != NULL && ret_last != NULL && entry->object != NULL)
        *ret_last = json_incref(entry->object);
    if (entry != NULL && entry->source == NULL)
        files_drop(files, entry);
    pthread_mutex_unlock(&files->lock);
    return 0;
}

static bool is_finished(const struct files_state *state)
{
    return jval_string(state->record, "deleted") != NULL &&
           json_array_size(jval_array(state->finalizer, "finalizers")) == 0;
}

int files_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                         json_t **ret_new, struct error *err)
{
    struct files_store *files = files_of(store);
    cleanup_json json_t *last = NULL;
    {
        cleanup_change struct change change = {.fd = -1};
        if (change_begin(store, object, &change, err) < 0 || write_request(&change, patch, err) < 0)
            return -1;
        const json_t *finalizers = jval_array(patch, "finalizers");
        const json_t *read = jval_array(object, "metadata.finalizers");
        if (finalizers != NULL && write_finalizers(&change, read, finalizers, err) < 0)
            return -1;
        files_state_release(&change.state);
        files_state_read(change.path, &change.state);
        if (!is_finished(&change.state))
            return change_show(&change, ret_new, err);
        if (change_show(&change, NULL, err) < 0 ||
            remove_object(files, &change.key, change.path, &last, err) < 0)
            return -1;
    }
    struct object_key key = object_key(object);
    files_refresh(files, &key);
    if (ret_new != NULL)
        *ret_new = last != NULL ? STEAL(last) : jval_ref(object);
    return 0;
}

int files_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                  struct error *err)
{
    cleanup_change struct change change = {.fd = -1};
    cleanup_json json_t *patch = json_pack("{s:b}", "suspend", (int)suspend);
    if (change_begin(store, object, &change, err) < 0 || write_request(&change, patch, err) < 0)
        return -1;
    return change_show(&change, ret_new, err);
}

static int mark_deleted(struct files_store *files, const struct object_key *key, struct error *err)
{
    cleanup_change struct change change = {.files = files, .key = *key, .fd = -1};
    change.path = files_state_path(files, key);
    if (files_state_lock(change.path, false, &change.fd, err) < 0)
        return -1;
    files_state_read(change.path, &change.state);
    if (jval_string(change.state.record, "deleted") != NULL && !is_finished(&change.state))
        return 0;
    if (json_array_size(jval_array(change.state.finalizer, "finalizers")) == 0)
        return remove_object(files, key, change.path, NULL, err);
    cleanup_json json_t *record =
        change.state.record != NULL ? json_copy(change.state.record) : json_object();
    char now[TIME_TEXT_SIZE];
    time_format(clock_wall_ms(files->clock), now);
    jval_set_string(record, "deleted", now);
    if (files_state_write(change.path, "object.json", record, true, err) < 0)
        return -1;
    return change_show(&change, NULL, err);
}

// Objects without state leave no folder behind; one that comes and goes is their sign.
static int show_sign(struct files_store *files, const struct object_key *key, struct error *err)
{
    cleanup_free char *path = files_state_path(files, key);
    if (file_make_dirs(path, err) < 0 || file_remove_tree(path, err) < 0)
        return -1;
    files_refresh(files, key);
    return 0;
}

int files_begin_deletion(struct files_store *files, const struct object_key *key, struct error *err)
{
    const struct kind *kind = kind_find(key->kind);
    if (!kind->has_status)
        return show_sign(files, key, err);
    cleanup_error struct error cause = {0};
    if (mark_deleted(files, key, &cause) < 0 && cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    files_refresh(files, key);
    return 0;
}
