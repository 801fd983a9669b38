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

// Fetches what is wanted, and notes what it was. The sentence has no place in front.
int bundle_inputs_fetch(struct bundle_inputs *inputs, struct remote *remote, struct error *err)
    __attribute__((warn_unused_result));

#endif
