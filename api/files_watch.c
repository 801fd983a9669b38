// Watches: what changed is queued under the table's lock by whoever noticed it, and told on the
// loop. Also the clockwork around them: inotify, a slow sweep behind it, and the time after which
// what is absent counts as deleted.
#include "api/files_internal.h"

#include "base/jval.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    SWEEP_MS = 60 * 1000,  // behind inotify, for file systems that have none
    FAST_SWEEP_MS = 1000,  // instead of it
    ABSENCE_SLACK_MS = 10, // so that the timer finds it due
};

enum queued_type { QUEUED_CHANGE, QUEUED_SYNCED, QUEUED_ERROR };

struct queued {
    enum queued_type type;
    enum store_change change;
    json_t *object;
    char *message;
};

struct files_watch {
    struct store_watch watch;
    const struct kind *kind;
    struct store_watch_events events;
    void *arg;
    struct vec queue; // struct queued; under `lock`
    bool freed;       // while its queue is told; loop thread
};

static void release_queued(void *element)
{
    struct queued *queued = element;
    json_decref(queued->object);
    free(queued->message);
}

static void ring(struct files_store *files)
{
    uint64_t one = 1;
    // A full counter has rung already.
    if (files->bell >= 0 && write(files->bell, &one, sizeof one) < 0 && errno != EAGAIN)
        log_warn("cannot wake the watches of the store", "error", strerrordesc_np(errno));
}

static struct queued *enqueue(struct files_store *files, struct files_watch *watch,
                              enum queued_type type)
{
    struct queued *queued = vec_push(&watch->queue);
    queued->type = type;
    ring(files);
    return queued;
}

void files_notify(struct files_store *files, enum store_change change, json_t *object)
{
    const char *kind = object_kind(object);
    vec_foreach (struct files_watch *, watch, &files->watches) {
        if (strcmp((*watch)->kind->name, kind) != 0)
            continue;
        struct queued *queued = enqueue(files, *watch, QUEUED_CHANGE);
        queued->change = change;
        queued->object = json_incref(object);
    }
}

void files_notify_error(struct files_store *files, const char *message)
{
    vec_foreach (struct files_watch *, watch, &files->watches)
        enqueue(files, *watch, QUEUED_ERROR)->message = xstrdup(message);
}

static void tell(struct files_watch *watch, const struct queued *queued)
{
    switch (queued->type) {
    case QUEUED_CHANGE:
        watch->events.on_object(watch->arg, queued->change, queued->object);
        break;
    case QUEUED_SYNCED:
        if (watch->events.on_synced != NULL)
            watch->events.on_synced(watch->arg);
        break;
    case QUEUED_ERROR:
        if (watch->events.on_error != NULL) {
            const struct error err = {.code = ERROR_UNAVAILABLE, .message = queued->message};
            watch->events.on_error(watch->arg, &err);
        }
        break;
    }
}

static void free_watch(struct files_watch *watch)
{
    vec_free(&watch->queue);
    free(watch);
}

static void remove_watch(struct files_store *files, size_t index)
{
    struct files_watch *watch = *(struct files_watch **)vec_at(&files->watches, index);
    vec_remove(&files->watches, index);
    free_watch(watch);
}

// Tells all that is queued, oldest first within a watch. Callbacks run without the lock and may
// free or add watches; freed ones go when all was told.
static void on_bell(int fd, int events, void *arg)
{
    (void)events;
    struct files_store *files = arg;
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0)
        return;
    files->delivering = true;
    pthread_mutex_lock(&files->lock);
    for (size_t i = 0; i < files->watches.len; i++) {
        struct files_watch *watch = *(struct files_watch **)vec_at(&files->watches, i);
        struct vec queue = watch->queue;
        watch->queue = VEC_OF(struct queued, release_queued);
        pthread_mutex_unlock(&files->lock);
        for (size_t j = 0; j < queue.len && !watch->freed; j++)
            tell(watch, vec_at(&queue, j));
        vec_free(&queue);
        pthread_mutex_lock(&files->lock);
    }
    files->delivering = false;
    for (size_t i = files->watches.len; i > 0; i--) {
        if ((*(struct files_watch **)vec_at(&files->watches, i - 1))->freed)
            remove_watch(files, i - 1);
    }
    pthread_mutex_unlock(&files->lock);
}

