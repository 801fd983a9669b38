// DIR -> objects. A walk compares what stat says with what was taken in and reads only the files
// that changed; inotify names single files and asks for walks.
//
// Nothing here deletes: an object that no file defines any more becomes absent, and files_watch
// decides later. A file that cannot be taken keeps what it defined before, with a problem.
#include "api/files_internal.h"

#include "api/fields.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/yamljson.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool files_is_yaml_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

void files_source_release(void *element)
{
    struct files_source *source = *(struct files_source **)element;
    free(source->path);
    free(source->problem);
    vec_free(&source->claims);
    free(source);
}

static size_t source_position(const struct files_store *files, const char *path, bool *ret_found)
{
    size_t low = 0, high = files->sources.len;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct files_source *source = *(struct files_source **)vec_at(&files->sources, middle);
        int order = strcmp(source->path, path);
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

static struct files_source *source_of(struct files_store *files, const char *path, bool make)
{
    bool found;
    size_t at = source_position(files, path, &found);
    if (found)
        return *(struct files_source **)vec_at(&files->sources, at);
    if (!make)
        return NULL;
    struct files_source *source = xcalloc(1, sizeof *source);
    source->path = xstrdup(path);
    source->claims = VEC_OF(struct files_entry *, NULL);
    *(struct files_source **)vec_insert(&files->sources, at) = source;
    return source;
}

static bool claims(const struct files_source *source, const struct files_entry *entry)
{
    vec_foreach (struct files_entry *, claimed, &source->claims) {
        if (*claimed == entry)
            return true;
    }
    return false;
}

static void claim(struct files_source *source, struct files_entry *entry)
{
    *(struct files_entry **)vec_push(&source->claims) = entry;
}

// The source defines the entry no longer; a rival takes over. Under `lock`.
static void unclaim(struct files_store *files, struct files_source *source,
                    struct files_entry *entry)
{
    if (entry->rival == source)
        entry->rival = NULL;
    if (entry->source == source) {
        entry->source = entry->rival;
        entry->rival = NULL;
        entry->absent_since_ms = clock_mono_ms(files->clock);
        // What the rival says of it was not taken in so far.
        if (entry->source != NULL)
            entry->source->loaded = false;
    }
    if (entry->placeholder)
        files_drop(files, entry);
    else
        files_compose(files, entry);
}

// ---- one document ----

// What counts of a document: identity, labels, annotations and content. The rest is noise of tools
// (uid, managedFields, status) that must not raise the generation. Owned.
static json_t *essence_of(const json_t *value, const struct kind *kind)
{
    json_t *document = json_object();
    const char *name;
    json_t *member;
    jval_foreach (value, name, member) {
        if (strcmp(name, "metadata") != 0 && strcmp(name, "status") != 0)
            json_object_set(document, name, member);
    }
    json_t *spec = kind->has_status ? json_object_get(value, "spec") : NULL;
    if (spec != NULL) {
        spec = json_deep_copy(spec);
        files_hide_passwords(spec);
        json_object_set_new(document, "spec", spec);
    }
    json_t *metadata = json_object();
    jval_set_string(metadata, "name", object_name(value));
    const char *namespace = object_namespace(value);
    if (kind->namespaced)
        jval_set_string(metadata, "namespace", *namespace != '\0' ? namespace : NAMESPACE_DEFAULT);
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const json_t *map = jval_get(jval_get(value, "metadata"), maps[i]);
        if (map != NULL && !json_is_null(map))
            json_object_set_new(metadata, maps[i], jval_ref(map));
    }
    json_object_set_new(document, "metadata", metadata);
    return document;
}

