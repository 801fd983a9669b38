// inotify over DIR (every folder) and STATE (the folders of kinds and namespaces: writers touch an
// object's folder, which its parent's watch hears).
#include "api/files_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct folder {
    int wd;
    char *path;              // of DIR: relative to it
    const struct kind *kind; // of STATE: NULL above the kinds
    char *namespace;         // of STATE: NULL above the namespaces; "" for cluster-scoped kinds
    bool of_state;
};

struct files_inotify {
    struct files_store *files;
    int fd;
    struct loop_fd *watch;
    struct vec folders; // struct folder
    bool incomplete;    // the system's limit of watches was met
};

// What a batch of events asks for beyond single files.
struct batch {
    bool walk;
    bool everything;
};

static const uint32_t config_mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                    IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB |
                                    IN_ONLYDIR;
static const uint32_t state_mask =
    IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

static void release_folder(void *element)
{
    struct folder *folder = element;
    free(folder->path);
    free(folder->namespace);
}

static struct folder *folder_of(struct files_inotify *inotify, int wd)
{
    vec_foreach (struct folder, folder, &inotify->folders) {
        if (folder->wd == wd)
            return folder;
    }
    return NULL;
}

// The folder's record, emptied if it was known; NULL when it cannot be watched.
static struct folder *add(struct files_inotify *inotify, const char *path, uint32_t mask)
{
    int wd = inotify_add_watch(inotify->fd, path, mask);
    if (wd < 0) {
        if (errno == ENOSPC && !inotify->incomplete) {
            inotify->incomplete = true;
            log_warn("the limit of inotify watches is met, so changes are polled for; raise "
                     "fs.inotify.max_user_watches",
                     "path", path);
        }
        return NULL;
    }
    struct folder *folder = folder_of(inotify, wd);
    if (folder == NULL)
        folder = vec_push(&inotify->folders);
    else
        release_folder(folder);
    *folder = (struct folder){.wd = wd};
    return folder;
}

void files_inotify_add_config(struct files_inotify *inotify, const char *path)
{
    cleanup_free char *full = *path != '\0' ? path_join(inotify->files->config_dir, path)
                                            : xstrdup(inotify->files->config_dir);
    struct folder *folder = add(inotify, full, config_mask);
    if (folder != NULL)
        folder->path = xstrdup(path);
}

static void refresh(struct files_inotify *inotify, const struct kind *kind, const char *namespace,
                    const char *name)
{
    // Owned: the folder record may move while files are taken in.
    cleanup_free char *own = xstrdup(namespace);
    struct object_key key = {.kind = kind->name, .namespace = own, .name = name};
    files_refresh(inotify->files, &key);
}

static void add_state(struct files_inotify *inotify, const struct kind *kind,
                      const char *namespace);

// What came into being before the folder was watched.
static void catch_up(struct files_inotify *inotify, const char *path, const struct kind *kind,
                     const char *namespace)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (namespace == NULL)
            add_state(inotify, kind, strcmp(entry->d_name, "_") == 0 ? "" : entry->d_name);
        else
            refresh(inotify, kind, namespace, entry->d_name);
    }
    closedir(dir);
}

// Watches STATE/<kind> (namespace NULL) or STATE/<kind>/<namespace>.
static void add_state(struct files_inotify *inotify, const struct kind *kind, const char *namespace)
{
    struct object_key key = {
        .kind = kind->name, .namespace = namespace != NULL ? namespace : "", .name = ""};
    cleanup_free char *path = files_state_path(inotify->files, &key);
    path[strlen(path) - 1] = '\0';
    if (namespace == NULL)
        *strrchr(path, '/') = '\0';
    cleanup_free char *own = xstrdup_or_null(namespace);
    struct folder *folder = add(inotify, path, state_mask);
    if (folder == NULL)
        return;
    folder->of_state = true;
    folder->kind = kind;
    folder->namespace = xstrdup_or_null(own);
    catch_up(inotify, path, kind, own);
}

static void add_kind(struct files_inotify *inotify, const char *folder_name)
{
    const struct kind *kind = kind_find(folder_name);
    if (kind != NULL)
        add_state(inotify, kind, NULL);
}

static void add_state_root(struct files_inotify *inotify)
{
    struct folder *folder = add(inotify, inotify->files->state_dir, state_mask);
    if (folder != NULL)
        folder->of_state = true;
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++)
        add_state(inotify, kind, NULL);
}

