// The controller: keeps every Sync's target equal to its verified artifact.
//
//   Bundle.status, Hook delivery, poll timer, changed spec, Secret or TrustPolicy, drift, `sealift
//   reconcile`
//        │
//        ▼           worker (sync_reconcile.c)
//      queue ──▶ resolve · verify · floor · unpack · apply · prune ──▶ Sync.status, events
//                                                       │
//        ▲───────────────── drift ◀── watch of the target
//
// It runs only while it holds the lease of the role "controller". Loop thread.
#ifndef CONTROLLER_SYNC_H
#define CONTROLLER_SYNC_H

#include "base/error.h"
#include "controller/role.h"

struct syncs;

int syncs_new(const struct role *role, struct syncs **ret_syncs, struct error *err)
    __attribute__((warn_unused_result));
// After the pool was freed. NULL is fine.
void syncs_free(struct syncs *syncs);
_Bool syncs_ready(const struct syncs *syncs);

#endif
