#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

static struct fake_clock fake;
static struct strbuf story;

static int setup(void **state)
{
    fake_clock_init(&fake, 0);
    strbuf_init(&story, 4096);
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&fake.clock, &loop, NULL), 0);
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    loop_free(*state);
    strbuf_release(&story);
    return 0;
}

static void tell(void *arg)
{
    strbuf_addstr(&story, arg);
}

static void test_loop_timers_fire_in_order_of_the_injected_clock(void **state)
{
    struct loop *loop = *state;
    static const int64_t delays[] = {50, 10, 30, 10, 20, 40};
    static char names[][2] = {"f", "a", "d", "b", "c", "e"};
    struct loop_timer *timers[6];
    for (size_t i = 0; i < 6; i++) {
        timers[i] = loop_timer_new(loop, tell, names[i]);
        loop_timer_set(timers[i], delays[i]);
    }
    loop_run_once(loop);
    assert_string_equal(story.data, "");
    fake_clock_advance(&fake, 9);
    loop_run_once(loop);
    assert_string_equal(story.data, "");
    fake_clock_advance(&fake, 1);
    loop_run_once(loop);
    assert_string_equal(story.data, "ab");
    assert_false(loop_timer_is_set(timers[1]));
    loop_timer_cancel(timers[2]);
    loop_timer_set(timers[4], 1000);
    fake_clock_advance(&fake, 100);
    loop_run_once(loop);
    assert_string_equal(story.data, "abef");
    fake_clock_advance(&fake, 900);
    loop_run_once(loop);
    assert_string_equal(story.data, "abefc");
    for (size_t i = 0; i < 6; i++)
        loop_timer_free(timers[i]);
    loop_timer_free(NULL);
}

struct again {
    struct loop_timer *timer;
    int count;
};

static void set_again(void *arg)
{
    struct again *again = arg;
    again->count++;
    loop_timer_set(again->timer, 0);
}

static void test_loop_timer_that_sets_itself_does_not_starve_the_loop(void **state)
{
    struct loop *loop = *state;
    struct again again = {0};
    again.timer = loop_timer_new(loop, set_again, &again);
    loop_timer_set(again.timer, 0);
    loop_run_once(loop);
    assert_in_range(again.count, 1, 2);
    loop_timer_free(again.timer);
}

static void free_itself(void *arg)
{
    struct again *again = arg;
    again->count++;
    loop_timer_free(again->timer);
}

static void test_loop_timer_may_free_itself(void **state)
{
    struct loop *loop = *state;
    struct again again = {0};
    again.timer = loop_timer_new(loop, free_itself, &again);
    loop_timer_set(again.timer, -5);
    loop_run_once(loop);
    loop_run_once(loop);
    assert_int_equal(again.count, 1);
}

static void test_loop_timers_survive_many_random_changes(void **state)
{
    struct loop *loop = *state;
    enum { COUNT = 200 };
    static struct loop_timer *timers[COUNT];
    static char dot[] = ".";
    uint32_t random = 1;
    for (int i = 0; i < COUNT; i++)
        timers[i] = loop_timer_new(loop, tell, dot);
    for (int i = 0; i < 5000; i++) {
        random = random * 1664525 + 1013904223;
        struct loop_timer *timer = timers[random >> 8 & 127];
        if ((random >> 24) % 3 == 0)
            loop_timer_cancel(timer);
        else
            loop_timer_set(timer, random >> 20);
    }
    size_t expected = 0;
    for (int i = 0; i < COUNT; i++)
        expected += loop_timer_is_set(timers[i]);
    fake_clock_advance(&fake, 5000);
    loop_run_once(loop);
    assert_int_equal(story.len, expected);
    for (int i = 0; i < COUNT; i++)
        loop_timer_free(timers[i]);
}

struct poster {
    struct loop *loop;
    int posted;
    int ran;
};

static void count_run(void *arg)
{
    struct poster *poster = arg;
    assert_true(loop_is_current(poster->loop));
    if (++poster->ran == poster->posted)
        loop_stop(poster->loop);
}

