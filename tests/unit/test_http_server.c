#include "base/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"

// The server answers by path: /echo the body, /late nothing until the test does, /own from on_head.
struct fixture {
    struct fake_clock clock;
    struct loop *loop;
    struct http_server *server;
    struct http_exchange *late;
    int heads;
    int requests;
    int abandoned;
};

static int on_head(void *arg, struct http_exchange *exchange)
{
    struct fixture *fixture = arg;
    fixture->heads++;
    const char *path = http_exchange_path(exchange);
    if (strcmp(path, "/own") == 0)
        http_exchange_answer_text(exchange, 404, "nothing here");
    if (strcmp(path, "/echo") == 0 || strcmp(path, "/late") == 0)
        return 0;
    return 404;
}

static void on_request(void *arg, struct http_exchange *exchange)
{
    struct fixture *fixture = arg;
    fixture->requests++;
    assert_string_equal(http_exchange_peer(exchange), "127.0.0.1");
    assert_true(http_exchange_started_ms(exchange) > 0);
    size_t size;
    const void *body = http_exchange_body(exchange, &size);
    if (strcmp(http_exchange_path(exchange), "/late") == 0) {
        fixture->late = exchange;
        http_exchange_set_data(exchange, fixture);
        return;
    }
    http_exchange_answer(exchange, 200, NULL, "text/plain", body, size);
}

static void on_abandoned(void *arg, struct http_exchange *exchange)
{
    struct fixture *fixture = arg;
    assert_ptr_equal(exchange, fixture->late);
    assert_ptr_equal(http_exchange_data(exchange), fixture);
    fixture->late = NULL;
    fixture->abandoned++;
}

static void start(struct fixture *fixture, const struct http_server_options *options)
{
    *fixture = (struct fixture){0};
    fake_clock_init(&fixture->clock, 784111777000);
    assert_int_equal(loop_new(&fixture->clock.clock, &fixture->loop, NULL), 0);
    static const struct http_server_events events = {on_head, on_request, on_abandoned};
    struct http_server_options with_address = *options;
    with_address.address = "127.0.0.1";
    cleanup_error struct error err = {0};
    if (http_server_new(fixture->loop, &with_address, &events, fixture, &fixture->server, &err) < 0)
        fail_msg("%s", error_message(&err));
}

static void stop(struct fixture *fixture)
{
    http_server_free(fixture->server);
    loop_free(fixture->loop);
}

static int dial(const struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)http_server_port(fixture->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void pump(struct fixture *fixture)
{
    for (int i = 0; i < 30; i++)
        loop_run_once(fixture->loop);
}

static void send_all(struct fixture *fixture, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
        pump(fixture);
    }
    pump(fixture);
}

static void send_text(struct fixture *fixture, int fd, const char *text)
{
    send_all(fixture, fd, text, strlen(text));
}

// What the server said by now. *ret_closed when it will say no more.
static char *receive(struct fixture *fixture, int fd, bool *ret_closed)
{
    struct strbuf got;
    strbuf_init(&got, 1 << 20);
    *ret_closed = false;
    for (int i = 0; i < 50 && !*ret_closed; i++) {
        char buffer[4096];
        loop_run_once(fixture->loop);
        ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size > 0)
            strbuf_add(&got, buffer, (size_t)size);
        else if (size == 0 || errno != EAGAIN)
            *ret_closed = true;
    }
    return strbuf_steal(&got);
}

static void expect_closed(struct fixture *fixture, int fd, const char *status)
{
    bool closed;
    cleanup_free char *got = receive(fixture, fd, &closed);
    if (strstr(got, status) == NULL)
        fail_msg("wanted \"%s\", got \"%s\"", status, got);
    assert_true(closed);
    close(fd);
}

static const struct http_server_options plain = {0};

