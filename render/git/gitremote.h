// A git repository somewhere else, over https, http, ssh or on this host's disk: which commit a ref
// points to, that commit's files, and whether one commit is in the history of another.
//
//     struct gitremote *remote;
//     gitremote_open(&config, &remote, err);
//     gitremote_resolve(remote, &selector, &revision, err);          // one small request
//     if (strcmp(revision.commit, known) != 0) {
//         gitremote_is_forward(remote, known, revision.commit, &forward, err);
//         gitremote_fetch(remote, &revision, &snapshot, err);        // sends what changed
//     }
//     gitremote_close(remote);                                       // the snapshot lives on
//
// All of it blocks, under one deadline; for a worker thread, one thread at a time. Protocol v2
// only. Errors: NOT_FOUND (repository, ref or commit), DENIED (credentials), UNVERIFIED (TLS or
// host key), UNAVAILABLE, TIMEOUT, CANCELED, LIMIT, CONFLICT (the ref moved meanwhile; try again),
// INVALID (the URL, or an answer that is not git's). A sentence names the URL without credentials.
#ifndef RENDER_GIT_GITREMOTE_H
#define RENDER_GIT_GITREMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/http_client.h"
#include "render/git/gitsnapshot.h"

// All borrowed until gitremote_close.
struct gitremote_config {
    // https://, http://, ssh://[user@]host[:port]/path, [user@]host:path, file:///path, or an
    // absolute path. Whether local paths are allowed at all is the caller's to decide.
    const char *url;
    // Folder for the local copy, made when missing; one repository per folder. What was fetched
    // before is not fetched again. NULL = a private one that goes with the snapshot.
    const char *store_dir;

    const char *username; // HTTP; over ssh it is the URL's, else this, else "git"
    const char *password;
    const char *bearer_token;
    const struct http_tls *tls;
    const char *proxy;          // as in http_request
    struct http_client *client; // of this thread; needed for HTTP

    const char *ssh_identity;    // private key without passphrase, as text
    const char *ssh_known_hosts; // lines of known_hosts, as text

    enum http_reach reach;
    bool offline; // ask nobody: what is not in store_dir is ERROR_UNAVAILABLE
    struct cancel *cancel;
    int64_t deadline_ms;     // over all calls, from gitremote_open; 0 = 60 s
    int64_t idle_timeout_ms; // no byte for so long ends it; 0 = 30 s
    size_t max_pack_bytes;   // 0 = 1 GiB
};

enum gitremote_select {
    GITREMOTE_BRANCH, // "main"
    GITREMOTE_TAG,    // "v1.2.3"
    GITREMOTE_SEMVER, // the highest tag in a range (base/semver.h)
    GITREMOTE_COMMIT, // 40 hex digits
    GITREMOTE_NAME, // as `git fetch URL NAME` finds it: a commit, "refs/…", a tag, a branch; "" or
                    // "HEAD" is what the server checks out
};
struct gitremote_selector {
    enum gitremote_select kind;
    const char *value;
};

struct gitremote_revision {
    char commit[41];
    char *ref;  // "refs/heads/main", "HEAD"; "" for a commit
    char *name; // "main", "HEAD"; "" for a commit
};
void gitremote_revision_release(struct gitremote_revision *revision);
#define cleanup_gitremote_revision __attribute__((cleanup(gitremote_revision_release)))

struct gitremote;
// Judges the URL and opens the local copy; no network yet. ERROR_CONFLICT while another remote or
// snapshot uses the same store_dir. gitlib_setup (render/git/gitlib.h) ran before.
int gitremote_open(const struct gitremote_config *config, struct gitremote **ret_remote,
                   struct error *err) __attribute__((warn_unused_result));
void gitremote_close(struct gitremote *remote); // NULL is fine
void cleanup_gitremote_pointer(struct gitremote **remote);
#define cleanup_gitremote __attribute__((cleanup(cleanup_gitremote_pointer)))

// ERROR_NOT_FOUND when there is no such ref, or no tag in the range. A commit is taken as it is.
int gitremote_resolve(struct gitremote *remote, const struct gitremote_selector *selector,
                      struct gitremote_revision *ret_revision, struct error *err)
    __attribute__((warn_unused_result));

// The commit without its history. *ret_snapshot is owned, and holds the store until it is freed.
int gitremote_fetch(struct gitremote *remote, const struct gitremote_revision *revision,
                    struct gitsnapshot **ret_snapshot, struct error *err)
    __attribute__((warn_unused_result));

// Whether old_commit is in the history of new_commit, shown by the commits themselves: at most
// 10,000 between them. What the server cannot show (the old commit is gone, too many commits) is
// false, not an error.
int gitremote_is_forward(struct gitremote *remote, const char *old_commit, const char *new_commit,
                         bool *ret_forward, struct error *err) __attribute__((warn_unused_result));

#endif
