#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct task {
    struct pool_job job;
    struct loop *loop;
    sem_t *gate;    // run waits for it
    sem_t *started; // run tells it
    int *left;      // tasks that are not done; the last stops the loop
    bool saw_cancel;
    bool progress_came_first;
    bool progressed;
    bool done;
};

static void progress(void *arg)
{
    ((struct task *)arg)->progressed = true;
}

static void wake_gate(void *arg)
{
    sem_post(arg);
}

static void run(struct pool_job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);
    assert_false(loop_is_current(task->loop));
    if (task->started != NULL)
        sem_post(task->started);
    if (task->gate != NULL) {
        cancel_watch(&job->cancel, wake_gate, task->gate);
        sem_wait(task->gate);
        cancel_unwatch(&job->cancel);
    }
    task->saw_cancel = cancel_requested(&job->cancel);
    loop_post(task->loop, progress, task);
}

static void done(struct pool_job *job)
{
    struct task *task = CONTAINER_OF(job, struct task, job);
    assert_true(loop_is_current(task->loop));
    assert_false(task->done);
    task->done = true;
    task->progress_came_first = task->progressed;
    if (--*task->left == 0)
        loop_stop(task->loop);
}

static struct loop *new_loop(void)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    return loop;
}

static void test_pool_runs_every_job_once_and_hands_it_back(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct pool *pool = NULL;
    assert_int_equal(pool_new(loop, 4, 1000, &pool, NULL), 0);
    enum { COUNT = 500 };
    static struct task tasks[COUNT];
    int left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        tasks[i] = (struct task){.job = {.run = run, .done = done}, .loop = loop, .left = &left};
        assert_int_equal(pool_submit(pool, &tasks[i].job, NULL), 0);
    }
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_int_equal(pool_pending(pool), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_true(tasks[i].done && tasks[i].progress_came_first);
        assert_false(tasks[i].saw_cancel);
    }
    pool_free(pool);
    loop_free(loop);
}

static void test_pool_refuses_more_than_its_queue(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct pool *pool = NULL;
    assert_int_equal(pool_new(loop, 1, 2, &pool, NULL), 0);
    sem_t gate, started;
    sem_init(&gate, 0, 0);
    sem_init(&started, 0, 0);
    int left = 3;
    struct task tasks[4];
    for (int i = 0; i < 4; i++)
        tasks[i] = (struct task){.job = {.run = run, .done = done},
                                 .loop = loop,
                                 .gate = &gate,
                                 .started = &started,
                                 .left = &left};
    assert_int_equal(pool_submit(pool, &tasks[0].job, NULL), 0);
    sem_wait(&started);
    assert_int_equal(pool_submit(pool, &tasks[1].job, NULL), 0);
    assert_int_equal(pool_submit(pool, &tasks[2].job, NULL), 0);
    cleanup_error struct error err = {0};
    assert_int_equal(pool_submit(pool, &tasks[3].job, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(pool_pending(pool), 3);
    pool_cancel(pool, &tasks[1].job);
    pool_cancel(pool, &tasks[1].job);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    assert_int_equal(loop_run(loop, NULL), 0);
    assert_false(tasks[0].saw_cancel);
    assert_true(tasks[1].saw_cancel);
    assert_false(tasks[2].saw_cancel);
    assert_false(tasks[3].done);
    pool_free(pool);
    loop_free(loop);
    sem_destroy(&gate);
    sem_destroy(&started);
}

static void test_pool_free_cancels_and_hands_everything_back(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct pool *pool = NULL;
    assert_int_equal(pool_new(loop, 2, 10, &pool, NULL), 0);
    // A gate each: one that is woken must not take what was meant for another.
    sem_t gates[6], started;
    sem_init(&started, 0, 0);
    int left = 100;
    struct task tasks[6];
    for (int i = 0; i < 6; i++) {
        sem_init(&gates[i], 0, 0);
        tasks[i] = (struct task){.job = {.run = run, .done = done},
                                 .loop = loop,
                                 .gate = &gates[i],
                                 .started = i < 2 ? &started : NULL,
                                 .left = &left};
        assert_int_equal(pool_submit(pool, &tasks[i].job, NULL), 0);
    }
    sem_wait(&started);
    sem_wait(&started);
    pool_free(pool);
    for (int i = 0; i < 6; i++) {
        assert_true(tasks[i].done && tasks[i].saw_cancel);
        sem_destroy(&gates[i]);
    }
    pool_free(NULL);
    loop_free(loop);
    sem_destroy(&started);
}

static void test_pool_without_workers_is_refused(void **state)
{
    (void)state;
    struct loop *loop = new_loop();
    struct pool *pool = NULL;
    assert_int_equal(pool_new(loop, 0, 10, &pool, NULL), -1);
    assert_null(pool);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_runs_every_job_once_and_hands_it_back),
        cmocka_unit_test(test_pool_refuses_more_than_its_queue),
        cmocka_unit_test(test_pool_free_cancels_and_hands_everything_back),
        cmocka_unit_test(test_pool_without_workers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
