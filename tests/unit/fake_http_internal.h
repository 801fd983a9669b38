// Shared by fake_http.c and fake_h2.c.
#ifndef TESTS_UNIT_FAKE_HTTP_INTERNAL_H
#define TESTS_UNIT_FAKE_HTTP_INTERNAL_H

#include "fake_http.h"

#include <openssl/ssl.h>
#include <pthread.h>

#include "base/strbuf.h"

struct fake_connection {
    struct fake_http *server;
    struct fake_connection *next;
    pthread_t thread;
    int fd;
    SSL *ssl; // NULL = plain
};

struct fake_http {
    struct fake_http_options options;
    fake_handler *handler;
    void *arg;
    SSL_CTX *context;
    int listen_fd;
    int port;
    int stop_pipe[2]; // readable once the server stops
    pthread_t acceptor;
    pthread_mutex_t lock; // of what follows
    struct fake_connection *connections;
    unsigned connection_count;
    unsigned closed_count;
    unsigned request_count;
    unsigned reset_count;
    struct strbuf received;
};

// 0 at the end or on failure.
size_t fake_read(struct fake_connection *connection, void *data, size_t size);
int fake_write(struct fake_connection *connection, const void *data, size_t size);
void fake_h2_serve(struct fake_connection *connection);

#endif
