// What a tree needs from elsewhere, fetched before it is rendered: remote bases, at one commit for
// the whole build, and files of web servers. Rendering itself fetches nothing (render/remote.h), so
// the two take turns until nothing is missing:
//
//     render ──▶ "wants https://…/base?ref=v1" ──▶ resolve · fetch ──▶ render ──▶ … ──▶ objects
//
// Credentials are those of the tree's own source, and go to no other host; nor to the source's host
// where a base of another host asks for it. For a worker thread; blocks.
#ifndef CONTROLLER_BUNDLE_INPUTS_H
#define CONTROLLER_BUNDLE_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/vec.h"
#include "render/render.h"

struct gitremote_config;
struct role;

// What a person has for a host.
struct bundle_login {
    char *url; // whose scheme, host and port count
    char *username;
    char *password;
};
void bundle_login_release(void *login);
#define BUNDLE_LOGINS VEC_OF(struct bundle_login, bundle_login_release)

// Borrowed until bundle_inputs_free, but for dir.
struct bundle_inputs_config {
    const char *dir; // copied; of local copies, made when missing; NULL = none outlives the build
    struct http_client *client;
    enum http_reach reach;
    struct cancel *cancel;
    int64_t deadline_mono_ms;              // 0 = five minutes from bundle_inputs_new
    size_t max_bytes;                      // of all repositories; 0 = 1 GiB
    int64_t keep_ms;                       // copies in `dir` that were not used for so long go
    const struct gitremote_config *source; // where the tree is from: url and credentials; or NULL
    const struct vec *logins; // struct bundle_login, used as the source's are; NULL = none
    // For ssh to any host that the tree itself names, where the source is not on it.
    const char *ssh_identity;
    const char *ssh_known_hosts;
    const struct role *role;                   // whose rules places of this host follow; NULL: none
    bool allow_local;                          // the tree may name places of this host at all
    bool offline;                              // only what `dir` holds
    void (*tell)(void *arg, const char *step); // progress; may be NULL
    void *tell_arg;
};

// One thing that went into the build.
struct bundle_input {
    char *uri; // "git+https://git.example.com/acme/base.git@refs/tags/v1", "https://…/x.yaml";
               // without credentials
    const char *algorithm; // "gitCommit", "sha256"; static
    char *digest;          // hex
};

struct bundle_inputs;
struct bundle_inputs *bundle_inputs_new(const struct bundle_inputs_config *config);
void bundle_inputs_free(struct bundle_inputs *inputs); // NULL is fine
void cleanup_bundle_inputs_pointer(struct bundle_inputs **inputs);
#define cleanup_bundle_inputs __attribute__((cleanup(cleanup_bundle_inputs_pointer)))

// render_tree with all that the tree needs; options->remotes is ignored. The warnings of the result
// name bases that follow a branch. Beside render_tree's errors those of fetching: NOT_FOUND,
// DENIED, UNAVAILABLE, TIMEOUT, UNVERIFIED, CANCELED, LIMIT; the sentence starts with file and
// field, and then bundle_inputs_failed.
int bundle_inputs_render(struct bundle_inputs *inputs, struct tree *tree, const char *path,
                         const struct render_options *options, struct render_result *ret_result,
                         struct error *err) __attribute__((warn_unused_result));
// The last call failed because something could not be fetched, not because of what it is.
bool bundle_inputs_failed(const struct bundle_inputs *inputs);

// struct bundle_input by uri. Borrowed.
const struct vec *bundle_inputs_list(const struct bundle_inputs *inputs);
// Of all inputs and what they are; "" when there are none. Owned.
char *bundle_inputs_digest(const struct bundle_inputs *inputs);

#endif
