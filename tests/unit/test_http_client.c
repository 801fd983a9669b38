#include "base/http_client.h"
#include "base/clock.h"
#include "base/memory.h"

#include "fake_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct fetch {
    struct http_client *client;
    struct http_request request;
    struct http_response response;
    struct error err;
    int result;
    int64_t took_ms;
};

static void fetch_release(struct fetch *fetch)
{
    http_response_release(&fetch->response);
    error_release(&fetch->err);
    http_client_free(fetch->client);
    fetch->client = NULL;
}
#define cleanup_fetch __attribute__((cleanup(fetch_release)))

static void fetch_run(struct fetch *fetch)
{
    http_response_release(&fetch->response);
    error_release(&fetch->err);
    if (fetch->client == NULL)
        fetch->client = http_client_new();
    if (fetch->request.method == NULL)
        fetch->request.method = "GET";
    if (fetch->request.deadline_ms == 0)
        fetch->request.deadline_ms = 10000;
    int64_t start = clock_mono_ms(clock_system());
    fetch->result = http_do(fetch->client, &fetch->request, &fetch->response, &fetch->err);
    fetch->took_ms = clock_mono_ms(clock_system()) - start;
}

static void expect_status(struct fetch *fetch, int status)
{
    fetch_run(fetch);
    if (fetch->result < 0)
        fail_msg("%s", fetch->err.message);
    assert_int_equal(fetch->response.status, status);
}

static void expect_error(struct fetch *fetch, enum error_code code)
{
    fetch_run(fetch);
    assert_int_equal(fetch->result, -1);
    if (fetch->err.code != code)
        fail_msg("%s: %s", error_code_name(fetch->err.code), fetch->err.message);
}

static void expect_received(struct fake_http *server, const char *text, bool expected)
{
    cleanup_free char *received = fake_http_received(server);
    if ((strstr(received, text) != NULL) != expected)
        fail_msg("%s: %s", expected ? "not received" : "received", text);
}

// Answers by path; what each does is its name.
static void handle(void *arg, struct fake_exchange *exchange)
{
    const char *path = exchange->path;
    cleanup_free char *block = xmalloc(65536);
    memset(block, 'x', 65536);
    (void)arg;
    if (strcmp(path, "/truncated") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        exchange->close = true;
    } else if (strcmp(path, "/silent-close") == 0) {
        exchange->close = true;
    } else if (strcmp(path, "/stall") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        fake_pause(exchange, 10000);
        exchange->close = true;
    } else if (strcmp(path, "/drip") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        for (int i = 0; i < 1000 && !exchange->close; i++) {
            fake_send_text(exchange, "x");
            fake_pause(exchange, 20);
        }
    } else if (strcmp(path, "/huge") == 0 || strcmp(path, "/huge-404") == 0) {
        fake_send_text(exchange, strcmp(path, "/huge") == 0 ? "HTTP/1.1 200 OK\r\n\r\n"
                                                            : "HTTP/1.1 404 Gone\r\n\r\n");
        for (int i = 0; i < 1000 && !exchange->close; i++)
            fake_send(exchange, block, 65536);
        exchange->close = true;
    } else if (strcmp(path, "/headers") == 0) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 400 && !exchange->close; i++) {
            cleanup_free char *line = xasprintf("X-%d: %.1000s\r\n", i, block);
            fake_send_text(exchange, line);
        }
        fake_send_text(exchange, "\r\n");
        exchange->close = true;
    } else if (strcmp(path, "/early") == 0) {
        fake_send_text(exchange, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n");
        fake_reply(exchange, "200 OK", "X-Late: 1\r\nX-Late:  2 \r\n", "late");
    } else if (strcmp(path, "/not-http") == 0) {
        fake_send_text(exchange, "SSH-2.0-OpenSSH_9.2\r\n");
        exchange->close = true;
    } else {
        fake_reply(exchange, "200 OK", "Content-Type: text/plain\r\n", "hello");
    }
}

