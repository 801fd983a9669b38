#include "base/status_server.h"

#include "base/http_server.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

// 10,000 series of every family are far below it.
static const size_t MAX_METRICS_BYTES = 64 * 1024 * 1024;

struct status_server {
    struct http_server *http;
    struct status_server_options options;
};

static void answer_ready(const struct status_server *server, struct http_exchange *exchange)
{
    cleanup_strbuf struct strbuf why_not;
    strbuf_init(&why_not, 4096);
    if (server->options.ready == NULL || server->options.ready(server->options.arg, &why_not))
        http_exchange_answer_text(exchange, 200, "ready");
    else
        http_exchange_answer_text(exchange, 503, why_not.len > 0 ? why_not.data : "not ready");
}

static void answer_metrics(const struct status_server *server, struct http_exchange *exchange)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, MAX_METRICS_BYTES);
    if (metrics_render(server->options.metrics, &text) < 0)
        http_exchange_answer_text(exchange, 500, "the metrics are larger than the limit");
    else
        http_exchange_answer(exchange, 200, NULL, "text/plain; version=0.0.4; charset=utf-8",
                             text.data, text.len);
}

static int on_head(void *arg, struct http_exchange *exchange)
{
    (void)arg;
    static const char *const paths[] = {"/healthz", "/readyz", "/metrics"};
    const char *method = http_exchange_method(exchange);
    bool known = false;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
        known |= strcmp(http_exchange_path(exchange), paths[i]) == 0;
    if (!known) {
        http_exchange_answer_text(exchange, 404, "here are /healthz, /readyz and /metrics");
        return 404;
    }
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ? 0 : 405;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    const struct status_server *server = arg;
    const char *path = http_exchange_path(exchange);
    if (strcmp(path, "/metrics") == 0)
        answer_metrics(server, exchange);
    else if (strcmp(path, "/readyz") == 0)
        answer_ready(server, exchange);
    else
        http_exchange_answer_text(exchange, 200, "ok");
}

int status_server_new(struct loop *loop, const struct status_server_options *options,
                      struct status_server **ret_server, struct error *err)
{
    static const struct http_server_events events = {.on_head = on_head, .on_request = on_request};
    struct http_server_options http = {.address = options->address,
                                       .port = options->port,
                                       .max_body_bytes = 1024,
                                       .max_inflight_bytes = 64 * 1024};
    struct status_server *server = xcalloc(1, sizeof *server);
    server->options = *options;
    server->options.address = NULL;
    if (http_server_new(loop, &http, &events, server, &server->http, err) < 0) {
        free(server);
        return error_wrap(err, "health and metrics");
    }
    *ret_server = server;
    return 0;
}

int status_server_port(const struct status_server *server)
{
    return http_server_port(server->http);
}

void status_server_free(struct status_server *server)
{
    if (server == NULL)
        return;
    http_server_free(server->http);
    free(server);
}
