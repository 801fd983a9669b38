// What a Sync would apply now, the objects of the newest artifact that it follows, or what a Bundle
// released last: with the login in the object's own Secrets where the person may read them, else
// with the person's.
#ifndef CLI_SYNC_FILES_H
#define CLI_SYNC_FILES_H

#include <jansson.h>

#include "api/store.h"
#include "base/vec.h"
#include "cli/command.h"

// Appends struct oci_file. Nothing is verified: this is for looking.
int sync_files_load(const struct cli *cli, struct store *store, const json_t *object,
                    struct vec *ret_files, struct error *err) __attribute__((warn_unused_result));

// The channel that the Sync follows: its own, its tag, or its Bundle's first tag. *ret_channel is
// owned; NULL where its spec does not say: a digest, or what a range chooses. -1 where the Bundle
// cannot be read.
int sync_channel(struct store *store, const json_t *sync, char **ret_channel, struct error *err)
    __attribute__((warn_unused_result));

#endif
