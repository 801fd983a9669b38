// The time, injected, so that tests own it. Wall time is for people and signatures; monotonic time
// for waits.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct clock {
    int64_t (*wall_ms)(const struct clock *clock); // since 1970-01-01T00:00:00Z
    int64_t (*mono_ms)(const struct clock *clock);
};

// The system's clock; static, any thread.
const struct clock *clock_system(void);

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);

// A clock that stands still until it is told. Any thread.
struct fake_clock {
    struct clock clock;
    int64_t now_wall_ms;
    int64_t now_mono_ms;
};
void fake_clock_init(struct fake_clock *fake, int64_t wall_ms);
void fake_clock_advance(struct fake_clock *fake, int64_t ms);

// RFC 3339 in UTC. "2026-11-21T10:00:00Z"; with milliseconds for the log and events.
#define TIME_TEXT_SIZE 40
void time_format(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE]);
void time_format_ms(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE]);
// Strict RFC 3339 with any offset. ERROR_INVALID.
int time_parse(const char *text, int64_t *ret_wall_ms, struct error *err)
    __attribute__((warn_unused_result));

// Go's duration as Kubernetes objects write it: "10m", "1h30m", "500ms", "1.5s"; not negative.
// ERROR_INVALID.
int duration_parse(const char *text, int64_t *ret_ms, struct error *err)
    __attribute__((warn_unused_result));
// For people: "1h30m", "2.5s", "120ms". Owned.
char *duration_format(int64_t ms);

#endif
