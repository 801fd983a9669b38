// The blocking side: a worker's own CURLM. work() takes transfers from its source, starts what is
// due (a redirect, a retry), hands curl the time, and ends what ran out of it:
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
    struct http_transfer *transfer;
    size_t index; // the source's
};

struct run {
    struct http_client *client;
    const struct http_source *source;
    void *arg;
    struct vec slots; // of struct slot
    int64_t wait_ms;  // what the source said when it had nothing to start
    bool only_one;    // no other request will want to share the connection
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

static void finish(struct run *run, size_t at)
{
    struct slot slot = *(struct slot *)vec_at(&run->slots, at);
    struct http_transfer *transfer = slot.transfer;
    struct http_result result = {.sent = transfer->sent || transfer->ever_sent};
    if (transfer->error.code != ERROR_NONE) {
        error_move(&result.error, &transfer->error);
    } else {
        result.response = transfer->response;
        transfer->response = (struct http_response){0};
    }
    http_transfer_release(transfer);
    free(transfer);
    vec_remove(&run->slots, at);
    run->source->finished(run->arg, slot.index, &result);
}

static void fill(struct run *run)
{
    for (;;) {
        size_t index = 0;
        run->wait_ms = -1;
        const struct http_request *request = run->source->next(run->arg, &index, &run->wait_ms);
        if (request == NULL)
            return;
        struct http_transfer *transfer = xcalloc(1, sizeof *transfer);
        *(struct slot *)vec_push(&run->slots) = (struct slot){.transfer = transfer, .index = index};
        transfer->ca_file = run->client->ca_file;
        transfer->shared = !run->only_one;
        cleanup_error struct error err = {0};
        if (http_transfer_init(transfer, request, clock_system(), &err) < 0) {
            error_move(&transfer->error, &err);
            finish(run, run->slots.len - 1);
        }
    }
}

static void check_and_start(struct run *run)
{
    CURLM *multi = run->client->multi;
    for (size_t i = 0; i < run->slots.len;) {
        struct http_transfer *transfer = ((struct slot *)vec_at(&run->slots, i))->transfer;
        bool over = false;
        if (http_transfer_check(transfer) < 0) {
            http_transfer_abort(transfer, multi);
            over = http_transfer_after_check(transfer) == HTTP_STEP_DONE;
        } else if (transfer->easy == NULL &&
                   transfer->start_at_ms <= clock_mono_ms(transfer->clock)) {
            over = http_transfer_start(transfer, multi) < 0;
        }
        if (over)
            finish(run, i); // closes the gap
        else
            i++;
    }
}

static size_t slot_of(const struct run *run, const struct http_transfer *transfer)
{
    for (size_t i = 0; i < run->slots.len; i++) {
        if (((struct slot *)vec_at(&run->slots, i))->transfer == transfer)
            return i;
    }
    abort();
}

// Whether any came to its end.
static bool collect(struct run *run)
{
    CURLMsg *message;
    int left;
    bool any = false;
    while ((message = curl_multi_info_read(run->client->multi, &left)) != NULL) {
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_transfer *transfer = (struct http_transfer *)(void *)private;
        CURLcode code = message->data.result;
        any = true;
        if (http_transfer_complete(transfer, run->client->multi, code) == HTTP_STEP_DONE)
            finish(run, slot_of(run, transfer));
    }
    return any;
}

// Where streams share a connection, libcurl 7.88 may have read what came for one while it served
// another, and then sleep on an empty socket until a timer of its own ends: ten seconds later.
static const int64_t shared_look_ms = 100;

static int wait_ms(const struct run *run)
{
    // curl_multi_poll also wakes for curl's own timers and for curl_multi_wakeup.
    int64_t shortest = 60 * 1000;
    if (run->wait_ms >= 0 && run->wait_ms < shortest)
        shortest = run->wait_ms;
    vec_foreach (struct slot, slot, &run->slots) {
        int64_t wait = http_transfer_wait_ms(slot->transfer);
        shortest = wait < shortest ? wait : shortest;
        if (slot->transfer->shared && slot->transfer->easy != NULL && shortest > shared_look_ms)
            shortest = shared_look_ms;
    }
    return (int)shortest;
}

static void fail_all(struct run *run, CURLMcode code)
{
    while (run->slots.len > 0) {
        struct http_transfer *transfer =
            ((struct slot *)vec_at(&run->slots, run->slots.len - 1))->transfer;
        http_transfer_abort(transfer, run->client->multi);
        error_set(&transfer->error, ERROR_INTERNAL, "the HTTP client failed: %s",
                  curl_multi_strerror(code));
        finish(run, run->slots.len - 1);
    }
}

static void work(struct run *run)
{
    CURLM *multi = run->client->multi;
    for (;;) {
        fill(run);
        check_and_start(run);
        if (run->slots.len == 0 && run->wait_ms < 0)
            return;
        int running = 0;
        CURLMcode code = curl_multi_perform(multi, &running);
        bool any = code == CURLM_OK && collect(run);
        if (code == CURLM_OK && !any)
            code = curl_multi_poll(multi, NULL, 0, wait_ms(run), NULL);
        if (code != CURLM_OK)
            fail_all(run, code);
    }
}

void http_client_run(struct http_client *client, const struct http_source *source, void *arg)
{
    struct run run = {
        .client = client, .source = source, .arg = arg, .slots = VEC_OF(struct slot, NULL)};
    work(&run);
    vec_free(&run.slots);
}

void http_client_wake(struct http_client *client)
{
    curl_multi_wakeup(client->multi);
}

static void wake(void *multi)
{
    curl_multi_wakeup(multi);
}

// http_do_all's own source: an array, from its start to its end.
struct list {
    const struct http_request *requests;
    size_t n;
    size_t next;
    size_t active;
    size_t max_active;
    struct http_result *results;
    void (*on_done)(void *arg, size_t index);
    void *arg;
};

static const struct http_request *list_next(void *arg, size_t *ret_index, int64_t *ret_wait_ms)
{
    struct list *list = arg;
    *ret_wait_ms = list->next < list->n ? 60 * 1000 : -1;
    if (list->next == list->n || list->active == list->max_active)
        return NULL;
    list->active++;
    *ret_index = list->next++;
    return &list->requests[*ret_index];
}

static void list_finished(void *arg, size_t index, struct http_result *result)
{
    struct list *list = arg;
    list->active--;
    list->results[index] = *result;
    if (list->on_done != NULL)
        list->on_done(list->arg, index);
}

void http_do_all(struct http_client *client, const struct http_request *requests, size_t n,
                 unsigned max_parallel, struct http_result *ret_results,
                 void (*on_done)(void *arg, size_t index), void *arg)
{
    static const struct http_source source = {list_next, list_finished};
    struct list list = {.requests = requests,
                        .n = n,
                        .max_active = max_parallel > 0 ? max_parallel : 1,
                        .results = ret_results,
                        .on_done = on_done,
                        .arg = arg};
    struct run run = {.client = client,
                      .source = &source,
                      .arg = &list,
                      .slots = VEC_OF(struct slot, NULL),
                      .only_one = n == 1};
    for (size_t i = 0; i < n; i++) {
        ret_results[i] = (struct http_result){0};
        // Requests may share one; it then wakes the same wait.
        cancel_watch(requests[i].cancel, wake, client->multi);
    }
    work(&run);
    for (size_t i = 0; i < n; i++)
        cancel_unwatch(requests[i].cancel);
    vec_free(&run.slots);
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
