#include "fake_kube.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kube_client *fake_kube_client(const struct fake_http *server)
{
    cleanup_free char *url = fake_http_url(server, "");
    struct kube_config config = {.server = url, .token = xstrdup("secret")};
    struct kube_client *client = NULL;
    if (kube_client_new(&config, NULL, &client, NULL) < 0)
        abort();
    free(config.token);
    return client;
}

void fake_kube_refuse(struct fake_exchange *exchange, int code, const char *reason,
                      const char *message, const char *headers)
{
    cleanup_free char *status = xasprintf("%d %s", code, reason);
    cleanup_free char *body =
        xasprintf("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                  "\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}",
                  message, reason, code);
    cleanup_free char *all = xasprintf("Content-Type: application/json\r\n%s", headers);
    fake_reply(exchange, status, all, body);
}

void fake_kube_reply(struct fake_exchange *exchange, const char *json)
{
    fake_reply(exchange, "200 OK", "Content-Type: application/json\r\n", json);
}

void fake_kube_stream(struct fake_exchange *exchange)
{
    fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n");
}

void fake_kube_line(struct fake_exchange *exchange, const char *line)
{
    cleanup_free char *chunk = xasprintf("%zx\r\n%s\n\r\n", strlen(line) + 1, line);
    fake_send_text(exchange, chunk);
}
