// Drift, heard from inotify.
//
// One inotify descriptor serves all targets of a loop, because a user may open only 128 of them
// (fs.inotify.max_user_instances). Workers add watches, to the new tree before it is moved in, so
// that there is no moment at which a change goes unheard; the loop reads events.
//
//     event ──▶ a path is suspect ──10 ms──▶ is it as the last apply left it? ──no──▶ on_drift
//
// Our own writes raise events like anybody's; they are found to be as expected. After drift that
// nobody put back, every event is told: somebody may have undone it. What is too much to
// check on the loop (a lost event, many or large files) counts as drift: its owner compares
// everything on a worker.
//
// A process that still holds a file of the old tree open for writing changes the new tree's hard
// link unheard; the owner's next full comparison finds it.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/loop.h"
#include "base/memory.h"
#include "controller/directory_internal.h"

enum {
    COALESCE_MS = 10,      // an editor's several events are one
    MAX_SUSPECTS = 64,     // more are not worth a look each
    MAX_CHECKED = 4 << 20, // bytes of a file that is read on the loop
};

static const uint32_t FOLDER_EVENTS = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM |
                                      IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                                      IN_MOVE_SELF;

struct watched_folder {
    int wd;
    struct directory *directory;
    unsigned generation;
    bool parent;    // only its own folder's name matters
    char *relative; // owned; "" for the directory itself
};

struct directory_watcher {
    struct loop *loop;
    struct loop_fd *listener;
    int fd;
    size_t members;
    pthread_mutex_t lock;   // of folders
    struct vec folders;     // struct watched_folder, sorted by wd
    struct vec directories; // struct directory *, the loop's
};

static void release_folder(void *element)
{
    free(((struct watched_folder *)element)->relative);
}