// A document that cannot be told from others can be no object; everything else api_check may find
// is the object's own problem. NULL and a sentence (owned) when it has no identity.
static const struct kind *identify(const json_t *value, char **ret_sentence)
{
    const struct kind_table *table = kind_table_find(object_kind(value));
    const char *namespace = object_namespace(value);
    cleanup_strbuf struct strbuf ignored;
    strbuf_init(&ignored, 1024);
    if (table != NULL &&
        strcmp(jval_string_or(value, "apiVersion", ""), table->kind.api_version) == 0 &&
        check_name(object_name(value), &ignored) &&
        (table->kind.namespaced || *namespace == '\0') &&
        (*namespace == '\0' || check_namespace(namespace, &ignored)))
        return &table->kind;
    cleanup_error struct error err = {0};
    *ret_sentence = xstrdup(api_check(value, &err) < 0 ? error_message(&err) : "has no identity");
    return NULL;
}

struct intake {
    struct files_store *files;
    struct files_source *source;
    struct strbuf problem;
    bool nameless_policy; // a TrustPolicy that has no identity
    bool again;           // something will do when it is tried again
};

static void add_problem(struct intake *intake, size_t line, const char *sentence)
{
    strbuf_addf(&intake->problem, "%s%s:%zu: %s", intake->problem.len > 0 ? "; " : "",
                intake->source->path, line, sentence);
}

// Whether this source may define the entry; a second one is its rival.
static bool take_claim(struct intake *intake, struct files_entry *entry, size_t line)
{
    struct files_source *source = intake->source;
    if (claims(source, entry)) {
        add_problem(intake, line, "the file defines this object twice; remove one");
        return false;
    }
    claim(source, entry);
    if (entry->source != NULL && entry->source != source) {
        entry->rival = source;
        files_compose(intake->files, entry);
        return false;
    }
    entry->source = source;
    return true;
}

static void take_document(struct intake *intake, const struct yamljson_document *yaml)
{
    struct files_store *files = intake->files;
    cleanup_free char *sentence = NULL;
    const struct kind *kind = identify(yaml->value, &sentence);
    if (kind == NULL) {
        intake->nameless_policy |=
            strcmp(object_kind(yaml->value), kind_trust_policy.kind.name) == 0;
        add_problem(intake, yaml->line, sentence);
        return;
    }
    cleanup_json json_t *document = essence_of(yaml->value, kind);
    struct object_key key = object_key(document);
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry = files_find_or_add(files, kind, key.namespace, key.name);
    bool ours = take_claim(intake, entry, yaml->line);
    if (ours && (!kind->has_status || files->read_only)) {
        files_set_base(entry, document);
        files_compose(files, entry);
    }
    bool known = files_state_knows(entry->state.record, document, intake->source->path);
    if (ours && known)
        files_compose(files, entry);
    pthread_mutex_unlock(&files->lock);
    if (!ours || known || !kind->has_status || files->read_only)
        return;
    cleanup_error struct error err = {0};
    if (files_state_adopt(files, &key, document, intake->source->path, &err) < 0) {
        intake->again = true;
        log_warn("cannot take up an object", "kind", key.kind, "namespace", key.namespace, "name",
                 key.name, "error", error_message(&err));
        return;
    }
    // Somebody deleted it at the same moment.
    intake->again |= files_reread(files, &key);
}

// ---- one file ----

// A policy nobody could ever read governs everything, so that a broken file cannot open a door.
static void add_placeholder(struct intake *intake)
{
    cleanup_json json_t *path = json_string(intake->source->path);
    char hash[FILES_VERSION_SIZE];
    files_hash(path, hash);
    cleanup_free char *name = xasprintf("unreadable-%s", hash);
    struct files_entry *entry = files_find_or_add(intake->files, &kind_trust_policy.kind, "", name);
    entry->placeholder = true;
    entry->source = intake->source;
    claim(intake->source, entry);
    cleanup_json json_t *document =
        json_pack("{s:s, s:s, s:{s:s}, s:{}}", "apiVersion", API_VERSION, "kind", "TrustPolicy",
                  "metadata", "name", name, "spec");
    files_set_base(entry, document);
    // What is wrong is the file, not this stand-in.
    free(entry->invalid);
    entry->invalid = NULL;
}

static bool defines_policy(const struct files_source *source)
{
    vec_foreach (struct files_entry *, entry, &source->claims) {
        if (!(*entry)->placeholder && (*entry)->kind == &kind_trust_policy.kind)
            return true;
    }
    return false;
}