static void test_http_get(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/a?b=c");
    cleanup_fetch struct fetch fetch = {.request.url = url};
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "hello");
    assert_string_equal(http_headers_get(&fetch.response.headers, "content-type"), "text/plain");
    assert_string_equal(fetch.response.url, url);
    expect_received(server, "GET /a?b=c HTTP/1.1\r\n", true);
    expect_received(server, "User-Agent: sealift/" SEALIFT_VERSION "\r\n", true);
    expect_received(server, "Accept-Encoding", false);
    expect_received(server, "Content-", false);
    expect_status(&fetch, 200);
    assert_int_equal(fake_http_connections(server), 1);
}

static void test_http_early_hints_are_not_the_answer(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/early");
    cleanup_fetch struct fetch fetch = {.request.url = url};
    expect_status(&fetch, 200);
    assert_null(http_headers_get(&fetch.response.headers, "X-Early"));
    assert_string_equal(http_headers_get(&fetch.response.headers, "X-Late"), "1");
    assert_int_equal(fetch.response.headers.len, 3);
    fetch.request.method = "HEAD";
    url[strlen(url) - 6] = '\0';
    expect_status(&fetch, 200);
    assert_int_equal(fetch.response.body.len, 0);
    assert_string_equal(http_headers_get(&fetch.response.headers, "Content-Length"), "5");
}

struct source {
    const char *text;
    size_t at;
    unsigned rewinds;
};

static ssize_t source_read(void *arg, char *buffer, size_t size)
{
    struct source *source = arg;
    size_t left = strlen(source->text) - source->at;
    size_t n = left < size ? left : size;
    n = n < 3 ? n : 3;
    memcpy(buffer, source->text + source->at, n);
    source->at += n;
    return (ssize_t)n;
}

static int source_rewind(void *arg)
{
    struct source *source = arg;
    source->at = 0;
    source->rewinds++;
    return 0;
}

static void test_http_sends_bodies(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/upload");
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", "application/json");
    http_headers_add(&headers, "X-Empty", "");
    cleanup_fetch struct fetch fetch = {
        .request = {.url = url, .method = "PATCH", .body = "{\"a\":1}", .body_size = 7}};
    fetch.request.headers = &headers;
    expect_status(&fetch, 200);
    expect_received(server, "PATCH /upload HTTP/1.1\r\n", true);
    expect_received(server, "Content-Length: 7\r\n", true);
    expect_received(server, "X-Empty:\r\n", true);
    expect_received(server, "\r\n\r\n{\"a\":1}", true);
    fetch.request = (struct http_request){.url = url, .method = "POST"};
    expect_status(&fetch, 200);
    expect_received(server, "Content-Length: 0\r\n", true);
    expect_received(server, "x-www-form", false);
    fetch.request =
        (struct http_request){.url = url, .method = "DELETE", .body = "why", .body_size = 3};
    expect_status(&fetch, 200);
    expect_received(server, "DELETE /upload", true);
    expect_received(server, "\r\n\r\nwhy", true);
    struct source source = {.text = "from a callback"};
    fetch.request = (struct http_request){.url = url,
                                          .method = "PUT",
                                          .body_size = 15,
                                          .read_body = source_read,
                                          .read_arg = &source};
    expect_status(&fetch, 200);
    expect_received(server, "\r\n\r\nfrom a callback", true);
    expect_received(server, "Expect", false);
    source.at = 10; // and too little of it
    expect_error(&fetch, ERROR_INTERNAL);
}

