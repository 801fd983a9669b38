// A Sync's cluster before and after an apply, without applying: what stands there now, and what the
// API server says would stand there (a dry run of the same server-side apply), and what would be
// pruned. Values of Secrets do not show.
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include <jansson.h>

#include "api/store.h"
#include "base/vec.h"
#include "cli/command.h"

// Whether the Sync applies to a cluster, not to a directory.
bool live_is_cluster(const json_t *sync);

// `files` (struct oci_file) are what would be applied. Appends struct oci_file to both sides, with
// the path that the object has in an artifact, sorted. ERROR_INVALID names all objects that the API
// server refuses.
int live_compare(const struct cli *cli, struct store *store, const json_t *sync,
                 const struct vec *files, struct vec *ret_before, struct vec *ret_after,
                 struct error *err) __attribute__((warn_unused_result));

#endif
