// The packager: keeps every Bundle's artifact equal to what its Git ref says.
//
//   Hook delivery, poll timer, changed spec or Secret, `sealift reconcile`
//        │
//        ▼           worker (bundle_reconcile.c)
//      queue ──▶ resolve · fetch · render · pack · push · sign · tag ──▶ Bundle.status, events,
//      notify
//
// It runs only while it holds the lease of the role "packager". Loop thread.
#ifndef CONTROLLER_BUNDLE_H
#define CONTROLLER_BUNDLE_H

#include "base/error.h"
#include "controller/role.h"

struct bundles;

int bundles_new(const struct role *role, struct bundles **ret_bundles, struct error *err)
    __attribute__((warn_unused_result));
// After the pool was freed. NULL is fine.
void bundles_free(struct bundles *bundles);
// The first look at everything is over, or another process holds the lease.
_Bool bundles_ready(const struct bundles *bundles);

#endif