static void test_http_refuses_bad_requests(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "ftp://h/",           "file:///etc/passwd", "h/x",
        "http://u:secret@h/", "http://h/ x",        "http://secret:99999999/",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        cleanup_fetch struct fetch fetch = {.request.url = urls[i]};
        expect_error(&fetch, ERROR_INVALID);
        assert_null(strstr(fetch.err.message, "secret"));
    }
    static const char *const pairs[][2] = {
        {"X", "a\r\nEvil: 1"}, {"X Y", "a"}, {"", "a"}, {"X:", "a"}, {"Content-Length", "3"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        cleanup_vec struct vec headers = HTTP_HEADERS;
        http_headers_add(&headers, pairs[i][0], pairs[i][1]);
        cleanup_fetch struct fetch fetch = {
            .request = {.url = "http://127.0.0.1:1/", .headers = &headers}};
        expect_error(&fetch, ERROR_INVALID);
    }
    cleanup_fetch struct fetch fetch = {
        .request = {.url = "http://127.0.0.1:1/", .authorization = "Bearer secret\n"}};
    expect_error(&fetch, ERROR_INVALID);
    assert_null(strstr(fetch.err.message, "secret"));
    fetch.request.authorization = NULL;
    fetch.request.proxy = "no scheme secret";
    expect_error(&fetch, ERROR_INVALID);
    assert_null(strstr(fetch.err.message, "secret"));
}

static void test_http_broken_answers(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"/truncated?token=secret", ERROR_NONE, ""},
        {"/truncated", ERROR_UNAVAILABLE, "in the middle of its answer, after 4 bytes"},
        {"/silent-close", ERROR_UNAVAILABLE, "closed the connection before it answered"},
        {"/stall", ERROR_TIMEOUT, "sent nothing for 150 ms"},
        {"/drip", ERROR_TIMEOUT, "no complete answer"},
        {"/huge", ERROR_LIMIT, "larger than the limit of 100000 bytes"},
        {"/headers", ERROR_LIMIT, "the headers of 127.0.0.1"},
        {"/not-http", ERROR_UNAVAILABLE, "not HTTP"},
    };
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *url = fake_http_url(server, cases[i].path);
        cleanup_fetch struct fetch fetch = {
            .request = {
                .url = url, .deadline_ms = 600, .idle_timeout_ms = 150, .max_body_bytes = 100000}};
        if (cases[i].code == ERROR_NONE) {
            expect_status(&fetch, 200);
            continue;
        }
        expect_error(&fetch, cases[i].code);
        if (strstr(fetch.err.message, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].path, fetch.err.message);
        assert_in_range(fetch.took_ms, 0, 2000);
    }
}

static void test_http_errors_name_no_secret(void **state)
{
    (void)state;
    // Port 1 is closed: connection refused.
    cleanup_fetch struct fetch fetch = {
        .request = {.url = "http://127.0.0.1:1/hook/secret?token=secret",
                    .authorization = "Bearer secret",
                    .proxy = ""}};
    expect_error(&fetch, ERROR_UNAVAILABLE);
    assert_string_equal(fetch.err.message,
                        "could not connect to 127.0.0.1:1: Connection refused; is the server "
                        "running and reachable from here?");
    fetch.request.url = "http://no-such-host.invalid/secret";
    expect_error(&fetch, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fetch.err.message, "could not find the host no-such-host.invalid"));
    assert_null(strstr(fetch.err.message, "secret"));
    // A proxy that is not there, with its password.
    fetch.request.url = "http://127.0.0.1/";
    fetch.request.proxy = "http://user:secret@127.0.0.1:1";
    expect_error(&fetch, ERROR_UNAVAILABLE);
    assert_null(strstr(fetch.err.message, "secret"));
}

struct sink {
    struct strbuf data;
    unsigned restarts;
    bool refuse;
};

static int sink_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct sink *sink = arg;
    if (sink->refuse)
        return error_set(err, ERROR_UNVERIFIED, "these are not the bytes");
    return strbuf_add(&sink->data, data, size) < 0 ? error_set(err, ERROR_LIMIT, "the sink is full")
                                                   : 0;
}

static void sink_restart(void *arg)
{
    struct sink *sink = arg;
    strbuf_reset(&sink->data);
    sink->restarts++;
}

