// Events (STATE/events.jsonl, capped) and records (STATE/<name>.json).
#include "api/files_internal.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { EVENTS_MAX = 1 << 20 }; // of each of two files: some 4,000 events

static char *events_path(const struct files_store *files)
{
    return path_join(files->state_dir, "events.jsonl");
}

// The full file becomes the old one. One process does it: the others find a small file again.
static void rotate(const char *path, int fd)
{
    cleanup_free char *old = xasprintf("%s.old", path);
    struct stat mine, now;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    if (fstat(fd, &mine) == 0 && stat(path, &now) == 0 && mine.st_ino == now.st_ino &&
        rename(path, old) < 0)
        log_debug("cannot rotate the events", "path", path);
}

// A full disk or a crash may have cut the last line; what follows gets a line of its own.
static bool last_line_is_cut(int fd, off_t size)
{
    char last = '\n';
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static void append_line(const struct files_store *files, const char *text)
{
    cleanup_free char *path = events_path(files);
    cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        log_warn("cannot write an event", "path", path, "error", strerrordesc_np(errno));
        return;
    }
    cleanup_free char *line =
        xasprintf("%s%s\n", last_line_is_cut(fd, st.st_size) ? "\n" : "", text);
    cleanup_error struct error err = {0};
    // One write of a short line is not mixed with those of other processes.
    if (file_write_all(fd, line, strlen(line), path, &err) < 0)
        log_warn("cannot write an event", "error", error_message(&err));
    else if (st.st_size > EVENTS_MAX)
        rotate(path, fd);
}

void files_event(struct store *store, const json_t *regarding, enum store_event_type type,
                 const char *reason, const char *note)
{
    struct files_store *files = files_of(store);
    struct object_key key = object_key(regarding);
    char now[TIME_TEXT_SIZE];
    time_format_ms(clock_wall_ms(files->clock), now);
    cleanup_json json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "at", now, "type",
                  type == STORE_EVENT_WARNING ? "Warning" : "Normal", "reason", reason, "note",
                  note, "regarding", "kind", key.kind, "namespace", key.namespace, "name", key.name,
                  "uid", object_uid(regarding));
    if (event == NULL || files->read_only)
        return;
    cleanup_free char *text = jval_compact(event);
    append_line(files, text);
}

static void add_events(const char *path, const struct object_key *regarding, json_t *events)
{
    cleanup_free char *text = NULL;
    size_t size;
    if (file_read(path, 2 * EVENTS_MAX, &text, &size, NULL) < 0)
        return;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *event = NULL;
        // A line that a crash or a full disk cut is no event.
        if (jval_parse_object(line, (size_t)(end - line), "event", &event, NULL) < 0)
            continue;
        if (store_event_concerns(event, regarding))
            json_array_append_new(events, event);
        else
            json_decref(event);
    }
}

int files_list_events(struct store *store, const struct object_key *regarding, json_t **ret_array,
                      struct error *err)
{
    (void)err;
    cleanup_free char *path = events_path(files_of(store));
    cleanup_free char *old = xasprintf("%s.old", path);
    json_t *events = json_array();
    add_events(old, regarding, events);
    add_events(path, regarding, events);
    *ret_array = events;
    return 0;
}

// ---- records ----

static char *record_path(const struct files_store *files, const char *name)
{
    return xasprintf("%s/%s.json", files->state_dir, name);
}

static int read_record(const char *path, const char *name, json_t **ret_record, char **ret_version,
                       struct error *err)
{
    cleanup_free char *text = NULL;
    size_t size;
    cleanup_error struct error cause = {0};
    if (file_read(path, FILES_MAX_STATE, &text, &size, &cause) < 0) {
        if (cause.code == ERROR_NOT_FOUND)
            return error_set(err, ERROR_NOT_FOUND, "there is no record %s", name);
        return error_move(err, &cause);
    }
    // A record is never guessed at: a broken floor must not read as none.
    if (jval_parse_object(text, size, path, ret_record, err) < 0)
        return -1;
    if (ret_version != NULL)
        *ret_version = xstrdup(digest_of(text, size).text);
    return 0;
}

int files_record_get(struct store *store, const char *name, json_t **ret_record, char **ret_version,
                     struct error *err)
{
    cleanup_free char *path = record_path(files_of(store), name);
    return read_record(path, name, ret_record, ret_version, err);
}

// Records of a folder are written one at a time, over all processes.
static int lock_folder(const char *path, int *ret_fd, struct error *err)
{
    cleanup_free char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    if (file_make_dirs(dir, err) < 0)
        return -1;
    cleanup_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return error_errno(err, errno, "lock %s", dir);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int files_record_put(struct store *store, const char *name, const json_t *record,
                     const char *version, char **ret_version, struct error *err)
{
    struct files_store *files = files_of(store);
    cleanup_free char *path = record_path(files, name);
    cleanup_fd int fd = -1;
    if (files_check_writable(files, err) < 0 || lock_folder(path, &fd, err) < 0)
        return -1;
    cleanup_json json_t *old = NULL;
    cleanup_free char *now = NULL;
    cleanup_error struct error cause = {0};
    if (read_record(path, name, &old, &now, &cause) < 0 && cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    bool same = version != NULL && now != NULL ? strcmp(version, now) == 0 : version == now;
    if (!same)
        return error_set(err, ERROR_CONFLICT, "the record %s was changed since it was read", name);
    cleanup_free char *text = jval_pretty(record);
    size_t size = strlen(text);
    if (file_write_atomic(path, text, size, 0600, err) < 0)
        return -1;
    if (ret_version != NULL)
        *ret_version = xstrdup(digest_of(text, size).text);
    return 0;
}

int files_record_delete(struct store *store, const char *name, struct error *err)
{
    struct files_store *files = files_of(store);
    cleanup_free char *path = record_path(files, name);
    if (files_check_writable(files, err) < 0)
        return -1;
    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(err, errno, "remove %s", path);
    return 0;
}

int files_record_list(struct store *store, const char *folder, json_t **ret_names,
                      struct error *err)
{
    cleanup_free char *path = path_join(files_of(store)->state_dir, folder);
    json_t *names = json_array();
    struct dirent **found = NULL;
    int n = scandir(path, &found, NULL, alphasort);
    if (n < 0 && errno != ENOENT) {
        json_decref(names);
        return error_errno(err, errno, "read %s", path);
    }
    for (int i = 0; i < n; i++) {
        const char *name = found[i]->d_name;
        size_t size = strlen(name);
        if (name[0] != '.' && size > 5 && strcmp(name + size - 5, ".json") == 0)
            json_array_append_new(names, json_sprintf("%s/%.*s", folder, (int)size - 5, name));
        free(found[i]);
    }
    free(found);
    *ret_names = names;
    return 0;
}
