#include "fake_http.h"

#include "fake_http_internal.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVED_MAX = 64 * 1024 * 1024 };

static void must(int ok)
{
    if (!ok)
        abort();
}

size_t fake_read(struct fake_connection *connection, void *data, size_t size)
{
    if (size == 0)
        return 0;
    ssize_t n = connection->ssl != NULL ? SSL_read(connection->ssl, data, (int)size)
                                        : recv(connection->fd, data, size, 0);
    return n > 0 ? (size_t)n : 0;
}

int fake_write(struct fake_connection *connection, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t n = connection->ssl != NULL ? SSL_write(connection->ssl, at, (int)size)
                                            : send(connection->fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return -1;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

void fake_send(struct fake_exchange *exchange, const void *data, size_t size)
{
    if (fake_write(exchange->connection, data, size) < 0)
        exchange->close = true;
}

void fake_send_text(struct fake_exchange *exchange, const char *text)
{
    fake_send(exchange, text, strlen(text));
}

void fake_reply(struct fake_exchange *exchange, const char *status, const char *headers,
                const char *body)
{
    cleanup_free char *text =
        xasprintf("HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body),
                  strcmp(exchange->method, "HEAD") == 0 ? "" : body);
    fake_send_text(exchange, text);
}

void fake_pause(struct fake_exchange *exchange, int ms)
{
    const struct fake_connection *connection = exchange->connection;
    struct pollfd fds[] = {{.fd = exchange->server->stop_pipe[0], .events = POLLIN},
                           {.fd = connection->fd, .events = POLLRDHUP}};
    poll(fds, 2, ms);
}

// The value of a header in a head, or NULL; owned.
static char *head_value(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1 + strspn(line + length + 1, " ");
            return xstrndup(value, strcspn(value, "\r"));
        }
    }
    return NULL;
}

// Reads on until `buf` holds `size` bytes.
static int fill(struct fake_connection *connection, struct strbuf *buf, size_t size)
{
    while (buf->len < size) {
        char chunk[16384];
        size_t n = fake_read(connection, chunk, sizeof chunk);
        if (n == 0 || strbuf_add(buf, chunk, n) < 0)
            return -1;
    }
    return 0;
}

