// Asking work on another thread to stop: one flag that work looks at, and one wake-up for the wait
// it is in.
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct cancel {
    pthread_mutex_t lock;
    bool requested;
    int64_t due_mono_ms;     // when it counts as requested; 0 = never by itself
    void (*wake)(void *arg); // what the work waits in now; NULL while it runs
    void *wake_arg;
};

void cancel_init(struct cancel *cancel);
void cancel_release(struct cancel *cancel);

// Any thread; more than once is fine. Runs the wake-up, which must be quick and must not lock what
// waits.
void cancel_request(struct cancel *cancel);
// The same in so many milliseconds, for work that may still come to its end. Nobody is woken then:
// only for waits that look at the flag from time to time.
void cancel_request_in(struct cancel *cancel, int64_t ms);
// NULL is never cancelled.
bool cancel_requested(struct cancel *cancel);
// ERROR_CANCELED when requested.
int cancel_check(struct cancel *cancel, struct error *err) __attribute__((warn_unused_result));

// Around a wait. cancel_unwatch returns only when no wake-up is running any more. NULL cancel is
// fine.
void cancel_watch(struct cancel *cancel, void (*wake)(void *arg), void *arg);
void cancel_unwatch(struct cancel *cancel);

#endif
