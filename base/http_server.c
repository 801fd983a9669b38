// Listening, the limits over all connections, and the way a connection comes to be. What happens on
// one is in http_connection.c.
#include "base/http_server_internal.h"

#include "base/file.h"
#include "base/http_tls.h"
#include "base/memory.h"

#include <event2/listener.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t ACCEPT_AGAIN_MS = 1000;

static struct peer peer_of(const struct sockaddr *address)
{
    struct peer peer = {.text = "unknown"};
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        memcpy(peer.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
        memcpy(peer.address + 12, &v4->sin_addr, 4);
        inet_ntop(AF_INET, &v4->sin_addr, peer.text, sizeof peer.text);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(peer.address, &v6->sin6_addr, 16);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
            inet_ntop(AF_INET, peer.address + 12, peer.text, sizeof peer.text);
        else
            inet_ntop(AF_INET6, &v6->sin6_addr, peer.text, sizeof peer.text);
    }
    return peer;
}

static bool same_customer(const struct peer *a, const struct peer *b)
{
    static const unsigned char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
    bool is_v4 = memcmp(a->address, mapped, sizeof mapped) == 0;
    return memcmp(a->address, b->address, is_v4 ? 16 : 8) == 0;
}

// Whether there is room for one more from this peer; at the limit the connection that was idle
// longest makes way.
static bool make_room(struct http_server *server, const struct peer *peer)
{
    unsigned of_peer = 0;
    struct connection *idle = NULL;
    for (struct connection *each = server->connections; each != NULL; each = each->next) {
        of_peer += same_customer(&each->peer, peer);
        if (each->state == CONNECTION_IDLE)
            idle = each; // newest first, so the last one stands longest
    }
    if (of_peer >= server->options.max_per_address)
        return false;
    if (server->n_connections < server->options.max_connections)
        return true;
    if (idle == NULL)
        return false;
    connection_free(idle);
    return true;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *arg)
{
    (void)listener;
    (void)size;
    struct http_server *server = arg;
    struct peer peer = peer_of(address);
    SSL *session = NULL;
    // A session that cannot be made must close the connection: going on would be plaintext.
    if (!make_room(server, &peer) ||
        (server->tls != NULL && http_tls_files_accept(server->tls, &session, NULL) < 0)) {
        close(fd);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection_open(server, fd, session, &peer);
}

static void accept_again(void *arg)
{
    struct http_server *server = arg;
    if (server->listener != NULL)
        evconnlistener_enable(server->listener);
}

// Mostly no descriptors left: trying again at once would only burn the processor.
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    struct http_server *server = arg;
    evconnlistener_disable(listener);
    loop_timer_set(server->accept_again, ACCEPT_AGAIN_MS);
}

static int bind_address(const struct addrinfo *address, bool both_families)
{
    cleanup_fd int fd =
        socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both_families ? &off : &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, 128) < 0)
        return -1;
    int result = fd;
    fd = -1;
    return result;
}

static int open_socket(const struct http_server_options *options, int *ret_fd, struct error *err)
{
    char port[12];
    snprintf(port, sizeof port, "%d", options->port);
    const char *shown = options->address != NULL ? options->address : "[::]";
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                             .ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result =
        getaddrinfo(options->address != NULL ? options->address : "::", port, &hints, &found);
    if (result != 0)
        return error_set(err, ERROR_INVALID,
                         "cannot listen on %s port %s: %s; name an address of this machine", shown,
                         port, gai_strerror(result));
    int fd = bind_address(found, options->address == NULL);
    int problem = errno;
    freeaddrinfo(found);
    // A machine without IPv6 still has all its IPv4 addresses.
    if (fd < 0 && options->address == NULL && problem == EAFNOSUPPORT) {
        struct http_server_options v4 = *options;
        v4.address = "0.0.0.0";
        return open_socket(&v4, ret_fd, err);
    }
    if (fd < 0)
        return error_errno(err, problem, "cannot listen on %s port %s", shown, port);
    *ret_fd = fd;
    return 0;
}

static int port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static struct http_server_options with_defaults(const struct http_server_options *given)
{
    struct http_server_options options = *given;
#define DEFAULT(field, value) \
    if (options.field == 0)   \
        options.field = (value);
    DEFAULT(max_header_bytes, 16 * 1024)
    DEFAULT(max_body_bytes, 4 * 1024 * 1024)
    DEFAULT(max_inflight_bytes, 64 * 1024 * 1024)
    DEFAULT(max_connections, 512)
    DEFAULT(max_per_address, 64)
    DEFAULT(header_deadline_ms, 10 * 1000)
    DEFAULT(request_deadline_ms, 30 * 1000)
    DEFAULT(idle_ms, 60 * 1000)
#undef DEFAULT
    options.address = options.cert_file = options.key_file = NULL; // borrowed during new only
    return options;
}

int http_server_new(struct loop *loop, const struct http_server_options *options,
                    const struct http_server_events *events, void *arg,
                    struct http_server **ret_server, struct error *err)
{
    if ((options->cert_file == NULL) != (options->key_file == NULL))
        return error_set(err, ERROR_INVALID,
                         "TLS needs a certificate and a key; only one of the two files is named");
    if (options->port < 0 || options->port > 65535)
        return error_set(err, ERROR_INVALID, "%d is no port; use 0 to 65535", options->port);
    struct http_server *server = xcalloc(1, sizeof *server);
    server->loop = loop;
    server->options = with_defaults(options);
    server->events = *events;
    server->arg = arg;
    server->accept_again = loop_timer_new(loop, accept_again, server);
    int fd = -1;
    if ((options->cert_file != NULL &&
         http_tls_files_new(options->cert_file, options->key_file, loop_clock(loop), &server->tls,
                            err) < 0) ||
        open_socket(options, &fd, err) < 0) {
        http_server_free(server);
        return -1;
    }
    server->port = port_of(fd);
    server->listener = evconnlistener_new(loop_event_base(loop), on_accept, server,
                                          LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (server->listener == NULL) {
        close(fd);
        http_server_free(server);
        return error_set(err, ERROR_INTERNAL, "cannot watch port %d", options->port);
    }
    evconnlistener_set_error_cb(server->listener, on_accept_error);
    *ret_server = server;
    return 0;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_drain(struct http_server *server)
{
    server->draining = true;
    if (server->listener != NULL)
        evconnlistener_free(server->listener);
    server->listener = NULL;
    for (struct connection *each = server->connections, *next; each != NULL; each = next) {
        next = each->next;
        if (each->state == CONNECTION_IDLE)
            connection_free(each);
    }
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    if (server->listener != NULL)
        evconnlistener_free(server->listener);
    while (server->connections != NULL)
        connection_free(server->connections);
    http_tls_files_free(server->tls);
    loop_timer_free(server->accept_again);
    free(server);
}
