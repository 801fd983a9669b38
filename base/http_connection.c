// One connection, one request at a time:
//
//              first byte        head agreed         body complete
//   accept ──▶ HEAD ───────────────▶ BODY ───────────────▶ WORK ──▶ on_request
//               ▲ │ refused            │ too late, too large  │ answered
//               │ └─────────┐          └────────┐             │
//   first byte  │           ▼                   ▼             ▼
//              IDLE ◀──── ANSWER ◀────────────────────────────┘
//                   kept    │ to be closed
//                           ▼
//                         LINGER ──▶ closed
//
// A request that came early (pipelined) waits until the answer before it is out: in WORK and ANSWER
// nothing is read, so that the input buffer stays small. (Watermarks would do the same, but with
// TLS libevent then forgets what OpenSSL has decrypted already.) Deadlines belong to states and are
// not moved by progress.
#include "base/http_server_internal.h"

#include "base/http_client.h"
#include "base/memory.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int64_t LINGER_MS = 2000;
static const size_t LINGER_BYTES = 1024 * 1024;

static void answer_refusal(struct connection *connection, int status, const char *reason);

static void release_body(struct http_exchange *exchange)
{
    free(exchange->body);
    exchange->body = NULL;
    exchange->connection->server->inflight_bytes -= exchange->body_room;
    exchange->body_room = 0;
}

static void release_exchange(struct connection *connection)
{
    struct http_exchange *exchange = &connection->exchange;
    http_head_release(&exchange->head);
    release_body(exchange);
    *exchange = (struct http_exchange){.connection = connection};
}

static int64_t now_ms(const struct connection *connection)
{
    return clock_mono_ms(loop_clock(connection->server->loop));
}

static void enter(struct connection *connection, enum connection_state state, int64_t limit_ms)
{
    connection->state = state;
    loop_timer_set(connection->deadline, limit_ms);
    if (state == CONNECTION_WORK || state == CONNECTION_ANSWER)
        bufferevent_disable(connection->stream, EV_READ);
    else
        bufferevent_enable(connection->stream, EV_READ);
}

static struct evbuffer *input_of(const struct connection *connection)
{
    return bufferevent_get_input(connection->stream);
}

static void abandon(struct connection *connection)
{
    const struct http_server *server = connection->server;
    bool at_work = connection->state == CONNECTION_WORK;
    connection->state = CONNECTION_LINGER;
    if (at_work && server->events.on_abandoned != NULL)
        server->events.on_abandoned(server->arg, &connection->exchange);
}

void connection_free(struct connection *connection)
{
    abandon(connection);
    release_exchange(connection);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->server->n_connections--;
    loop_timer_free(connection->deadline);
    bufferevent_free(connection->stream);
    free(connection);
}

static void on_deadline(void *arg)
{
    struct connection *connection = arg;
    switch (connection->state) {
    case CONNECTION_HEAD:
        if (evbuffer_get_length(input_of(connection)) > 0) {
            answer_refusal(connection, 408, "the head of the request did not arrive in time");
            return;
        }
        break;
    case CONNECTION_BODY:
        answer_refusal(connection, 408, "the body of the request did not arrive in time");
        return;
    case CONNECTION_WORK:
        abandon(connection);
        answer_refusal(connection, 503, "the request took too long; send it again later");
        return;
    case CONNECTION_IDLE:
    case CONNECTION_ANSWER:
    case CONNECTION_LINGER:
        break;
    }
    connection_free(connection);
}

// Room for `size` more bytes of body, doubled up to what the head announced and charged to the
// server's budget.
static int grow_body(struct connection *connection, size_t size)
{
    struct http_exchange *exchange = &connection->exchange;
    struct http_server *server = connection->server;
    size_t total = (size_t)exchange->head.content_length;
    size_t room = exchange->body_room;
    if (exchange->body_size + size <= room)
        return 0;
    while (room < exchange->body_size + size)
        room = room > 0 ? room * 2 : 4096;
    if (room > total)
        room = total;
    size_t more = room - exchange->body_room;
    if (more > server->options.max_inflight_bytes - server->inflight_bytes)
        return -1;
    server->inflight_bytes += more;
    exchange->body_room = room;
    exchange->body = xrealloc(exchange->body, room + 1);
    return 0;
}

