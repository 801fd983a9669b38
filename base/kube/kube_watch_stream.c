// What a watch hears between two lists: events, line by line, and how the connection ends.
#include "base/kube/kube_watch_internal.h"

#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    // The server ends a watch after this; spread, so that they do not all end at once.
    SERVER_SECONDS = 450,
    SERVER_JITTER_PERCENT = 33,
    // A connection that lived so long was fine; what ends it is the first failure of a new row.
    FINE_MS = 2 * 60 * 1000,
    // A server that ends a watch at once, again and again, is not asked without a pause.
    SHORT_MS = 1000,
};

// An ERROR event, or an answer that is no watch.
static void refused(struct kube_watch *watch, const json_t *status, struct error *err)
{
    int code = (int)jval_int(status, "code", watch->http_status);
    if (code == 401)
        kube_unauthorized_error(kube_loop_client(watch->kube), err);
    else
        kube_status_error(status, err);
    if (watch->retry_after_ms > 0)
        err->retry_after_ms = watch->retry_after_ms;
    // The version is too old to go on from; what happened meanwhile is found by a list.
    if (code == 410)
        free(STEAL(watch->resource_version));
}

int kube_watch_event(void *arg, const char *type, const json_t *object, struct error *err)
{
    struct kube_watch *watch = arg;
    if (strcmp(type, "ERROR") == 0) {
        refused(watch, object, err);
        return -1;
    }
    kube_watch_set_version(watch, object);
    if (strcmp(type, "DELETED") == 0) {
        if (kube_index_remove(&watch->index, object))
            kube_watch_tell(watch, KUBE_DELETED, object);
    } else if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        kube_watch_put(watch, object);
    }
    return watch->doomed ? error_set(err, ERROR_CANCELED, "the watch was freed") : 0;
}

static void on_response(void *arg, const struct http_response *response)
{
    struct kube_watch *watch = arg;
    watch->http_status = response->status;
    watch->retry_after_ms = response->retry_after_ms;
    watch->cut_off = watch->cut_off && response->status != 200;
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct kube_watch *watch = arg;
    if (watch->http_status != 200) {
        size_t room = watch->refusal.max - watch->refusal.len;
        strbuf_add(&watch->refusal, data, size < room ? size : room);
        return 0;
    }
    kube_watch_enter(watch);
    int result = kube_decoder_feed(&watch->decoder, data, size, err);
    kube_watch_leave(watch);
    return result;
}

// An HTTP answer that is no watch, as an error.
static void refused_http(struct kube_watch *watch, struct error *err)
{
    cleanup_json json_t *status = NULL;
    if (jval_parse_object(watch->refusal.data, watch->refusal.len, "Status", &status, NULL) == 0 &&
        strcmp(jval_string_or(status, "kind", ""), "Status") == 0) {
        json_object_set_new(status, "code", json_integer(watch->http_status));
        refused(watch, status, err);
    } else if (watch->http_status == 401 || watch->http_status == 429) {
        cleanup_json json_t *made = json_pack("{s:i}", "code", watch->http_status);
        refused(watch, made, err);
    } else {
        kube_foreign_error(kube_loop_client(watch->kube), &watch->request, watch->http_status,
                           &watch->refusal, err);
        if (watch->retry_after_ms > 0)
            err->retry_after_ms = watch->retry_after_ms;
    }
}

static bool was_refused_once(struct kube_watch *watch)
{
    if (watch->http_status != 401 || watch->asked_again)
        return false;
    watch->asked_again = true;
    return kube_credential_refused(kube_loop_client(watch->kube)->credential, watch->identity);
}

static void on_end(void *arg, const struct error *error)
{
    struct kube_watch *watch = arg;
    cleanup_error struct error err = {0};
    int64_t lived = clock_mono_ms(kube_loop_client(watch->kube)->clock) - watch->opened_at_ms;
    watch->stream = NULL;
    if (lived >= FINE_MS)
        backoff_reset(&watch->backoff);
    if (error != NULL) {
        error_set(&err, error->code, "%s", error->message);
        err.retry_after_ms = error->retry_after_ms;
    } else if (watch->http_status != 200) {
        refused_http(watch, &err);
    }
    kube_watch_enter(watch);
    if (was_refused_once(watch)) {
        kube_watch_open(watch);
    } else if (err.code == ERROR_NONE && lived >= SHORT_MS) {
        watch->asked_again = false;
        kube_watch_open(watch);
    } else if (err.code == ERROR_NONE) {
        watch->state = WATCH_WAITING;
        loop_timer_set(watch->timer, backoff_next(&watch->backoff, 0));
    } else if (watch->resource_version == NULL && watch->backoff.attempts == 0) {
        backoff_next(&watch->backoff, 0);
        kube_watch_relist(watch); // at once, the first time
    } else {
        kube_watch_fail(watch, watch->http_status, &err);
    }
    kube_watch_leave(watch);
}

static int build_wire(struct kube_watch *watch, struct kube_wire *ret_wire, struct error *err)
{
    struct kube_request request = watch->request;
    request.limit = 0;
    request.resource_version = watch->resource_version;
    if (request.accept == KUBE_METADATA)
        request.accept_header =
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
    if (kube_wire_build(kube_loop_client(watch->kube), &request, ret_wire, err) < 0)
        return -1;
    char *url = xasprintf("%s%cwatch=1&allowWatchBookmarks=true&timeoutSeconds=%lld", ret_wire->url,
                          strchr(ret_wire->url, '?') != NULL ? '&' : '?',
                          (long long)jitter(SERVER_SECONDS, SERVER_JITTER_PERCENT));
    free(ret_wire->url);
    ret_wire->url = url;
    return 0;
}

static int try_open(struct kube_watch *watch, struct error *err)
{
    static const struct http_stream_events events = {on_response, on_data, on_end};
    struct kube_client *client = kube_loop_client(watch->kube);
    struct kube_identity *identity = NULL;
    struct kube_wire wire = {0};
    if (kube_credential_get(client->credential, false, NULL, &identity, err) < 0)
        return -1;
    kube_identity_unref(watch->identity);
    watch->identity = identity;
    if (build_wire(watch, &wire, err) < 0)
        return -1;
    struct http_request http = {.method = wire.method,
                                .url = wire.url,
                                .headers = &wire.headers,
                                .authorization = identity->authorization,
                                .tls = &identity->tls,
                                .proxy = client->proxy,
                                .connect_to = client->connect_to,
                                .reach = client->reach,
                                .idle_timeout_ms = watch->idle_ms};
    int result = http_stream_open(kube_loop_streams(watch->kube), &http, &events, watch,
                                  &watch->stream, err);
    kube_wire_release(&wire);
    return result;
}

void kube_watch_open(struct kube_watch *watch)
{
    cleanup_error struct error err = {0};
    watch->http_status = 0;
    watch->retry_after_ms = 0;
    strbuf_reset(&watch->refusal);
    kube_decoder_reset(&watch->decoder);
    watch->opened_at_ms = clock_mono_ms(kube_loop_client(watch->kube)->clock);
    watch->state = WATCH_WATCHING;
    if (try_open(watch, &err) == 0)
        return;
    kube_watch_enter(watch);
    if (err.code == ERROR_UNAVAILABLE && err.retry_after_ms > 0) { // a plugin is at work
        watch->state = WATCH_WAITING;
        loop_timer_set(watch->timer, err.retry_after_ms);
    } else {
        kube_watch_fail(watch, 0, &err);
    }
    kube_watch_leave(watch);
}
