#include "controller/queue.h"

#include "base/backoff.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

enum item_state { ITEM_IDLE, ITEM_WAITING, ITEM_RUNNING };

struct item {
    struct pool_job job;
    struct queue *queue;
    char *key;
    enum item_state state;
    int64_t due_ms;
    bool again; // triggered while running
    int64_t again_due_ms;
    bool removed; // free when the flow returns
    struct backoff backoff;
    void *work;
    struct queue_outcome outcome;
};

struct queue {
    struct loop *loop;
    struct pool *pool;
    struct queue_events events;
    void *arg;
    struct vec items; // of struct item *, sorted by key
    struct loop_timer *timer;
    int64_t first_retry_ms;
    int64_t max_retry_ms;
};

static void dispatch(void *arg);

static int64_t now_ms(const struct queue *queue)
{
    return clock_mono_ms(loop_clock(queue->loop));
}

static void item_free(struct item *item)
{
    free(item->key);
    free(item);
}

static void release_item(void *element)
{
    item_free(*(struct item **)element);
}

static int compare_items(const void *a, const void *b)
{
    return strcmp((*(struct item *const *)a)->key, (*(struct item *const *)b)->key);
}

struct queue *queue_new(struct loop *loop, struct pool *pool, const struct queue_events *events,
                        void *arg, int64_t first_retry_ms, int64_t max_retry_ms)
{
    struct queue *queue = xcalloc(1, sizeof *queue);
    queue->loop = loop;
    queue->pool = pool;
    queue->events = *events;
    queue->arg = arg;
    queue->items = VEC_OF(struct item *, release_item);
    queue->timer = loop_timer_new(loop, dispatch, queue);
    queue->first_retry_ms = first_retry_ms;
    queue->max_retry_ms = max_retry_ms;
    return queue;
}

void queue_free(struct queue *queue)
{
    if (queue == NULL)
        return;
    loop_timer_free(queue->timer);
    vec_free(&queue->items);
    free(queue);
}

static struct item *find_item(const struct queue *queue, const char *key)
{
    struct item probe = {.key = xstrdup(key)};
    struct item *wanted = &probe;
    struct item **found = vec_find(&queue->items, &wanted, compare_items);
    free(probe.key);
    return found != NULL ? *found : NULL;
}

