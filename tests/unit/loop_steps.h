// Running the loop of a test for a while, or until something is so. Include cmocka first.
#ifndef TESTS_UNIT_LOOP_STEPS_H
#define TESTS_UNIT_LOOP_STEPS_H

#include "base/loop.h"
#include "base/strbuf.h"

#include <string.h>

enum { LOOP_STEP_MS = 20, LOOP_STEPS_MAX = 750 }; // 15 s

static inline void loop_steps_end(void *arg)
{
    loop_stop(arg);
}

static inline void loop_run_for(struct loop *loop, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(loop, loop_steps_end, loop);
    loop_timer_set(timer, ms);
    assert_int_equal(loop_run(loop, NULL), 0);
    loop_timer_free(timer);
}

// Until `condition` holds; fails the test when it does not in time.
#define loop_run_until(loop, condition)                                      \
    do {                                                                     \
        for (int steps = 0; !(condition) && steps < LOOP_STEPS_MAX; steps++) \
            loop_run_for((loop), LOOP_STEP_MS);                              \
        assert_true(condition);                                              \
    } while (0)

// Until `text` is in the log.
static inline void loop_run_until_log(struct loop *loop, const struct strbuf *log, const char *text)
{
    for (int steps = 0; strstr(log->data, text) == NULL && steps < LOOP_STEPS_MAX; steps++)
        loop_run_for(loop, LOOP_STEP_MS);
    if (strstr(log->data, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, log->data);
}

#endif
