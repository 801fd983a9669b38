// One request from its first hop to its answer: redirects by our own rules, retries within the
// deadline.
#include "base/http_internal.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEADLINE_DEFAULT_MS = 60 * 1000,
    CONNECT_DEFAULT_MS = 10 * 1000,
    IDLE_DEFAULT_MS = 30 * 1000,
    BODY_DEFAULT_BYTES = 4 * 1024 * 1024,
    RETRY_FIRST_MS = 250,
    RETRY_MAX_MS = 5000,
};

static int set_url(struct http_transfer *transfer, const char *text, struct error *err)
{
    cleanup_url struct url url = {0};
    if (url_parse(text, &url, err) < 0)
        return -1;
    if (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0)
        return error_set(err, ERROR_INVALID, "the URL must start with https:// or http://");
    if (url.user != NULL || url.password != NULL)
        return error_set(err, ERROR_INVALID,
                         "the URL must not hold a user or password; give credentials apart");
    char *copy = xstrdup(text);
    free(transfer->url);
    transfer->url = copy;
    url_release(&transfer->hop);
    transfer->hop = url;
    url = (struct url){0};
    return 0;
}

static void fill_defaults(struct http_request *request, bool endless)
{
    if (request->connect_timeout_ms <= 0)
        request->connect_timeout_ms = CONNECT_DEFAULT_MS;
    if (request->deadline_ms <= 0 && !endless)
        request->deadline_ms = DEADLINE_DEFAULT_MS;
    if (request->idle_timeout_ms <= 0 && !endless)
        request->idle_timeout_ms = IDLE_DEFAULT_MS;
    if (request->max_body_bytes == 0)
        request->max_body_bytes = endless ? SIZE_MAX : BODY_DEFAULT_BYTES;
}

int http_transfer_init(struct http_transfer *transfer, const struct http_request *request,
                       const struct clock *clock, struct error *err)
{
    bool endless = transfer->endless;
    transfer->request = *request;
    transfer->clock = clock;
    transfer->response.headers = HTTP_HEADERS;
    strbuf_init(&transfer->response.body, 0);
    transfer->backoff = (struct backoff){.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS};
    fill_defaults(&transfer->request, endless);
    int64_t now = clock_mono_ms(clock);
    transfer->start_at_ms = now;
    transfer->deadline_at_ms =
        transfer->request.deadline_ms > 0 ? now + transfer->request.deadline_ms : INT64_MAX;
    if (set_url(transfer, request->url, err) < 0 || http_setup_check_headers(request, err) < 0)
        return -1;
    struct url proxy = {0};
    if (request->proxy != NULL && *request->proxy != '\0') {
        if (url_parse(request->proxy, &proxy, err) < 0)
            return error_wrap(err, "the address of the proxy");
        url_release(&proxy);
    }
    return 0;
}

void http_transfer_release(struct http_transfer *transfer)
{
    assert(transfer->easy == NULL);
    url_release(&transfer->hop);
    free(transfer->url);
    transfer->url = NULL;
    http_response_release(&transfer->response);
    error_release(&transfer->error);
}

static void clear_hop(struct http_transfer *transfer)
{
    struct http_response *response = &transfer->response;
    vec_clear(&response->headers);
    strbuf_release(&response->body);
    free(response->url);
    response->url = url_without_credentials(transfer->url);
    response->status = 0;
    response->retry_after_ms = 0;
    transfer->ever_sent = transfer->ever_sent || transfer->sent;
    transfer->sent = false;
    transfer->cut = false;
    transfer->headed = false;
    transfer->idled = false;
    transfer->header_bytes = 0;
    transfer->body_bytes = 0;
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    error_release(&transfer->error);
}

