#include "base/status_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

static bool is_ready;

static bool ready(void *arg, struct strbuf *why_not)
{
    assert_string_equal(arg, "arg");
    if (!is_ready)
        strbuf_addstr(why_not, "the Hooks are not read yet");
    return is_ready;
}

static char *ask(struct loop *loop, int port, const char *request)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(write(fd, request, strlen(request)) > 0);
    struct strbuf got;
    strbuf_init(&got, 1 << 20);
    for (int i = 0; i < 50; i++) {
        char buffer[4096];
        loop_run_once(loop);
        ssize_t size = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (size > 0)
            strbuf_add(&got, buffer, (size_t)size);
    }
    close(fd);
    return strbuf_steal(&got);
}

static void test_status_server_tells_health_readiness_and_metrics(void **state)
{
    (void)state;
    struct loop *loop = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, NULL), 0);
    struct metrics *metrics = metrics_new();
    metric_add(metrics_add(metrics, METRIC_COUNTER, "things_total", "Things.", ""), 3, NULL);
    static char arg[] = "arg";
    struct status_server_options options = {
        .address = "127.0.0.1", .metrics = metrics, .ready = ready, .arg = arg};
    struct status_server *server = NULL;
    assert_int_equal(status_server_new(loop, &options, &server, NULL), 0);
    int port = status_server_port(server);
    static const struct {
        const char *request;
        bool ready;
        const char *wanted;
    } rows[] = {
        {"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", false, "200 OK"},
        {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", false, "503 Service Unavailable"},
        {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", false, "\r\n\r\nthe Hooks are not read yet\n"},
        {"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", true, "\r\n\r\nready\n"},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", true, "\nthings_total 3\n"},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", true, "version=0.0.4"},
        {"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", true, "Content-Length: 3\r\n\r\n"},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", true, "405 "},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, "404 Not Found"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        is_ready = rows[i].ready;
        cleanup_free char *got = ask(loop, port, rows[i].request);
        if (strstr(got, rows[i].wanted) == NULL)
            fail_msg("row %zu wanted \"%s\", got \"%s\"", i, rows[i].wanted, got);
    }
    status_server_free(server);
    status_server_free(NULL);
    metrics_free(metrics);
    loop_free(loop);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_server_tells_health_readiness_and_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
