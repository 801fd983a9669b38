#include "base/http_client.h"
#include "base/clock.h"
#include "base/memory.h"

#include "fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 12 };

struct watcher {
    struct test *test;
    struct http_stream *stream;
    struct strbuf data;
    int status;
    unsigned responses;
    unsigned ends;
    enum error_code code;
    char *message;
    // What to do from within a call.
    bool cancel_on_response;
    bool cancel_on_data;
    bool cancel_on_end;
    struct watcher *cancel_other;
    bool refuse;
    const char *open_next; // URL
};

struct test {
    struct loop *loop;
    struct http_streams *streams;
    struct watcher watchers[STREAMS + 1];
    struct http_request request;
};

static void open_stream(struct test *test, size_t index, const char *url);

static void cancel_stream(struct watcher *watcher)
{
    http_stream_cancel(watcher->stream);
    watcher->stream = NULL;
}

static void on_response(void *arg, const struct http_response *response)
{
    struct watcher *watcher = arg;
    watcher->responses++;
    watcher->status = response->status;
    if (watcher->cancel_on_response)
        cancel_stream(watcher);
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct watcher *watcher = arg;
    assert_int_equal(strbuf_add(&watcher->data, data, size), 0);
    if (watcher->refuse)
        return error_set(err, ERROR_INVALID, "no such event");
    if (watcher->cancel_other != NULL && watcher->cancel_other->stream != NULL)
        cancel_stream(watcher->cancel_other);
    if (watcher->open_next != NULL)
        open_stream(watcher->test, (size_t)(watcher - watcher->test->watchers) + 1,
                    STEAL(watcher->open_next));
    if (watcher->cancel_on_data)
        cancel_stream(watcher);
    return 0;
}

static void on_end(void *arg, const struct error *error)
{
    struct watcher *watcher = arg;
    watcher->ends++;
    watcher->code = error != NULL ? error->code : ERROR_NONE;
    watcher->message = xstrdup(error != NULL ? error->message : "");
    if (watcher->cancel_on_end)
        http_stream_cancel(watcher->stream);
    watcher->stream = NULL;
}

static void open_stream(struct test *test, size_t index, const char *url)
{
    static const struct http_stream_events events = {on_response, on_data, on_end};
    struct watcher *watcher = &test->watchers[index];
    watcher->test = test;
    strbuf_init(&watcher->data, 1 << 20);
    struct http_request request = test->request;
    cleanup_free char *copy = xstrdup(url); // gone when this returns
    request.url = copy;
    request.method = "GET";
    cleanup_error struct error err = {0};
    if (http_stream_open(test->streams, &request, &events, watcher, &watcher->stream, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(watcher->responses, 0);
}

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    assert_int_equal(loop_new(clock_system(), &test->loop, NULL), 0);
    assert_int_equal(http_streams_new(test->loop, &test->streams, NULL), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    http_streams_free(test->streams);
    loop_free(test->loop);
    for (size_t i = 0; i <= STREAMS; i++) {
        strbuf_release(&test->watchers[i].data);
        free(test->watchers[i].message);
    }
    free(test);
    return 0;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void run_for(struct test *test, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(test->loop, stop_loop, test->loop);
    loop_timer_set(timer, ms);
    assert_int_equal(loop_run(test->loop, NULL), 0);
    loop_timer_free(timer);
}

// Until `condition` holds, for at most five seconds.
#define run_until(test, condition)                                \
    do {                                                          \
        for (int tries = 0; !(condition) && tries < 250; tries++) \
            run_for((test), 20);                                  \
        assert_true(condition);                                   \
    } while (0)

static void handle(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    if (strcmp(exchange->path, "/watch") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 1000 && !exchange->close; i++) {
            fake_send_text(exchange, "6\r\nevent\n\r\n");
            fake_pause(exchange, 30);
        }
    } else if (strcmp(exchange->path, "/quiet") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        fake_pause(exchange, 20000);
        exchange->close = true;
    } else if (strcmp(exchange->path, "/mute") == 0) {
        fake_pause(exchange, 20000);
        exchange->close = true;
    } else if (strcmp(exchange->path, "/broken") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "6\r\nevent\n\r\n");
        exchange->close = true;
    } else if (strcmp(exchange->path, "/redirect") == 0) {
        fake_reply(exchange, "302 Found", "Location: /final\r\n", "elsewhere");
    } else if (strcmp(exchange->path, "/gone") == 0) {
        fake_reply(exchange, "410 Gone", "", "{\"kind\":\"Status\"}");
    } else {
        fake_reply(exchange, "200 OK", "", "whole");
    }
}

static void test_stream_tells_head_data_and_end(void **state)
{
    struct test *test = *state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    static const struct {
        const char *path;
        int status;
        const char *data;
        enum error_code code;
    } cases[] = {
        {"/x", 200, "whole", ERROR_NONE},
        {"/gone", 410, "{\"kind\":\"Status\"}", ERROR_NONE},
        {"/broken", 200, "event\n", ERROR_UNAVAILABLE},
        {"/redirect", 200, "whole", ERROR_NONE},
    };
    test->request.max_redirects = 3;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *url = fake_http_url(server, cases[i].path);
        open_stream(test, i, url);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct watcher *watcher = &test->watchers[i];
        run_until(test, watcher->ends == 1);
        assert_int_equal(watcher->status, cases[i].status);
        assert_int_equal(watcher->responses, 1);
        assert_string_equal(watcher->data.data, cases[i].data);
        assert_int_equal(watcher->code, cases[i].code);
    }
}