static void test_http_sink(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/x");
    struct sink sink = {.restarts = 0};
    strbuf_init(&sink.data, 1000000);
    cleanup_fetch struct fetch fetch = {
        .request = {.url = url, .on_data = sink_data, .on_data_arg = &sink}};
    expect_status(&fetch, 200);
    assert_string_equal(sink.data.data, "hello");
    assert_int_equal(fetch.response.body.len, 0);
    // The body of an error goes to the response, cut.
    strbuf_reset(&sink.data);
    cleanup_free char *missing = fake_http_url(server, "/huge-404");
    fetch.request.url = missing;
    expect_status(&fetch, 404);
    assert_int_equal(sink.data.len, 0);
    assert_int_equal(fetch.response.body.len, 8192);
    // The limit holds for the sink, too.
    cleanup_free char *huge = fake_http_url(server, "/huge");
    fetch.request.url = huge;
    fetch.request.max_body_bytes = 50000;
    expect_error(&fetch, ERROR_LIMIT);
    assert_true(sink.data.len <= 50000);
    sink.refuse = true;
    fetch.request.url = url;
    expect_error(&fetch, ERROR_UNVERIFIED);
    assert_string_equal(fetch.err.message, "these are not the bytes");
    strbuf_release(&sink.data);
}

struct canceler {
    struct cancel cancel;
    pthread_t thread;
};

static void *cancel_soon(void *arg)
{
    struct canceler *canceler = arg;
    usleep(150 * 1000);
    cancel_request(&canceler->cancel);
    return NULL;
}

static void test_http_cancel(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/stall");
    struct canceler canceler;
    cancel_init(&canceler.cancel);
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .cancel = &canceler.cancel}};
    assert_int_equal(pthread_create(&canceler.thread, NULL, cancel_soon, &canceler), 0);
    expect_error(&fetch, ERROR_CANCELED);
    assert_in_range(fetch.took_ms, 100, 3000);
    pthread_join(canceler.thread, NULL);
    unsigned before = fake_http_requests(server);
    expect_error(&fetch, ERROR_CANCELED);
    assert_int_equal(fake_http_requests(server), before);
    cancel_release(&canceler.cancel);
}

// Retries: the first `failures` requests get `status` (0 = close without an answer).
struct failing {
    unsigned failures;
    const char *status;
    const char *headers;
    int64_t times[8];
};

static void fail_first(void *arg, struct fake_exchange *exchange)
{
    struct failing *failing = arg;
    if (exchange->number < ARRAY_LENGTH(failing->times))
        failing->times[exchange->number] = clock_mono_ms(clock_system());
    if (exchange->number > failing->failures)
        fake_reply(exchange, "200 OK", "", "good");
    else if (failing->status == NULL) {
        fake_send_text(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbad");
        exchange->close = true;
    } else
        fake_reply(exchange, failing->status, failing->headers, "bad");
}

static void test_http_retries(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *status;
        int expected;
        unsigned requests;
    } cases[] = {
        {"GET", "500 No", 200, 3},    {"GET", "429 No", 200, 3},  {"GET", "503 No", 200, 3},
        {"GET", "404 No", 404, 1},    {"GET", "501 No", 501, 1},  {"PUT", "502 No", 200, 3},
        {"DELETE", "504 No", 200, 3}, {"POST", "500 No", 500, 1}, {"POST", "503 No", 200, 3},
        {"PATCH", "429 No", 200, 3},  {"GET", NULL, 200, 3},      {"POST", NULL, -1, 1},
        {"DELETE", "401 No", 401, 1},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct failing failing = {.failures = 2, .status = cases[i].status, .headers = ""};
        cleanup_fake_http struct fake_http *server = fake_http_start(NULL, fail_first, &failing);
        cleanup_free char *url = fake_http_url(server, "/");
        struct source source = {.text = "body"};
        cleanup_fetch struct fetch fetch = {
            .request = {.url = url, .method = cases[i].method, .max_retries = 3}};
        if (strcmp(cases[i].method, "GET") != 0) {
            fetch.request.body_size = 4;
            fetch.request.read_body = source_read;
            fetch.request.rewind_body = source_rewind;
            fetch.request.read_arg = &source;
        }
        if (cases[i].expected < 0)
            expect_error(&fetch, ERROR_UNAVAILABLE);
        else
            expect_status(&fetch, cases[i].expected);
        assert_int_equal(fake_http_requests(server), cases[i].requests);
        if (fetch.request.read_body != NULL)
            assert_int_equal(source.rewinds, cases[i].requests - 1);
    }
}

