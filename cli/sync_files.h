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

#endif
