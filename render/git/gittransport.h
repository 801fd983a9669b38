// How requests get to a git server: over HTTP, or through a child ssh. One connection, one thread.
#ifndef RENDER_GIT_GITTRANSPORT_H
#define RENDER_GIT_GITTRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "render/git/gitremote.h"

// The parser that takes an answer (gitproto.h).
struct gitanswer {
    int (*feed)(void *parser, const void *data, size_t size, struct error *err);
    bool (*done)(const void *parser);
    void *parser; // borrowed
};

struct gittransport;
struct gittransport_ops {
    // Connects where needed, and reads what the server can do.
    int (*advertise)(struct gittransport *transport, const struct gitanswer *answer,
                     struct error *err);
    // One request and its whole answer.
    int (*command)(struct gittransport *transport, const struct strbuf *request,
                   const struct gitanswer *answer, struct error *err);
    void (*free)(struct gittransport *transport);
};
struct gittransport {
    const struct gittransport_ops *ops;
};

// config is borrowed; deadline_at_ms is on the system's monotonic clock. Commands may come without
// an advertisement where it is known what the server can do.
int gittransport_http_new(const struct gitremote_config *config, int64_t deadline_at_ms,
                          struct gittransport **ret_transport, struct error *err)
    __attribute__((warn_unused_result));
// Whether the last advertisement came from another address than the URL's.
bool gittransport_http_was_redirected(struct gittransport *transport);

// Starts nothing yet.
int gittransport_ssh_new(const struct gitremote_config *config, int64_t deadline_at_ms,
                         struct gittransport **ret_transport, struct error *err)
    __attribute__((warn_unused_result));
// Whether a URL is for ssh: ssh://… or [user@]host:path.
bool gittransport_ssh_takes(const char *url);
// What ssh wrote on its standard error, as a sentence with a code. Always -1.
int gittransport_ssh_error(const char *text, const char *host, int port, struct error *err);

#endif