static void on_state_event(struct files_inotify *inotify, const struct folder *folder,
                           const struct inotify_event *event)
{
    const char *name = event->name;
    if (event->len == 0 || name[0] == '.' || (event->mask & IN_ISDIR) == 0)
        return;
    bool went = (event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
    const struct kind *kind = folder->kind;
    if (kind != NULL && folder->namespace != NULL)
        refresh(inotify, kind, folder->namespace, name);
    else if (kind != NULL && !went)
        add_state(inotify, kind, strcmp(name, "_") == 0 ? "" : name);
    else if (kind == NULL && !went)
        add_kind(inotify, name);
}

// A new file is still being written until IN_CLOSE_WRITE; a link is not.
static bool is_whole_at_birth(const struct files_store *files, const char *path)
{
    cleanup_free char *full = path_join(files->config_dir, path);
    struct stat st;
    return lstat(full, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static void on_config_event(struct files_inotify *inotify, const struct folder *folder,
                            const struct inotify_event *event, struct batch *batch)
{
    bool file = event->len > 0 && (event->mask & IN_ISDIR) == 0;
    // Kubernetes swaps the link ..data under the files of a volume.
    if (!file || event->name[0] == '.') {
        batch->walk |= !file || strncmp(event->name, "..", 2) == 0;
        return;
    }
    if (!files_is_yaml_name(event->name))
        return;
    struct files_store *files = inotify->files;
    cleanup_free char *path =
        *folder->path != '\0' ? path_join(folder->path, event->name) : xstrdup(event->name);
    if ((event->mask & IN_CREATE) != 0 && !is_whole_at_birth(files, path))
        return;
    pthread_mutex_lock(&files->load_lock);
    files_load_path(files, path);
    pthread_mutex_unlock(&files->load_lock);
}

static void on_event(struct files_inotify *inotify, const struct inotify_event *event,
                     struct batch *batch)
{
    if ((event->mask & IN_Q_OVERFLOW) != 0) {
        batch->everything = true;
        return;
    }
    struct folder *folder = folder_of(inotify, event->wd);
    if (folder == NULL)
        return;
    if ((event->mask & IN_IGNORED) != 0) {
        batch->walk |= !folder->of_state;
        vec_remove(&inotify->folders, (size_t)(folder - (struct folder *)inotify->folders.data));
    } else if (folder->of_state) {
        on_state_event(inotify, folder, event);
    } else {
        on_config_event(inotify, folder, event, batch);
    }
}

static void on_readable(int fd, int events, void *arg)
{
    (void)events;
    struct files_inotify *inotify = arg;
    struct files_store *files = inotify->files;
    struct batch batch = {0};
    union {
        struct inotify_event first; // for its alignment
        char bytes[16384];
    } buffer;
    ssize_t got = read(fd, &buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
        // The kernel pads names, so that every event is aligned.
        const void *place = buffer.bytes + at;
        const struct inotify_event *event = place;
        on_event(inotify, event, &batch);
        at += (ssize_t)(sizeof *event + event->len);
    }
    if (batch.everything) {
        files_rescan(files);
    } else if (batch.walk) {
        pthread_mutex_lock(&files->load_lock);
        files_walk(files);
        pthread_mutex_unlock(&files->load_lock);
    }
    files_absence_arm(files);
}

int files_inotify_new(struct files_store *files, struct files_inotify **ret_inotify,
                      struct error *err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "cannot watch %s; raise fs.inotify.max_user_instances",
                           files->config_dir);
    struct files_inotify *inotify = xcalloc(1, sizeof *inotify);
    inotify->files = files;
    inotify->fd = fd;
    inotify->folders = VEC_OF(struct folder, release_folder);
    *ret_inotify = inotify;
    return 0;
}

void files_inotify_start(struct files_inotify *inotify, struct loop *loop)
{
    inotify->watch = loop_fd_new(loop, inotify->fd, LOOP_READABLE, on_readable, inotify);
    add_state_root(inotify);
}

void files_inotify_free(struct files_inotify *inotify)
{
    if (inotify == NULL)
        return;
    loop_fd_free(inotify->watch);
    close(inotify->fd);
    vec_free(&inotify->folders);
    free(inotify);
}

bool files_inotify_is_complete(const struct files_inotify *inotify)
{
    return !inotify->incomplete;
}
