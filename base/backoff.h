// Delays between retries: exponential, jittered, capped.
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first_ms;
    int64_t max_ms;
    unsigned attempts; // so far
};

// The delay before the next try: first_ms doubled per attempt up to max_ms, less up to a quarter at
// random, and never less than retry_after_ms (itself capped at max_ms).
int64_t backoff_next(struct backoff *backoff, int64_t retry_after_ms);
void backoff_reset(struct backoff *backoff);

// interval_ms moved by up to `percent` percent either way, so that many timers do not fire
// together.
int64_t jitter(int64_t interval_ms, unsigned percent);

#endif
