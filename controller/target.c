// Calls through to the back end, and the way from the loop to a worker and back.
#include "controller/target.h"

#include <stdlib.h>

#include "base/memory.h"

const char *target_action_name(enum target_action action)
{
    static const char *const names[] = {"unchanged", "create", "update", "prune", "keep"};
    return (size_t)action < ARRAY_LENGTH(names) ? names[action] : "unknown";
}

void target_result_release(void *element)
{
    struct target_result *result = element;
    free(result->path);
    free(result->object);
    free(result->contest.ns);
    free(result->contest.set);
    free(result->contest.manager);
    error_release(&result->error);
}

const char *target_result_text(const struct target_result *result)
{
    return result->object != NULL ? result->object : result->path;
}

void target_health_release(struct target_health *health)
{
    free(STEAL(health->message));
}

int target_plan(struct target *target, const struct target_request *request,
                struct vec *ret_results, struct error *err)
{
    return target->ops->plan(target, request, ret_results, err);
}

int target_apply(struct target *target, const struct target_request *request,
                 struct vec *ret_results, struct error *err)
{
    return target->ops->apply(target, request, ret_results, err);
}

int target_prune_candidates(struct target *target, const struct target_request *request,
                            struct vec *ret_results, struct error *err)
{
    return target->ops->prune_candidates(target, request, ret_results, err);
}

int target_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                      struct error *err)
{
    return target->ops->remove_all(target, cancel, ret_results, err);
}

int target_health_of(struct target *target, struct cancel *cancel, struct target_health *ret_health,
                     struct error *err)
{
    return target->ops->health(target, cancel, ret_health, err);
}

int target_watch(struct target *target, void (*on_drift)(void *arg), void *arg, struct error *err)
{
    return target->ops->watch(target, on_drift, arg, err);
}

void target_free(struct target *target)
{
    if (target != NULL)
        target->ops->free(target);
}

struct target_task {
    struct pool_job job;
    struct pool *pool;
    struct target *target;
    enum target_verb verb;
    struct target_request request;
    void (*done)(void *arg, struct target_outcome *outcome);
    void *arg;
    struct target_outcome outcome;
};

static void run(struct pool_job *job)
{
    struct target_task *task = CONTAINER_OF(job, struct target_task, job);
    struct target_outcome *outcome = &task->outcome;
    task->request.cancel = &job->cancel;
    int result = cancel_check(&job->cancel, &outcome->error);
    if (result < 0)
        return;
    switch (task->verb) {
    case TARGET_PLAN:
        result = target_plan(task->target, &task->request, &outcome->results, &outcome->error);
        break;
    case TARGET_APPLY:
        result = target_apply(task->target, &task->request, &outcome->results, &outcome->error);
        break;
    case TARGET_PRUNE_CANDIDATES:
        result = target_prune_candidates(task->target, &task->request, &outcome->results,
                                         &outcome->error);
        break;
    case TARGET_REMOVE_ALL:
        result = target_remove_all(task->target, &job->cancel, &outcome->results, &outcome->error);
        break;
    case TARGET_HEALTH:
        result = target_health_of(task->target, &job->cancel, &outcome->health, &outcome->error);
        break;
    }
    if (result < 0 && outcome->error.code == ERROR_NONE)
        error_set(&outcome->error, ERROR_INTERNAL, "the target failed without a reason");
}

static void finish(struct pool_job *job)
{
    struct target_task *task = CONTAINER_OF(job, struct target_task, job);
    task->done(task->arg, &task->outcome);
    vec_free(&task->outcome.results);
    target_health_release(&task->outcome.health);
    error_release(&task->outcome.error);
    free(task);
}

int target_start(struct pool *pool, struct target *target, enum target_verb verb,
                 const struct target_request *request,
                 void (*done)(void *arg, struct target_outcome *outcome), void *arg,
                 struct target_task **ret_task, struct error *err)
{
    struct target_task *task = xcalloc(1, sizeof *task);
    *task = (struct target_task){
        .job = {.run = run, .done = finish},
        .pool = pool,
        .target = target,
        .verb = verb,
        .request = request != NULL ? *request : (struct target_request){0},
        .done = done,
        .arg = arg,
        .outcome = {.results = TARGET_RESULTS},
    };
    if (pool_submit(pool, &task->job, err) < 0) {
        free(task);
        return -1;
    }
    *ret_task = task;
    return 0;
}

void target_task_cancel(struct target_task *task)
{
    pool_cancel(task->pool, &task->job);
}
