// The blocking side: a worker's own CURLM. run() keeps up to max_parallel transfers going, starts
// what is due (a redirect, a retry), hands curl the time, and ends what ran out of it:
//
//     fill ─▶ start due ─▶ curl_multi_perform ─▶ collect ─▶ check deadlines ─▶ curl_multi_poll ─┐
//       ▲                                                                                       │
//       └───────────────────────────────────────────────────────────────────────────────────────┘
#include "base/http_client.h"

#include "base/http_internal.h"
#include "base/memory.h"

#include <stdlib.h>

// Connections kept open between requests.
static const long KEPT_CONNECTIONS = 16;

struct http_client {
    CURLM *multi;
    char *ca_file;
};

struct slot {
    struct http_transfer *transfer; // NULL = free
    size_t index;
};

struct run {
    struct http_client *client;
    const struct http_request *requests;
    size_t n;
    size_t next;
    size_t active;
    struct slot *slots;
    size_t slot_count;
    struct http_result *results;
    void (*on_done)(void *arg, size_t index);
    void *arg;
};

struct http_client *http_client_new(void)
{
    // Counted and thread-safe since curl 7.84.
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    struct http_client *client = xcalloc(1, sizeof *client);
    client->multi = curl_multi_init();
    if (client->multi == NULL)
        abort();
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    client->ca_file = http_system_ca_file();
    return client;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    curl_multi_cleanup(client->multi);
    free(client->ca_file);
    free(client);
    curl_global_cleanup();
}

void cleanup_http_client_pointer(struct http_client **client)
{
    http_client_free(*client);
}

static void finish(struct run *run, struct slot *slot)
{
    struct http_transfer *transfer = slot->transfer;
    struct http_result *result = &run->results[slot->index];
    if (transfer->error.code != ERROR_NONE) {
        error_move(&result->error, &transfer->error);
    } else {
        result->response = transfer->response;
        transfer->response = (struct http_response){0};
    }
    http_transfer_release(transfer);
    free(transfer);
    slot->transfer = NULL;
    run->active--;
    if (run->on_done != NULL)
        run->on_done(run->arg, slot->index);
}

static void fill(struct run *run)
{
    for (size_t i = 0; i < run->slot_count && run->next < run->n; i++) {
        struct slot *slot = &run->slots[i];
        while (slot->transfer == NULL && run->next < run->n) {
            struct http_transfer *transfer = xcalloc(1, sizeof *transfer);
            *slot = (struct slot){.transfer = transfer, .index = run->next++};
            run->active++;
            transfer->ca_file = run->client->ca_file;
            transfer->shared = run->n > 1;
            cleanup_error struct error err = {0};
            if (http_transfer_init(transfer, &run->requests[slot->index], clock_system(), &err) <
                0) {
                error_move(&transfer->error, &err);
                finish(run, slot);
            }
        }
    }
}

static void check_and_start(struct run *run)
{
    CURLM *multi = run->client->multi;
    for (size_t i = 0; i < run->slot_count; i++) {
        struct http_transfer *transfer = run->slots[i].transfer;
        if (transfer == NULL)
            continue;
        if (http_transfer_check(transfer) < 0) {
            http_transfer_abort(transfer, multi);
            if (http_transfer_after_check(transfer) == HTTP_STEP_DONE)
                finish(run, &run->slots[i]);
        } else if (transfer->easy == NULL &&
                   transfer->start_at_ms <= clock_mono_ms(transfer->clock) &&
                   http_transfer_start(transfer, multi) < 0) {
            finish(run, &run->slots[i]);
        }
    }
}

static struct slot *slot_of(struct run *run, const struct http_transfer *transfer)
{
    for (size_t i = 0; i < run->slot_count; i++) {
        if (run->slots[i].transfer == transfer)
            return &run->slots[i];
    }
    abort();
}

static void collect(struct run *run)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(run->client->multi, &left)) != NULL) {
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_transfer *transfer = (struct http_transfer *)(void *)private;
        CURLcode code = message->data.result;
        if (http_transfer_complete(transfer, run->client->multi, code) == HTTP_STEP_DONE)
            finish(run, slot_of(run, transfer));
    }
}

static int wait_ms(const struct run *run)
{
    // curl_multi_poll also wakes for curl's own timers and for curl_multi_wakeup.
    int64_t shortest = 60 * 1000;
    for (size_t i = 0; i < run->slot_count; i++) {
        if (run->slots[i].transfer == NULL)
            continue;
        int64_t wait = http_transfer_wait_ms(run->slots[i].transfer);
        shortest = wait < shortest ? wait : shortest;
    }
    return (int)shortest;
}

static void fail_all(struct run *run, CURLMcode code)
{
    for (size_t i = 0; i < run->slot_count; i++) {
        struct http_transfer *transfer = run->slots[i].transfer;
        if (transfer == NULL)
            continue;
        http_transfer_abort(transfer, run->client->multi);
        error_set(&transfer->error, ERROR_INTERNAL, "the HTTP client failed: %s",
                  curl_multi_strerror(code));
        finish(run, &run->slots[i]);
    }
}

static void work(struct run *run)
{
    CURLM *multi = run->client->multi;
    for (;;) {
        fill(run);
        check_and_start(run);
        if (run->active == 0 && run->next == run->n)
            return;
        int running = 0;
        CURLMcode code = curl_multi_perform(multi, &running);
        size_t before = run->active;
        if (code == CURLM_OK)
            collect(run);
        if (code == CURLM_OK && run->active == before)
            code = curl_multi_poll(multi, NULL, 0, wait_ms(run), NULL);
        if (code != CURLM_OK)
            fail_all(run, code);
    }
}

static void wake(void *multi)
{
    curl_multi_wakeup(multi);
}

void http_do_all(struct http_client *client, const struct http_request *requests, size_t n,
                 unsigned max_parallel, struct http_result *ret_results,
                 void (*on_done)(void *arg, size_t index), void *arg)
{
    if (max_parallel == 0)
        max_parallel = 1;
    size_t slot_count = n < max_parallel ? n : max_parallel;
    struct run run = {.client = client,
                      .requests = requests,
                      .n = n,
                      .slot_count = slot_count,
                      .slots = xcalloc(slot_count > 0 ? slot_count : 1, sizeof *run.slots),
                      .results = ret_results,
                      .on_done = on_done,
                      .arg = arg};
    for (size_t i = 0; i < n; i++) {
        ret_results[i] = (struct http_result){0};
        // Requests may share one; it then wakes the same wait.
        cancel_watch(requests[i].cancel, wake, client->multi);
    }
    work(&run);
    for (size_t i = 0; i < n; i++)
        cancel_unwatch(requests[i].cancel);
    free(run.slots);
}

int http_do(struct http_client *client, const struct http_request *request,
            struct http_response *ret_response, struct error *err)
{
    struct http_result result;
    http_do_all(client, request, 1, 1, &result, NULL, NULL);
    if (result.error.code != ERROR_NONE)
        return error_move(err, &result.error);
    *ret_response = result.response;
    return 0;
}
