// One request on its way: credentials, deadlines, and what is worth a second try.
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    BUSY_TRIES_MAX = 10, // as client-go
    LOST_TRIES_MAX = 3,  // a server that is away is its caller's business soon
    RETRY_FIRST_MS = 200,
    RETRY_MAX_MS = 30 * 1000,
};

void kube_attempt_init(struct kube_attempt *attempt, struct kube_client *client,
                       const struct kube_request *request)
{
    int64_t chosen = client->config.request_timeout_ms;
    int64_t deadline = request->deadline_ms > 0 ? request->deadline_ms
                       : chosen > 0             ? chosen
                                                : KUBE_DEADLINE_DEFAULT_MS;
    int64_t now = clock_mono_ms(client->clock);
    *attempt =
        (struct kube_attempt){.client = client,
                              .request = request,
                              .cancel = request->cancel != NULL ? request->cancel : &client->ending,
                              .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS},
                              .deadline_at_ms = now + deadline,
                              .due_at_ms = now};
}

void kube_attempt_release(struct kube_attempt *attempt)
{
    kube_wire_release(&attempt->wire);
    kube_identity_unref(attempt->identity);
    attempt->identity = NULL;
}

int kube_attempt_prepare(struct kube_attempt *attempt, bool may_block, struct error *err)
{
    struct kube_client *client = attempt->client;
    const struct kube_request *request = attempt->request;
    if (attempt->wire.url == NULL && kube_wire_build(client, request, &attempt->wire, err) < 0)
        return -1;
    struct kube_identity *identity = NULL;
    if (kube_credential_get(client->credential, may_block, attempt->cancel, &identity, err) < 0)
        return -1;
    kube_identity_unref(attempt->identity);
    attempt->identity = identity;
    int64_t left = attempt->deadline_at_ms - clock_mono_ms(client->clock);
    if (left <= 0) {
        cleanup_free char *name = kube_request_name(request);
        return error_set(err, ERROR_TIMEOUT, "no time was left to ask %s for %s",
                         client->config.server, name);
    }
    attempt->http = (struct http_request){
        .method = attempt->wire.method,
        .url = attempt->wire.url,
        .headers = &attempt->wire.headers,
        .authorization = identity->authorization,
        .body = attempt->wire.body,
        .body_size = attempt->wire.body_size,
        .tls = &identity->tls,
        .proxy = client->proxy,
        .connect_to = client->connect_to,
        .reach = client->reach,
        .deadline_ms = left,
        .idle_timeout_ms = left,
        .max_body_bytes =
            request->max_body_bytes > 0 ? request->max_body_bytes : KUBE_BODY_DEFAULT_BYTES,
        .cancel = attempt->cancel,
    };
    return 0;
}

enum kube_load kube_load_of(const struct http_result *outcome)
{
    enum error_code code = outcome->error.code;
    if (code == ERROR_NONE) {
        int status = outcome->response.status;
        return status == 429 || status >= 502 ? KUBE_LOAD_BUSY : KUBE_LOAD_FINE;
    }
    return code == ERROR_UNAVAILABLE || code == ERROR_TIMEOUT ? KUBE_LOAD_BUSY : KUBE_LOAD_UNKNOWN;
}

// Whether the same request twice leads to the same as once.
static bool is_repeatable(const struct kube_request *request)
{
    switch (request->verb) {
    case KUBE_GET:
    case KUBE_LIST:
    case KUBE_MERGE:
        return true;
    case KUBE_DELETE: // else what somebody made in its place would go too
        return request->if_uid != NULL;
    case KUBE_APPLY:
        return request->force;
    case KUBE_CREATE:
    case KUBE_UPDATE:
    case KUBE_JSON_PATCH:
        break;
    }
    return false;
}

// Whether to try again, and after how long.
static bool wants_again(struct kube_attempt *attempt, const struct http_result *outcome,
                        int64_t *ret_delay_ms)
{
    const struct http_response *response = &outcome->response;
    // Nothing was done, and a token that was replaced is no failure: also where nothing else is
    // repeated.
    if (outcome->error.code == ERROR_NONE && response->status == 401) {
        if (attempt->asked_again ||
            !kube_credential_refused(attempt->client->credential, attempt->identity))
            return false;
        attempt->asked_again = true;
        *ret_delay_ms = 0;
        return true;
    }
    if (attempt->request->no_retry)
        return false;
    if (outcome->error.code != ERROR_NONE) {
        bool lost = outcome->error.code == ERROR_UNAVAILABLE;
        if (!lost || (outcome->sent && !is_repeatable(attempt->request)) ||
            ++attempt->lost_tries >= LOST_TRIES_MAX)
            return false;
        *ret_delay_ms = backoff_next(&attempt->backoff, 0);
        return true;
    }
    if ((response->status != 429 && response->status < 500) || response->retry_after_ms <= 0 ||
        ++attempt->busy_tries >= BUSY_TRIES_MAX)
        return false;
    *ret_delay_ms = jitter(response->retry_after_ms, 5);
    if (*ret_delay_ms < response->retry_after_ms)
        *ret_delay_ms = response->retry_after_ms;
    return true;
}

enum kube_step kube_attempt_judge(struct kube_attempt *attempt, struct http_result *outcome,
                                  struct kube_result *ret_result)
{
    const struct kube_request *request = attempt->request;
    int64_t delay = 0;
    int64_t now = clock_mono_ms(attempt->client->clock);
    if (!cancel_requested(attempt->cancel) && wants_again(attempt, outcome, &delay) &&
        delay < attempt->deadline_at_ms - now) {
        attempt->due_at_ms = now + delay;
        http_result_release(outcome);
        return KUBE_AGAIN;
    }
    struct kube_result result = {0};
    if (outcome->error.code == ERROR_NONE) {
        kube_answer(attempt->client, request, &outcome->response, &result);
    } else {
        cleanup_free char *name = kube_request_name(request);
        error_move(&result.error, &outcome->error);
        error_wrap(&result.error, "%s %s", attempt->wire.method, name);
        http_response_release(&outcome->response);
    }
    *ret_result = result;
    return KUBE_OVER;
}
