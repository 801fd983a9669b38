// A lock file per role: the kernel gives it back when its process ends, however that happens.
#include "api/files_internal.h"

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    RETRY_MS = 500,  // while another process holds it
    CHECK_MS = 5000, // whether the file is still the one that others would lock
    MAX_PID = 32,
};

struct files_lease {
    struct store_lease lease;
    struct store_lease_events events;
    void *arg;
    char *path;
    const char *role; // the end of path
    int fd;           // locked; -1
    bool told;        // that another process holds it
    struct loop_timer *timer;
};

// The locked file, or -1 while another process holds it (errno EWOULDBLOCK) or it cannot be opened.
static int try_lock(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

// Once, not at every try.
static void tell_that_it_waits(struct files_lease *lease)
{
    if (lease->told)
        return;
    lease->told = true;
    cleanup_free char *holder = NULL;
    size_t size;
    if (file_read(lease->path, MAX_PID, &holder, &size, NULL) == 0)
        holder[strcspn(holder, "\n")] = '\0';
    log_info("another process acts in this role; standing by", "role", lease->role, "pid", holder);
}

static bool is_at(int fd, const char *path)
{
    struct stat held, now;
    return fstat(fd, &held) == 0 && stat(path, &now) == 0 && held.st_dev == now.st_dev &&
           held.st_ino == now.st_ino;
}

static void on_timer(void *arg)
{
    struct files_lease *lease = arg;
    if (lease->fd >= 0) {
        loop_timer_set(lease->timer, CHECK_MS);
        if (is_at(lease->fd, lease->path))
            return;
        // Somebody removed STATE or the file: another process could lock a new one.
        close(lease->fd);
        lease->fd = -1;
        loop_timer_set(lease->timer, RETRY_MS);
        if (lease->events.on_lost != NULL)
            lease->events.on_lost(lease->arg);
        return;
    }
    lease->fd = try_lock(lease->path);
    int cause = errno;
    loop_timer_set(lease->timer, lease->fd >= 0 ? CHECK_MS : RETRY_MS);
    if (lease->fd < 0) {
        if (cause == EWOULDBLOCK)
            tell_that_it_waits(lease);
        else
            log_warn("cannot lock the role", "path", lease->path, "error", strerrordesc_np(cause));
        return;
    }
    lease->told = false;
    // For people: who holds it.
    if (ftruncate(lease->fd, 0) < 0 || dprintf(lease->fd, "%ld\n", (long)getpid()) < 0)
        log_debug("cannot write to the lock", "path", lease->path);
    if (lease->events.on_acquired != NULL)
        lease->events.on_acquired(lease->arg);
}

int files_lease_new(struct store *store, struct loop *loop, const char *role,
                    const struct store_lease_events *events, void *arg,
                    struct store_lease **ret_lease, struct error *err)
{
    struct files_store *files = files_of(store);
    cleanup_free char *dir = path_join(files->state_dir, "locks");
    if (files_check_writable(files, err) < 0 || file_make_dirs(dir, err) < 0)
        return -1;
    struct files_lease *lease = xcalloc(1, sizeof *lease);
    lease->lease.store = store;
    lease->events = *events;
    lease->arg = arg;
    lease->fd = -1;
    lease->path = path_join(dir, role);
    lease->role = strrchr(lease->path, '/') + 1;
    lease->timer = loop_timer_new(loop, on_timer, lease);
    loop_timer_set(lease->timer, 0);
    *(struct files_lease **)vec_push(&files->leases) = lease;
    *ret_lease = &lease->lease;
    return 0;
}

bool files_lease_held(const struct store_lease *base)
{
    const struct files_lease *lease =
        (const struct files_lease *)((const char *)base - offsetof(struct files_lease, lease));
    return lease->fd >= 0;
}

void files_lease_free(struct store_lease *base)
{
    struct files_lease *lease = CONTAINER_OF(base, struct files_lease, lease);
    struct files_store *files = files_of(base->store);
    for (size_t i = files->leases.len; i > 0; i--) {
        if (*(struct files_lease **)vec_at(&files->leases, i - 1) == lease)
            vec_remove(&files->leases, i - 1);
    }
    loop_timer_free(lease->timer);
    if (lease->fd >= 0)
        close(lease->fd);
    free(lease->path);
    free(lease);
}
