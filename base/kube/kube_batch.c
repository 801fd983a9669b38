// The blocking side: a worker's requests, started in their order as the window lets, retries when
// they are due.
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdlib.h>

// Deadlines of what waits for its turn are looked at so often.
static const int64_t WAIT_MAX_MS = 500;

struct item {
    struct kube_attempt attempt;
    bool retrying; // waits for its due_at_ms
    bool over;
};

struct batch {
    struct kube_client *client;
    struct http_client *http;
    const struct kube_request *requests;
    size_t n;
    size_t first; // all before it are over
    size_t fresh; // none from here on was started
    struct item *items;
    struct kube_result *results;
    void (*on_done)(void *arg, size_t index);
    void *arg;
    struct kube_waiter waiter;
    size_t retrying;
};

static void wake(void *arg)
{
    http_client_wake(arg);
}

static void over(struct batch *batch, size_t index)
{
    struct item *item = &batch->items[index];
    item->over = true;
    kube_attempt_release(&item->attempt);
    while (batch->first < batch->fresh && batch->items[batch->first].over)
        batch->first++;
    if (batch->on_done != NULL)
        batch->on_done(batch->arg, index);
}

static void fail(struct batch *batch, size_t index, struct error *err)
{
    batch->results[index] = (struct kube_result){0};
    error_move(&batch->results[index].error, err);
    over(batch, index);
}

// Over before it could start: 1.
static int stopped(struct batch *batch, size_t index, int64_t now)
{
    const struct kube_attempt *attempt = &batch->items[index].attempt;
    const struct kube_request *request = attempt->request;
    cleanup_error struct error err = {0};
    cleanup_free char *name = NULL;
    if (cancel_requested(attempt->cancel)) {
        name = kube_request_name(request);
        error_set(&err, ERROR_CANCELED, "the request for %s was stopped", name);
    } else if (now >= attempt->deadline_at_ms) {
        name = kube_request_name(request);
        error_set(&err, ERROR_TIMEOUT, "the API server %s did not get to %s in time",
                  batch->client->config.server, name);
    }
    if (err.code == ERROR_NONE)
        return 0;
    fail(batch, index, &err);
    return 1;
}

// The retry that is due, or n. *wait_ms: until the next one is.
static size_t due_retry(struct batch *batch, int64_t now, int64_t *wait_ms)
{
    for (size_t i = batch->first; batch->retrying > 0 && i < batch->fresh; i++) {
        struct item *item = &batch->items[i];
        if (!item->retrying)
            continue;
        int64_t left = item->attempt.due_at_ms - now;
        bool is_stopped = cancel_requested(item->attempt.cancel);
        if (left <= 0 || is_stopped)
            return i;
        if (left < *wait_ms)
            *wait_ms = left;
    }
    return batch->n;
}

static bool enter(struct batch *batch, struct kube_attempt *attempt)
{
    return attempt->request->urgent ||
           kube_window_enter(batch->client->window, &batch->waiter, &attempt->epoch);
}

static void leave(struct batch *batch, const struct kube_attempt *attempt, enum kube_load load)
{
    if (!attempt->request->urgent)
        kube_window_leave(batch->client->window, load, attempt->epoch);
}

static const struct http_request *next(void *arg, size_t *ret_index, int64_t *ret_wait_ms)
{
    struct batch *batch = arg;
    for (;;) {
        int64_t now = clock_mono_ms(batch->client->clock);
        int64_t wait_ms = WAIT_MAX_MS;
        size_t index = due_retry(batch, now, &wait_ms);
        bool is_retry = index < batch->n;
        if (!is_retry)
            index = batch->fresh;
        *ret_wait_ms = batch->retrying > 0 || index < batch->n ? wait_ms : -1;
        if (index == batch->n)
            return NULL;
        struct item *item = &batch->items[index];
        bool is_stopped =
            cancel_requested(item->attempt.cancel) || now >= item->attempt.deadline_at_ms;
        if (!is_stopped && !enter(batch, &item->attempt))
            return NULL;
        if (is_retry) {
            item->retrying = false;
            batch->retrying--;
        } else {
            batch->fresh++;
        }
        cleanup_error struct error err = {0};
        if (is_stopped && stopped(batch, index, now) > 0)
            continue;
        if (kube_attempt_prepare(&item->attempt, true, &err) == 0) {
            *ret_index = index;
            return &item->attempt.http;
        }
        leave(batch, &item->attempt, KUBE_LOAD_UNKNOWN);
        fail(batch, index, &err);
    }
}

static void finished(void *arg, size_t index, struct http_result *outcome)
{
    struct batch *batch = arg;
    struct item *item = &batch->items[index];
    leave(batch, &item->attempt, kube_load_of(outcome));
    if (kube_attempt_judge(&item->attempt, outcome, &batch->results[index]) == KUBE_OVER) {
        over(batch, index);
    } else {
        item->retrying = true;
        batch->retrying++;
    }
}

void kube_do_all(struct kube_client *client, const struct kube_request *requests, size_t n,
                 struct kube_result *ret_results, void (*on_done)(void *arg, size_t index),
                 void *arg)
{
    static const struct http_source source = {next, finished};
    struct batch batch = {.client = client,
                          .http = kube_client_take_http(client),
                          .requests = requests,
                          .n = n,
                          .items = xcalloc(n > 0 ? n : 1, sizeof *batch.items),
                          .results = ret_results,
                          .on_done = on_done,
                          .arg = arg};
    batch.waiter = (struct kube_waiter){.wake = wake, .arg = batch.http};
    for (size_t i = 0; i < n; i++) {
        ret_results[i] = (struct kube_result){0};
        // The deadline runs from here, also while others go first.
        kube_attempt_init(&batch.items[i].attempt, client, &requests[i]);
        cancel_watch(requests[i].cancel, wake, batch.http);
    }
    http_client_run(batch.http, &source, &batch);
    kube_window_forget(client->window, &batch.waiter);
    for (size_t i = 0; i < n; i++)
        cancel_unwatch(requests[i].cancel);
    free(batch.items);
    kube_client_give_http(client, batch.http);
}

void kube_send(struct kube_client *client, const struct kube_request *request,
               struct kube_result *ret_result)
{
    kube_do_all(client, request, 1, ret_result, NULL, NULL);
}

int kube_do(struct kube_client *client, const struct kube_request *request, json_t **ret_object,
            struct error *err)
{
    cleanup_kube_result struct kube_result result = {0};
    kube_send(client, request, &result);
    if (result.error.code != ERROR_NONE)
        return error_move(err, &result.error);
    if (ret_object != NULL) {
        if (result.object == NULL)
            return error_set(err, ERROR_UNAVAILABLE, "%s answered without an object",
                             client->config.server);
        *ret_object = STEAL(result.object);
    }
    return 0;
}

int kube_get(struct kube_client *client, const struct kube_ref *ref, json_t **ret_object,
             struct error *err)
{
    struct kube_request request = {.verb = KUBE_GET, .ref = *ref};
    return kube_do(client, &request, ret_object, err);
}