// Objects that this file defined before a restart: their state remembers it. Under `lock`.
static void claim_remembered(struct files_store *files, struct files_source *source)
{
    vec_foreach (struct files_entry *, entry, &files->entries) {
        if ((*entry)->source == NULL &&
            strcmp(jval_string_or((*entry)->state.record, "file", ""), source->path) == 0) {
            (*entry)->source = source;
            claim(source, *entry);
        }
    }
}

// Settles who defines what after the documents were taken; `old` is what the file defined before.
static void settle(struct intake *intake, struct vec *old, bool mentions_policy)
{
    struct files_store *files = intake->files;
    struct files_source *source = intake->source;
    bool broken = intake->problem.len > 0;
    pthread_mutex_lock(&files->lock);
    free(source->problem);
    source->problem = broken ? strbuf_steal(&intake->problem) : NULL;
    vec_foreach (struct files_entry *, entry, old) {
        if (claims(source, *entry))
            continue;
        if (broken && !(*entry)->placeholder)
            claim(source, *entry);
        else
            unclaim(files, source, *entry);
    }
    if (broken) {
        claim_remembered(files, source);
        if (intake->nameless_policy || (mentions_policy && !defines_policy(source)))
            add_placeholder(intake);
    }
    vec_foreach (struct files_entry *, entry, &source->claims)
        files_compose(files, *entry);
    pthread_mutex_unlock(&files->lock);
    if (broken)
        log_warn("a file of the configuration cannot be taken; what it defined before stands",
                 "error", source->problem);
}

static void load(struct files_store *files, struct files_source *source, const struct stat *stamp)
{
    cleanup_free char *path = path_join(files->config_dir, source->path);
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_error struct error err = {0};
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    struct intake intake = {.files = files, .source = source};
    strbuf_init(&intake.problem, 16384);
    int result = file_read(path, FILES_MAX_FILE, &text, &size, &err);
    // Gone between the walk and now: the next event says so.
    if (result < 0 && err.code == ERROR_NOT_FOUND)
        return;
    if (result == 0)
        result = yamljson_parse_all(text, size, source->path, NULL, &documents, &err);
    // Swapped, so that what the file still defines is claimed anew.
    struct vec old = source->claims;
    source->claims = VEC_OF(struct files_entry *, NULL);
    if (result < 0)
        strbuf_addstr(&intake.problem, error_message(&err));
    vec_foreach (struct yamljson_document, document, &documents) {
        if (result == 0 && !json_is_null(document->value))
            take_document(&intake, document);
    }
    bool mentions_policy =
        result < 0 && (text == NULL || memmem(text, size, "TrustPolicy", 11) != NULL);
    settle(&intake, &old, mentions_policy);
    strbuf_release(&intake.problem);
    vec_free(&old);
    source->stamp = *stamp;
    source->loaded = !intake.again;
}

static void forget(struct files_store *files, const char *path)
{
    bool found;
    size_t at = source_position(files, path, &found);
    if (!found)
        return;
    struct files_source *source = *(struct files_source **)vec_at(&files->sources, at);
    struct vec old = source->claims;
    source->claims = VEC_OF(struct files_entry *, NULL);
    pthread_mutex_lock(&files->lock);
    vec_foreach (struct files_entry *, entry, &old)
        unclaim(files, source, *entry);
    pthread_mutex_unlock(&files->lock);
    vec_free(&old);
    vec_remove(&files->sources, at);
}

