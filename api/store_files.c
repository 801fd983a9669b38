// The store on files: opening it, and reading from its table. files_internal.h is the map.
#include "api/store_files.h"

#include "api/files_internal.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void release_entry(void *element)
{
    files_entry_free(*(struct files_entry **)element);
}

static void files_free(struct store *store)
{
    struct files_store *files = files_of(store);
    while (files->leases.len > 0)
        files_lease_free(*(struct store_lease **)vec_at(&files->leases, 0));
    files_detach(files);
    vec_free(&files->watches);
    vec_free(&files->leases);
    vec_free(&files->entries);
    vec_free(&files->sources);
    pthread_mutex_destroy(&files->lock);
    pthread_mutex_destroy(&files->load_lock);
    free(files->dir_problem);
    free(files->config_dir);
    free(files->state_dir);
    free(files);
}

// Without a loop nobody hears of changes, so each read looks for them.
static void catch_up(struct files_store *files, const struct object_key *key)
{
    if (files_has_loop(files))
        return;
    pthread_mutex_lock(&files->load_lock);
    files_walk(files);
    pthread_mutex_unlock(&files->load_lock);
    const struct kind *kind = kind_find(key->kind);
    if (kind != NULL && kind->has_status)
        files_refresh(files, key);
}

static const char *namespace_of(const char *kind, const char *namespace)
{
    return kind_find(kind)->namespaced && *namespace == '\0' ? NAMESPACE_DEFAULT : namespace;
}

static int files_get(struct store *store, const char *kind, const char *namespace, const char *name,
                     json_t **ret_object, struct error *err)
{
    struct files_store *files = files_of(store);
    struct object_key key = {
        .kind = kind_find(kind)->name, .namespace = namespace_of(kind, namespace), .name = name};
    catch_up(files, &key);
    pthread_mutex_lock(&files->lock);
    const struct files_entry *entry = files_find(files, key.kind, key.namespace, key.name);
    json_t *object = entry != NULL ? json_incref(entry->object) : NULL;
    pthread_mutex_unlock(&files->lock);
    if (object == NULL) {
        cleanup_free char *subject = object_key_text(&key);
        return error_set(err, ERROR_NOT_FOUND, "there is no %s", subject);
    }
    *ret_object = object;
    return 0;
}

static int files_list(struct store *store, const char *kind, const char *namespace,
                      json_t **ret_array, struct error *err)
{
    (void)err;
    struct files_store *files = files_of(store);
    if (!files_has_loop(files))
        files_rescan(files);
    json_t *array = json_array();
    pthread_mutex_lock(&files->lock);
    vec_foreach (struct files_entry *, entry, &files->entries) {
        if (strcmp((*entry)->kind->name, kind) == 0 && (*entry)->object != NULL &&
            (namespace == NULL || strcmp((*entry)->namespace, namespace) == 0))
            json_array_append(array, (*entry)->object);
    }
    pthread_mutex_unlock(&files->lock);
    *ret_array = array;
    return 0;
}

static int files_secret(struct store *store, const char *namespace, const char *name,
                        struct secret_data **ret_secret, struct error *err)
{
    struct files_store *files = files_of(store);
    struct object_key key = {
        .kind = "Secret", .namespace = namespace_of("Secret", namespace), .name = name};
    catch_up(files, &key);
    cleanup_json json_t *base = NULL;
    cleanup_free char *invalid = NULL;
    char version[FILES_VERSION_SIZE] = "";
    pthread_mutex_lock(&files->lock);
    const struct files_entry *entry = files_find(files, key.kind, key.namespace, key.name);
    if (entry != NULL && entry->object != NULL) {
        base = json_incref(entry->base);
        invalid = xstrdup_or_null(entry->invalid);
        memcpy(version, entry->base_hash, sizeof version);
    }
    pthread_mutex_unlock(&files->lock);
    if (base == NULL)
        return error_set(err, ERROR_NOT_FOUND, "there is no Secret %s/%s", key.namespace, name);
    if (invalid != NULL)
        return error_set(err, ERROR_INVALID, "%s", invalid);
    return secret_data_new(base, version, ret_secret, err);
}

static int files_namespace_labels(struct store *store, const char *namespace, json_t **ret_labels,
                                  struct error *err)
{
    cleanup_json json_t *object = NULL;
    cleanup_error struct error cause = {0};
    if (files_get(store, "Namespace", "", namespace, &object, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    *ret_labels = store_labels_of_namespace(object, namespace);
    return 0;
}

static const struct store_ops files_ops = {
    .free = files_free,
    .get = files_get,
    .list = files_list,
    .put_status = files_put_status,
    .patch_metadata = files_patch_metadata,
    .suspend = files_suspend,
    .apply = files_apply,
    .remove = files_remove,
    .secret = files_secret,
    .namespace_labels = files_namespace_labels,
    .event = files_event,
    .list_events = files_list_events,
    .record_get = files_record_get,
    .record_put = files_record_put,
    .record_delete = files_record_delete,
    .record_list = files_record_list,
    .watch = files_watch,
    .watch_free = files_watch_free,
    .lease_new = files_lease_new,
    .lease_held = files_lease_held,
    .lease_free = files_lease_free,
};

// "/a/b/" and "/a/b" must give the same paths.
static char *without_slash(const char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    return xstrndup(path, size);
}

static int read_all(struct files_store *files, struct error *err)
{
    if (!files->read_only && file_make_dirs(files->state_dir, err) < 0)
        return error_wrap(err, "the state cannot be kept");
    files_state_scan(files);
    pthread_mutex_lock(&files->load_lock);
    files_walk(files);
    pthread_mutex_unlock(&files->load_lock);
    if (files->entries.len > 0 || files->dir_problem == NULL)
        return 0;
    return error_set(err, file_exists(files->config_dir) ? ERROR_DENIED : ERROR_NOT_FOUND,
                     "the configuration cannot be read, and there is no state of before: %s",
                     files->dir_problem);
}

int store_files_open(const struct store_files_options *options, struct store **ret_store,
                     struct error *err)
{
    struct files_store *files = xcalloc(1, sizeof *files);
    files->store.ops = &files_ops;
    files->config_dir = without_slash(options->config_dir);
    files->state_dir = without_slash(options->state_dir);
    files->clock = options->clock != NULL ? options->clock : clock_system();
    files->read_only = options->read_only;
    files->bell = -1;
    pthread_mutex_init(&files->load_lock, NULL);
    pthread_mutex_init(&files->lock, NULL);
    files->sources = VEC_OF(struct files_source *, files_source_release);
    files->entries = VEC_OF(struct files_entry *, release_entry);
    files->watches = VEC_OF(struct files_watch *, NULL);
    files->leases = VEC_OF(struct files_lease *, NULL);
    if (read_all(files, err) < 0) {
        files_free(&files->store);
        return -1;
    }
    *ret_store = &files->store;
    return 0;
}

json_t *store_files_problems(struct store *store)
{
    struct files_store *files = files_of(store);
    json_t *problems = json_array();
    pthread_mutex_lock(&files->load_lock);
    if (files->dir_problem != NULL)
        json_array_append_new(problems, json_string(files->dir_problem));
    vec_foreach (struct files_source *, source, &files->sources) {
        if ((*source)->problem != NULL)
            json_array_append_new(problems, json_string((*source)->problem));
    }
    pthread_mutex_unlock(&files->load_lock);
    return problems;
}
