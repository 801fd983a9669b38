// An HTTP server for tests that misbehaves as its handler says: a thread per connection on
// 127.0.0.1, plain or TLS, HTTP/1.1, or HTTP/2 as far as a test of multiplexing needs it. Handlers
// run on the server's threads: they record and answer, the test asserts.
#ifndef TESTS_UNIT_FAKE_HTTP_H
#define TESTS_UNIT_FAKE_HTTP_H

#include "fake_certs.h"

#include <stdbool.h>
#include <stddef.h>

struct fake_http;

struct fake_exchange {
    struct fake_http *server;
    void *connection;
    unsigned number; // of this request on this server, from 1
    char method[16];
    char path[2048]; // as received
    char *head;      // request line and headers; borrowed until the handler returns
    char *body;
    size_t body_size;
    bool close; // set by the handler: no further request on this connection
};
typedef void fake_handler(void *arg, struct fake_exchange *exchange);

struct fake_http_options {
    const struct fake_cert *cert; // NULL = plain HTTP
    const char *client_ca_pem;    // demands a client certificate signed by it
    bool offer_h2;                // by ALPN; the handler is not used then
    unsigned h2_hold;             // answer only when so many streams are open on a connection
    bool h2_endless;              // answer, but never end a body
};

// options may be NULL.
struct fake_http *fake_http_start(const struct fake_http_options *options, fake_handler *handler,
                                  void *arg);
void fake_http_stop(struct fake_http *server); // closes all, waits for the threads, frees
void cleanup_fake_http_pointer(struct fake_http **server);
#define cleanup_fake_http __attribute__((cleanup(cleanup_fake_http_pointer)))

int fake_http_port(const struct fake_http *server);
// scheme://127.0.0.1:port and path; owned.
char *fake_http_url(const struct fake_http *server, const char *path);
unsigned fake_http_connections(struct fake_http *server); // made so far
unsigned fake_http_closed(struct fake_http *server);      // of these, ended by now
unsigned fake_http_requests(struct fake_http *server);
unsigned fake_http_resets(struct fake_http *server); // HTTP/2 streams that the client reset
// Everything that was received as requests so far; owned.
char *fake_http_received(struct fake_http *server);

// For handlers. `headers` are whole lines, each with CRLF, or "".
void fake_reply(struct fake_exchange *exchange, const char *status, const char *headers,
                const char *body);
void fake_send(struct fake_exchange *exchange, const void *data, size_t size);
void fake_send_text(struct fake_exchange *exchange, const char *text);
// Returns early when the server stops or the client has gone.
void fake_pause(struct fake_exchange *exchange, int ms);

#endif
