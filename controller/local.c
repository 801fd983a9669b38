#include "controller/local.h"

#include "base/memory.h"
#include "controller/role.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Where `path` leads: what exists of it without links, and the rest behind it. NULL when the rest
// climbs, or nothing of it can be resolved. Owned.
static char *resolve(const char *path)
{
    cleanup_free char *head = xstrdup(path);
    for (;;) {
        cleanup_free char *real = realpath(head, NULL);
        size_t size = strlen(head);
        if (real != NULL) {
            const char *rest = path + size;
            bool climbs = strstr(rest, "/../") != NULL ||
                          (strlen(rest) >= 3 && strcmp(rest + strlen(rest) - 3, "/..") == 0);
            return climbs ? NULL : xasprintf("%s%s", strcmp(real, "/") == 0 ? "" : real, rest);
        }
        struct stat st;
        if (lstat(head, &st) == 0)
            return NULL; // a link to what is not there yet
        char *slash = strrchr(head, '/');
        if (slash == NULL || (slash == head && size == 1))
            return NULL;
        // "/a" is cut to "/", whose rest then starts with its slash again.
        if (slash == head)
            return strstr(path, "..") == NULL ? xstrdup(path) : NULL;
        *slash = '\0';
    }
}

static bool is_below(const char *path, const char *folder)
{
    size_t size = strlen(folder);
    while (size > 0 && folder[size - 1] == '/')
        size--;
    return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

int local_check_path(const struct role *role, const char *path, struct error *err)
{
    if (role->local_paths == NULL)
        return 0;
    cleanup_free char *place = *path == '/' ? resolve(path) : NULL;
    for (const char *const *folder = role->local_paths; place != NULL && *folder != NULL;
         folder++) {
        cleanup_free char *real = realpath(*folder, NULL);
        if (is_below(place, real != NULL ? real : *folder))
            return 0;
    }
    return error_set(err, ERROR_INVALID,
                     "%s is a place of the host that sealift runs on, which objects of a cluster "
                     "may not name; use a registry and a git server, or let sealift serve run with "
                     "--allow-local-path and a folder above it",
                     path);
}

int local_check_url(const struct role *role, const char *url, struct error *err)
{
    static const char *const schemes[] = {"file://", "oci-layout://"};
    for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
        size_t size = strlen(schemes[i]);
        if (strncmp(url, schemes[i], size) == 0)
            return local_check_path(role, url + size, err);
    }
    return 0;
}
