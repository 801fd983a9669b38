// The store on files: `--config DIR` holds the objects as YAML, `--state DIR` what the roles and
// commands write. Any number of processes may share both.
//
// DIR: every *.yaml and *.yml below it (names that start with a dot are skipped, links to files are
// followed), any number of documents a file. No role writes DIR; store_apply and store_delete do.
//
// STATE/<kind in lower case>/<namespace, or _>/<name>/
//   object.json     uid, generation, creation time and the last good spec: made from DIR
//   status.json     written by store_put_status
//   request.json    {annotations, labels, suspend}: store_patch_metadata and store_suspend
//   finalizer.json  {finalizers}: store_patch_metadata
// STATE/events.jsonl, STATE/locks/<role>, STATE/<record name>.json
//
// A file that does not parse, or a DIR that cannot be read or holds no object, deletes nothing: the
// last good objects stand, also across a restart; those of such a file say so (OBJECT_UNREADABLE).
// Where such a file may hold a TrustPolicy that was never read, a TrustPolicy unreadable-<hash>
// with an empty spec stands for it, so that everything is governed. An object counts as deleted
// after 60 s of absence from a DIR in which every file parses, at once by store_delete.
#ifndef API_STORE_FILES_H
#define API_STORE_FILES_H

#include "api/store.h"
#include "base/clock.h"

struct store_files_options {
    const char *config_dir; // must exist unless state holds objects
    const char *state_dir;  // made when absent
    const struct clock *clock;
    // Read what is there and write nothing: uid is empty and generation 0 for objects that no other
    // process has taken up yet, and all writing functions fail with ERROR_DENIED.
    bool read_only;
};

// Reads everything once. *ret_store is owned. ERROR_NOT_FOUND, ERROR_DENIED; files that do not
// parse are no error here (store_files_problems).
int store_files_open(const struct store_files_options *options, struct store **ret_store,
                     struct error *err) __attribute__((warn_unused_result));

// What in DIR could not be taken: an array of sentences that name file and line. Owned.
json_t *store_files_problems(struct store *store);

#endif
