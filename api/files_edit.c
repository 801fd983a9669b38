// People's commands that change DIR: one document is put in, replaced or taken out, and the bytes
// of all others in its file stay as they are.
#include "api/files_internal.h"

#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// One edit at a time, over all processes. STATE is locked, because DIR may not be ours to write to.
static int lock_edits(struct files_store *files, int *ret_fd, struct error *err)
{
    cleanup_free char *dir = path_join(files->state_dir, "locks");
    cleanup_free char *path = path_join(dir, "config");
    if (file_make_dirs(dir, err) < 0)
        return -1;
    cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return error_errno(err, errno, "lock %s", path);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

// The file that defines the object, relative to DIR; NULL when none does. Owned.
static char *source_path(struct files_store *files, const struct object_key *key)
{
    pthread_mutex_lock(&files->lock);
    const struct files_entry *entry = files_find(files, key->kind, key->namespace, key->name);
    char *path = entry != NULL && entry->source != NULL ? xstrdup(entry->source->path) : NULL;
    pthread_mutex_unlock(&files->lock);
    return path;
}

static bool is_object(const json_t *value, const struct object_key *key)
{
    struct object_key at = object_key(value);
    const struct kind *kind = kind_find(at.kind);
    if (kind != NULL && kind->namespaced && *at.namespace == '\0')
        at.namespace = NAMESPACE_DEFAULT;
    return object_key_equal(&at, key);
}

// A file of DIR that is being edited.
struct edit {
    char *path; // absolute, links resolved: they stay
    char *text;
    size_t size;
    mode_t mode;
    struct vec documents; // of struct yamljson_document
};

static void edit_release(struct edit *edit)
{
    free(edit->path);
    free(edit->text);
    vec_free(&edit->documents);
}
#define cleanup_edit __attribute__((cleanup(edit_release)))

static int edit_open(struct files_store *files, const char *path, struct edit *edit,
                     struct error *err)
{
    edit->documents = YAMLJSON_DOCUMENTS;
    cleanup_free char *full = path_join(files->config_dir, path);
    struct stat st;
    edit->path = realpath(full, NULL);
    if (edit->path == NULL || stat(edit->path, &st) < 0)
        return error_errno(err, errno, "open %s", full);
    edit->mode = st.st_mode & 07777;
    if (file_read(edit->path, FILES_MAX_FILE, &edit->text, &edit->size, err) < 0)
        return -1;
    return yamljson_parse_all(edit->text, edit->size, path, NULL, &edit->documents, err);
}

static struct yamljson_document *document_of(struct edit *edit, const struct object_key *key)
{
    vec_foreach (struct yamljson_document, document, &edit->documents) {
        if (is_object(document->value, key))
            return document;
    }
    return NULL;
}

static int write_config(const char *path, const struct strbuf *text, mode_t mode, struct error *err)
{
    if (strbuf_check(text, path, err) < 0 ||
        file_write_atomic(path, text->data, text->len, mode, err) < 0)
        return error_wrap(err,
                          "the configuration is not changed; write the object into it by hand");
    return 0;
}

// What of an object belongs into a file. Owned.
static json_t *for_file(const json_t *object, const struct object_key *key)
{
    json_t *document = json_copy(jval_unconst(object));
    json_object_del(document, "status");
    json_object_del(document, "problem");
    json_t *metadata = json_object();
    jval_set_string(metadata, "name", key->name);
    if (*key->namespace != '\0')
        jval_set_string(metadata, "namespace", key->namespace);
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const json_t *map = jval_object(jval_get(object, "metadata"), maps[i]);
        if (json_object_size(map) > 0)
            json_object_set_new(metadata, maps[i], jval_ref(map));
    }
    json_object_set_new(document, "metadata", metadata);
    return document;
}

static void add_document(struct strbuf *out, const char *yaml)
{
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        strbuf_addch(out, '\n');
    if (out->len > 0)
        strbuf_addstr(out, "---\n");
    strbuf_addstr(out, yaml);
}

static int replace_document(struct edit *edit, const struct object_key *key, const json_t *document,
                            const char *yaml, struct error *err)
{
    const struct yamljson_document *old = document_of(edit, key);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, FILES_MAX_FILE);
    if (old == NULL) {
        strbuf_add(&out, edit->text, edit->size);
        add_document(&out, yaml);
    } else {
        if (json_equal(old->value, document) != 0)
            return 0;
        strbuf_add(&out, edit->text, old->start);
        if (out.len > 0 && out.data[out.len - 1] != '\n')
            strbuf_addch(&out, '\n');
        strbuf_addstr(&out, yaml);
        strbuf_add(&out, edit->text + old->end, edit->size - old->end);
    }
    return write_config(edit->path, &out, edit->mode, err);
}