static int read_request(struct fake_connection *connection, struct strbuf *buf,
                        struct fake_exchange *exchange)
{
    const char *end;
    while ((end = strstr(buf->data, "\r\n\r\n")) == NULL) {
        if (fill(connection, buf, buf->len + 1) < 0)
            return -1;
        if (buf->data[0] == 0x16) { // a TLS handshake: what servers do on a plain port
            fake_write(connection, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
            return -1;
        }
    }
    exchange->head = xstrndup(buf->data, (size_t)(end + 2 - buf->data));
    strbuf_consume(buf, (size_t)(end + 4 - buf->data));
    if (sscanf(exchange->head, "%15s %2047s", exchange->method, exchange->path) != 2)
        return -1;
    cleanup_free char *length = head_value(exchange->head, "Content-Length");
    exchange->body_size = length != NULL ? strtoul(length, NULL, 10) : 0;
    if (fill(connection, buf, exchange->body_size) < 0)
        return -1;
    // With a NUL behind it, and perhaps some within.
    exchange->body = xcalloc(1, exchange->body_size + 1);
    memcpy(exchange->body, buf->data, exchange->body_size);
    strbuf_consume(buf, exchange->body_size);
    return 0;
}

static void record(struct fake_http *server, struct fake_exchange *exchange)
{
    pthread_mutex_lock(&server->lock);
    exchange->number = ++server->request_count;
    strbuf_addf(&server->received, "%s\r\n%s\r\n", exchange->head, exchange->body);
    pthread_mutex_unlock(&server->lock);
}

static void serve_h1(struct fake_connection *connection)
{
    cleanup_strbuf struct strbuf buf;
    strbuf_init(&buf, RECEIVED_MAX);
    bool close_it = false;
    while (!close_it) {
        struct fake_exchange exchange = {.server = connection->server, .connection = connection};
        close_it = read_request(connection, &buf, &exchange) < 0;
        if (!close_it) {
            record(connection->server, &exchange);
            connection->server->handler(connection->server->arg, &exchange);
            close_it = exchange.close;
        }
        free(exchange.head);
        free(exchange.body);
    }
}

static bool speaks_h2(const struct fake_connection *connection)
{
    const unsigned char *name = NULL;
    unsigned length = 0;
    if (connection->ssl != NULL)
        SSL_get0_alpn_selected(connection->ssl, &name, &length);
    return length == 2 && memcmp(name, "h2", 2) == 0;
}

static void *serve(void *arg)
{
    struct fake_connection *connection = arg;
    if (connection->ssl == NULL || SSL_accept(connection->ssl) == 1) {
        if (speaks_h2(connection))
            fake_h2_serve(connection);
        else
            serve_h1(connection);
        if (connection->ssl != NULL)
            SSL_shutdown(connection->ssl);
    }
    // A close is seen by the client; the descriptor itself is freed by fake_http_stop.
    shutdown(connection->fd, SHUT_RDWR);
    pthread_mutex_lock(&connection->server->lock);
    connection->server->closed_count++;
    pthread_mutex_unlock(&connection->server->lock);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct fake_http *server = arg;
    for (;;) {
        struct pollfd fds[] = {{.fd = server->stop_pipe[0], .events = POLLIN},
                               {.fd = server->listen_fd, .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[0].revents != 0)
            return NULL;
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct fake_connection *connection = xcalloc(1, sizeof *connection);
        connection->server = server;
        connection->fd = fd;
        if (server->context != NULL) {
            connection->ssl = SSL_new(server->context);
            must(connection->ssl != NULL && SSL_set_fd(connection->ssl, fd) == 1);
        }
        pthread_mutex_lock(&server->lock);
        connection->next = server->connections;
        server->connections = connection;
        server->connection_count++;
        pthread_mutex_unlock(&server->lock);
        must(pthread_create(&connection->thread, NULL, serve, connection) == 0);
    }
}

static int select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *in, unsigned in_length, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char h2[] = "\x02h2";
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_length, h2, 3, in, in_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static X509 *cert_of(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    must(cert != NULL);
    return cert;
}

static SSL_CTX *make_context(const struct fake_http_options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    must(context != NULL);
    X509 *cert = cert_of(options->cert->cert_pem);
    BIO *bio = BIO_new_mem_buf(options->cert->key_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    must(key != NULL && SSL_CTX_use_certificate(context, cert) == 1 &&
         SSL_CTX_use_PrivateKey(context, key) == 1);
    EVP_PKEY_free(key);
    BIO_free(bio);
    X509_free(cert);
    if (options->client_ca_pem != NULL) {
        X509 *ca = cert_of(options->client_ca_pem);
        must(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1);
        X509_free(ca);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (options->offer_h2)
        SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
    return context;
}

struct fake_http *fake_http_start(const struct fake_http_options *options, fake_handler *handler,
                                  void *arg)
{
    signal(SIGPIPE, SIG_IGN);
    struct fake_http *server = xcalloc(1, sizeof *server);
    if (options != NULL)
        server->options = *options;
    server->handler = handler;
    server->arg = arg;
    pthread_mutex_init(&server->lock, NULL);
    strbuf_init(&server->received, RECEIVED_MAX);
    if (server->options.cert != NULL)
        server->context = make_context(&server->options);
    must(pipe(server->stop_pipe) == 0);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    must(bind(server->listen_fd, (struct sockaddr *)&address, size) == 0 &&
         listen(server->listen_fd, 64) == 0 &&
         getsockname(server->listen_fd, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->acceptor, NULL, accept_all, server) == 0);
    return server;
}

void fake_http_stop(struct fake_http *server)
{
    if (server == NULL)
        return;
    must(write(server->stop_pipe[1], "x", 1) == 1);
    pthread_join(server->acceptor, NULL);
    for (struct fake_connection *at = server->connections, *next; at != NULL; at = next) {
        next = at->next;
        shutdown(at->fd, SHUT_RDWR);
        pthread_join(at->thread, NULL);
        SSL_free(at->ssl);
        close(at->fd);
        free(at);
    }
    SSL_CTX_free(server->context);
    close(server->listen_fd);
    close(server->stop_pipe[0]);
    close(server->stop_pipe[1]);
    strbuf_release(&server->received);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void cleanup_fake_http_pointer(struct fake_http **server)
{
    fake_http_stop(*server);
}

int fake_http_port(const struct fake_http *server)
{
    return server->port;
}

char *fake_http_url(const struct fake_http *server, const char *path)
{
    return xasprintf("%s://127.0.0.1:%d%s", server->context != NULL ? "https" : "http",
                     server->port, path);
}

static unsigned read_count(struct fake_http *server, const unsigned *count)
{
    pthread_mutex_lock(&server->lock);
    unsigned value = *count;
    pthread_mutex_unlock(&server->lock);
    return value;
}

unsigned fake_http_connections(struct fake_http *server)
{
    return read_count(server, &server->connection_count);
}

unsigned fake_http_closed(struct fake_http *server)
{
    return read_count(server, &server->closed_count);
}

unsigned fake_http_requests(struct fake_http *server)
{
    return read_count(server, &server->request_count);
}

unsigned fake_http_resets(struct fake_http *server)
{
    return read_count(server, &server->reset_count);
}

char *fake_http_received(struct fake_http *server)
{
    pthread_mutex_lock(&server->lock);
    char *text = xstrndup(server->received.data, server->received.len);
    pthread_mutex_unlock(&server->lock);
    return text;
}
