// The table of Hooks, and the way of one request through it. What makes a delivery durable is in
// hook.c.
#include "receiver/receiver.h"

#include "api/object.h"
#include "base/http_client.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "receiver/hook_internal.h"
#include "receiver/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hook *find_by_path(const struct receiver *receiver, const char *path)
{
    struct hook *found = NULL;
    // All are compared, so that the time says nothing about any of them.
    vec_foreach (struct hook *, hook, &receiver->hooks) {
        if (hook_path_equal((*hook)->path, path))
            found = *hook;
    }
    return found;
}

static struct hook *find_by_object(const struct receiver *receiver, const json_t *object,
                                   size_t *ret_index)
{
    for (size_t i = 0; i < receiver->hooks.len; i++) {
        struct hook *hook = *(struct hook **)vec_at(&receiver->hooks, i);
        struct object_key a = object_key(hook->object), b = object_key(object);
        if (object_key_equal(&a, &b)) {
            *ret_index = i;
            return hook;
        }
    }
    return NULL;
}

void receiver_answer(struct receiver *receiver, struct http_exchange *exchange,
                     const char *provider, int status, const char *result, const char *message,
                     const char *request_id)
{
    if (provider == NULL)
        provider = "unknown";
    metric_add(receiver->requests, 1, provider, result, NULL);
    if (exchange == NULL)
        return;
    int64_t spent_ms =
        clock_mono_ms(loop_clock(receiver->loop)) - http_exchange_started_ms(exchange);
    metric_observe(receiver->seconds, (double)spent_ms / 1000, provider, NULL);
    cleanup_json json_t *body = json_object();
    jval_set_string(body, "result", result);
    jval_set_string(body, "message", message);
    jval_set_string(body, "requestId", request_id);
    cleanup_free char *text = jval_compact(body);
    cleanup_free char *line = xasprintf("%s\n", text);
    cleanup_vec struct vec headers = HTTP_HEADERS;
    if (status == 405)
        http_headers_add(&headers, "Allow", "POST");
    http_exchange_answer(exchange, status, &headers, "application/json", line, strlen(line));
}

static int on_head(void *arg, struct http_exchange *exchange)
{
    struct receiver *receiver = arg;
    const struct hook *hook = find_by_path(receiver, http_exchange_path(exchange));
    if (hook == NULL) {
        receiver_answer(receiver, exchange, NULL, 404, "not_found", "there is no Hook here", NULL);
        return 404;
    }
    const char *provider = object_spec_string(hook->object, "provider");
    if (strcmp(http_exchange_method(exchange), "POST") != 0) {
        receiver_answer(receiver, exchange, provider, 405, "invalid", "send deliveries with POST",
                        NULL);
        return 405;
    }
    return 0;
}

static const char *header_of(const void *arg, const char *name)
{
    return http_exchange_header(arg, name);
}

static void log_refusal(const struct hook *hook, const struct http_exchange *exchange,
                        const struct sender_answer *answer)
{
    char shown[HOOK_PATH_SHOWN_SIZE];
    hook_path_shown(hook->path, shown);
    log_info("delivery refused", "kind", "Hook", "namespace", object_namespace(hook->object),
             "name", object_name(hook->object), "path", shown, "reconcile_id", answer->delivery.id,
             "peer", http_exchange_peer(exchange), "error", answer->text);
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct receiver *receiver = arg;
    struct hook *hook = find_by_path(receiver, http_exchange_path(exchange));
    const char *provider = hook != NULL ? object_spec_string(hook->object, "provider") : NULL;
    const struct sender *sender = sender_find(provider);
    if (sender == NULL) {
        receiver_answer(receiver, exchange, provider, 404, "not_found", "there is no Hook here",
                        NULL);
        return;
    }
    struct sender_request request = {.header = header_of,
                                     .header_arg = exchange,
                                     .token = hook->token.bytes,
                                     .token_size = hook->token.size,
                                     .events = jval_array(object_spec(hook->object, ""), "events"),
                                     .now_ms = clock_wall_ms(loop_clock(receiver->loop))};
    request.body = http_exchange_body(exchange, &request.body_size);
    cleanup_sender_answer struct sender_answer answer;
    sender->read(&request, &answer);
    const char *id = answer.delivery.id;
    if (answer.verdict == SENDER_REFUSED)
        log_refusal(hook, exchange, &answer);
    if (answer.verdict != SENDER_DELIVERY)
        receiver_answer(receiver, exchange, provider, answer.status, answer.result, answer.text,
                        id);
    else if (hook_has_seen(hook, id))
        receiver_answer(receiver, exchange, provider, 200, "replayed",
                        "this delivery was recorded before; nothing changed", id);
    else
        hook_deliver(hook, &answer.delivery, exchange);
}