int http_transfer_start(struct http_transfer *transfer, CURLM *multi)
{
    clear_hop(transfer);
    if (http_seek_body(transfer, 0, SEEK_SET) != CURL_SEEKFUNC_OK)
        return error_set(&transfer->error, ERROR_INTERNAL, "the body cannot be sent a second time");
    if (transfer->delivered && transfer->request.on_restart != NULL)
        transfer->request.on_restart(transfer->request.on_data_arg);
    transfer->delivered = false;
    if (http_setup(transfer) < 0) {
        http_transfer_stop(transfer, NULL);
        return -1;
    }
    CURLMcode code = curl_multi_add_handle(multi, transfer->easy);
    if (code != CURLM_OK) {
        http_transfer_stop(transfer, NULL);
        return error_set(&transfer->error, ERROR_INTERNAL, "the request cannot start: %s",
                         curl_multi_strerror(code));
    }
    return 0;
}

void http_transfer_stop(struct http_transfer *transfer, CURLM *multi)
{
    if (transfer->easy == NULL)
        return;
    if (multi != NULL)
        curl_multi_remove_handle(multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    curl_slist_free_all(transfer->connect_to);
    transfer->connect_to = NULL;
}

// The answer says where to go on. -1 with transfer->error when it must not be followed.
static int follow(struct http_transfer *transfer)
{
    struct error *err = &transfer->error;
    if (transfer->redirects == transfer->request.max_redirects)
        return error_set(err, ERROR_LIMIT, "%s:%d redirects again after %u redirects",
                         transfer->hop.host, transfer->hop.port, transfer->redirects);
    cleanup_free char *from = xasprintf("%s:%d", transfer->hop.host, transfer->hop.port);
    cleanup_free char *next = NULL;
    const char *location = http_headers_get(&transfer->response.headers, "Location");
    bool secure = strcmp(transfer->hop.scheme, "https") == 0;
    struct url before = transfer->hop;
    transfer->hop = (struct url){0};
    int result = url_resolve(transfer->url, location, &next, err);
    if (result == 0)
        result = set_url(transfer, next, err);
    if (result < 0) {
        error_wrap(err, "%s redirects", from);
        transfer->hop = before;
        return -1;
    }
    transfer->left_origin = transfer->left_origin || !url_same_origin(&before, &transfer->hop);
    url_release(&before);
    if (secure && strcmp(transfer->hop.scheme, "http") == 0)
        return error_set(err, ERROR_DENIED,
                         "%s redirects from https to plain http at %s:%d, which is not followed; "
                         "correct the server's address of itself",
                         from, transfer->hop.host, transfer->hop.port);
    transfer->redirects++;
    transfer->start_at_ms = clock_mono_ms(transfer->clock);
    return 0;
}

static bool may_repeat(const struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->request;
    int status = transfer->response.status;
    bool repeatable = strcmp(request->method, "POST") != 0 && strcmp(request->method, "PATCH") != 0;
    return transfer->backoff.attempts < request->max_retries &&
           (repeatable || !transfer->sent || status == 429 || status == 503) &&
           (request->read_body == NULL || transfer->upload_bytes == 0 ||
            request->rewind_body != NULL) &&
           (!transfer->delivered || request->on_restart != NULL);
}

// From the first URL again: what a redirect led to may have been good for one use only.
static enum http_step repeat(struct http_transfer *transfer)
{
    if (!may_repeat(transfer))
        return HTTP_STEP_DONE;
    int64_t now = clock_mono_ms(transfer->clock);
    int64_t delay = backoff_next(&transfer->backoff, 0);
    if (delay < transfer->response.retry_after_ms)
        delay = transfer->response.retry_after_ms;
    // Waiting past the deadline helps nobody: the caller gets what there is, now.
    if (delay >= transfer->deadline_at_ms - now)
        return HTTP_STEP_DONE;
    if (set_url(transfer, transfer->request.url, NULL) < 0)
        return HTTP_STEP_DONE;
    transfer->left_origin = false;
    transfer->redirects = 0;
    transfer->start_at_ms = now + delay;
    return HTTP_STEP_AGAIN;
}

static bool is_retryable_status(int status)
{
    return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
           status == 504;
}

static enum http_step answered(struct http_transfer *transfer)
{
    if (http_will_redirect(transfer))
        return follow(transfer) == 0 ? HTTP_STEP_AGAIN : HTTP_STEP_DONE;
    if (is_retryable_status(transfer->response.status))
        return repeat(transfer);
    return HTTP_STEP_DONE;
}

static enum http_step failed(struct http_transfer *transfer, bool transient)
{
    unsigned tries = transfer->backoff.attempts + 1;
    if (transient && repeat(transfer) == HTTP_STEP_AGAIN)
        return HTTP_STEP_AGAIN;
    if (tries > 1)
        error_wrap(&transfer->error, "tried %u times", tries);
    return HTTP_STEP_DONE;
}

enum http_step http_transfer_complete(struct http_transfer *transfer, CURLM *multi, CURLcode code)
{
    // Only what was refused here, and only if curl failed for it.
    bool ours = transfer->error.code != ERROR_NONE;
    // A refusal whose words were lost is still that refusal: Go's servers send GOAWAY with a 401,
    // and curl 7.88 may then close the connection before it hands on the body.
    bool refused = transfer->headed && transfer->response.status >= 400 && !ours;
    bool is_answer =
        code == CURLE_OK || refused || (code == CURLE_WRITE_ERROR && transfer->cut && !ours);
    if (!is_answer && !ours)
        http_describe_failure(transfer, code);
    bool transient = !is_answer && !ours && http_failure_is_transient(code, transfer->error.code);
    http_transfer_stop(transfer, multi);
    if (is_answer) {
        error_release(&transfer->error);
        return answered(transfer);
    }
    return failed(transfer, transient);
}

void http_transfer_abort(struct http_transfer *transfer, CURLM *multi)
{
    http_abandon(transfer);
    http_transfer_stop(transfer, multi);
}

int http_transfer_check(struct http_transfer *transfer)
{
    const struct http_request *request = &transfer->request;
    struct error *err = &transfer->error;
    int64_t now = clock_mono_ms(transfer->clock);
    if (cancel_requested(request->cancel))
        return error_set(err, ERROR_CANCELED, "the request to %s:%d was stopped",
                         transfer->hop.host, transfer->hop.port);
    if (now >= transfer->deadline_at_ms)
        return error_set(err, ERROR_TIMEOUT,
                         "no complete answer from %s:%d within %lld ms; it is too slow, or the "
                         "timeout too short",
                         transfer->hop.host, transfer->hop.port, (long long)request->deadline_ms);
    if (transfer->easy != NULL && transfer->sent && request->idle_timeout_ms > 0 &&
        now - transfer->active_at_ms >= request->idle_timeout_ms) {
        transfer->idled = true;
        return error_set(err, ERROR_TIMEOUT, "%s:%d sent nothing for %lld ms", transfer->hop.host,
                         transfer->hop.port, (long long)request->idle_timeout_ms);
    }
    return 0;
}

enum http_step http_transfer_after_check(struct http_transfer *transfer)
{
    return transfer->idled ? failed(transfer, true) : HTTP_STEP_DONE;
}

int64_t http_transfer_wait_ms(const struct http_transfer *transfer)
{
    int64_t now = clock_mono_ms(transfer->clock);
    int64_t due = transfer->deadline_at_ms;
    if (transfer->easy == NULL) {
        if (transfer->start_at_ms < due)
            due = transfer->start_at_ms;
    } else if (transfer->sent && transfer->request.idle_timeout_ms > 0) {
        int64_t idle_at = transfer->active_at_ms + transfer->request.idle_timeout_ms;
        if (idle_at < due)
            due = idle_at;
    }
    if (due == INT64_MAX)
        return INT64_MAX;
    return due > now ? due - now : 0;
}
