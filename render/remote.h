// What a build needs from elsewhere: remote bases and files. Rendering fetches nothing: what it
// meets and was not given is noted here, and the build ends as incomplete. Whoever may fetch
// (controller/bundle_inputs.h) brings what is wanted and renders again, until nothing is missing.
// A base may need others, so this can take some rounds; everything is brought once.
//
// One thread at a time.
#ifndef RENDER_REMOTE_H
#define RENDER_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "render/tree.h"

enum {
    REMOTES_MAX = 128,     // in one build
    REMOTES_MAX_DEEP = 16, // repositories in one another
};

enum remote_kind {
    REMOTE_FILE,       // of a web server
    REMOTE_REPOSITORY, // a commit of a git repository
};

enum remote_state {
    REMOTE_WANTED,
    REMOTE_BROUGHT,
    REMOTE_ABSENT, // the server has no such file; a repository may be there instead
};

struct remote {
    enum remote_kind kind;
    char *url;                  // as written: may hold a user and a password, and is never shown
    char *ref;                  // branch, tag or commit of a repository; "" = the server's HEAD
    char *name;                 // the URL without credentials, for messages
    char *place;                // who names it: "prod/kustomization.yaml:4: resources[0]"
    const struct remote *asker; // the repository that names it; NULL = the tree that is rendered
    int64_t timeout_ms;         // what the URL allows for fetching; 0 = it says nothing
    bool may_be_absent;         // the renderer goes on without it

    enum remote_state state;
    struct tree *tree; // REMOTE_BROUGHT repository; borrowed, outlives the builds
    char *data;        // REMOTE_BROUGHT file; owned, with a NUL behind its size bytes
    size_t size;
    char *absence; // REMOTE_ABSENT: the sentence; owned
};

struct remotes;
struct remotes *remotes_new(void);
void remotes_free(struct remotes *remotes); // NULL is fine
void cleanup_remotes_pointer(struct remotes **remotes);
#define cleanup_remotes __attribute__((cleanup(cleanup_remotes_pointer)))

// For renderers: what is known of it, or NULL. Borrowed until remotes_free.
const struct remote *remotes_find(const struct remotes *remotes, enum remote_kind kind,
                                  const char *url, const char *ref);
// Notes that `wanted` is missing: url, ref, place are copied; of several that want the
// same, the first is kept. ERROR_LIMIT above REMOTES_MAX.
int remotes_want(struct remotes *remotes, const struct remote *wanted, struct error *err)
    __attribute__((warn_unused_result));

// For who fetches: whether the last build had all it needed; and what of a kind is still wanted,
// pushed as struct remote *.
bool remotes_are_complete(const struct remotes *remotes);
void remotes_wanted(const struct remotes *remotes, enum remote_kind kind, struct vec *ret_wanted);

#endif