static struct item *make_item(struct queue *queue, const char *key)
{
    struct item *item = xcalloc(1, sizeof *item);
    item->queue = queue;
    item->key = xstrdup(key);
    item->backoff =
        (struct backoff){.first_ms = queue->first_retry_ms, .max_ms = queue->max_retry_ms};
    size_t low = 0;
    size_t high = queue->items.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp((*(struct item **)vec_at(&queue->items, middle))->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *(struct item **)vec_insert(&queue->items, low) = item;
    return item;
}

// Sets the timer to the earliest due item.
static void arm(struct queue *queue)
{
    int64_t earliest = INT64_MAX;
    vec_foreach (struct item *, item, &queue->items) {
        if ((*item)->state == ITEM_WAITING && (*item)->due_ms < earliest)
            earliest = (*item)->due_ms;
    }
    if (earliest == INT64_MAX) {
        loop_timer_cancel(queue->timer);
        return;
    }
    int64_t delay = earliest - now_ms(queue);
    loop_timer_set(queue->timer, delay > 0 ? delay : 0);
}

static void wait_until(struct item *item, int64_t due_ms)
{
    if (item->state == ITEM_WAITING && item->due_ms <= due_ms)
        return;
    item->state = ITEM_WAITING;
    item->due_ms = due_ms;
}

void queue_add(struct queue *queue, const char *key, int64_t delay_ms)
{
    struct item *item = find_item(queue, key);
    if (item == NULL)
        item = make_item(queue, key);
    int64_t due_ms = now_ms(queue) + delay_ms;
    if (item->state == ITEM_RUNNING) {
        if (!item->again || due_ms < item->again_due_ms)
            item->again_due_ms = due_ms;
        item->again = true;
        item->removed = false;
        return;
    }
    wait_until(item, due_ms);
    if (delay_ms <= 0)
        loop_timer_set(queue->timer, 0);
    else
        arm(queue);
}

static void drop_item(struct queue *queue, struct item *item)
{
    for (size_t i = 0; i < queue->items.len; i++) {
        if (*(struct item **)vec_at(&queue->items, i) == item) {
            vec_remove(&queue->items, i);
            return;
        }
    }
}

void queue_remove(struct queue *queue, const char *key)
{
    struct item *item = find_item(queue, key);
    if (item == NULL)
        return;
    if (item->state == ITEM_RUNNING) {
        item->removed = true;
        item->again = false;
        pool_cancel(queue->pool, &item->job);
        return;
    }
    drop_item(queue, item);
    arm(queue);
}

void queue_restart(struct queue *queue, const char *key)
{
    struct item *item = find_item(queue, key);
    queue_add(queue, key, 0);
    if (item != NULL && item->state == ITEM_RUNNING)
        pool_cancel(queue->pool, &item->job);
}

bool queue_is_running(const struct queue *queue, const char *key)
{
    struct item *item = find_item(queue, key);
    return item != NULL && item->state == ITEM_RUNNING;
}

size_t queue_depth(const struct queue *queue)
{
    size_t depth = 0;
    int64_t now = now_ms(queue);
    vec_foreach (struct item *, item, &queue->items) {
        depth += (*item)->state == ITEM_RUNNING ||
                 ((*item)->state == ITEM_WAITING && (*item)->due_ms <= now);
    }
    return depth;
}

static void run_item(struct pool_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, job);
    item->queue->events.process(item->queue->arg, item->work, &job->cancel, &item->outcome);
}

// When the next look is due: at once if it was triggered meanwhile, later after a failure.
static void schedule_after(struct item *item)
{
    struct queue *queue = item->queue;
    int64_t now = now_ms(queue);
    item->state = ITEM_IDLE;
    if (item->outcome.failed)
        wait_until(item, now + backoff_next(&item->backoff, item->outcome.again_ms));
    else
        backoff_reset(&item->backoff);
    if (!item->outcome.failed && item->outcome.again_ms > 0)
        wait_until(item, now + item->outcome.again_ms);
    if (item->again)
        wait_until(item, item->again_due_ms);
    item->again = false;
}

static void item_done(struct pool_job *job)
{
    struct item *item = CONTAINER_OF(job, struct item, job);
    struct queue *queue = item->queue;
    queue->events.settled(queue->arg, item->key, item->work, &item->outcome);
    item->work = NULL;
    if (item->removed || (item->outcome.gone && !item->again)) {
        item->state = ITEM_IDLE;
        drop_item(queue, item);
    } else {
        schedule_after(item);
    }
    item = NULL;
    arm(queue);
}

// False: there is no such object any more.
static bool start_item(struct item *item)
{
    struct queue *queue = item->queue;
    item->work = queue->events.prepare(queue->arg, item->key);
    if (item->work == NULL)
        return false;
    item->outcome = (struct queue_outcome){0};
    item->job = (struct pool_job){.run = run_item, .done = item_done};
    item->state = ITEM_RUNNING;
    cleanup_error struct error err = {0};
    if (pool_submit(queue->pool, &item->job, &err) < 0) {
        // The workers are behind: hand the work back unrun and come again.
        item->outcome = (struct queue_outcome){.failed = true};
        item_done(&item->job);
    }
    return true;
}

static void dispatch(void *arg)
{
    struct queue *queue = arg;
    int64_t now = now_ms(queue);
    // start_item may only change the item itself: prepare must not add or remove keys.
    for (size_t i = 0; i < queue->items.len; i++) {
        struct item *item = *(struct item **)vec_at(&queue->items, i);
        if (item->state == ITEM_WAITING && item->due_ms <= now && !start_item(item)) {
            drop_item(queue, item);
            i--;
        }
    }
    arm(queue);
}
