// Repositories on this host's disk, read in place with libgit2: no child, no copy, nothing written.
// git's "safe.directory" does not apply (gitlib.c says why).
#ifndef RENDER_GIT_GITLOCAL_H
#define RENDER_GIT_GITLOCAL_H

#include <git2.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

// Whether a URL is for this host: file://… or an absolute path.
bool gitlocal_takes(const char *url);
// The path of such a URL, decoded; owned. ERROR_INVALID (a host in it, a bad escape).
int gitlocal_path(const char *url, char **ret_path, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_NOT_FOUND, ERROR_DENIED, or ERROR_INVALID for a format that libgit2 cannot read.
int gitlocal_open(const char *path, git_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));
// Refs that start with `prefix`, as gitproto's ls-refs gives them, into `refs`.
int gitlocal_refs(git_repository *repository, const char *prefix, struct vec *refs,
                  struct error *err) __attribute__((warn_unused_result));

#endif