static void *post_many(void *arg)
{
    struct poster *poster = arg;
    assert_false(loop_is_current(poster->loop));
    for (int i = 0; i < poster->posted; i++)
        loop_post(poster->loop, count_run, poster);
    return NULL;
}

static void test_loop_runs_what_other_threads_post(void **state)
{
    struct poster poster = {.loop = *state, .posted = 5000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_many, &poster), 0);
    assert_int_equal(loop_run(poster.loop, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(poster.ran, 5000);
}

static void *advance_and_post(void *arg)
{
    static char nothing[] = "";
    fake_clock_advance(&fake, 3600 * 1000);
    loop_post(arg, tell, nothing);
    return NULL;
}

static void stop(void *arg)
{
    strbuf_addstr(&story, "fired");
    loop_stop(arg);
}

static void test_loop_looks_at_its_timers_after_a_post(void **state)
{
    struct loop *loop = *state;
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    loop_timer_set(timer, 3600 * 1000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, advance_and_post, loop), 0);
    assert_int_equal(loop_run(loop, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(story.data, "fired");
    loop_timer_free(timer);
}

static void test_loop_system_clock_fires_timers(void **state)
{
    (void)state;
    struct loop *loop = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    strbuf_init(&story, 4096);
    struct loop_timer *timer = loop_timer_new(loop, stop, loop);
    int64_t before = clock_mono_ms(clock_system());
    loop_timer_set(timer, 20);
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_true(clock_mono_ms(clock_system()) - before >= 20);
    loop_timer_free(timer);
    loop_free(loop);
    strbuf_release(&story);
}

static struct loop *nested_loop;

static void run_rest(void *arg)
{
    tell(arg);
    loop_run_posted(nested_loop);
    strbuf_addstr(&story, "|");
}

static void test_loop_run_posted_keeps_the_order_when_nested(void **state)
{
    nested_loop = *state;
    static char a[] = "a", b[] = "b", c[] = "c";
    loop_post(nested_loop, run_rest, a);
    loop_post(nested_loop, tell, b);
    loop_post(nested_loop, tell, c);
    loop_run_posted(nested_loop);
    assert_string_equal(story.data, "abc|");
    loop_post(nested_loop, tell, a); // dropped by loop_free
}

static void on_readable(int fd, int events, void *arg)
{
    char byte;
    assert_int_equal(events, LOOP_READABLE);
    assert_int_equal(read(fd, &byte, 1), 1);
    struct loop_fd **watch = arg;
    strbuf_addch(&story, byte);
    if (byte == 'z') {
        loop_fd_free(*watch);
        *watch = NULL;
    }
}

static void test_loop_watches_descriptors(void **state)
{
    struct loop *loop = *state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    struct loop_fd *watch = NULL;
    watch = loop_fd_new(loop, pipe_fds[0], LOOP_READABLE, on_readable, &watch);
    assert_int_equal(write(pipe_fds[1], "xz!", 3), 3);
    for (int i = 0; i < 4; i++)
        loop_run_once(loop);
    assert_string_equal(story.data, "xz");
    assert_null(watch);
    loop_fd_free(NULL);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void on_usr1(int number, void *arg)
{
    assert_int_equal(number, SIGUSR1);
    loop_stop(arg);
}

static void test_loop_signals_call_on_the_loop(void **state)
{
    struct loop *loop = *state;
    assert_int_equal(loop_on_signal(loop, SIGUSR1, on_usr1, loop, NULL), 0);
    kill(getpid(), SIGUSR1);
    assert_int_equal(loop_run(loop, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_loop_timers_fire_in_order_of_the_injected_clock, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_loop_timer_that_sets_itself_does_not_starve_the_loop,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_timer_may_free_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_timers_survive_many_random_changes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_loop_runs_what_other_threads_post, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_looks_at_its_timers_after_a_post, setup,
                                        teardown),
        cmocka_unit_test(test_loop_system_clock_fires_timers),
        cmocka_unit_test_setup_teardown(test_loop_run_posted_keeps_the_order_when_nested, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_loop_watches_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loop_signals_call_on_the_loop, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