static char *default_path(const struct object_key *key)
{
    char *path = *key->namespace != '\0'
                     ? xasprintf("%s-%s-%s.yaml", key->kind, key->namespace, key->name)
                     : xasprintf("%s-%s.yaml", key->kind, key->name);
    for (char *at = path; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return path;
}

static int put_document(struct files_store *files, const struct object_key *key,
                        const json_t *document, char **ret_path, struct error *err)
{
    cleanup_free char *path = source_path(files, key);
    cleanup_strbuf struct strbuf yaml;
    strbuf_init(&yaml, FILES_MAX_FILE);
    if (yamljson_write(document, &yaml, err) < 0)
        return -1;
    if (path == NULL)
        path = default_path(key);
    cleanup_free char *full = path_join(files->config_dir, path);
    if (file_exists(full)) {
        cleanup_edit struct edit edit = {0};
        if (edit_open(files, path, &edit, err) < 0 ||
            replace_document(&edit, key, document, yaml.data, err) < 0)
            return -1;
    } else {
        bool secret = strcmp(key->kind, "Secret") == 0;
        if (file_make_dirs(files->config_dir, err) < 0 ||
            write_config(full, &yaml, secret ? 0600 : 0644, err) < 0)
            return -1;
    }
    *ret_path = STEAL(path);
    return 0;
}

static int refuse_while_deleting(struct files_store *files, const struct object_key *key,
                                 struct error *err)
{
    pthread_mutex_lock(&files->lock);
    const struct files_entry *entry = files_find(files, key->kind, key->namespace, key->name);
    bool deleting = entry != NULL && object_is_deleting(entry->object);
    pthread_mutex_unlock(&files->lock);
    if (!deleting)
        return 0;
    cleanup_free char *subject = object_key_text(key);
    return error_set(err, ERROR_CONFLICT, "%s is being deleted; create it again when it is gone",
                     subject);
}

static void look_again(struct files_store *files, const char *path)
{
    pthread_mutex_lock(&files->load_lock);
    files_load_path(files, path);
    pthread_mutex_unlock(&files->load_lock);
}

int files_apply(struct store *store, const json_t *object, struct error *err)
{
    struct files_store *files = files_of(store);
    cleanup_json json_t *placed = api_with_defaults(object);
    struct object_key key = object_key(placed);
    cleanup_fd int lock = -1;
    if (files_check_writable(files, err) < 0 || lock_edits(files, &lock, err) < 0)
        return -1;
    if (!files_has_loop(files))
        files_rescan(files);
    if (refuse_while_deleting(files, &key, err) < 0)
        return -1;
    cleanup_json json_t *document = for_file(object, &key);
    cleanup_free char *path = NULL;
    if (put_document(files, &key, document, &path, err) < 0)
        return -1;
    look_again(files, path);
    return 0;
}

// The file without the document and the separator before it (the first: after it).
static int cut_document(struct edit *edit, const struct yamljson_document *document,
                        struct error *err)
{
    size_t from = document->start;
    size_t until = document->end;
    bool first = document == edit->documents.data;
    if (edit->documents.len == 1)
        return unlink(edit->path) == 0 ? 0 : error_errno(err, errno, "remove %s", edit->path);
    if (!first) {
        const struct yamljson_document *before = document - 1;
        from = before->end;
    } else {
        until = (document + 1)->start;
    }
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, FILES_MAX_FILE);
    strbuf_add(&out, edit->text, from);
    strbuf_add(&out, edit->text + until, edit->size - until);
    return write_config(edit->path, &out, edit->mode, err);
}

static int take_out(struct files_store *files, const struct object_key *key, const char *path,
                    struct error *err)
{
    cleanup_edit struct edit edit = {0};
    if (edit_open(files, path, &edit, err) < 0)
        return error_wrap(err, "take the object out of %s by hand", path);
    const struct yamljson_document *document = document_of(&edit, key);
    return document != NULL ? cut_document(&edit, document, err) : 0;
}

int files_remove(struct store *store, const char *kind, const char *namespace, const char *name,
                 struct error *err)
{
    struct files_store *files = files_of(store);
    bool placed = kind_find(kind)->namespaced && *namespace == '\0';
    struct object_key key = {
        .kind = kind, .namespace = placed ? NAMESPACE_DEFAULT : namespace, .name = name};
    cleanup_fd int lock = -1;
    if (files_check_writable(files, err) < 0 || lock_edits(files, &lock, err) < 0)
        return -1;
    if (!files_has_loop(files))
        files_rescan(files);
    pthread_mutex_lock(&files->lock);
    bool known = files_find(files, key.kind, key.namespace, key.name) != NULL;
    pthread_mutex_unlock(&files->lock);
    cleanup_free char *subject = object_key_text(&key);
    if (!known)
        return error_set(err, ERROR_NOT_FOUND, "there is no %s", subject);
    cleanup_free char *path = source_path(files, &key);
    if (path != NULL) {
        if (take_out(files, &key, path, err) < 0)
            return error_wrap(err, "delete %s", subject);
        look_again(files, path);
    }
    return files_begin_deletion(files, &key, err);
}
