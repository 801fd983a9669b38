// The second port of every role: /healthz (the loop turns), /readyz (it can do its work) and
// /metrics. Plain HTTP, for the pod network or this host.
#ifndef BASE_STATUS_SERVER_H
#define BASE_STATUS_SERVER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/strbuf.h"

struct status_server;

struct status_server_options {
    const char *address; // NULL = all
    int port;            // 0 = any free one
    struct metrics *metrics;
    // Whether the role can work; else appends a sentence to why_not. NULL = always. On the loop.
    bool (*ready)(void *arg, struct strbuf *why_not);
    void *arg;
};

int status_server_new(struct loop *loop, const struct status_server_options *options,
                      struct status_server **ret_server, struct error *err)
    __attribute__((warn_unused_result));
int status_server_port(const struct status_server *server);
void status_server_free(struct status_server *server); // NULL is fine

#endif
