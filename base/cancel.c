#include "base/cancel.h"

#include "base/clock.h"

#include <stddef.h>

void cancel_init(struct cancel *cancel)
{
    *cancel = (struct cancel){0};
    pthread_mutex_init(&cancel->lock, NULL);
}

void cancel_release(struct cancel *cancel)
{
    pthread_mutex_destroy(&cancel->lock);
}

void cancel_request(struct cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    __atomic_store_n(&cancel->requested, true, __ATOMIC_RELEASE);
    if (cancel->wake != NULL)
        cancel->wake(cancel->wake_arg);
    pthread_mutex_unlock(&cancel->lock);
}

void cancel_request_in(struct cancel *cancel, int64_t ms)
{
    int64_t due_mono_ms = clock_mono_ms(clock_system()) + ms;
    __atomic_store_n(&cancel->due_mono_ms, due_mono_ms, __ATOMIC_RELEASE);
}

static bool is_due(struct cancel *cancel)
{
    int64_t due_mono_ms = __atomic_load_n(&cancel->due_mono_ms, __ATOMIC_ACQUIRE);
    return due_mono_ms > 0 && clock_mono_ms(clock_system()) >= due_mono_ms;
}

bool cancel_requested(struct cancel *cancel)
{
    return cancel != NULL &&
           (__atomic_load_n(&cancel->requested, __ATOMIC_ACQUIRE) || is_due(cancel));
}

int cancel_check(struct cancel *cancel, struct error *err)
{
    if (!cancel_requested(cancel))
        return 0;
    return error_set(err, ERROR_CANCELED, "stopped on request");
}

void cancel_watch(struct cancel *cancel, void (*wake)(void *arg), void *arg)
{
    if (cancel == NULL)
        return;
    pthread_mutex_lock(&cancel->lock);
    cancel->wake = wake;
    cancel->wake_arg = arg;
    if (cancel->requested)
        wake(arg);
    pthread_mutex_unlock(&cancel->lock);
}

void cancel_unwatch(struct cancel *cancel)
{
    if (cancel == NULL)
        return;
    pthread_mutex_lock(&cancel->lock);
    cancel->wake = NULL;
    pthread_mutex_unlock(&cancel->lock);
}
