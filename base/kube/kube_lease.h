// Leader election by a Lease (coordination.k8s.io/v1), as client-go does it: who holds the lease
// renews it every 2 s; who does not watches it, and takes it when it did not change for the
// holder's leaseDurationSeconds (15) by the own clock; clocks of different hosts are never
// compared. A holder that could not renew for 10 s counts as having lost it, before anybody else
// can take it. Loop thread.
#ifndef BASE_KUBE_KUBE_LEASE_H
#define BASE_KUBE_KUBE_LEASE_H

#include "base/kube/kube_call.h"

struct kube_lease;

// All copied. Zero = the default.
struct kube_lease_options {
    const char *namespace_;
    const char *name;
    const char *identity;      // of this process, unique among all; NULL = "<host>_<random>"
    int64_t duration_ms;       // 15 s, rounded up to whole seconds
    int64_t renew_deadline_ms; // 10 s
    int64_t retry_ms;          // 2 s
};

// A function may free its own lease. Neither comes from within kube_lease_new.
struct kube_lease_events {
    void (*on_acquired)(void *arg);
    // Stop writing now: cancel what is under way. It is tried for again.
    void (*on_lost)(void *arg);
    // The server cannot be asked, or refuses; it is tried again. May be NULL.
    void (*on_error)(void *arg, const struct error *err);
};

int kube_lease_new(struct kube_loop *kube, const struct kube_lease_options *options,
                   const struct kube_lease_events *events, void *arg, struct kube_lease **ret_lease,
                   struct error *err) __attribute__((warn_unused_result));
bool kube_lease_held(const struct kube_lease *lease);
// Whether it was held, or another was seen to hold it, ever.
bool kube_lease_known(const struct kube_lease *lease);
// Who holds it as far as known: an identity, or "". Borrowed until the loop goes on.
const char *kube_lease_holder(const struct kube_lease *lease);
const char *kube_lease_identity(const struct kube_lease *lease);
// Gives it up without asking the server; the next holder waits for its end.
void kube_lease_free(struct kube_lease *lease);
// Gives it back first, so that the next holder need not wait: `done` is called when the server
// knows, or after 2 s. Then free it. on_lost is not called.
void kube_lease_release(struct kube_lease *lease, void (*done)(void *arg), void *arg);

#endif
