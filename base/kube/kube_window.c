#include "base/kube/kube_window_internal.h"

#include "base/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct kube_window {
    pthread_mutex_t lock;
    double limit;
    double max;
    unsigned active;
    bool open; // nobody waits any more
    // Requests that began before a cut say nothing about the time after it.
    unsigned epoch;
    bool was_cut; // from then on it grows by one per round instead of one per answer
    struct kube_waiter *first;
    struct kube_waiter *last;
};

struct kube_window *kube_window_new(unsigned first, unsigned max)
{
    struct kube_window *window = xcalloc(1, sizeof *window);
    pthread_mutex_init(&window->lock, NULL);
    window->limit = first < max ? first : max;
    window->max = max;
    return window;
}

void kube_window_free(struct kube_window *window)
{
    if (window == NULL)
        return;
    assert(window->active == 0 && window->first == NULL);
    pthread_mutex_destroy(&window->lock);
    free(window);
}

static bool is_full(const struct kube_window *window)
{
    return !window->open && window->active + 1 > window->limit;
}

static void wake_first(const struct kube_window *window)
{
    if (window->first != NULL && !is_full(window))
        window->first->wake(window->first->arg);
}

static void remove_waiter(struct kube_window *window, struct kube_waiter *waiter)
{
    struct kube_waiter *before = NULL;
    for (struct kube_waiter *at = window->first; at != waiter; at = at->next)
        before = at;
    if (before != NULL)
        before->next = waiter->next;
    else
        window->first = waiter->next;
    if (window->last == waiter)
        window->last = before;
    waiter->next = NULL;
    waiter->waiting = false;
}

static void add_waiter(struct kube_window *window, struct kube_waiter *waiter)
{
    waiter->next = NULL;
    waiter->waiting = true;
    if (window->last != NULL)
        window->last->next = waiter;
    else
        window->first = waiter;
    window->last = waiter;
}

bool kube_window_enter(struct kube_window *window, struct kube_waiter *waiter, unsigned *ret_epoch)
{
    pthread_mutex_lock(&window->lock);
    bool first = window->open || window->first == NULL || window->first == waiter;
    bool enters = first && !is_full(window);
    if (enters) {
        window->active++;
        *ret_epoch = window->epoch;
        if (waiter->waiting)
            remove_waiter(window, waiter);
        wake_first(window);
    } else if (!waiter->waiting) {
        add_waiter(window, waiter);
    }
    pthread_mutex_unlock(&window->lock);
    return enters;
}

void kube_window_leave(struct kube_window *window, enum kube_load load, unsigned epoch)
{
    pthread_mutex_lock(&window->lock);
    bool was_full = is_full(window);
    window->active--;
    if (load == KUBE_LOAD_FINE && was_full) {
        window->limit += window->was_cut ? 1 / window->limit : 1;
        if (window->limit > window->max)
            window->limit = window->max;
    } else if (load == KUBE_LOAD_BUSY && epoch == window->epoch) {
        window->limit = window->limit >= 2 ? window->limit / 2 : 1;
        window->epoch++;
        window->was_cut = true;
    }
    wake_first(window);
    pthread_mutex_unlock(&window->lock);
}

void kube_window_open(struct kube_window *window)
{
    pthread_mutex_lock(&window->lock);
    window->open = true;
    for (const struct kube_waiter *waiter = window->first; waiter != NULL; waiter = waiter->next)
        waiter->wake(waiter->arg);
    pthread_mutex_unlock(&window->lock);
}

void kube_window_forget(struct kube_window *window, struct kube_waiter *waiter)
{
    pthread_mutex_lock(&window->lock);
    if (waiter->waiting) {
        remove_waiter(window, waiter);
        wake_first(window);
    }
    pthread_mutex_unlock(&window->lock);
}

unsigned kube_window_limit(struct kube_window *window)
{
    pthread_mutex_lock(&window->lock);
    unsigned limit = (unsigned)window->limit;
    pthread_mutex_unlock(&window->lock);
    return limit;
}
