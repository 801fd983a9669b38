// What bundle_inputs.c (the turns of rendering and fetching) and bundle_inputs_fetch.c share.
#ifndef CONTROLLER_BUNDLE_INPUTS_INTERNAL_H
#define CONTROLLER_BUNDLE_INPUTS_INTERNAL_H

#include "controller/bundle_inputs.h"
#include "render/remote.h"

enum { COPY_NAME_DIGITS = 24 }; // of the hash of what a copy is of

struct bundle_inputs {
    struct bundle_inputs_config config; // with the defaults filled in
    char *dir;                          // what config.dir points to
    struct remotes *remotes;
    struct vec snapshots; // struct gitsnapshot *, that the trees of remotes are in
    struct vec list;      // struct bundle_input
    struct vec warnings;  // char *
    struct vec used;      // char *, names in `dir`
    size_t repository_bytes;
    size_t file_bytes;
    bool failed;
};

void bundle_inputs_tell(const struct bundle_inputs *inputs, const struct remote *remote);

// bundle_inputs_git.c: the sentence has no place in front.
int bundle_inputs_fetch_repository(struct bundle_inputs *inputs, struct remote *remote,
                                   struct error *err) __attribute__((warn_unused_result));
// bundle_inputs_file.c: `wanted` is of struct remote *; the sentence has its place.
int bundle_inputs_fetch_files(struct bundle_inputs *inputs, const struct vec *wanted,
                              struct error *err) __attribute__((warn_unused_result));

// bundle_inputs_login.c: as whom to ask.
struct input_login {
    char *url; // without user and password
    char *username;
    char *password;
    const char *bearer_token;   // borrowed from the source's
    const struct http_tls *tls; // the same
};
void input_login_release(struct input_login *login); // may be called twice
#define cleanup_input_login __attribute__((cleanup(input_login_release)))
int input_find_login(const struct bundle_inputs *inputs, const struct remote *remote,
                     struct input_login *ret_login, struct error *err)
    __attribute__((warn_unused_result));
// Whether what the source has is for it.
bool input_is_ours(const struct bundle_inputs *inputs, const struct remote *remote);
// ERROR_DENIED for a place of this host that the tree may not name.
int input_check_local(const struct bundle_inputs *inputs, const struct remote *remote,
                      struct error *err) __attribute__((warn_unused_result));
// Adds why there are no credentials, where that may be the cause. Always -1.
int input_explain(const struct bundle_inputs *inputs, const struct remote *remote,
                  struct error *err);
int64_t input_time_left_ms(const struct bundle_inputs *inputs, const struct remote *remote);
// The name of its copy, which is in use from now on; where it is, NULL when copies are not kept.
// Owned.
char *input_copy_name(struct bundle_inputs *inputs, const struct remote *remote);
char *input_copy_path(const struct bundle_inputs *inputs, const char *name, const char *ending);
// Always -1.
int input_refuse_offline(const struct remote *remote, struct error *err);

#endif
