// What http_server.c (listening, limits) and http_connection.c (one connection) share.
#ifndef BASE_HTTP_SERVER_INTERNAL_H
#define BASE_HTTP_SERVER_INTERNAL_H

#include <netinet/in.h>
#include <openssl/types.h>

#include "base/http_parse.h"
#include "base/http_server.h"

struct bufferevent;
struct connection;

// An address without its port. IPv4 in its mapped form; one IPv6 customer is a /64.
struct peer {
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];
};

struct http_server {
    struct loop *loop;
    struct http_server_options options; // every default filled in
    struct http_server_events events;
    void *arg;
    struct http_tls_files *tls; // NULL = plain
    struct evconnlistener *listener;
    struct loop_timer *accept_again;
    int port;
    bool draining;
    size_t inflight_bytes;
    unsigned n_connections;
    struct connection *connections; // newest first
};

enum connection_state {
    CONNECTION_IDLE,   // between requests
    CONNECTION_HEAD,   // reading the head
    CONNECTION_BODY,   // reading the body
    CONNECTION_WORK,   // the owner has the request
    CONNECTION_ANSWER, // the answer is on its way out
    CONNECTION_LINGER, // no more output; reading so that the peer can read our last words
};

struct http_exchange {
    struct connection *connection;
    struct http_head head;
    char *body;
    size_t body_size;
    size_t body_room; // what the budget was charged
    void *data;
    int64_t started_ms;
    bool answered;
};

struct connection {
    struct http_server *server;
    struct connection *next;
    struct connection **link; // what points here
    struct bufferevent *stream;
    struct loop_timer *deadline;
    struct peer peer;
    enum connection_state state;
    size_t scanned;   // of the head, so far
    size_t lingered;  // bytes thrown away
    bool close_after; // the connection ends with this answer
    struct http_exchange exchange;
};

// Takes the descriptor; session is NULL for plain, and taken too. On failure both are closed.
void connection_open(struct http_server *server, int fd, SSL *session, const struct peer *peer);
// Ends it at once; an owner at work is told.
void connection_free(struct connection *connection);

#endif
