#include "base/backoff.h"

#include <sys/random.h>
#include <sys/types.h>

// Evenly enough over [0, bound]: jitter needs to be different on every host, not secret.
static int64_t random_up_to(int64_t bound)
{
    uint64_t value = 0;
    if (bound <= 0 || getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        return 0;
    return (int64_t)(value % ((uint64_t)bound + 1));
}

int64_t backoff_next(struct backoff *backoff, int64_t retry_after_ms)
{
    int64_t delay = backoff->first_ms;
    for (unsigned i = 0; i < backoff->attempts && delay < backoff->max_ms; i++)
        delay = delay > backoff->max_ms / 2 ? backoff->max_ms : delay * 2;
    if (delay > backoff->max_ms)
        delay = backoff->max_ms;
    backoff->attempts++;
    delay -= random_up_to(delay / 4);
    if (retry_after_ms > backoff->max_ms)
        retry_after_ms = backoff->max_ms;
    return delay > retry_after_ms ? delay : retry_after_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->attempts = 0;
}

int64_t jitter(int64_t interval_ms, unsigned percent)
{
    if (percent > 100)
        percent = 100;
    // Divided first where a product would overflow.
    int64_t swing = interval_ms > INT64_MAX / 100 ? interval_ms / 100 * (int64_t)percent
                                                  : interval_ms * (int64_t)percent / 100;
    return interval_ms - swing + random_up_to(2 * swing);
}
