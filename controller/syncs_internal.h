// All Syncs of a controller, on the loop: sync.c has their lives, sync_news.c what concerns which
// of them.
#ifndef CONTROLLER_SYNCS_INTERNAL_H
#define CONTROLLER_SYNCS_INTERNAL_H

#include "api/store.h"
#include "controller/inbox.h"
#include "controller/policy.h"
#include "controller/role.h"
#include "controller/roster.h"
#include "controller/sync_internal.h"

enum {
    WATCH_SYNC,
    WATCH_BUNDLE,
    WATCH_HOOK,
    WATCH_POLICY,
    WATCH_SECRET,
    WATCH_NAMESPACE,
    WATCH_COUNT
};

struct syncs {
    struct role role;
    struct queue *queue;
    struct roster roster; // of Syncs; data: struct sync_memory
    // data: what of them Syncs act on, as text
    struct roster bundles;
    struct roster policies;
    struct policies *judges; // what is said of them
    struct roster namespaces;
    struct inbox *inbox;
    struct store_lease *lease;
    struct store_watch *watches[WATCH_COUNT];
    bool synced;
};

// Everything but drift and health: resolved and verified anew.
void syncs_add_news(struct syncs *syncs, struct sync_memory *memory);

// sync_news.c: what the watches and Hooks tell; arg is the syncs.
void syncs_on_bundle(void *arg, enum store_change change, const json_t *object);
void syncs_on_hook(void *arg, enum store_change change, const json_t *hook);
void syncs_on_policy(void *arg, enum store_change change, const json_t *policy);
void syncs_on_namespace(void *arg, enum store_change change, const json_t *namespace);
void syncs_on_secret(void *arg, enum store_change change, const json_t *secret);
void syncs_on_delivery(void *arg, const json_t *hook, const struct delivery *delivery);

#endif