int files_watch(struct store *store, struct loop *loop, const char *kind,
                const struct store_watch_events *events, void *arg, struct store_watch **ret_watch,
                struct error *err)
{
    struct files_store *files = files_of(store);
    if (files_attach(files, loop, err) < 0)
        return -1;
    struct files_watch *watch = xcalloc(1, sizeof *watch);
    watch->watch.store = store;
    watch->kind = kind_find(kind);
    watch->events = *events;
    watch->arg = arg;
    watch->queue = VEC_OF(struct queued, release_queued);
    pthread_mutex_lock(&files->lock);
    *(struct files_watch **)vec_push(&files->watches) = watch;
    vec_foreach (struct files_entry *, entry, &files->entries) {
        if ((*entry)->kind != watch->kind || (*entry)->object == NULL)
            continue;
        struct queued *queued = enqueue(files, watch, QUEUED_CHANGE);
        queued->change = STORE_ADDED;
        queued->object = json_incref((*entry)->object);
    }
    enqueue(files, watch, QUEUED_SYNCED);
    if (files->dir_problem != NULL)
        enqueue(files, watch, QUEUED_ERROR)->message = xstrdup(files->dir_problem);
    pthread_mutex_unlock(&files->lock);
    *ret_watch = &watch->watch;
    return 0;
}

void files_watch_free(struct store_watch *base)
{
    struct files_watch *watch = CONTAINER_OF(base, struct files_watch, watch);
    struct files_store *files = files_of(base->store);
    if (files->delivering) {
        watch->freed = true;
        return;
    }
    pthread_mutex_lock(&files->lock);
    for (size_t i = files->watches.len; i > 0; i--) {
        if (*(struct files_watch **)vec_at(&files->watches, i - 1) == watch)
            remove_watch(files, i - 1);
    }
    pthread_mutex_unlock(&files->lock);
}

bool files_has_loop(struct files_store *files)
{
    pthread_mutex_lock(&files->lock);
    bool has = files->loop != NULL;
    pthread_mutex_unlock(&files->lock);
    return has;
}

// ---- absence ----

// Since when an object is absent from a DIR that can be believed; -1 when it is not. Under `lock`.
static int64_t absent_since(const struct files_store *files, const struct files_entry *entry)
{
    if (entry->source != NULL || object_is_deleting(entry->object) || files->deletable_since_ms < 0)
        return -1;
    return entry->absent_since_ms > files->deletable_since_ms ? entry->absent_since_ms
                                                              : files->deletable_since_ms;
}

// The keys of what was absent for too long, each a JSON object.
static json_t *overdue(struct files_store *files)
{
    json_t *keys = json_array();
    int64_t now = clock_mono_ms(files->clock);
    pthread_mutex_lock(&files->lock);
    vec_foreach (struct files_entry *, at, &files->entries) {
        struct files_entry *entry = *at;
        int64_t since = absent_since(files, entry);
        if (since >= 0 && now - since >= FILES_ABSENCE_MS)
            json_array_append_new(keys,
                                  json_pack("{s:s, s:s, s:s}", "kind", entry->kind->name,
                                            "namespace", entry->namespace, "name", entry->name));
    }
    pthread_mutex_unlock(&files->lock);
    return keys;
}

static void delete_overdue(struct files_store *files)
{
    cleanup_json json_t *keys = overdue(files);
    size_t i;
    json_t *value;
    json_array_foreach (keys, i, value) {
        struct object_key key = {.kind = jval_string(value, "kind"),
                                 .namespace = jval_string(value, "namespace"),
                                 .name = jval_string(value, "name")};
        cleanup_error struct error err = {0};
        if (files_begin_deletion(files, &key, &err) < 0)
            log_warn("cannot delete an object that its file defines no longer", "kind", key.kind,
                     "namespace", key.namespace, "name", key.name, "error", error_message(&err));
    }
}

static void arm_absence(struct files_store *files, int64_t overdue_wait_ms);

static void on_absence(void *arg)
{
    struct files_store *files = arg;
    pthread_mutex_lock(&files->load_lock);
    files_walk(files);
    bool may_delete = files_may_delete(files);
    pthread_mutex_unlock(&files->load_lock);
    if (may_delete && !files->read_only)
        delete_overdue(files);
    arm_absence(files, SWEEP_MS);
}

