#include "render/git/gitlib.h"

#include <errno.h>
#include <git2.h>
#include <git2/sys/alloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    // The largest object that is held as a whole: one that is stored as a delta. Above every limit
    // on an artifact.
    MAX_BLOCK_BYTES = 256 * 1024 * 1024,
    // A repository of 1 GiB with objects of 256 bytes each.
    MAX_PACK_OBJECTS = 4 * 1024 * 1024,
    // Parsed trees and commits per object database; what a render reads twice.
    MAX_CACHE_BYTES = 4 * 1024 * 1024,
    // Of one tree. Each file of a folder is found through its tree, which must not be read anew for
    // each: this is one of some 25,000 names.
    MAX_CACHED_TREE_BYTES = 1024 * 1024,
};

static bool is_too_large(size_t count, size_t size)
{
    size_t total = 0;
    if (!__builtin_mul_overflow(count, size, &total) && total <= MAX_BLOCK_BYTES)
        return false;
    errno = ENOMEM;
    git_error_set_oom();
    return true;
}

static void *checked(void *block)
{
    if (block == NULL)
        git_error_set_oom();
    return block;
}

static void *lib_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_too_large(1, size) ? NULL : checked(malloc(size));
}

static void *lib_calloc(size_t count, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_too_large(count, size) ? NULL : checked(calloc(count, size));
}

static void *lib_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return is_too_large(1, size) ? NULL : checked(realloc(block, size));
}

static void *lib_reallocarray(void *block, size_t count, size_t size, const char *file, int line)
{
    return is_too_large(count, size) ? NULL : lib_realloc(block, count * size, file, line);
}

static void *lib_mallocarray(size_t count, size_t size, const char *file, int line)
{
    return is_too_large(count, size) ? NULL : lib_malloc(count * size, file, line);
}

// libgit2's contract: exactly n bytes are copied, and a NUL goes behind them.
static char *lib_substrdup(const char *text, size_t size, const char *file, int line)
{
    char *copy = size < SIZE_MAX ? lib_malloc(size + 1, file, line) : NULL;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static char *lib_strdup(const char *text, const char *file, int line)
{
    return lib_substrdup(text, strlen(text), file, line);
}

static char *lib_strndup(const char *text, size_t size, const char *file, int line)
{
    return lib_substrdup(text, strnlen(text, size), file, line);
}

static void lib_free(void *block)
{
    free(block);
}

static int set_options(void)
{
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                 GIT_CONFIG_LEVEL_GLOBAL, GIT_CONFIG_LEVEL_PROGRAMDATA};
    static git_allocator allocator = {
        .gmalloc = lib_malloc,
        .gcalloc = lib_calloc,
        .gstrdup = lib_strdup,
        .gstrndup = lib_strndup,
        .gsubstrdup = lib_substrdup,
        .grealloc = lib_realloc,
        .greallocarray = lib_reallocarray,
        .gmallocarray = lib_mallocarray,
        .gfree = lib_free,
    };
    int result = git_libgit2_opts(GIT_OPT_SET_ALLOCATOR, &allocator);
    for (size_t i = 0; result == 0 && i < ARRAY_LENGTH(levels); i++)
        result = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    if (result == 0)
        result = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)MAX_PACK_OBJECTS);
    if (result == 0)
        result = git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)MAX_CACHE_BYTES);
    if (result == 0)
        result = git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE,
                                  (size_t)MAX_CACHED_TREE_BYTES);
    // Git asks who owns a repository because its configuration can name programs to run. Nothing
    // here runs any; which local paths may be read at all is the operator's --allow-local-path.
    if (result == 0)
        result = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    return result;
}

int gitlib_setup(struct error *err)
{
    int count = git_libgit2_init();
    if (count < 0)
        return gitlib_error(err, count, ERROR_INTERNAL, "start libgit2");
    int result = count == 1 ? set_options() : 0;
    return result == 0 ? 0 : gitlib_error(err, result, ERROR_INTERNAL, "set libgit2's options");
}

void gitlib_teardown(void)
{
    git_libgit2_shutdown();
}

// libgit2 writes the system's words behind its own; errno itself is lost by then.
static bool is_disk_full(const char *reason)
{
    static const int codes[] = {ENOSPC, EDQUOT, EFBIG};
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
        if (strstr(reason, strerrordesc_np(codes[i])) != NULL)
            return true;
    return false;
}

int gitlib_error(struct error *err, int result, enum error_code otherwise, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *what = xvasprintf(format, args);
    va_end(args);
    const git_error *last = git_error_last();
    const char *reason = last != NULL && last->message != NULL ? last->message : "no reason given";
    enum error_code code = otherwise;
    if (result == GIT_ENOTFOUND)
        code = ERROR_NOT_FOUND;
    else if (last != NULL && last->klass == GIT_ERROR_NOMEMORY)
        return error_set(err, ERROR_LIMIT, "%s: an object is larger than the limit of %d MiB", what,
                         MAX_BLOCK_BYTES / 1024 / 1024);
    else if (is_disk_full(reason))
        code = ERROR_UNAVAILABLE;
    return error_set(err, code, "%s: %s", what, reason);
}
