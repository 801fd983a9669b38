// The work queue of one kind: each object is reconciled by at most one worker at a time, a trigger
// that comes meanwhile runs it once more, failures back off, and everything waits on one timer.
//
//            queue_add                 worker free             process returned
//   (idle) ───────────▶ WAITING ──────────────────▶ RUNNING ───────────────────▶ (idle or WAITING)
//                          ▲  due time moves earlier     │ queue_add: `again`
//                          └─────────────────────────────┘
//
// Everything here is for the loop's thread; only `process` runs on a worker.
#ifndef CONTROLLER_QUEUE_H
#define CONTROLLER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/pool.h"

struct queue;

struct queue_outcome {
    int64_t again_ms; // look again after this long; 0 = only when triggered
    bool failed;      // back off: again_ms is the least delay
    bool gone;        // the object is no more, and forgotten unless it was added meanwhile
    void *result;     // passed to `settled`, which owns it
};

struct queue_events {
    // On a worker: one reconcile from beginning to end. `work` is what `prepare` returned.
    void (*process)(void *arg, void *work, struct cancel *cancel,
                    struct queue_outcome *ret_outcome);
    // On the loop, before: what the worker needs to know, owned by the flow; NULL: the object
    // is gone, and forgotten here too.
    void *(*prepare)(void *arg, const char *key);
    // On the loop, after process, before the object may run again. Frees `work` and the result.
    void (*settled)(void *arg, const char *key, void *work, struct queue_outcome *outcome);
};

// Retries of a failed object start at first_retry_ms and double up to max_retry_ms.
struct queue *queue_new(struct loop *loop, struct pool *pool, const struct queue_events *events,
                        void *arg, int64_t first_retry_ms, int64_t max_retry_ms);
// No flow may be running: free the pool first.
void queue_free(struct queue *queue);

// Reconcile `key` in delay_ms, or earlier if it was due earlier. `key` is "namespace/name", copied.
void queue_add(struct queue *queue, const char *key, int64_t delay_ms);
// Forgets the object; cancels its flow if it runs.
void queue_remove(struct queue *queue, const char *key);
// Cancels the running flow of the object, which then runs again: for a trigger that makes it
// pointless.
void queue_restart(struct queue *queue, const char *key);
bool queue_is_running(const struct queue *queue, const char *key);
size_t queue_depth(const struct queue *queue); // waiting and due, and running

#endif
