#include "render/git/gitlocal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/url.h"
#include "render/git/gitlib.h"
#include "render/git/gitproto.h"

enum { MAX_LOCAL_REFS = 200000 };

bool gitlocal_takes(const char *url)
{
    return *url == '/' || strncasecmp(url, "file://", strlen("file://")) == 0;
}

int gitlocal_path(const char *url, char **ret_path, struct error *err)
{
    if (*url == '/') {
        *ret_path = xstrdup(url);
        return 0;
    }
    const char *path = url + strlen("file://");
    if (*path != '/')
        return error_set(err, ERROR_INVALID,
                         "a file URL names no host: write file:///path or the path alone");
    return url_unescape(path, ret_path, err);
}

// Format extensions that change how objects and refs are stored. libgit2 refuses them too, but in
// 1.5 it leaks 20 KB for every line of the configuration while it does.
static int check_extensions(const git_config *config, const char *path, struct error *err)
{
    static const char prefix[] = "extensions.";
    git_config_iterator *iterator = NULL;
    git_config_entry *entry = NULL;
    int result = git_config_iterator_new(&iterator, config);
    if (result < 0)
        return gitlib_error(err, result, ERROR_INVALID, "read the configuration of %s", path);
    while (git_config_next(&entry, iterator) == 0) {
        if (strncmp(entry->name, prefix, strlen(prefix)) != 0)
            continue;
        const char *name = entry->name + strlen(prefix);
        if (strcmp(name, "noop") == 0 ||
            (strcmp(name, "objectformat") == 0 && entry->value != NULL &&
             strcmp(entry->value, "sha1") == 0))
            continue;
        error_set(
            err, ERROR_INVALID,
            "the repository %s uses git's extension %s = %s, which cannot be read so far: use "
            "a plain clone of it (sha1, files)",
            path, name, entry->value != NULL ? entry->value : "true");
        git_config_iterator_free(iterator);
        return -1;
    }
    git_config_iterator_free(iterator);
    return 0;
}

// `folder`: where the configuration is, seen from path. Version 0 has no extensions.
static int check_format(const char *path, const char *folder, struct error *err)
{
    cleanup_free char *file = xasprintf("%s/%sconfig", path, folder);
    git_config *config = NULL;
    int32_t version = 0;
    if (!file_exists(file) || git_config_open_ondisk(&config, file) < 0)
        return 0; // whatever is wrong with it, libgit2 says so when it opens the repository
    int result = 0;
    if (git_config_get_int32(&version, config, "core.repositoryformatversion") == 0 && version > 0)
        result = check_extensions(config, path, err);
    git_config_free(config);
    return result;
}

int gitlocal_open(const char *path, git_repository **ret_repository, struct error *err)
{
    if (access(path, R_OK | X_OK) < 0)
        return error_errno(err, errno, "open the repository %s", path);
    if (check_format(path, "", err) < 0 || check_format(path, ".git/", err) < 0)
        return -1;
    int result = git_repository_open_ext(ret_repository, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    if (result == GIT_ENOTFOUND)
        return error_set(err, ERROR_NOT_FOUND, "%s is not a git repository", path);
    return result < 0 ? gitlib_error(err, result, ERROR_INVALID, "open the repository %s", path)
                      : 0;
}

// The object a ref names in the end, and what an annotated tag peels to.
static void push_ref(git_reference *reference, struct vec *refs)
{
    git_reference *direct = NULL;
    git_object *peeled = NULL;
    if (git_reference_resolve(&direct, reference) < 0)
        return; // a symbolic ref that leads nowhere is no ref
    struct gitproto_ref *ref = vec_push(refs);
    ref->name = xstrdup(git_reference_name(reference));
    git_oid_tostr(ref->oid, sizeof ref->oid, git_reference_target(direct));
    if (git_reference_peel(&peeled, direct, GIT_OBJECT_ANY) == 0 &&
        !git_oid_equal(git_object_id(peeled), git_reference_target(direct)))
        git_oid_tostr(ref->peeled, sizeof ref->peeled, git_object_id(peeled));
    git_object_free(peeled);
    git_reference_free(direct);
}

int gitlocal_refs(git_repository *repository, const char *prefix, struct vec *refs,
                  struct error *err)
{
    git_reference *reference = NULL;
    git_reference_iterator *iterator = NULL;
    // A whole name is looked up; only a folder of refs is walked.
    if (prefix[strlen(prefix) - 1] != '/') {
        int result = git_reference_lookup(&reference, repository, prefix);
        if (result == 0)
            push_ref(reference, refs);
        git_reference_free(reference);
        return result == 0 || result == GIT_ENOTFOUND
                   ? 0
                   : gitlib_error(err, result, ERROR_INVALID, "read %s", prefix);
    }
    cleanup_free char *glob = xasprintf("%s*", prefix);
    int result = git_reference_iterator_glob_new(&iterator, repository, glob);
    while (result == 0 && (result = git_reference_next(&reference, iterator)) == 0) {
        push_ref(reference, refs);
        git_reference_free(reference);
        if (refs->len > MAX_LOCAL_REFS) {
            git_reference_iterator_free(iterator);
            return error_set(err, ERROR_LIMIT, "more than %d refs start with %s", MAX_LOCAL_REFS,
                             prefix);
        }
    }
    git_reference_iterator_free(iterator);
    return result == GIT_ITEROVER ? 0 : gitlib_error(err, result, ERROR_INVALID, "list %s", prefix);
}
