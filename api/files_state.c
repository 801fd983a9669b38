// One object's folder in STATE.
//
// Writers take flock on the folder itself, write a file by temp + rename and then set the folder's
// times: inotify on the parent tells that to every process, so one watch serves all objects of a
// namespace. The version of an object is the hash of its four files, so all processes agree on it
// without a counter.
#include "api/files_internal.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"

#include <sys/random.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

char *files_state_path(const struct files_store *files, const struct object_key *key)
{
    char *path = xasprintf("%s/%s/%s/%s", files->state_dir, key->kind,
                           *key->namespace != '\0' ? key->namespace : "_", key->name);
    for (char *at = path + strlen(files->state_dir) + 1; *at != '/'; at++)
        *at = (char)tolower((unsigned char)*at);
    return path;
}

int files_state_lock(const char *path, bool make, int *ret_fd, struct error *err)
{
    for (;;) {
        if (make && file_make_dirs(path, err) < 0)
            return -1;
        cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT && make)
            continue; // removed between the two calls
        if (fd < 0)
            return error_errno(err, errno, "open %s", path);
        while (flock(fd, LOCK_EX) < 0) {
            if (errno != EINTR)
                return error_errno(err, errno, "lock %s", path);
        }
        // Who held it before may have removed the folder.
        struct stat held, now;
        if (fstat(fd, &held) < 0)
            return error_errno(err, errno, "stat %s", path);
        if (stat(path, &now) == 0 && held.st_ino == now.st_ino && held.st_dev == now.st_dev) {
            *ret_fd = fd;
            fd = -1;
            return 0;
        }
    }
}

static json_t *read_part(const char *path, const char *file, struct digest_stream *version)
{
    cleanup_free char *name = path_join(path, file);
    cleanup_free char *text = NULL;
    size_t size = 0;
    cleanup_error struct error err = {0};
    json_t *value = NULL;
    if (file_read(name, FILES_MAX_STATE, &text, &size, &err) < 0) {
        if (err.code != ERROR_NOT_FOUND)
            log_warn("a file of the state cannot be read", "error", error_message(&err));
    } else if (jval_parse_object(text, size, name, &value, &err) < 0) {
        log_warn("a file of the state is broken and counts as absent", "error",
                 error_message(&err));
    }
    // Absent and empty parts differ from each other and from all content.
    uint64_t mark = value != NULL ? size : UINT64_MAX;
    digest_stream_add(version, &mark, sizeof mark);
    if (value != NULL)
        digest_stream_add(version, text, size);
    return value;
}

void files_state_read(const char *path, struct files_state *ret_state)
{
    cleanup_digest_stream struct digest_stream *version = digest_stream_new();
    *ret_state = (struct files_state){
        .record = read_part(path, "object.json", version),
        .status = read_part(path, "status.json", version),
        .request = read_part(path, "request.json", version),
        .finalizer = read_part(path, "finalizer.json", version),
    };
    struct digest digest = digest_stream_end(version);
    memcpy(ret_state->version, digest_hex(digest.text), FILES_VERSION_SIZE - 1);
    ret_state->version[FILES_VERSION_SIZE - 1] = '\0';
}

void files_state_release(struct files_state *state)
{
    json_decref(state->record);
    json_decref(state->status);
    json_decref(state->request);
    json_decref(state->finalizer);
    *state = (struct files_state){0};
}

static void touch(const char *path)
{
    // Only the event matters; a watcher that misses it finds the change in its next sweep.
    if (utimensat(AT_FDCWD, path, NULL, 0) < 0)
        log_debug("cannot touch a folder of the state", "path", path);
}

int files_state_write(const char *path, const char *file, const json_t *value, bool durable,
                      struct error *err)
{
    cleanup_free char *name = path_join(path, file);
    cleanup_free char *text = jval_pretty(value);
    size_t size = strlen(text);
    if (size > FILES_MAX_STATE)
        return error_set(err, ERROR_LIMIT, "%s would be %zu bytes long; the most is %d", name, size,
                         (int)FILES_MAX_STATE);
    int result = durable ? file_write_atomic(name, text, size, 0600, err)
                         : file_write_swap(name, text, size, 0600, err);
    if (result == 0)
        touch(path);
    return result;
}

int files_state_remove(const char *path, struct error *err)
{
    // A name that starts with a dot is no object, so a crash in between leaves rubbish and no half.
    uint64_t salt = 0;
    if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return error_errno(err, errno, "getrandom");
    const char *slash = strrchr(path, '/');
    cleanup_free char *grave = xasprintf("%.*s/.%s.%016llx", (int)(slash - path), path, slash + 1,
                                         (unsigned long long)salt);
    if (rename(path, grave) < 0)
        return error_errno(err, errno, "remove %s", path);
    return file_remove_tree(grave, err);
}

static void make_uid(char ret_uid[FILES_UID_SIZE])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort();
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); // RFC 9562: version 4
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    static const char digits[] = "0123456789abcdef";
    char *out = ret_uid;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

static json_t *new_record(const struct files_store *files)
{
    char uid[FILES_UID_SIZE];
    char now[TIME_TEXT_SIZE];
    make_uid(uid);
    time_format(clock_wall_ms(files->clock), now);
    return json_pack("{s:s, s:I, s:s}", "uid", uid, "generation", (json_int_t)0, "created", now);
}

