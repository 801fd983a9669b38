// Worker threads for flows that block. A worker runs an owned job and hands it back on the loop.
//
//     loop:   pool_submit(pool, &flow->job)  ──▶  worker: job->run(job)  ──▶  loop: job->done(job)
//
// Between submit and done the job belongs to the pool; the loop may only pool_cancel it. What a
// job posts to the loop runs before its done. Threads start when there is work, the one used last
// works first, and one that was idle for 10 s ends, so that a pool at rest costs nothing.
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/loop.h"

struct pool;

struct pool_job {
    void (*run)(struct pool_job *job);  // on a worker; looks at job->cancel
    void (*done)(struct pool_job *job); // on the loop, exactly once; may free the job
    struct cancel cancel;               // initialised by pool_submit, released before done
    struct pool_job *next;              // the pool's
    struct pool *pool;                  // the pool's
};

int pool_new(struct loop *loop, unsigned workers, size_t max_queued, struct pool **ret_pool,
             struct error *err) __attribute__((warn_unused_result));
// Cancels all jobs, waits for the workers, and runs the done of every job (and whatever else was
// posted to the loop before it). On the loop's thread; NULL is fine.
void pool_free(struct pool *pool);

// ERROR_LIMIT when max_queued jobs wait already, ERROR_CANCELED during pool_free, ERROR_UNAVAILABLE
// when no thread can be started; the job then stays the caller's.
int pool_submit(struct pool *pool, struct pool_job *job, struct error *err)
    __attribute__((warn_unused_result));
// A queued job is done without being run to completion (run sees its cancel flag at once). Loop
// thread.
void pool_cancel(struct pool *pool, struct pool_job *job);
// Jobs waiting and running.
size_t pool_pending(const struct pool *pool);

#endif