static bool is_same_stamp(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

// Files that took over from a file that went are read again; each reading can only settle more.
static void load_unloaded(struct files_store *files)
{
    for (size_t i = 0; i < files->sources.len; i++) {
        struct files_source *source = *(struct files_source **)vec_at(&files->sources, i);
        cleanup_free char *path = path_join(files->config_dir, source->path);
        struct stat st;
        if (!source->loaded && stat(path, &st) == 0)
            load(files, source, &st);
    }
}

void files_load_path(struct files_store *files, const char *path)
{
    cleanup_free char *full = path_join(files->config_dir, path);
    struct stat st;
    if (stat(full, &st) == 0 && S_ISREG(st.st_mode))
        load(files, source_of(files, path, true), &st);
    else
        forget(files, path);
    load_unloaded(files);
}

void files_readopt(struct files_store *files, const struct object_key *key)
{
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry = files_find(files, key->kind, key->namespace, key->name);
    cleanup_free char *path =
        entry != NULL && entry->source != NULL ? xstrdup(entry->source->path) : NULL;
    pthread_mutex_unlock(&files->lock);
    if (path != NULL)
        files_load_path(files, path);
}

// ---- all of DIR ----

static int walk_dir(struct files_store *files, const char *at, unsigned depth, struct error *err);

static int walk_child(struct files_store *files, const char *at, const char *name, unsigned depth,
                      struct error *err)
{
    cleanup_free char *path = *at != '\0' ? path_join(at, name) : xstrdup(name);
    cleanup_free char *full = path_join(files->config_dir, path);
    struct stat st;
    if (lstat(full, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "stat %s", full);
    if (S_ISDIR(st.st_mode))
        return walk_dir(files, path, depth + 1, err);
    if (!files_is_yaml_name(name))
        return 0;
    // A link that leads nowhere is a file that is not there.
    if (S_ISLNK(st.st_mode) && stat(full, &st) < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "stat %s", full);
    if (!S_ISREG(st.st_mode))
        return 0;
    struct files_source *source = source_of(files, path, true);
    if (files->sources.len > FILES_MAX_SOURCES)
        return error_set(err, ERROR_LIMIT, "%s holds more than %d files", files->config_dir,
                         (int)FILES_MAX_SOURCES);
    source->seen = true;
    if (!source->loaded || !is_same_stamp(&source->stamp, &st))
        load(files, source, &st);
    return 0;
}

static int walk_dir(struct files_store *files, const char *at, unsigned depth, struct error *err)
{
    cleanup_free char *full =
        *at != '\0' ? path_join(files->config_dir, at) : xstrdup(files->config_dir);
    if (depth > FILES_MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "%s is more than %d folders deep", full,
                         (int)FILES_MAX_DEPTH);
    // Watched before it is read, so that nothing falls in between.
    if (files->inotify != NULL)
        files_inotify_add_config(files->inotify, at);
    struct dirent **names = NULL;
    int n = scandir(full, &names, NULL, alphasort);
    if (n < 0)
        return error_errno(err, errno, "read %s", full);
    int result = 0;
    for (int i = 0; i < n; i++) {
        if (result == 0 && names[i]->d_name[0] != '.')
            result = walk_child(files, at, names[i]->d_name, depth, err);
        free(names[i]);
    }
    free(names);
    return result;
}

static void forget_unseen(struct files_store *files)
{
    for (size_t i = files->sources.len; i > 0; i--) {
        struct files_source *source = *(struct files_source **)vec_at(&files->sources, i - 1);
        if (!source->seen) {
            cleanup_free char *path = xstrdup(source->path);
            forget(files, path);
        }
    }
}

void files_walk(struct files_store *files)
{
    vec_foreach (struct files_source *, source, &files->sources)
        (*source)->seen = false;
    cleanup_error struct error err = {0};
    bool ok = walk_dir(files, "", 0, &err) == 0;
    if (ok)
        forget_unseen(files);
    load_unloaded(files);
    bool told = files->dir_problem != NULL;
    free(files->dir_problem);
    files->dir_problem = ok ? NULL : xstrdup(error_message(&err));
    if (ok || told)
        return;
    log_warn("the configuration cannot be read; what it defined before stands", "error",
             files->dir_problem);
    pthread_mutex_lock(&files->lock);
    files_notify_error(files, files->dir_problem);
    pthread_mutex_unlock(&files->lock);
}

bool files_may_delete(const struct files_store *files)
{
    bool any = false;
    vec_foreach (struct files_source *, source, &files->sources) {
        if ((*source)->problem != NULL || !(*source)->loaded)
            return false;
        any = any || (*source)->claims.len > 0;
    }
    return any && files->dir_problem == NULL;
}
