// One Hook in the receiver: its token and path, and the write of its status.
#ifndef RECEIVER_HOOK_INTERNAL_H
#define RECEIVER_HOOK_INTERNAL_H

#include <jansson.h>

#include "api/store.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/vec.h"
#include "receiver/delivery.h"
#include "receiver/receiver.h"
#include "receiver/route.h"
#include "receiver/seen.h"
#include "receiver/token.h"

struct hook_write;

struct receiver {
    struct loop *loop;
    struct store *store;
    struct pool *pool;
    struct receiver_options options;
    struct store_watch *hooks_watch;
    struct store_watch *secrets_watch; // NULL unless on files
    struct vec hooks;                  // of struct hook *
    bool synced;
    struct metric *requests;
    struct metric *seconds;
    struct metric *pending;
};

struct hook {
    struct receiver *receiver;
    json_t *object; // as known last; owned
    struct hook_token token;
    char path[HOOK_PATH_SIZE]; // "" while there is none
    bool looked_at;            // the token was looked for at least once
    bool gone;                 // deleted; freed when its write is done
    bool refresh_wanted;
    unsigned failures; // of refreshes, in a row
    struct loop_timer *refresh_timer;
    struct seen seen;
    struct vec waiting; // of struct waiting *, for the next write
    struct hook_write *write;
};

// A delivery whose sender waits for the write.
struct waiting {
    struct hook_delivery delivery;
    struct http_exchange *exchange; // NULL when it has been abandoned
};

struct hook *hook_new(struct receiver *receiver, const json_t *object);
// At once, or when its write is done. Waiting senders are told.
void hook_drop(struct hook *hook);
// The store shows it like this now.
void hook_observe(struct hook *hook, const json_t *object);
// Reads the Secret again, soon.
void hook_refresh(struct hook *hook);
// The delivery becomes durable, then the exchange is answered. Consumes the delivery.
void hook_deliver(struct hook *hook, struct hook_delivery *delivery,
                  struct http_exchange *exchange);
// Whether a delivery of that id is durable already.
bool hook_has_seen(const struct hook *hook, const char *id);

// Answers and counts. `result` is the metric's label.
void receiver_answer(struct receiver *receiver, struct http_exchange *exchange,
                     const char *provider, int status, const char *result, const char *message,
                     const char *request_id);

#endif