static size_t first_of(const struct vec *folders, int wd)
{
    size_t low = 0;
    size_t high = folders->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (((const struct watched_folder *)vec_at(folders, middle))->wd < wd)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_used(const struct vec *folders, int wd)
{
    size_t place = first_of(folders, wd);
    return place < folders->len &&
           ((const struct watched_folder *)vec_at(folders, place))->wd == wd;
}

// ---- suspicion and its check (loop) ----

static void suspect(struct directory *directory, const char *path)
{
    // A flat layout shares its folder with others.
    if (directory->layout != DIRECTORY_TREE && *path != '\0' &&
        !directory_flat_is_ours(directory, path))
        return;
    if (directory->suspects.len >= MAX_SUSPECTS)
        directory->suspect_all = true;
    else
        vec_push_string(&directory->suspects, path);
    if (directory->on_drift != NULL && !loop_timer_is_set(directory->timer))
        loop_timer_set(directory->timer, COALESCE_MS);
}

static bool root_is_in_place(const struct directory *directory)
{
    struct stat st;
    if (lstat(directory->path, &st) < 0)
        return false;
    return st.st_ino == directory->root_inode && st.st_dev == directory->root_device &&
           S_ISDIR(st.st_mode) &&
           (directory->layout != DIRECTORY_TREE || (st.st_mode & 07777) == DIRECTORY_FOLDER_MODE);
}

static bool is_as_expected(const struct directory *directory, struct directory_cursor *cursor,
                           const char *path)
{
    if (*path == '\0')
        return root_is_in_place(directory);
    const struct directory_entry *entry = directory_entry_find(&directory->expected, path);
    if (entry != NULL)
        return entry->size <= MAX_CHECKED && directory_match(cursor, entry) == DIRECTORY_SAME;
    // Not wanted: fine unless it is there. Its folder not being there is told by the folder.
    const char *name = NULL;
    struct stat st;
    return directory_cursor_enter(cursor, path, &name) != 0 ||
           fstatat(cursor->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
}

static bool all_as_expected(struct directory *directory)
{
    cleanup_fd int root = open(directory->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory->suspect_all || root < 0 || !root_is_in_place(directory))
        return false;
    cleanup_cursor struct directory_cursor cursor = {.root = root, .fd = -1};
    vec_sort(&directory->suspects, vec_compare_strings);
    const char *last = NULL;
    vec_foreach (char *, path, &directory->suspects) {
        if ((last == NULL || strcmp(last, *path) != 0) &&
            !is_as_expected(directory, &cursor, *path))
            return false;
        last = *path;
    }
    return true;
}

static void check(void *arg)
{
    struct directory *directory = arg;
    pthread_mutex_lock(&directory->lock);
    if (directory->working) {
        pthread_mutex_unlock(&directory->lock);
        loop_timer_set(directory->timer, COALESCE_MS);
        return;
    }
    bool drift = directory->has_expected && (directory->has_drifted || !all_as_expected(directory));
    directory->has_drifted = drift;
    pthread_mutex_unlock(&directory->lock);
    vec_clear(&directory->suspects);
    directory->suspect_all = false;
    if (drift && directory->on_drift != NULL)
        directory->on_drift(directory->on_drift_arg); // may free the target
}

// ---- events (loop) ----

// What an event means for one listener, copied out of the lock.
struct heard {
    struct directory *directory;
    char *path;
};

static void release_heard(void *element)
{
    free(((struct heard *)element)->path);
}

static char *path_of(const struct watched_folder *folder, const char *name)
{
    if (folder->parent || (*name == '\0' && *folder->relative == '\0'))
        return xstrdup("");
    if (*name == '\0')
        return xstrdup(folder->relative);
    return *folder->relative == '\0' ? xstrdup(name) : xasprintf("%s/%s", folder->relative, name);
}

static void tell(struct directory_watcher *watcher, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    cleanup_vec struct vec heard = VEC_OF(struct heard, release_heard);
    pthread_mutex_lock(&watcher->lock);
    for (size_t i = first_of(&watcher->folders, event->wd); i < watcher->folders.len; i++) {
        const struct watched_folder *folder = vec_at(&watcher->folders, i);
        if (folder->wd != event->wd)
            break;
        // In the folder above, only our own name and that folder itself are of interest.
        if (folder->parent && *name != '\0' && strcmp(name, folder->directory->base) != 0)
            continue;
        *(struct heard *)vec_push(&heard) =
            (struct heard){folder->directory, path_of(folder, name)};
    }
    pthread_mutex_unlock(&watcher->lock);
    vec_foreach (struct heard, one, &heard) {
        suspect(one->directory, one->path);
    }
}

static void suspect_everything(struct directory_watcher *watcher)
{
    vec_foreach (struct directory *, directory, &watcher->directories) {
        (*directory)->suspect_all = true;
        suspect(*directory, "");
    }
}

static void on_events(int fd, int events, void *arg)
{
    (void)events;
    struct directory_watcher *watcher = arg;
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = read(fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        at += (ssize_t)(sizeof *event + event->len);
        if ((event->mask & IN_Q_OVERFLOW) != 0)
            suspect_everything(watcher);
        else if ((event->mask & IN_IGNORED) == 0)
            tell(watcher, event);
    }
}

// ---- watches (any thread) ----

static void add_watch(struct directory *directory, const char *folder, const char *relative,
                      bool parent, unsigned generation)
{
    struct directory_watcher *watcher = directory->watcher;
    if (watcher == NULL)
        return;
    pthread_mutex_lock(&watcher->lock);
    int wd = inotify_add_watch(watcher->fd, folder,
                               FOLDER_EVENTS | IN_ONLYDIR | (parent ? 0 : IN_DONT_FOLLOW));
    int failed = wd < 0 ? errno : 0;
    size_t place = wd >= 0 ? first_of(&watcher->folders, wd) : 0;
    bool known = false;
    for (size_t i = place; wd >= 0 && i < watcher->folders.len; i++) {
        const struct watched_folder *other = vec_at(&watcher->folders, i);
        if (other->wd != wd)
            break;
        known = known || (other->directory == directory && other->generation == generation &&
                          other->parent == parent && strcmp(other->relative, relative) == 0);
    }
    if (wd >= 0 && !known)
        *(struct watched_folder *)vec_insert(&watcher->folders, place) =
            (struct watched_folder){wd, directory, generation, parent, xstrdup(relative)};
    pthread_mutex_unlock(&watcher->lock);
    // A folder that is not there yet is found by the comparison.
    if (failed != 0 && failed != ENOENT && failed != ENOTDIR) {
        pthread_mutex_lock(&directory->lock);
        directory->watch_problem = failed;
        pthread_mutex_unlock(&directory->lock);
    }
}

void directory_watch_folder(struct directory *directory, const char *folder, const char *relative,
                            unsigned generation)
{
    add_watch(directory, folder, relative, false, generation);
}

void directory_watch_parent(struct directory *directory, unsigned generation)
{
    add_watch(directory, directory->parent, "", true, generation);
}

unsigned directory_watch_begin(struct directory *directory)
{
    return ++directory->watch_last;
}

static void drop_folders(struct directory *directory, bool all, unsigned kept)
{
    struct directory_watcher *watcher = directory->watcher;
    if (watcher == NULL)
        return;
    pthread_mutex_lock(&watcher->lock);
    for (size_t i = watcher->folders.len; i > 0; i--) {
        const struct watched_folder *folder = vec_at(&watcher->folders, i - 1);
        if (folder->directory != directory || (!all && folder->generation == kept))
            continue;
        int wd = folder->wd;
        vec_remove(&watcher->folders, i - 1);
        // It fails where the folder is gone already.
        if (!is_used(&watcher->folders, wd))
            (void)inotify_rm_watch(watcher->fd, wd);
    }
    pthread_mutex_unlock(&watcher->lock);
}

void directory_watch_keep(struct directory *directory, unsigned generation)
{
    drop_folders(directory, false, generation);
    directory->watch_generation = generation;
}

// ---- joining and listening (loop) ----

static const char watcher_key;

static int watcher_new(struct loop *loop, struct directory_watcher **ret_watcher, struct error *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno,
                           "cannot listen for changes of files (is fs.inotify.max_user_instances "
                           "used up?)");
    struct directory_watcher *watcher = xcalloc(1, sizeof *watcher);
    watcher->loop = loop;
    watcher->fd = fd;
    watcher->folders = VEC_OF(struct watched_folder, release_folder);
    watcher->directories = VEC_OF(struct directory *, NULL);
    pthread_mutex_init(&watcher->lock, NULL);
    watcher->listener = loop_fd_new(loop, fd, LOOP_READABLE, on_events, watcher);
    loop_set_shared(loop, &watcher_key, watcher);
    *ret_watcher = watcher;
    return 0;
}

int directory_watcher_join(struct directory *directory, struct error *err)
{
    struct directory_watcher *watcher = loop_shared(directory->loop, &watcher_key);
    if (watcher == NULL && watcher_new(directory->loop, &watcher, err) < 0)
        return -1;
    *(struct directory **)vec_push(&watcher->directories) = directory;
    directory->watcher = watcher;
    directory->timer = loop_timer_new(directory->loop, check, directory);
    return 0;
}

void directory_watcher_leave(struct directory *directory)
{
    struct directory_watcher *watcher = directory->watcher;
    loop_timer_free(directory->timer);
    if (watcher == NULL)
        return;
    drop_folders(directory, true, 0);
    for (size_t i = watcher->directories.len; i > 0; i--)
        if (*(struct directory **)vec_at(&watcher->directories, i - 1) == directory)
            vec_remove(&watcher->directories, i - 1);
    directory->watcher = NULL;
    if (watcher->directories.len > 0)
        return;
    loop_set_shared(watcher->loop, &watcher_key, NULL);
    loop_fd_free(watcher->listener);
    close(watcher->fd);
    vec_free(&watcher->folders);
    vec_free(&watcher->directories);
    pthread_mutex_destroy(&watcher->lock);
    free(watcher);
}

int directory_watch(struct target *target, void (*on_drift)(void *arg), void *arg,
                    struct error *err)
{
    struct directory *directory = directory_of(target);
    pthread_mutex_lock(&directory->lock);
    int problem = directory->watch_problem;
    directory->watch_problem = 0;
    pthread_mutex_unlock(&directory->lock);
    if (on_drift != NULL && directory->watcher == NULL)
        return error_set(err, ERROR_INTERNAL, "%s is used without an event loop", directory->path);
    if (on_drift != NULL && problem != 0)
        return error_errno(err, problem,
                           "cannot listen for changes below %s (is fs.inotify.max_user_watches "
                           "used up?)",
                           directory->path);
    directory->on_drift = on_drift;
    directory->on_drift_arg = arg;
    if (on_drift == NULL)
        loop_timer_cancel(directory->timer);
    else if (directory->suspects.len > 0)
        loop_timer_set(directory->timer, 0);
    return 0;
}