// True when the state changed.
static bool read_body(struct connection *connection)
{
    struct http_exchange *exchange = &connection->exchange;
    struct evbuffer *input = input_of(connection);
    size_t left = (size_t)exchange->head.content_length - exchange->body_size;
    size_t size = evbuffer_get_length(input);
    if (size > left)
        size = left;
    if (grow_body(connection, size) < 0) {
        answer_refusal(connection, 503, "too many bodies are being read; send it again later");
        return true;
    }
    if (size > 0) {
        evbuffer_remove(input, exchange->body + exchange->body_size, size);
        exchange->body_size += size;
    }
    if (size < left)
        return false;
    if (exchange->body != NULL)
        exchange->body[exchange->body_size] = '\0';
    int64_t spent_ms = now_ms(connection) - exchange->started_ms;
    enter(connection, CONNECTION_WORK, connection->server->options.request_deadline_ms - spent_ms);
    connection->server->events.on_request(connection->server->arg, exchange);
    return true;
}

static void begin_body(struct connection *connection)
{
    const struct http_server *server = connection->server;
    struct http_exchange *exchange = &connection->exchange;
    int status = server->events.on_head(server->arg, exchange);
    if (exchange->answered)
        return;
    if (status != 0) {
        answer_refusal(connection, status, NULL);
        return;
    }
    if ((uint64_t)exchange->head.content_length > server->options.max_body_bytes) {
        answer_refusal(connection, 413, "the body is larger than the limit");
        return;
    }
    int64_t spent_ms = now_ms(connection) - exchange->started_ms;
    enter(connection, CONNECTION_BODY, server->options.request_deadline_ms - spent_ms);
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (exchange->head.expect_continue && evbuffer_get_length(input_of(connection)) == 0)
        bufferevent_write(connection->stream, go_on, sizeof go_on - 1);
}

// True when the state changed.
static bool read_head(struct connection *connection)
{
    struct evbuffer *input = input_of(connection);
    size_t max = connection->server->options.max_header_bytes;
    size_t size = evbuffer_get_length(input);
    if (size == 0)
        return false;
    if (connection->exchange.started_ms == 0)
        connection->exchange.started_ms = now_ms(connection);
    if (size > max)
        size = max;
    const char *data = (const char *)evbuffer_pullup(input, (ssize_t)size);
    size_t length = 0;
    switch (http_head_scan(data, size, &connection->scanned, &length)) {
    case HTTP_SCAN_MORE:
        if (size < max)
            return false;
        answer_refusal(connection, 431, "the head of the request is larger than the limit");
        return true;
    case HTTP_SCAN_BAD:
        answer_refusal(connection, 400, "a line does not end in CR LF");
        return true;
    case HTTP_SCAN_COMPLETE:
        break;
    }
    connection->scanned = 0;
    struct http_refusal refusal;
    int parsed = http_head_parse(data, length, &connection->exchange.head, &refusal);
    evbuffer_drain(input, length);
    if (parsed < 0) {
        answer_refusal(connection, refusal.status, refusal.reason);
        return true;
    }
    connection->close_after = connection->exchange.head.close;
    begin_body(connection);
    return true;
}

// Does what the bytes at hand allow. The connection may be gone afterwards.
static void advance(struct connection *connection)
{
    for (bool moved = true; moved;) {
        switch (connection->state) {
        case CONNECTION_IDLE:
            moved = evbuffer_get_length(input_of(connection)) > 0;
            if (moved)
                enter(connection, CONNECTION_HEAD, connection->server->options.header_deadline_ms);
            break;
        case CONNECTION_HEAD:
            moved = read_head(connection);
            break;
        case CONNECTION_BODY:
            moved = read_body(connection);
            break;
        case CONNECTION_WORK:
        case CONNECTION_ANSWER:
            return;
        case CONNECTION_LINGER:
            connection->lingered += evbuffer_get_length(input_of(connection));
            evbuffer_drain(input_of(connection), SIZE_MAX);
            if (connection->lingered > LINGER_BYTES)
                connection_free(connection);
            return;
        }
    }
}

static void linger(struct connection *connection)
{
    SSL *session = bufferevent_openssl_get_ssl(connection->stream);
    if (session != NULL)
        SSL_shutdown(session);
    shutdown(bufferevent_getfd(connection->stream), SHUT_WR);
    enter(connection, CONNECTION_LINGER, LINGER_MS);
    advance(connection);
}

static void on_readable(struct bufferevent *stream, void *arg)
{
    (void)stream;
    advance(arg);
}

// All output has left.
static void on_written(struct bufferevent *stream, void *arg)
{
    struct connection *connection = arg;
    if (connection->state != CONNECTION_ANSWER ||
        evbuffer_get_length(bufferevent_get_output(stream)) > 0)
        return;
    release_exchange(connection);
    if (connection->close_after) {
        linger(connection);
        return;
    }
    enter(connection, CONNECTION_IDLE, connection->server->options.idle_ms);
    advance(connection);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    // CONNECTED is the end of the TLS handshake. Anything else ends the connection: a peer that
    // closes its side after its request is not read again before its answer is out.
    if ((what & BEV_EVENT_CONNECTED) == 0)
        connection_free(arg);
}

