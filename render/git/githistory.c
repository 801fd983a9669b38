// Is one commit in the history of another? Asked in a request of its own, because a fetch for
// rendering cuts the history off: want the new commit, have the old one, no trees where the server
// can leave them out. The answer holds every commit between the two; a chain of parents from new to
// old in it is a proof that nobody can forge, because each commit is named by its hash.
//
// The request does not say that the old commit is shallow here, and asks for no thin pack: so the
// pack needs nothing that we lack, and the server does not send the whole history before the fork
// of every merged branch.
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/vec.h"
#include "render/git/gitlib.h"
#include "render/git/gitremote_internal.h"

enum {
    MAX_COMMITS = 10000,
    // Commits alone are a few hundred bytes each; without the filter a pack has their files too.
    MAX_HISTORY_BYTES = 256 * 1024 * 1024,
};

static int compare_oids(const void *a, const void *b)
{
    return git_oid_cmp(a, b);
}

// Pushes oid to the sorted vec `seen` and to `queue`, unless it was there.
static void visit(struct vec *seen, struct vec *queue, const git_oid *oid)
{
    size_t low = 0;
    size_t high = seen->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_oids(vec_at(seen, middle), oid);
        if (order == 0)
            return;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *(git_oid *)vec_insert(seen, low) = *oid;
    *(git_oid *)vec_push(queue) = *oid;
}

// Walks breadth first from `from` over the commits that are there. False as well when there are
// more than the limit.
static bool reaches(git_repository *repository, const git_oid *from, const git_oid *to)
{
    cleanup_vec struct vec seen = VEC_OF(git_oid, NULL);
    cleanup_vec struct vec queue = VEC_OF(git_oid, NULL);
    visit(&seen, &queue, from);
    for (size_t next = 0; next < queue.len && next < MAX_COMMITS; next++) {
        git_oid oid = *(git_oid *)vec_at(&queue, next);
        git_commit *commit = NULL;
        if (git_oid_equal(&oid, to))
            return true;
        if (git_commit_lookup(&commit, repository, &oid) < 0)
            continue; // behind the old commit; not in the pack
        for (unsigned i = 0; i < git_commit_parentcount(commit); i++)
            visit(&seen, &queue, git_commit_parent_id(commit, i));
        git_commit_free(commit);
    }
    return false;
}

// Nothing of the answer is kept: it goes to a store of its own beside the other.
static int fetch_history(struct gitremote *remote, const char *old_commit, const char *new_commit,
                         struct gitstore **ret_store, struct error *err)
{
    cleanup_gitpack struct gitpack *pack = NULL;
    cleanup_gitstore struct gitstore *store = NULL;
    cleanup_free char *dir =
        remote->config.store_dir != NULL ? path_join(remote->config.store_dir, "history") : NULL;
    struct gitproto_fetch_request request = {
        .want = new_commit, .have = old_commit, .commits_only = remote->caps.filter};
    if (gitstore_open(dir, remote->name, &store, err) < 0 || gitstore_clear(store, err) < 0 ||
        gitpack_begin(store, MAX_HISTORY_BYTES, remote->config.cancel, &pack, err) < 0 ||
        gitremote_receive(remote, &request, pack, err) < 0 || gitpack_commit(pack, err) < 0)
        return -1;
    *ret_store = STEAL(store);
    return 0;
}

static int is_forward(struct gitremote *remote, const char *old_commit, const char *new_commit,
                      bool *ret_forward, struct error *err)
{
    cleanup_error struct error reason = {0};
    cleanup_gitstore struct gitstore *store = NULL;
    git_repository *repository = NULL;
    git_oid from;
    git_oid to;
    if (git_oid_fromstr(&from, new_commit) < 0 || git_oid_fromstr(&to, old_commit) < 0)
        return error_set(err, ERROR_INVALID, "a commit has 40 hex digits");
    if (remote->local != NULL) {
        *ret_forward = reaches(remote->local, &from, &to);
        return 0;
    }
    if (gitremote_connect(remote, err) < 0)
        return -1;
    if (fetch_history(remote, old_commit, new_commit, &store, &reason) < 0) {
        if (reason.code != ERROR_LIMIT)
            return error_move(err, &reason);
        *ret_forward = false;
        return 0;
    }
    int result = git_repository_wrap_odb(&repository, gitstore_odb(store));
    if (result < 0)
        return gitlib_error(err, result, ERROR_INTERNAL, "open the history");
    *ret_forward = reaches(repository, &from, &to);
    git_repository_free(repository);
    return gitstore_clear(store, err);
}

int gitremote_is_forward(struct gitremote *remote, const char *old_commit, const char *new_commit,
                         bool *ret_forward, struct error *err)
{
    if (strcmp(old_commit, new_commit) == 0) {
        *ret_forward = true;
        return 0;
    }
    if (is_forward(remote, old_commit, new_commit, ret_forward, err) == 0)
        return 0;
    return error_wrap(err, "%s: compare %.12s with %.12s", remote->name, new_commit, old_commit);
}