static void on_abandoned(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    struct waiting *waiting = http_exchange_data(exchange);
    if (waiting != NULL)
        waiting->exchange = NULL;
}

const struct http_server_events *receiver_events(void)
{
    static const struct http_server_events events = {
        .on_head = on_head, .on_request = on_request, .on_abandoned = on_abandoned};
    return &events;
}

static void on_hook(void *arg, enum store_change change, const json_t *object)
{
    struct receiver *receiver = arg;
    size_t index = 0;
    struct hook *hook = find_by_object(receiver, object, &index);
    // Another object under the same name is another Hook.
    if (hook != NULL &&
        (change == STORE_DELETED || strcmp(object_uid(hook->object), object_uid(object)) != 0)) {
        vec_remove(&receiver->hooks, index);
        hook_drop(hook);
        hook = NULL;
    }
    if (change == STORE_DELETED)
        return;
    if (hook != NULL)
        hook_observe(hook, object);
    else
        *(struct hook **)vec_push(&receiver->hooks) = hook_new(receiver, object);
}

static void on_secret(void *arg, enum store_change change, const json_t *object)
{
    (void)change;
    struct receiver *receiver = arg;
    vec_foreach (struct hook *, hook, &receiver->hooks) {
        const char *name = object_spec_string((*hook)->object, "secretRef.name");
        if (name != NULL && strcmp(name, object_name(object)) == 0 &&
            strcmp(object_namespace((*hook)->object), object_namespace(object)) == 0)
            hook_refresh(*hook);
    }
}

static void on_synced(void *arg)
{
    struct receiver *receiver = arg;
    receiver->synced = true;
}

static void on_watch_error(void *arg, const struct error *err)
{
    (void)arg;
    log_warn("the receiver cannot follow its objects; it goes on with those it knows", "error",
             error_message(err));
}

static void add_metrics(struct receiver *receiver, struct metrics *metrics)
{
    receiver->requests = metrics_add(metrics, METRIC_COUNTER, "sealift_hook_requests_total",
                                     "Webhook requests by provider and result.", "provider,result");
    receiver->seconds =
        metrics_add(metrics, METRIC_HISTOGRAM, "sealift_hook_request_duration_seconds",
                    "From a request's first byte to its answer.", "provider");
    receiver->pending = metrics_add(metrics, METRIC_GAUGE, "sealift_hook_pending",
                                    "Deliveries in Hook.status.pending.", "namespace,name");
}

int receiver_new(struct loop *loop, struct store *store, struct pool *pool, struct metrics *metrics,
                 const struct receiver_options *options, struct receiver **ret_receiver,
                 struct error *err)
{
    struct receiver *receiver = xcalloc(1, sizeof *receiver);
    receiver->loop = loop;
    receiver->store = store;
    receiver->pool = pool;
    receiver->options = *options;
    receiver->hooks = VEC_OF(struct hook *, NULL);
    add_metrics(receiver, metrics);
    static const struct store_watch_events hook_events = {
        .on_object = on_hook, .on_synced = on_synced, .on_error = on_watch_error};
    static const struct store_watch_events secret_events = {.on_object = on_secret,
                                                            .on_error = on_watch_error};
    if (store_watch(store, loop, "Hook", &hook_events, receiver, &receiver->hooks_watch, err) < 0 ||
        (options->on_files && store_watch(store, loop, "Secret", &secret_events, receiver,
                                          &receiver->secrets_watch, err) < 0)) {
        receiver_free(receiver);
        return error_wrap(err, "the receiver cannot watch its objects");
    }
    *ret_receiver = receiver;
    return 0;
}

void receiver_free(struct receiver *receiver)
{
    if (receiver == NULL)
        return;
    store_watch_free(receiver->secrets_watch);
    store_watch_free(receiver->hooks_watch);
    vec_foreach (struct hook *, hook, &receiver->hooks)
        hook_drop(*hook);
    vec_free(&receiver->hooks);
    free(receiver);
}

bool receiver_ready(const struct receiver *receiver, struct strbuf *why_not)
{
    size_t waiting = 0;
    vec_foreach (struct hook *, hook, &receiver->hooks)
        waiting += !(*hook)->looked_at;
    if (receiver->synced && waiting == 0)
        return true;
    if (why_not != NULL && !receiver->synced)
        strbuf_addstr(why_not, "the Hooks are not read yet");
    else if (why_not != NULL)
        strbuf_addf(why_not, "%zu Hooks wait for their Secrets to be read", waiting);
    return false;
}
