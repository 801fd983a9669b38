// One commit of a repository: who, when, and its files as a tree view that reads objects only when
// they are asked for. One thread at a time.
#ifndef RENDER_GIT_GITSNAPSHOT_H
#define RENDER_GIT_GITSNAPSHOT_H

#include <stdint.h>

#include "base/error.h"
#include "render/tree.h"

struct gitsnapshot;

struct gitcommit {
    char id[41];
    int64_t time_s; // the committer's, since 1970
    char *author_name;
    char *author_email;
    char *subject; // first line of the message, at most 200 bytes
};

void gitsnapshot_free(struct gitsnapshot *snapshot); // NULL is fine
void cleanup_gitsnapshot_pointer(struct gitsnapshot **snapshot);
#define cleanup_gitsnapshot __attribute__((cleanup(cleanup_gitsnapshot_pointer)))

// Borrowed until the snapshot is freed.
const struct gitcommit *gitsnapshot_commit(const struct gitsnapshot *snapshot);

// The files. Borrowed until the snapshot is freed; tree_free is not called on it. Submodules are
// TREE_OTHER. A read that meets a damaged object is ERROR_UNAVAILABLE and empties the local copy,
// so that the next fetch starts over.
struct tree *gitsnapshot_tree(struct gitsnapshot *snapshot);

// The commit as it was signed: *ret_signature is the armoured text of its gpgsig header,
// *ret_payload the bytes it signs; both owned. ERROR_NOT_FOUND when it is not signed.
int gitsnapshot_signature(struct gitsnapshot *snapshot, char **ret_signature, char **ret_payload,
                          struct error *err) __attribute__((warn_unused_result));

#endif