struct fingerprint {
    char spec[FILES_VERSION_SIZE];
    char document[FILES_VERSION_SIZE];
};

static struct fingerprint fingerprint_of(const json_t *document)
{
    struct fingerprint print;
    files_hash(json_object_get(document, "spec"), print.spec);
    files_hash(document, print.document);
    return print;
}

static bool is_current(const json_t *record, const struct fingerprint *print, const char *file)
{
    return record != NULL && strcmp(jval_string_or(record, "specHash", ""), print->spec) == 0 &&
           strcmp(jval_string_or(record, "hash", ""), print->document) == 0 &&
           strcmp(jval_string_or(record, "file", ""), file) == 0;
}

bool files_state_knows(const json_t *record, const json_t *document, const char *file)
{
    struct fingerprint print = fingerprint_of(document);
    return is_current(record, &print, file);
}

int files_state_adopt(struct files_store *files, const struct object_key *key,
                      const json_t *document, const char *file, struct error *err)
{
    struct fingerprint print = fingerprint_of(document);
    cleanup_free char *path = files_state_path(files, key);
    cleanup_fd int fd = -1;
    if (files_state_lock(path, true, &fd, err) < 0)
        return -1;
    // Another process may have been here first.
    cleanup_files_state struct files_state state = {0};
    files_state_read(path, &state);
    if (is_current(state.record, &print, file))
        return 0;
    cleanup_json json_t *record =
        state.record != NULL ? json_incref(state.record) : new_record(files);
    if (strcmp(jval_string_or(record, "specHash", ""), print.spec) != 0)
        jval_set_int(record, "generation", jval_int(record, "generation", 0) + 1);
    jval_set_string(record, "specHash", print.spec);
    jval_set_string(record, "hash", print.document);
    jval_set_string(record, "file", file);
    jval_set(record, "document", jval_ref(document));
    // It can be made again from DIR, so it need not wait for the disk.
    return files_state_write(path, "object.json", record, false, err);
}

typedef void child_call(struct files_store *files, const char *path, const char *name, void *arg);

static void for_each_folder(struct files_store *files, const char *path, child_call *call,
                            void *arg)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        cleanup_free char *child = path_join(path, entry->d_name);
        struct stat st;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            lstat(child, &st) == 0 && S_ISDIR(st.st_mode))
            call(files, child, entry->d_name, arg);
    }
    closedir(dir);
}

// Temporary files belong to a writer only while it holds the lock.
static void remove_leftovers(const char *path)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' && entry->d_type == DT_REG)
            unlinkat(fd, entry->d_name, 0);
    }
    closedir(dir);
}

// A writer that was killed between its rename and its touch told nobody, and the others would not
// look before their next sweep. A rename alone leaves the folder's access time behind; who holds
// the lock is about to tell.
static void tell_of_lost_write(const char *path)
{
    struct stat st;
    cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
        return;
    if (st.st_atim.tv_sec < st.st_mtim.tv_sec ||
        (st.st_atim.tv_sec == st.st_mtim.tv_sec && st.st_atim.tv_nsec < st.st_mtim.tv_nsec))
        touch(path);
}

struct scan {
    const struct kind *kind;
    const char *namespace;
};

static void scan_object(struct files_store *files, const char *path, const char *name, void *arg)
{
    const struct scan *scan = arg;
    if (name[0] == '.') {
        if (!files->read_only && file_remove_tree(path, NULL) < 0)
            log_debug("cannot remove a leftover", "path", path);
        return;
    }
    if (!files->read_only) {
        tell_of_lost_write(path); // first: a look into the folder may set its access time
        remove_leftovers(path);
    }
    struct files_state state = {0};
    files_state_read(path, &state);
    const json_t *document = jval_object(state.record, "document");
    if (document == NULL || strcmp(object_name(document), name) != 0) {
        files_state_release(&state);
        return;
    }
    pthread_mutex_lock(&files->lock);
    struct files_entry *entry =
        files_find_or_add(files, scan->kind, scan->namespace, object_name(document));
    files_set_base(entry, document);
    files_take_state(files, entry, &state);
    pthread_mutex_unlock(&files->lock);
}

static void scan_namespace(struct files_store *files, const char *path, const char *name, void *arg)
{
    struct scan scan = *(struct scan *)arg;
    bool none = strcmp(name, "_") == 0;
    if (name[0] == '.' || none == scan.kind->namespaced)
        return;
    scan.namespace = none ? "" : name;
    for_each_folder(files, path, scan_object, &scan);
}

// Records (floors, sequences) are files of folders that hold no objects.
static void clean_folder(struct files_store *files, const char *path, const char *name, void *arg)
{
    (void)files;
    (void)arg;
    if (name[0] != '.')
        remove_leftovers(path);
}

void files_state_scan(struct files_store *files)
{
    const struct kind *kind;
    if (!files->read_only)
        for_each_folder(files, files->state_dir, clean_folder, NULL);
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (!kind->has_status)
            continue;
        struct scan scan = {.kind = kind};
        struct object_key key = {.kind = kind->name, .namespace = "", .name = ""};
        cleanup_free char *path = files_state_path(files, &key);
        char *tail = strstr(path + strlen(files->state_dir) + 1, "/");
        *tail = '\0';
        for_each_folder(files, path, scan_namespace, &scan);
    }
}
