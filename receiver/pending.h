// Hook.status.pending: what was delivered and may still have to be acted on. Pure functions over
// the status.
//
//     pending: [{repository, ref, commit, delivery, sequence, receivedAt},          from git
//               {repository, tag, digest, delivery, sequence, receivedAt}]          from registries
//     droppedThrough: the highest sequence that left the list other than by a newer entry
//
// Entries stand in the order of their sequence, which only rises. There is one entry per
// (repository, ref) or (repository, tag, digest): a newer delivery takes the place of an older one.
// A member that is absent means "cannot tell". `ref` is full (refs/heads/main); `delivery` is the
// request id. A delivery that names its repository in two ways makes two entries.
#ifndef RECEIVER_PENDING_H
#define RECEIVER_PENDING_H

#include <jansson.h>
#include <stdint.h>

#include "receiver/delivery.h"

enum {
    PENDING_MAX_ENTRIES = 256,
    PENDING_MAX_ENTRY_BYTES = 1024,
    PENDING_MAX_AGE_MS = 60 * 60 * 1000,
};

// status is the caller's own copy.
void pending_merge(json_t *status, const struct hook_delivery *delivery);
// Drops what is too old or too much.
void pending_drop(json_t *status, int64_t now_ms);
size_t pending_count(const json_t *status);

#endif
