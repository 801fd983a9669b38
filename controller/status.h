// What Bundles and Syncs have in common when a flow ends: writing the status, the history in it,
// and whether trying again may help. Any thread.
#ifndef CONTROLLER_STATUS_H
#define CONTROLLER_STATUS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

struct store;

// Only a change by somebody helps: the same input would fail again. The condition is Stalled and
// the next look is the poll; everything else backs off and is tried again.
bool status_is_final(const struct error *err);

// Puts `status` in place of that of `object`. The flow is the only writer of it, so a conflict
// means that somebody changed the metadata meanwhile, and the status is written to the object as it
// is then. ERROR_NOT_FOUND when the object is gone or was replaced.
int status_write(struct store *store, const json_t *object, const json_t *status, struct error *err)
    __attribute__((warn_unused_result));

// Puts `entry` (consumed) in front of status.history, which keeps the last 10.
void status_add_history(json_t *status, json_t *entry);

#endif