static void test_http_retry_limits(void **state)
{
    (void)state;
    struct failing failing = {.failures = 100, .status = "503 No", .headers = ""};
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, fail_first, &failing);
    cleanup_free char *url = fake_http_url(server, "/");
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .max_retries = 2}};
    expect_status(&fetch, 503);
    assert_int_equal(fake_http_requests(server), 3);
    // A body that was delivered is repeated only where the sink can start over.
    failing = (struct failing){.failures = 1000};
    struct sink sink = {.restarts = 0};
    strbuf_init(&sink.data, 1000);
    fetch.request.on_data = sink_data;
    fetch.request.on_data_arg = &sink;
    expect_error(&fetch, ERROR_UNAVAILABLE);
    assert_int_equal(fake_http_requests(server), 4);
    failing.failures = 6;
    fetch.request.on_restart = sink_restart;
    expect_status(&fetch, 200);
    assert_string_equal(sink.data.data, "good");
    assert_int_equal(sink.restarts, 2);
    strbuf_release(&sink.data);
    // Nothing listens: also a POST is tried again, and says so.
    fetch.request =
        (struct http_request){.url = "http://127.0.0.1:1/", .method = "POST", .max_retries = 1};
    expect_error(&fetch, ERROR_UNAVAILABLE);
    assert_non_null(strstr(fetch.err.message, "tried 2 times: could not connect"));
    assert_in_range(fetch.took_ms, 150, 3000);
}

static void test_http_retry_after_is_kept(void **state)
{
    (void)state;
    struct failing failing = {
        .failures = 1, .status = "429 Slow down", .headers = "Retry-After: 1\r\n"};
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, fail_first, &failing);
    cleanup_free char *url = fake_http_url(server, "/");
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .max_retries = 1}};
    expect_status(&fetch, 200);
    assert_in_range(failing.times[2] - failing.times[1], 950, 3000);
    // As a date: whole seconds, so between one and two seconds from now.
    char headers[64];
    time_t when = time(NULL) + 2;
    struct tm tm;
    gmtime_r(&when, &tm);
    strftime(headers, sizeof headers, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    failing = (struct failing){.failures = 3, .status = "503 No", .headers = headers};
    expect_status(&fetch, 200);
    assert_in_range(failing.times[4] - failing.times[3], 900, 3000);
    // Past the deadline: answered at once, with what the server asked for.
    failing =
        (struct failing){.failures = 100, .status = "429 No", .headers = "Retry-After: 60\r\n"};
    expect_status(&fetch, 429);
    assert_in_range(fetch.took_ms, 0, 900);
    assert_int_equal(fetch.response.retry_after_ms, 60000);
}

int main(void)
{
    unsetenv("http_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_get),
        cmocka_unit_test(test_http_early_hints_are_not_the_answer),
        cmocka_unit_test(test_http_sends_bodies),
        cmocka_unit_test(test_http_refuses_bad_requests),
        cmocka_unit_test(test_http_broken_answers),
        cmocka_unit_test(test_http_errors_name_no_secret),
        cmocka_unit_test(test_http_sink),
        cmocka_unit_test(test_http_cancel),
        cmocka_unit_test(test_http_retries),
        cmocka_unit_test(test_http_retry_limits),
        cmocka_unit_test(test_http_retry_after_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
