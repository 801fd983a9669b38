// The HTTP/1.1 server for hooks, health and metrics: small, strict, bounded, on the event loop.
//
// It refuses what proxies and servers read in two ways (RFC 9112): obs-fold, bare LF, absolute-form
// targets, several or signed Content-Length, Transfer-Encoding. Deadlines are total, not idle. A
// body is read only after on_head has agreed, so an unknown path costs no memory. With a
// certificate only TLS 1.2 and 1.3 are spoken, never plaintext. All calls come and go on the loop's
// thread; SIGPIPE must be ignored.
#ifndef BASE_HTTP_SERVER_H
#define BASE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/vec.h"

struct http_server;
struct http_exchange; // one request and its answer

struct http_server_options {
    const char *address;   // "127.0.0.1", "::", NULL = all
    int port;              // 0 = any free one; http_server_port tells
    const char *cert_file; // PEM; both or none; re-read when they change
    const char *key_file;
    size_t max_header_bytes;     // 0 = 16 KiB
    size_t max_body_bytes;       // 0 = 4 MiB
    size_t max_inflight_bytes;   // bodies of all connections together; 0 = 64 MiB; above: 503 with
                                 // Retry-After
    unsigned max_connections;    // 0 = 512; at the limit the longest idle one makes room
    unsigned max_per_address;    // 0 = 64; of IPv6 per /64
    int64_t header_deadline_ms;  // 0 = 10 s
    int64_t request_deadline_ms; // 0 = 30 s
    int64_t idle_ms;             // keep-alive; 0 = 60 s
};

struct http_server_events {
    // Method, path and headers are known. 0 reads the body; a status refuses and closes. It may
    // also answer by itself, in its own words; then the status does not matter.
    int (*on_head)(void *arg, struct http_exchange *exchange);
    // The body is complete. Must lead to http_exchange_answer, now or later.
    void (*on_request)(void *arg, struct http_exchange *exchange);
    // The request deadline passed before the answer (the peer gets 503), or the server is freed;
    // the exchange must not be touched after this returns. May be NULL.
    void (*on_abandoned)(void *arg, struct http_exchange *exchange);
};

int http_server_new(struct loop *loop, const struct http_server_options *options,
                    const struct http_server_events *events, void *arg,
                    struct http_server **ret_server, struct error *err)
    __attribute__((warn_unused_result));
int http_server_port(const struct http_server *server);
// No new connections; those open finish their request or their deadline.
void http_server_drain(struct http_server *server);
// NULL is fine; not from within the server's own events.
void http_server_free(struct http_server *server);

// Borrowed until the answer.
const char *http_exchange_method(const struct http_exchange *exchange);
const char *
http_exchange_path(const struct http_exchange *exchange); // without the query, not decoded
const char *http_exchange_query(const struct http_exchange *exchange); // "" when absent
const char *http_exchange_header(const struct http_exchange *exchange,
                                 const char *name); // NULL when absent
const void *http_exchange_body(const struct http_exchange *exchange, size_t *ret_size);
const char *http_exchange_peer(const struct http_exchange *exchange); // address without port
// For the owner of the request's own state between on_request and the answer.
void http_exchange_set_data(struct http_exchange *exchange, void *data);
void *http_exchange_data(const struct http_exchange *exchange);
// When the first byte of the request arrived, on the monotonic clock.
int64_t http_exchange_started_ms(const struct http_exchange *exchange);

// Exactly once per on_request. `headers` is a vec of struct http_header or NULL; body is copied.
void http_exchange_answer(struct http_exchange *exchange, int status, const struct vec *headers,
                          const char *content_type, const void *body, size_t size);
// text/plain with a newline.
void http_exchange_answer_text(struct http_exchange *exchange, int status, const char *text);

#endif
