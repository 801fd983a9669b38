#include "cli/checkout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"

// A worktree's or a submodule's .git is a file.
static bool holds_git(const char *folder)
{
    cleanup_free char *git = path_join(folder, ".git");
    struct stat st;
    return lstat(git, &st) == 0;
}

// The length of the first part of `path`, an absolute one, that is a repository; 0 for none.
static size_t repository_length(const char *path)
{
    cleanup_free char *above = xstrdup(path);
    for (char *slash; *above != '\0'; *slash = '\0') {
        if (holds_git(above))
            return strlen(above);
        slash = strrchr(above, '/');
        if (slash == NULL)
            break;
    }
    return 0;
}

int checkout_find(const char *folder, const char *path, struct checkout *ret_checkout,
                  struct error *err)
{
    cleanup_free char *real = path == NULL ? realpath(folder, NULL) : NULL;
    if (path == NULL && real == NULL)
        return error_errno(err, errno, "open %s", folder);
    size_t length = real != NULL ? repository_length(real) : 0;
    *ret_checkout = (struct checkout){.is_repository = length > 0};
    if (length == 0 || real[length] == '\0') {
        ret_checkout->root = xstrdup(folder);
        ret_checkout->path = xstrdup(path != NULL ? path : "");
        return 0;
    }
    ret_checkout->root = xstrndup(real, length);
    ret_checkout->path = xstrdup(real + length + 1);
    return 0;
}

void checkout_release(struct checkout *checkout)
{
    free(checkout->root);
    free(checkout->path);
}