void connection_open(struct http_server *server, int fd, SSL *session, const struct peer *peer)
{
    struct event_base *base = loop_event_base(server->loop);
    struct bufferevent *stream =
        session != NULL ? bufferevent_openssl_socket_new(
                              base, fd, session, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
                        : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (stream == NULL) {
        SSL_free(session);
        close(fd);
        return;
    }
    if (session != NULL)
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    struct connection *connection = xcalloc(1, sizeof *connection);
    connection->server = server;
    connection->stream = stream;
    connection->peer = *peer;
    connection->exchange.connection = connection;
    connection->deadline = loop_timer_new(server->loop, on_deadline, connection);
    connection->next = server->connections;
    connection->link = &server->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    server->connections = connection;
    server->n_connections++;
    bufferevent_setcb(stream, on_readable, on_written, on_event, connection);
    // The first head has its deadline from the start: a connection alone is not worth keeping.
    enter(connection, CONNECTION_HEAD, server->options.header_deadline_ms);
    bufferevent_enable(stream, EV_WRITE);
}

// Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 section 5.6.7), in English whatever the locale.
static void add_date(struct evbuffer *out, const struct clock *clock)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(clock_wall_ms(clock) / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        return;
    evbuffer_add_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                        tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                        tm.tm_sec);
}

static void add_headers(struct evbuffer *out, const struct vec *headers)
{
    if (headers == NULL)
        return;
    vec_foreach (struct http_header, header, headers) {
        // A line break would let a value add headers; ours never hold one.
        assert(strpbrk(header->name, "\r\n:") == NULL && strpbrk(header->value, "\r\n") == NULL);
        evbuffer_add_printf(out, "%s: %s\r\n", header->name, header->value);
    }
}

void http_exchange_answer(struct http_exchange *exchange, int status, const struct vec *headers,
                          const char *content_type, const void *body, size_t size)
{
    struct connection *connection = exchange->connection;
    assert(!exchange->answered);
    exchange->answered = true;
    if (connection->server->draining)
        connection->close_after = true;
    struct evbuffer *out = bufferevent_get_output(connection->stream);
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    add_date(out, loop_clock(connection->server->loop));
    add_headers(out, headers);
    bool bodiless = status == 204 || status == 304;
    if (!bodiless) {
        if (content_type != NULL)
            evbuffer_add_printf(out, "Content-Type: %s\r\n", content_type);
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", size);
    }
    if (status == 503)
        evbuffer_add_printf(out, "Retry-After: 5\r\n");
    // An answer from on_head leaves the body unread, so nothing can follow on this connection.
    if (exchange->body_size < (size_t)exchange->head.content_length)
        connection->close_after = true;
    if (connection->close_after)
        evbuffer_add_printf(out, "Connection: close\r\n");
    evbuffer_add(out, "\r\n", 2);
    bool head_only = exchange->head.method != NULL && strcmp(exchange->head.method, "HEAD") == 0;
    if (!bodiless && !head_only)
        evbuffer_add(out, body, size);
    release_body(exchange);
    enter(connection, CONNECTION_ANSWER, connection->server->options.request_deadline_ms);
}

void http_exchange_answer_text(struct http_exchange *exchange, int status, const char *text)
{
    cleanup_free char *line = xasprintf("%s\n", text);
    http_exchange_answer(exchange, status, NULL, "text/plain; charset=utf-8", line, strlen(line));
}

static void answer_refusal(struct connection *connection, int status, const char *reason)
{
    connection->close_after = true;
    http_exchange_answer_text(&connection->exchange, status,
                              reason != NULL ? reason : http_status_text(status));
}

const char *http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->head.method;
}

const char *http_exchange_path(const struct http_exchange *exchange)
{
    return exchange->head.path;
}

const char *http_exchange_query(const struct http_exchange *exchange)
{
    return exchange->head.query;
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
    return http_head_get(&exchange->head, name);
}

const void *http_exchange_body(const struct http_exchange *exchange, size_t *ret_size)
{
    *ret_size = exchange->body_size;
    return exchange->body != NULL ? exchange->body : "";
}

const char *http_exchange_peer(const struct http_exchange *exchange)
{
    return exchange->connection->peer.text;
}

void http_exchange_set_data(struct http_exchange *exchange, void *data)
{
    exchange->data = data;
}

void *http_exchange_data(const struct http_exchange *exchange)
{
    return exchange->data;
}

int64_t http_exchange_started_ms(const struct http_exchange *exchange)
{
    return exchange->started_ms;
}