static void test_http_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        const char *status;
    } rows[] = {
        {"GET /echo HTTP/1.1\nHost: a\n\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "400 "},
        {"GET http://a/echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo  HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {" GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo\r\n\r\n", "400 "},
        {"GET /echo#x HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX : x\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\n folded: x\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
         "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
         "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nabcde", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nabcde", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 05\r\n\r\nabcde", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "413 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", "413 "},
        {"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n", "404 "},
        {"POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "404 Not Found"},
        {"POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "nothing here\n"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "501 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
         "abcde",
         "400 "},
        {"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
        {"BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n", "501 "},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "501 "},
        {"get /echo HTTP/1.1\r\nHost: a\r\n\r\n", "501 "},
        {"G=T /echo HTTP/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", "505 "},
        {"GET /echo HTTP/1.2\r\nHost: a\r\n\r\n", "505 "},
        {"GET /echo http/1.1\r\nHost: a\r\n\r\n", "400 "},
        {"GET /echo HTTP/1.1x\r\nHost: a\r\n\r\n", "400 "},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\n", "417 "},
        {"\x16\x03\x01\n", "400 "},
    };
    struct fixture fixture;
    start(&fixture, &plain);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        int fd = dial(&fixture);
        send_text(&fixture, fd, rows[i].request);
        bool closed;
        cleanup_free char *got = receive(&fixture, fd, &closed);
        if (strstr(got, rows[i].status) == NULL || strstr(got, "Connection: close\r\n") == NULL ||
            !closed)
            fail_msg("row %zu wanted %s: \"%s\" was answered \"%s\" closed %d", i, rows[i].status,
                     rows[i].request, got, closed);
        close(fd);
    }
    assert_int_equal(fixture.requests, 0);
    int fd = dial(&fixture);
    send_all(&fixture, fd, "GET /echo HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 38);
    expect_closed(&fixture, fd, "400 ");
    stop(&fixture);
}

static void test_http_server_answers_in_full(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    int fd = dial(&fixture);
    bool closed;
    send_text(&fixture, fd, "POST /echo?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    cleanup_free char *got = receive(&fixture, fd, &closed);
    assert_string_equal(got, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    assert_false(closed);
    send_text(&fixture, fd, "HEAD /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    cleanup_free char *head = receive(&fixture, fd, &closed);
    assert_non_null(strstr(head, "Content-Length: 2\r\n\r\n"));
    assert_null(strstr(head, "hi"));
    send_text(&fixture, fd, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n");
    expect_closed(&fixture, fd, "Connection: close\r\n\r\n");
    fd = dial(&fixture);
    send_text(&fixture, fd, "GET /echo HTTP/1.0\r\n\r\n");
    expect_closed(&fixture, fd, "200 OK");
    stop(&fixture);
}

static void test_http_server_answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    int fd = dial(&fixture);
    send_text(&fixture, fd,
              "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"
              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n2"
              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n3");
    // A peer that sends no more still gets its answers.
    shutdown(fd, SHUT_WR);
    pump(&fixture);
    assert_int_equal(fixture.requests, 1);
    http_exchange_answer(fixture.late, 200, NULL, NULL, "first", 5);
    bool closed;
    cleanup_free char *got = receive(&fixture, fd, &closed);
    const char *first = strstr(got, "\r\n\r\nfirst"), *second = strstr(got, "\r\n\r\n2"),
               *third = strstr(got, "\r\n\r\n3");
    assert_true(first != NULL && second > first && third > second);
    assert_true(closed);
    close(fd);
    stop(&fixture);
}

static void test_http_server_continues_only_after_its_owner_agreed(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    int fd = dial(&fixture);
    bool closed;
    send_text(
        &fixture, fd,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    cleanup_free char *go_on = receive(&fixture, fd, &closed);
    assert_string_equal(go_on, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(&fixture, fd, "ok");
    cleanup_free char *got = receive(&fixture, fd, &closed);
    assert_non_null(strstr(got, "\r\n\r\nok"));
    close(fd);
    fd = dial(&fixture);
    send_text(
        &fixture, fd,
        "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    expect_closed(&fixture, fd, "HTTP/1.1 404 ");
    stop(&fixture);
}

static void test_http_server_limits_heads(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    cleanup_strbuf struct strbuf request;
    strbuf_init(&request, 1 << 20);
    strbuf_addstr(&request, "GET /echo HTTP/1.1\r\nHost: a\r\nX: ");
    while (request.len < 20000)
        strbuf_addch(&request, 'x');
    int fd = dial(&fixture);
    send_all(&fixture, fd, request.data, request.len);
    expect_closed(&fixture, fd, "431 ");
    strbuf_reset(&request);
    strbuf_addstr(&request, "GET /echo HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 101; i++)
        strbuf_addstr(&request, "a: b\r\n");
    strbuf_addstr(&request, "\r\n");
    fd = dial(&fixture);
    send_all(&fixture, fd, request.data, request.len);
    expect_closed(&fixture, fd, "431 ");
    stop(&fixture);
}

static void test_http_server_deadlines_are_total(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    // One header every two seconds keeps an idle timeout happy; not this one.
    int slow = dial(&fixture), silent = dial(&fixture), body = dial(&fixture);
    send_text(&fixture, slow, "GET /echo HTTP/1.1\r\nHost: a\r\n");
    send_text(&fixture, body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        fake_clock_advance(&fixture.clock, 2000);
        send_text(&fixture, slow, "X: y\r\n");
    }
    bool closed;
    cleanup_free char *nothing = receive(&fixture, slow, &closed);
    assert_string_equal(nothing, "");
    assert_false(closed);
    fake_clock_advance(&fixture.clock, 2000);
    pump(&fixture);
    expect_closed(&fixture, slow, "408 ");
    expect_closed(&fixture, silent, "");
    for (int i = 0; i < 9; i++) {
        fake_clock_advance(&fixture.clock, 2000);
        send_text(&fixture, body, "x");
    }
    fake_clock_advance(&fixture.clock, 2000);
    expect_closed(&fixture, body, "408 ");
    // A kept connection that rests is closed without a word.
    int kept = dial(&fixture);
    send_text(&fixture, kept, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    free(receive(&fixture, kept, &closed));
    assert_false(closed);
    fake_clock_advance(&fixture.clock, 60 * 1000);
    pump(&fixture);
    cleanup_free char *rest = receive(&fixture, kept, &closed);
    assert_string_equal(rest, "");
    assert_true(closed);
    close(kept);
    stop(&fixture);
}

static void test_http_server_tells_its_owner_when_time_is_up(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    int fd = dial(&fixture);
    send_text(&fixture, fd, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(fixture.late);
    fake_clock_advance(&fixture.clock, 30 * 1000);
    pump(&fixture);
    assert_int_equal(fixture.abandoned, 1);
    expect_closed(&fixture, fd, "Retry-After: 5\r\n");
    fd = dial(&fixture);
    send_text(&fixture, fd, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    close(fd);
    stop(&fixture);
    assert_int_equal(fixture.abandoned, 2);
}

static void test_http_server_shares_one_byte_budget(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &(struct http_server_options){.max_inflight_bytes = 100000});
    static char body[60000];
    memset(body, 'x', sizeof body);
    static const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60001\r\n\r\n";
    int first = dial(&fixture), second = dial(&fixture);
    send_text(&fixture, first, head);
    send_all(&fixture, first, body, sizeof body);
    send_text(&fixture, second, head);
    send_all(&fixture, second, body, sizeof body);
    bool closed;
    cleanup_free char *refused = receive(&fixture, second, &closed);
    assert_non_null(strstr(refused, "HTTP/1.1 503 "));
    assert_non_null(strstr(refused, "Retry-After: "));
    close(second);
    // Announced is not used: a head alone takes nothing, and what is done gives back.
    send_text(&fixture, first, "!");
    cleanup_free char *got = receive(&fixture, first, &closed);
    assert_non_null(strstr(got, "200 OK"));
    second = dial(&fixture);
    send_text(&fixture, second, head);
    send_all(&fixture, second, body, sizeof body);
    send_text(&fixture, second, "!");
    cleanup_free char *again = receive(&fixture, second, &closed);
    assert_non_null(strstr(again, "200 OK"));
    close(first);
    close(second);
    stop(&fixture);
}

static void test_http_server_caps_connections(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &(struct http_server_options){.max_connections = 2, .max_per_address = 10});
    int idle = dial(&fixture), busy = dial(&fixture);
    bool closed;
    send_text(&fixture, idle, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    free(receive(&fixture, idle, &closed));
    send_text(&fixture, busy, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    int third = dial(&fixture);
    send_text(&fixture, third, "GET /echo HTTP/1.1\r\n");
    expect_closed(&fixture, idle, "");
    int fourth = dial(&fixture);
    pump(&fixture);
    expect_closed(&fixture, fourth, "");
    free(receive(&fixture, third, &closed));
    assert_false(closed);
    close(third);
    close(busy);
    stop(&fixture);
    start(&fixture, &(struct http_server_options){.max_per_address = 1});
    int one = dial(&fixture), two = dial(&fixture);
    pump(&fixture);
    expect_closed(&fixture, two, "");
    close(one);
    stop(&fixture);
}

static void test_http_server_drains(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    int idle = dial(&fixture), busy = dial(&fixture);
    bool closed;
    send_text(&fixture, idle, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    free(receive(&fixture, idle, &closed));
    send_text(&fixture, busy, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    http_server_drain(fixture.server);
    expect_closed(&fixture, idle, "");
    http_exchange_answer_text(fixture.late, 200, "done");
    expect_closed(&fixture, busy, "Connection: close\r\n");
    stop(&fixture);
}

static void test_http_server_says_why_it_cannot_listen(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture, &plain);
    static const struct http_server_events events = {on_head, on_request, NULL};
    struct http_server *other = NULL;
    cleanup_error struct error err = {0};
    struct http_server_options options = {.address = "127.0.0.1",
                                          .port = http_server_port(fixture.server)};
    assert_int_equal(http_server_new(fixture.loop, &options, &events, NULL, &other, &err), -1);
    assert_non_null(strstr(error_message(&err), "cannot listen on 127.0.0.1 port "));
    options = (struct http_server_options){.cert_file = "/nonexistent"};
    assert_int_equal(http_server_new(fixture.loop, &options, &events, NULL, &other, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    options.key_file = "/nonexistent";
    assert_int_equal(http_server_new(fixture.loop, &options, &events, NULL, &other, &err), -1);
    assert_non_null(strstr(error_message(&err), "cannot use the certificate /nonexistent: "));
    assert_null(other);
    stop(&fixture);
}

// TLS, with certificates made on the spot.

struct tls_files {
    char *dir;
    char *cert;
    char *key;
};

static void write_pair(const struct tls_files *files, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, subject);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *file = fopen(files->cert, "w");
    PEM_write_X509(file, cert);
    fclose(file);
    file = fopen(files->key, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void make_files(struct tls_files *files)
{
    assert_int_equal(file_make_temp_dir("tls", &files->dir, NULL), 0);
    files->cert = path_join(files->dir, "tls.crt");
    files->key = path_join(files->dir, "tls.key");
}

static void remove_files(struct tls_files *files)
{
    assert_int_equal(file_remove_tree(files->dir, NULL), 0);
    free(files->dir);
    free(files->cert);
    free(files->key);
}

struct tls_result {
    char name[64];
    char answer[400];
    int version;
    bool connected;
};

// One GET over TLS; the handshake and the server take turns in this thread.
static struct tls_result tls_get(struct fixture *fixture, int max_version, const char *protocols,
                                 const char *request)
{
    struct tls_result result = {0};
    int fd = dial(fixture);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, max_version);
    SSL *session = SSL_new(context);
    if (protocols != NULL)
        SSL_set_alpn_protos(session, (const unsigned char *)protocols, (unsigned)strlen(protocols));
    SSL_set_fd(session, fd);
    struct timeval wait = {.tv_usec = 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    for (int i = 0; i < 50 && !result.connected; i++) {
        int connected = SSL_connect(session);
        result.connected = connected == 1;
        if (connected != 1 && SSL_get_error(session, connected) != SSL_ERROR_WANT_READ)
            break;
        pump(fixture);
    }
    if (result.connected) {
        X509_NAME *subject = X509_get_subject_name(SSL_get0_peer_certificate(session));
        X509_NAME_get_text_by_NID(subject, NID_commonName, result.name, sizeof result.name);
        result.version = SSL_version(session);
        size_t left = strlen(request);
        while (left > 0) {
            int sent = SSL_write(session, request, left > 16000 ? 16000 : (int)left);
            assert_true(sent > 0);
            request += sent;
            left -= (size_t)sent;
            pump(fixture);
        }
        int size = 0;
        for (int i = 0; i < 50 && size <= 0; i++) {
            pump(fixture);
            size = SSL_read(session, result.answer, sizeof result.answer - 1);
        }
    }
    SSL_free(session);
    SSL_CTX_free(context);
    close(fd);
    pump(fixture);
    return result;
}

static const char get[] = "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n";

static void test_http_server_tls_reloads_its_certificate(void **state)
{
    (void)state;
    struct tls_files files;
    make_files(&files);
    write_pair(&files, "first");
    struct fixture fixture;
    start(&fixture, &(struct http_server_options){.cert_file = files.cert, .key_file = files.key});
    struct tls_result result = tls_get(&fixture, TLS1_3_VERSION, "\x02h2\x08http/1.1", get);
    assert_string_equal(result.name, "first");
    assert_int_equal(result.version, TLS1_3_VERSION);
    assert_non_null(strstr(result.answer, "200 OK"));
    result = tls_get(&fixture, TLS1_2_VERSION, NULL, get);
    assert_non_null(strstr(result.answer, "200 OK"));
    assert_false(tls_get(&fixture, TLS1_1_VERSION, NULL, get).connected);
    assert_false(tls_get(&fixture, TLS1_3_VERSION, "\x02h2", get).connected);

    write_pair(&files, "second");
    assert_string_equal(tls_get(&fixture, TLS1_3_VERSION, NULL, get).name, "first");
    fake_clock_advance(&fixture.clock, 1000);
    assert_string_equal(tls_get(&fixture, TLS1_3_VERSION, NULL, get).name, "second");

    // A pair that does not work keeps the one before.
    log_configure(LOG_LEVEL_ERROR, STDERR_FILENO, NULL);
    assert_int_equal(file_write_swap(files.cert, "garbage", 7, 0644, NULL), 0);
    fake_clock_advance(&fixture.clock, 1000);
    assert_string_equal(tls_get(&fixture, TLS1_3_VERSION, NULL, get).name, "second");
    unlink(files.key);
    fake_clock_advance(&fixture.clock, 1000);
    assert_string_equal(tls_get(&fixture, TLS1_3_VERSION, NULL, get).name, "second");
    write_pair(&files, "third");
    fake_clock_advance(&fixture.clock, 1000);
    assert_string_equal(tls_get(&fixture, TLS1_3_VERSION, NULL, get).name, "third");
    log_configure(LOG_LEVEL_INFO, STDERR_FILENO, NULL);

    // Plaintext gets no HTTP.
    int fd = dial(&fixture);
    send_text(&fixture, fd, get);
    bool closed;
    cleanup_free char *got = receive(&fixture, fd, &closed);
    assert_null(strstr(got, "HTTP"));
    assert_true(closed);
    close(fd);
    stop(&fixture);
    remove_files(&files);
}

static void test_http_server_tls_carries_large_bodies(void **state)
{
    (void)state;
    struct tls_files files;
    make_files(&files);
    write_pair(&files, "first");
    struct fixture fixture;
    start(&fixture, &(struct http_server_options){.cert_file = files.cert, .key_file = files.key});
    cleanup_strbuf struct strbuf request;
    strbuf_init(&request, 1 << 21);
    strbuf_addstr(&request, "POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 1000000; i++)
        strbuf_addch(&request, 'x');
    tls_get(&fixture, TLS1_3_VERSION, NULL, request.data);
    assert_int_equal(fixture.requests, 1);
    stop(&fixture);
    remove_files(&files);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_server_refuses),
        cmocka_unit_test(test_http_server_answers_in_full),
        cmocka_unit_test(test_http_server_answers_pipelined_requests_in_order),
        cmocka_unit_test(test_http_server_continues_only_after_its_owner_agreed),
        cmocka_unit_test(test_http_server_limits_heads),
        cmocka_unit_test(test_http_server_deadlines_are_total),
        cmocka_unit_test(test_http_server_tells_its_owner_when_time_is_up),
        cmocka_unit_test(test_http_server_shares_one_byte_budget),
        cmocka_unit_test(test_http_server_caps_connections),
        cmocka_unit_test(test_http_server_drains),
        cmocka_unit_test(test_http_server_says_why_it_cannot_listen),
        cmocka_unit_test(test_http_server_tls_reloads_its_certificate),
        cmocka_unit_test(test_http_server_tls_carries_large_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
