// Condition variables that are waited on by the monotonic clock, a slice at a time: for waits that
// also look at a cancel flag or a deadline that nobody signals.
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <pthread.h>
#include <stdint.h>

void condition_init(pthread_cond_t *condition); // pthread_cond_destroy ends it
// With the lock held: until somebody signals, ms (below 1,000) have passed, or for no reason.
void condition_wait_slice(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t ms);

#endif
