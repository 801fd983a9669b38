// Idle workers stand on a stack: the one that worked last is woken first, so that the others reach
// their idle limit and end.
//
//            pool_submit                 run returns               loop turn
//   caller ─────────────▶ queue ─▶ worker ───────────▶ loop_post ───────────▶ done
#include "base/pool.h"

#include "base/condition.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Address space, not memory: git's delta chains, YAML nesting and TLS stay well below it.
static const size_t STACK_BYTES = 1024 * 1024;
static const time_t IDLE_SECONDS = 10;

enum worker_state { WORKER_NONE, WORKER_RUNNING, WORKER_ENDED };

struct worker {
    struct pool *pool;
    pthread_t thread;
    pthread_cond_t wake;
    enum worker_state state; // ENDED waits to be joined
    bool idle;               // stands on the stack
    struct worker *below;
    struct pool_job *job; // while it runs
};

struct pool {
    struct loop *loop;
    size_t max_queued;

    pthread_mutex_t lock; // of all below
    struct worker *workers;
    unsigned max_workers;
    unsigned running_workers;
    struct worker *idle;
    struct pool_job *first;
    struct pool_job *last;
    size_t queued;
    size_t pending;
    bool stopping;
};

static void deliver(void *arg)
{
    struct pool_job *job = arg;
    struct pool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    pool->pending--;
    pthread_mutex_unlock(&pool->lock);
    cancel_release(&job->cancel);
    job->done(job);
}

static void leave_idle_stack(struct worker *worker)
{
    struct worker **at = &worker->pool->idle;
    while (*at != worker)
        at = &(*at)->below;
    *at = worker->below;
    worker->idle = false;
}

// With the lock held. False when nobody needed this worker for so long that it should end.
static bool wait_for_work(struct worker *worker)
{
    struct pool *pool = worker->pool;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    worker->idle = true;
    worker->below = pool->idle;
    pool->idle = worker;
    int result = 0;
    while (worker->idle && !pool->stopping && result == 0)
        result = pthread_cond_timedwait(&worker->wake, &pool->lock, &until);
    if (!worker->idle)
        return true;
    leave_idle_stack(worker);
    return false;
}

static struct pool_job *take_job(struct pool *pool)
{
    struct pool_job *job = pool->first;
    if (job == NULL)
        return NULL;
    pool->first = job->next;
    if (pool->first == NULL)
        pool->last = NULL;
    pool->queued--;
    job->next = NULL;
    return job;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct pool_job *job = take_job(pool);
        if (job == NULL) {
            if (pool->stopping || !wait_for_work(worker))
                break;
            continue;
        }
        worker->job = job;
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
        worker->job = NULL;
        loop_post(pool->loop, deliver, job);
    }
    worker->state = WORKER_ENDED;
    bool last = --pool->running_workers == 0 && !pool->stopping;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        memory_trim();
    return NULL;
}

static int create_thread(struct worker *worker)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    // Signals are for the loop's thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&worker->thread, &attributes, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

// With the lock held. A thread that cannot start is an error only when there is no other.
static int start_worker(struct pool *pool, struct error *err)
{
    struct worker *worker = pool->workers;
    while (worker->state == WORKER_RUNNING)
        worker++;
    if (worker->state == WORKER_ENDED)
        pthread_join(worker->thread, NULL);
    worker->state = WORKER_NONE;
    int result = create_thread(worker);
    if (result == 0) {
        worker->state = WORKER_RUNNING;
        pool->running_workers++;
    } else if (pool->running_workers == 0) {
        return error_set(err, ERROR_UNAVAILABLE, "cannot start a worker thread: %s",
                         strerrordesc_np(result));
    }
    return 0;
}

int pool_new(struct loop *loop, unsigned workers, size_t max_queued, struct pool **ret_pool,
             struct error *err)
{
    if (workers == 0 || max_queued == 0)
        return error_set(err, ERROR_INVALID, "a worker pool needs at least one worker");
    struct pool *pool = xcalloc(1, sizeof *pool);
    pool->loop = loop;
    pool->max_queued = max_queued;
    pool->max_workers = workers;
    pool->workers = xcalloc(workers, sizeof *pool->workers);
    pthread_mutex_init(&pool->lock, NULL);
    for (unsigned i = 0; i < workers; i++) {
        pool->workers[i].pool = pool;
        condition_init(&pool->workers[i].wake);
    }
    *ret_pool = pool;
    return 0;
}

static void cancel_everything(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct pool_job *job = pool->first; job != NULL; job = job->next)
        cancel_request(&job->cancel);
    for (unsigned i = 0; i < pool->max_workers; i++) {
        if (pool->workers[i].job != NULL)
            cancel_request(&pool->workers[i].job->cancel);
        pthread_cond_signal(&pool->workers[i].wake);
    }
    pthread_mutex_unlock(&pool->lock);
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    assert(loop_is_current(pool->loop));
    cancel_everything(pool);
    for (unsigned i = 0; i < pool->max_workers; i++) {
        pthread_mutex_lock(&pool->lock);
        bool started = pool->workers[i].state != WORKER_NONE;
        pthread_mutex_unlock(&pool->lock);
        if (started)
            pthread_join(pool->workers[i].thread, NULL);
        pthread_cond_destroy(&pool->workers[i].wake);
    }
    loop_run_posted(pool->loop);
    assert(pool->pending == 0);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

int pool_submit(struct pool *pool, struct pool_job *job, struct error *err)
{
    int result = 0;
    pthread_mutex_lock(&pool->lock);
    if (pool->stopping)
        result = error_set(err, ERROR_CANCELED, "the worker pool is stopping");
    else if (pool->queued >= pool->max_queued)
        result = error_set(err, ERROR_LIMIT, "%zu jobs wait for a worker already; retry later",
                           pool->queued);
    else if (pool->idle == NULL && pool->running_workers < pool->max_workers)
        result = start_worker(pool, err);
    if (result == 0) {
        cancel_init(&job->cancel);
        job->pool = pool;
        job->next = NULL;
        if (pool->last != NULL)
            pool->last->next = job;
        else
            pool->first = job;
        pool->last = job;
        pool->queued++;
        pool->pending++;
        if (pool->idle != NULL) {
            struct worker *worker = pool->idle;
            leave_idle_stack(worker);
            pthread_cond_signal(&worker->wake);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return result;
}

void pool_cancel(struct pool *pool, struct pool_job *job)
{
    assert(job->pool == pool);
    (void)pool;
    cancel_request(&job->cancel);
}

size_t pool_pending(const struct pool *pool)
{
    // The lock is the only thing that a reader changes.
    struct pool *shared = (struct pool *)(uintptr_t)pool;
    pthread_mutex_lock(&shared->lock);
    size_t pending = shared->pending;
    pthread_mutex_unlock(&shared->lock);
    return pending;
}