static void test_stream_never_ends_until_cancelled(void **state)
{
    struct test *test = *state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/watch");
    open_stream(test, 0, url);
    open_stream(test, 1, url);
    run_until(test, test->watchers[0].data.len > 30 && test->watchers[1].data.len > 30);
    cancel_stream(&test->watchers[0]);
    size_t before = test->watchers[0].data.len;
    size_t other = test->watchers[1].data.len;
    run_until(test, test->watchers[1].data.len > other + 18);
    assert_int_equal(test->watchers[0].data.len, before);
    assert_int_equal(test->watchers[0].ends, 0);
    // The rest is freed by the teardown, without calls.
}

static void test_stream_changes_from_within_its_calls(void **state)
{
    struct test *test = *state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *watch = fake_http_url(server, "/watch");
    cleanup_free char *whole = fake_http_url(server, "/x");
    test->watchers[0].cancel_on_response = true;
    test->watchers[1].cancel_on_data = true;
    test->watchers[2].cancel_on_end = true;
    test->watchers[3].refuse = true;
    test->watchers[4].open_next = whole; // as number 5
    test->watchers[6].cancel_other = &test->watchers[7];
    open_stream(test, 0, watch);
    open_stream(test, 1, watch);
    open_stream(test, 2, whole);
    open_stream(test, 3, watch);
    open_stream(test, 4, watch);
    open_stream(test, 6, watch);
    open_stream(test, 7, watch);
    run_until(test, test->watchers[2].ends == 1 && test->watchers[3].ends == 1 &&
                        test->watchers[5].ends == 1 && test->watchers[6].data.len > 12);
    run_for(test, 100);
    assert_int_equal(test->watchers[0].responses, 1);
    assert_int_equal(test->watchers[0].data.len, 0);
    assert_int_equal(test->watchers[0].ends, 0);
    assert_int_equal(test->watchers[1].data.len, 6);
    assert_int_equal(test->watchers[1].ends, 0);
    assert_int_equal(test->watchers[2].ends, 1);
    assert_int_equal(test->watchers[3].code, ERROR_INVALID);
    assert_string_equal(test->watchers[3].message, "no such event");
    assert_string_equal(test->watchers[5].data.data, "whole");
    assert_null(test->watchers[7].stream);
    assert_int_equal(test->watchers[7].ends, 0);
    // Cancelled before it was started.
    open_stream(test, 8, watch);
    cancel_stream(&test->watchers[8]);
    run_for(test, 50);
    assert_int_equal(test->watchers[8].responses, 0);
}