// A DIR that was away and comes back file by file must not lose what is still to come: the time
// counts from when it could be believed again.
static void note_readable(struct files_store *files)
{
    pthread_mutex_lock(&files->load_lock);
    bool may_delete = files_may_delete(files);
    pthread_mutex_unlock(&files->load_lock);
    if (!may_delete)
        files->deletable_since_ms = -1;
    else if (files->deletable_since_ms < 0)
        files->deletable_since_ms = clock_mono_ms(files->clock);
}

// What is overdue already is looked at after overdue_wait_ms.
static void arm_absence(struct files_store *files, int64_t overdue_wait_ms)
{
    note_readable(files);
    int64_t now = clock_mono_ms(files->clock);
    int64_t wait = -1;
    pthread_mutex_lock(&files->lock);
    vec_foreach (struct files_entry *, at, &files->entries) {
        int64_t since = absent_since(files, *at);
        if (since < 0)
            continue;
        int64_t left = since + FILES_ABSENCE_MS - now;
        if (left < 0)
            left = overdue_wait_ms;
        wait = wait < 0 || left < wait ? left : wait;
    }
    pthread_mutex_unlock(&files->lock);
    if (wait < 0)
        loop_timer_cancel(files->absence);
    else
        loop_timer_set(files->absence, wait + ABSENCE_SLACK_MS);
}

void files_absence_arm(struct files_store *files)
{
    arm_absence(files, 0);
}

// ---- sweep ----

static void refresh_all(struct files_store *files)
{
    // By index and key: each refresh may change the table.
    for (size_t i = 0;; i++) {
        struct object_key key = {0};
        pthread_mutex_lock(&files->lock);
        bool more = i < files->entries.len;
        if (more)
            key = files_key(*(struct files_entry **)vec_at(&files->entries, i));
        cleanup_free char *namespace = xstrdup_or_null(key.namespace);
        cleanup_free char *name = xstrdup_or_null(key.name);
        pthread_mutex_unlock(&files->lock);
        if (!more)
            return;
        key.namespace = namespace;
        key.name = name;
        const struct kind *kind = kind_find(key.kind);
        if (kind->has_status)
            files_refresh(files, &key);
    }
}

void files_rescan(struct files_store *files)
{
    pthread_mutex_lock(&files->load_lock);
    files_walk(files);
    pthread_mutex_unlock(&files->load_lock);
    refresh_all(files);
}

static void arm_sweep(struct files_store *files)
{
    bool fast = files->dir_problem != NULL || !files_inotify_is_complete(files->inotify);
    loop_timer_set(files->sweep, fast ? FAST_SWEEP_MS : SWEEP_MS);
}

static void on_sweep(void *arg)
{
    struct files_store *files = arg;
    files_rescan(files);
    files_absence_arm(files);
    arm_sweep(files);
}

int files_attach(struct files_store *files, struct loop *loop, struct error *err)
{
    if (files->loop != NULL) {
        assert(files->loop == loop);
        return 0;
    }
    int bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (bell < 0)
        return error_errno(err, errno, "make an eventfd");
    if (files_inotify_new(files, &files->inotify, err) < 0) {
        close(bell);
        return -1;
    }
    pthread_mutex_lock(&files->lock);
    files->loop = loop;
    files->bell = bell;
    pthread_mutex_unlock(&files->lock);
    files->bell_watch = loop_fd_new(loop, bell, LOOP_READABLE, on_bell, files);
    files->sweep = loop_timer_new(loop, on_sweep, files);
    files->absence = loop_timer_new(loop, on_absence, files);
    files_inotify_start(files->inotify, loop);
    files->deletable_since_ms = -1;
    // What changed between opening and watching.
    files_rescan(files);
    files_absence_arm(files);
    arm_sweep(files);
    return 0;
}

void files_detach(struct files_store *files)
{
    while (files->watches.len > 0)
        remove_watch(files, files->watches.len - 1);
    files_inotify_free(files->inotify);
    loop_timer_free(files->sweep);
    loop_timer_free(files->absence);
    loop_fd_free(files->bell_watch);
    if (files->bell >= 0)
        close(files->bell);
}
