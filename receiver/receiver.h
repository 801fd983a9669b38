// The receiver: answers webhooks for all Hooks of a store.
//
//   request ─▶ on_head: path known? ─▶ on_request: signature, JSON, filter, replay
//                                            │ wanted
//                                            ▼
//              2xx ◀── Hook.status written (pool) ◀── waits with all that arrive meanwhile
//
// A delivery is answered 2xx only after it is durable in Hook.status.pending (receiver/pending.h).
// There is one write at a time per Hook; what arrives while it is under way shares the next one.
//
// Wired by cli/serve: http_server_new(loop, options, receiver_events(), receiver, ...). Torn down
// in this order: pool_free, http_server_free, receiver_free, store_free. Loop thread.
#ifndef RECEIVER_RECEIVER_H
#define RECEIVER_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/store.h"
#include "base/error.h"
#include "base/http_server.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/strbuf.h"

struct receiver;

struct receiver_options {
    // Secrets are read again so often, since the receiver may get them but not watch them; 0 = 60
    // s.
    int64_t secret_interval_ms;
    // The store on files: Secrets are watched as well, and the commands in conditions are for
    // files.
    bool on_files;
};

// All are borrowed for the receiver's life.
int receiver_new(struct loop *loop, struct store *store, struct pool *pool, struct metrics *metrics,
                 const struct receiver_options *options, struct receiver **ret_receiver,
                 struct error *err) __attribute__((warn_unused_result));
// No job of its own may be under way: free the pool before. NULL is fine.
void receiver_free(struct receiver *receiver);

// For http_server_new, with the receiver as arg. Static.
const struct http_server_events *receiver_events(void);

// True once every Hook that existed at the start has its path or says why not; else why_not, if
// given, gets a sentence.
bool receiver_ready(const struct receiver *receiver, struct strbuf *why_not);

#endif