static void test_stream_deadlines(void **state)
{
    struct test *test = *state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *quiet = fake_http_url(server, "/quiet");
    cleanup_free char *mute = fake_http_url(server, "/mute");
    cleanup_free char *watch = fake_http_url(server, "/watch");
    test->request.idle_timeout_ms = 200;
    open_stream(test, 0, quiet);
    open_stream(test, 1, mute);
    open_stream(test, 2, watch); // bytes keep it alive
    test->request.idle_timeout_ms = 0;
    test->request.deadline_ms = 300;
    open_stream(test, 3, watch);
    test->request.deadline_ms = 0;
    open_stream(test, 4, quiet); // no deadline at all
    int64_t start = clock_mono_ms(clock_system());
    run_until(test, test->watchers[0].ends == 1 && test->watchers[1].ends == 1 &&
                        test->watchers[3].ends == 1);
    assert_in_range(clock_mono_ms(clock_system()) - start, 280, 4000);
    assert_int_equal(test->watchers[0].code, ERROR_TIMEOUT);
    assert_int_equal(test->watchers[0].responses, 1);
    assert_non_null(strstr(test->watchers[0].message, "sent nothing for 200 ms"));
    assert_int_equal(test->watchers[1].code, ERROR_TIMEOUT);
    assert_int_equal(test->watchers[3].code, ERROR_TIMEOUT);
    assert_int_equal(test->watchers[2].ends, 0);
    assert_int_equal(test->watchers[4].ends, 0);
}

static void test_stream_failures(void **state)
{
    struct test *test = *state;
    open_stream(test, 0, "http://127.0.0.1:1/");
    open_stream(test, 1, "http://no-such-host.invalid/");
    test->request.reach = HTTP_REACH_NOT_LOCAL;
    open_stream(test, 2, "http://127.0.0.1:1/");
    run_until(test, test->watchers[0].ends == 1 && test->watchers[1].ends == 1 &&
                        test->watchers[2].ends == 1);
    assert_int_equal(test->watchers[0].code, ERROR_UNAVAILABLE);
    assert_int_equal(test->watchers[1].code, ERROR_UNAVAILABLE);
    assert_int_equal(test->watchers[2].code, ERROR_DENIED);
    // What cannot even be asked for fails at once.
    static const struct http_stream_events events = {on_response, on_data, on_end};
    struct http_stream *stream = NULL;
    cleanup_error struct error err = {0};
    struct http_request request = {.method = "GET", .url = "nonsense"};
    assert_int_equal(http_stream_open(test->streams, &request, &events, NULL, &stream, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_null(stream);
}

static void test_streams_share_an_http2_connection(void **state)
{
    struct test *test = *state;
    cleanup_fake_cert struct fake_cert ca = {0};
    cleanup_fake_cert struct fake_cert cert = {0};
    fake_ca_make("Test CA", &ca);
    fake_cert_make(&ca, "server", "IP:127.0.0.1", &cert);
    cleanup_fake_http struct fake_http *server = fake_http_start(
        &(struct fake_http_options){
            .cert = &cert, .offer_h2 = true, .h2_hold = STREAMS, .h2_endless = true},
        NULL, NULL);
    cleanup_free char *url = fake_http_url(server, "/");
    struct http_tls tls = {.ca_pem = xstrdup(ca.cert_pem)};
    test->request.tls = &tls;
    for (size_t i = 0; i < STREAMS; i++)
        open_stream(test, i, url);
    free((char *)(uintptr_t)tls.ca_pem); // gone before the streams start
    tls.ca_pem = ca.cert_pem;
    for (size_t i = 0; i < STREAMS; i++)
        run_until(test, test->watchers[i].data.len > 0);
    assert_int_equal(fake_http_connections(server), 1);
    for (size_t i = 0; i < STREAMS / 2; i++)
        cancel_stream(&test->watchers[i]);
    // curl 7.88 sends the resets with the connection's next frame.
    open_stream(test, STREAMS, url);
    run_until(test, test->watchers[STREAMS].data.len > 0);
    run_until(test, fake_http_resets(server) == STREAMS / 2);
    assert_int_equal(fake_http_connections(server), 1);
    for (size_t i = 0; i <= STREAMS; i++) {
        assert_int_equal(test->watchers[i].status, 200);
        assert_int_equal(test->watchers[i].ends, 0);
    }
    // With the last stream goes the connection, so that the server knows at once.
    for (size_t i = STREAMS / 2; i <= STREAMS; i++)
        cancel_stream(&test->watchers[i]);
    run_until(test, fake_http_closed(server) == 1);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream_tells_head_data_and_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_never_ends_until_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_changes_from_within_its_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_deadlines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stream_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_streams_share_an_http2_connection, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
