#include "oci/budget.h"

#include "base/clock.h"
#include "base/condition.h"
#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    DEFAULT_TOTAL = 256 << 20,
    SLICE_MS = 200, // between looks at cancel and deadline
};

struct waiter {
    struct waiter *next;
};

struct oci_budget {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t total;
    size_t held;
    struct waiter *first; // the line; only its first may take
};

struct oci_budget *oci_budget_new(size_t total_bytes)
{
    struct oci_budget *budget = xcalloc(1, sizeof *budget);
    budget->total = total_bytes > 0 ? total_bytes : DEFAULT_TOTAL;
    pthread_mutex_init(&budget->lock, NULL);
    condition_init(&budget->changed);
    return budget;
}

void oci_budget_free(struct oci_budget *budget)
{
    if (budget == NULL)
        return;
    assert(budget->held == 0 && budget->first == NULL);
    pthread_cond_destroy(&budget->changed);
    pthread_mutex_destroy(&budget->lock);
    free(budget);
}

size_t oci_budget_held(struct oci_budget *budget)
{
    pthread_mutex_lock(&budget->lock);
    size_t held = budget->held;
    pthread_mutex_unlock(&budget->lock);
    return held;
}

static void enqueue(struct oci_budget *budget, struct waiter *waiter)
{
    struct waiter **end = &budget->first;
    while (*end != NULL)
        end = &(*end)->next;
    *end = waiter;
}

static void dequeue(struct oci_budget *budget, const struct waiter *waiter)
{
    struct waiter **link = &budget->first;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    pthread_cond_broadcast(&budget->changed);
}

// Wakes a cancelled waiter. It may lose the race with a waiter that has looked at the flag but does
// not wait yet; that is why waits are also cut into slices.
static void wake_all(void *arg)
{
    struct oci_budget *budget = arg;
    pthread_cond_broadcast(&budget->changed);
}

static int wait_in_line(struct oci_budget *budget, const struct waiter *waiter, size_t bytes,
                        struct cancel *cancel, int64_t deadline_mono_ms, struct error *err)
{
    while (budget->first != waiter || budget->total - budget->held < bytes) {
        if (cancel_check(cancel, err) < 0)
            return -1;
        if (deadline_mono_ms > 0 && clock_mono_ms(clock_system()) >= deadline_mono_ms)
            return error_set(
                err, ERROR_TIMEOUT,
                "no %zu bytes of the memory for unpacked artifacts became free in time", bytes);
        condition_wait_slice(&budget->changed, &budget->lock, SLICE_MS);
    }
    return 0;
}

int oci_budget_reserve(struct oci_budget *budget, size_t bytes, struct cancel *cancel,
                       int64_t deadline_mono_ms, struct oci_share *share, struct error *err)
{
    assert(share->budget == NULL);
    if (budget == NULL)
        return 0;
    if (bytes > budget->total)
        return error_set(err, ERROR_LIMIT,
                         "the artifact needs %zu bytes of memory; all may use %zu together", bytes,
                         budget->total);
    struct waiter waiter = {0};
    cancel_watch(cancel, wake_all, budget);
    pthread_mutex_lock(&budget->lock);
    enqueue(budget, &waiter);
    int result = wait_in_line(budget, &waiter, bytes, cancel, deadline_mono_ms, err);
    if (result == 0)
        budget->held += bytes;
    dequeue(budget, &waiter);
    pthread_mutex_unlock(&budget->lock);
    cancel_unwatch(cancel);
    if (result == 0)
        *share = (struct oci_share){.budget = budget, .bytes = bytes};
    return result;
}

void oci_share_shrink(struct oci_share *share, size_t bytes)
{
    if (share->budget == NULL || bytes >= share->bytes)
        return;
    pthread_mutex_lock(&share->budget->lock);
    share->budget->held -= share->bytes - bytes;
    share->bytes = bytes;
    pthread_cond_broadcast(&share->budget->changed);
    pthread_mutex_unlock(&share->budget->lock);
}

void oci_share_release(struct oci_share *share)
{
    oci_share_shrink(share, 0);
    *share = (struct oci_share){0};
}
