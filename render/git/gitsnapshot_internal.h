// How fetches make snapshots.
#ifndef RENDER_GIT_GITSNAPSHOT_INTERNAL_H
#define RENDER_GIT_GITSNAPSHOT_INTERNAL_H

#include <git2.h>

#include "render/git/gitsnapshot.h"
#include "render/git/gitstore.h"

// From a store that holds the commit (a reference is taken), or from a repository on disk
// (consumed, also on failure; store NULL). ERROR_INVALID when the id is of no commit.
int gitsnapshot_new(struct gitstore *store, git_repository *repository, const char *commit,
                    struct gitsnapshot **ret_snapshot, struct error *err)
    __attribute__((warn_unused_result));

#endif
