#include "controller/queue.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Counts what the queue does; `hold` keeps a flow running until the test lets it go.
struct fixture {
    struct fake_clock clock;
    struct loop *loop;
    struct pool *pool;
    struct queue *queue;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold;
    unsigned started;
    unsigned settled;
    unsigned canceled;
    bool fail;
    int64_t again_ms;
};

static void process(void *arg, void *work, struct cancel *cancel, struct queue_outcome *ret_outcome)
{
    (void)work;
    struct fixture *fixture = arg;
    pthread_mutex_lock(&fixture->lock);
    fixture->started++;
    pthread_cond_broadcast(&fixture->changed);
    while (fixture->hold && !cancel_requested(cancel)) {
        const struct timespec pause = {.tv_nsec = 1000000};
        pthread_mutex_unlock(&fixture->lock);
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&fixture->lock);
    }
    fixture->canceled += cancel_requested(cancel);
    ret_outcome->failed = fixture->fail;
    ret_outcome->again_ms = fixture->again_ms;
    pthread_mutex_unlock(&fixture->lock);
}

static void *prepare(void *arg, const char *key)
{
    (void)arg;
    return strcmp(key, "shop/gone") != 0 ? xstrdup(key) : NULL;
}

static void settled(void *arg, const char *key, void *work, struct queue_outcome *outcome)
{
    (void)outcome;
    struct fixture *fixture = arg;
    assert_string_equal(key, work);
    free(work);
    fixture->settled++;
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error err = {0};
    fake_clock_init(&fixture->clock, 1700000000000);
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    assert_int_equal(loop_new(&fixture->clock.clock, &fixture->loop, &err), 0);
    assert_int_equal(pool_new(fixture->loop, 2, 100, &fixture->pool, &err), 0);
    const struct queue_events events = {.process = process, .prepare = prepare, .settled = settled};
    fixture->queue = queue_new(fixture->loop, fixture->pool, &events, fixture, 1000, 60000);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    pool_free(fixture->pool);
    queue_free(fixture->queue);
    loop_free(fixture->loop);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
    free(fixture);
    return 0;
}

// Turns the loop until the flows that were started have settled `count` times (or for 2 s of real
// time).
static void turn_until_settled(struct fixture *fixture, unsigned count)
{
    for (int i = 0; i < 2000 && fixture->settled < count; i++) {
        const struct timespec pause = {.tv_nsec = 1000000};
        loop_run_once(fixture->loop);
        nanosleep(&pause, NULL);
    }
}

static void wait_until_started(struct fixture *fixture, unsigned count)
{
    for (int i = 0; i < 2000; i++) {
        const struct timespec pause = {.tv_nsec = 1000000};
        loop_run_once(fixture->loop);
        pthread_mutex_lock(&fixture->lock);
        unsigned started = fixture->started;
        pthread_mutex_unlock(&fixture->lock);
        if (started >= count)
            return;
        nanosleep(&pause, NULL);
    }
}

static void release(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->hold = false;
    pthread_mutex_unlock(&fixture->lock);
}

static void test_queue_many_triggers_run_once(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 50; i++)
        queue_add(fixture->queue, "shop/web", 0);
    turn_until_settled(fixture, 1);
    loop_run_once(fixture->loop);
    assert_int_equal(fixture->settled, 1);
    assert_int_equal(queue_depth(fixture->queue), 0);
}

static void test_queue_trigger_while_running_runs_once_more(void **state)
{
    struct fixture *fixture = *state;
    fixture->hold = true;
    queue_add(fixture->queue, "shop/web", 0);
    wait_until_started(fixture, 1);
    assert_true(queue_is_running(fixture->queue, "shop/web"));
    queue_add(fixture->queue, "shop/web", 0);
    queue_add(fixture->queue, "shop/web", 0);
    release(fixture);
    turn_until_settled(fixture, 2);
    loop_run_once(fixture->loop);
    assert_int_equal(fixture->settled, 2);
}

static void test_queue_failure_backs_off(void **state)
{
    struct fixture *fixture = *state;
    fixture->fail = true;
    queue_add(fixture->queue, "shop/web", 0);
    turn_until_settled(fixture, 1);
    fake_clock_advance(&fixture->clock, 500);
    loop_run_once(fixture->loop);
    assert_int_equal(fixture->started, 1);
    fake_clock_advance(&fixture->clock, 600);
    turn_until_settled(fixture, 2);
    assert_int_equal(fixture->settled, 2);
}

static void test_queue_looks_again_after_the_interval(void **state)
{
    struct fixture *fixture = *state;
    fixture->again_ms = 600000;
    queue_add(fixture->queue, "shop/web", 0);
    turn_until_settled(fixture, 1);
    fake_clock_advance(&fixture->clock, 599000);
    loop_run_once(fixture->loop);
    assert_int_equal(fixture->started, 1);
    fake_clock_advance(&fixture->clock, 2000);
    turn_until_settled(fixture, 2);
    assert_int_equal(fixture->settled, 2);
}

static void test_queue_remove_cancels_the_flow(void **state)
{
    struct fixture *fixture = *state;
    fixture->hold = true;
    queue_add(fixture->queue, "shop/web", 0);
    wait_until_started(fixture, 1);
    queue_remove(fixture->queue, "shop/web");
    turn_until_settled(fixture, 1);
    assert_int_equal(fixture->canceled, 1);
    assert_false(queue_is_running(fixture->queue, "shop/web"));
    assert_int_equal(queue_depth(fixture->queue), 0);
}

static void test_queue_forgets_what_is_gone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"shop/a", "shop/gone", "shop/z"};
    for (unsigned round = 1; round <= 2; round++) {
        for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
            queue_add(fixture->queue, keys[i], 0);
        turn_until_settled(fixture, 2 * round);
        assert_int_equal(fixture->settled, 2 * round);
        assert_int_equal(queue_depth(fixture->queue), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_queue_many_triggers_run_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_trigger_while_running_runs_once_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_queue_failure_backs_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_looks_again_after_the_interval, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_remove_cancels_the_flow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_forgets_what_is_gone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
