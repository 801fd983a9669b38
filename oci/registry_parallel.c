// Several requests at once, with the authorization of one: what comes back with 401 leads to the
// token server once, and goes out again.
#include "base/memory.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>

void registry_call_init(const struct registry *registry, struct registry_call *call,
                        const char *method, char *url)
{
    call->url = url;
    call->headers = HTTP_HEADERS;
    call->request = registry_request(registry, method, url);
    call->request.headers = &call->headers;
}

static void run(struct registry *registry, struct registry_call **calls, size_t n,
                const char *authorization)
{
    cleanup_free struct http_request *requests = xcalloc(n, sizeof *requests);
    cleanup_free struct http_result *results = xcalloc(n, sizeof *results);
    for (size_t i = 0; i < n; i++) {
        requests[i] = calls[i]->request;
        requests[i].authorization = calls[i]->elsewhere ? NULL : authorization;
        if (calls[i]->elsewhere && registry_is_elsewhere(registry, calls[i]->url))
            requests[i].reach = registry_reach_elsewhere(registry);
    }
    http_do_all(registry->client, requests, n, OCI_PARALLEL, results, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        http_result_release(&calls[i]->result);
        calls[i]->result = results[i];
        if (results[i].error.code != ERROR_NONE)
            error_wrap(&calls[i]->result.error, "registry %s", registry->repository.reference.host);
        else
            registry_heed(registry, &results[i].response);
    }
}

// Those that the registry itself answered with 401.
static size_t unauthorized(const struct registry *registry, struct registry_call *calls, size_t n,
                           struct registry_call **chosen)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (!calls[i].elsewhere && calls[i].result.error.code == ERROR_NONE &&
            calls[i].result.response.status == 401 &&
            registry_answered(registry, &calls[i].result.response))
            chosen[count++] = &calls[i];
    return count;
}

int registry_send_all(struct registry *registry, struct registry_call *calls, size_t n,
                      enum registry_right right, struct error *err)
{
    registry_forget_ahead(registry);
    if (n == 0)
        return 0;
    cleanup_secret char *known = registry_known_authorization(registry, right);
    cleanup_free struct registry_call **chosen = xcalloc(n, sizeof(struct registry_call *));
    for (size_t i = 0; i < n; i++)
        chosen[i] = &calls[i];
    run(registry, chosen, n, known);
    size_t refused = unauthorized(registry, calls, n, chosen);
    if (refused == 0)
        return 0;
    registry_forget_authorization(registry, right);
    cleanup_secret char *fresh = NULL;
    if (registry_authorize(registry, &chosen[0]->result.response, right, &fresh, err) < 0)
        return -1;
    run(registry, chosen, refused, fresh);
    if (unauthorized(registry, calls, n, chosen) > 0)
        registry_forget_authorization(registry, right);
    return 0;
}

void registry_calls_release(struct registry_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        http_result_release(&calls[i].result);
        free(calls[i].url);
        vec_free(&calls[i].headers);
    }
    free(calls);
}

void registry_forget_ahead(struct registry *registry)
{
    registry_calls_release(registry->ahead, registry->n_ahead);
    registry->ahead = NULL;
    registry->n_ahead = 0;
}

void registry_ask_ahead(struct registry *registry, struct registry_call *calls, size_t n)
{
    if (registry_send_all(registry, calls, n, registry_read_right(registry), NULL) < 0) {
        registry_calls_release(calls, n);
        return;
    }
    registry->ahead = calls;
    registry->n_ahead = n;
}

bool registry_take_ahead(struct registry *registry, const struct http_request *request,
                         struct http_response *ret_response)
{
    for (size_t i = 0; i < registry->n_ahead; i++) {
        struct registry_call *call = &registry->ahead[i];
        struct http_response *response = &call->result.response;
        // Only what the registry said about it, no passing trouble.
        bool final = response->status == 404 || registry_is_success(response);
        if (!final || strcmp(call->request.method, request->method) != 0 ||
            strcmp(call->url, request->url) != 0)
            continue;
        *ret_response = *response;
        *response = (struct http_response){0};
        return true;
    }
    return false;
}
