// What a sender told us, in the form that is kept: who changed, and to what.
#ifndef RECEIVER_DELIVERY_H
#define RECEIVER_DELIVERY_H

#include <stdint.h>

// Owned strings. What the payload could not tell is NULL; a reader then has to look at everything.
struct hook_delivery {
    char *id;               // the sender's delivery id; travels on as the request id
    char *repository;       // identity (api/identity.h), of git or of OCI
    char *other_repository; // a second identity under which the same repository is known
    char *ref;              // full, so that branches and tags stay apart: refs/heads/main
    char *commit;           // 40 or 64 hex digits
    char *tag;
    char *digest;
    int64_t received_ms; // wall time
};
void hook_delivery_release(struct hook_delivery *delivery); // may be called twice
#define cleanup_hook_delivery __attribute__((cleanup(hook_delivery_release)))

#endif
