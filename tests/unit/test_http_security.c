// What crosses an origin, what TLS accepts, which addresses and proxies are used.
#include "base/http_client.h"
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
#include <unistd.h>

struct fetch {
    struct http_client *client;
    struct http_request request;
    struct http_response response;
    struct error err;
    int result;
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
    fetch->request.deadline_ms = 10000;
    fetch->result = http_do(fetch->client, &fetch->request, &fetch->response, &fetch->err);
}

static void expect_status(struct fetch *fetch, int status)
{
    fetch_run(fetch);
    if (fetch->result < 0)
        fail_msg("%s", fetch->err.message);
    assert_int_equal(fetch->response.status, status);
}

static void expect_error(struct fetch *fetch, enum error_code code, const char *says)
{
    fetch_run(fetch);
    assert_int_equal(fetch->result, -1);
    if (fetch->err.code != code || strstr(fetch->err.message, says) == NULL)
        fail_msg("%s: %s", error_code_name(fetch->err.code), fetch->err.message);
    assert_null(strstr(fetch->err.message, "secret"));
}

static void expect_received(struct fake_http *server, const char *text, bool expected)
{
    cleanup_free char *received = fake_http_received(server);
    if ((strstr(received, text) != NULL) != expected)
        fail_msg("%s %s in: %s", expected ? "not received:" : "received:", text, received);
}

// "/to/LOCATION" redirects to LOCATION with 302, "/NNN/to/LOCATION" with that status, "/loop" to
// itself; everything else is answered.
static void handle(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    const char *to = strstr(exchange->path, "/to/");
    cleanup_free char *headers = to != NULL ? xasprintf("Location: %s\r\n", to + 4) : xstrdup("");
    char status[32] = "302 Found";
    if (to != NULL && to != exchange->path)
        snprintf(status, sizeof status, "%.3s Moved", exchange->path + 1);
    if (strcmp(exchange->path, "/loop") == 0)
        fake_reply(exchange, "307 Again", "Location: /loop\r\n", "");
    else
        fake_reply(exchange, to != NULL ? status : "200 OK", headers, "body");
}

struct two_servers {
    struct fake_http *a;
    struct fake_http *b;
    struct vec headers;
    char *url;
    struct fetch fetch;
};

static void two_release(struct two_servers *two)
{
    fetch_release(&two->fetch);
    fake_http_stop(two->a);
    fake_http_stop(two->b);
    vec_free(&two->headers);
    free(two->url);
}
#define cleanup_two __attribute__((cleanup(two_release)))

static void two_start(struct two_servers *two)
{
    two->a = fake_http_start(NULL, handle, NULL);
    two->b = fake_http_start(NULL, handle, NULL);
    two->headers = HTTP_HEADERS;
    http_headers_add(&two->headers, "cookie", "secret-cookie");
    http_headers_add(&two->headers, "X-Plain", "kept");
    two->fetch.request.headers = &two->headers;
    two->fetch.request.authorization = "Bearer secret-token";
    two->fetch.request.max_redirects = 5;
}

static void test_redirect_within_the_origin_keeps_credentials(void **state)
{
    (void)state;
    cleanup_two struct two_servers two = {0};
    two_start(&two);
    two.url = fake_http_url(two.a, "/to//final?x=y");
    two.fetch.request.url = two.url;
    expect_status(&two.fetch, 200);
    cleanup_free char *final = fake_http_url(two.a, "/final?x=y");
    assert_string_equal(two.fetch.response.url, final);
    cleanup_free char *received = fake_http_received(two.a);
    const char *second = strstr(received, "GET /final");
    assert_non_null(second);
    assert_non_null(strstr(second, "Authorization: Bearer secret-token"));
    assert_non_null(strstr(second, "cookie: secret-cookie"));
}

static void test_redirect_across_origins_drops_credentials(void **state)
{
    (void)state;
    cleanup_two struct two_servers two = {0};
    two_start(&two);
    // a -> b -> a: once left, the first origin gets nothing either.
    cleanup_free char *back = fake_http_url(two.a, "/back");
    cleanup_free char *over_there = fake_http_url(two.b, "/to/");
    cleanup_free char *path = xasprintf("/307/to/%s%s", over_there, back);
    two.url = fake_http_url(two.a, path);
    two.fetch.request.url = two.url;
    expect_status(&two.fetch, 200);
    assert_string_equal(two.fetch.response.url, back);
    expect_received(two.b, "X-Plain: kept", true);
    expect_received(two.b, "secret", false);
    cleanup_free char *received = fake_http_received(two.a);
    const char *second = strstr(received, "GET /back");
    assert_non_null(second);
    assert_null(strstr(second, "secret"));
    // The next request to the first origin has them again.
    expect_status(&two.fetch, 200);
    // And the same address by another name is another origin.
    cleanup_free char *named = xasprintf("/to/http://localhost:%d/named", fake_http_port(two.a));
    free(two.url);
    two.url = fake_http_url(two.a, named);
    two.fetch.request.url = two.url;
    expect_status(&two.fetch, 200);
    cleanup_free char *all = fake_http_received(two.a);
    const char *by_name = strstr(all, "GET /named");
    assert_non_null(by_name);
    assert_null(strstr(by_name, "secret"));
}

static void test_redirect_is_not_followed(void **state)
{
    (void)state;
    cleanup_two struct two_servers two = {0};
    two_start(&two);
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
    two.url = fake_http_url(two.a, "/308/to//final");
    two.fetch.request.url = two.url;
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        two.fetch.request.method = methods[i];
        expect_status(&two.fetch, 308);
        assert_string_equal(http_headers_get(&two.fetch.response.headers, "Location"), "/final");
    }
    two.fetch.request.method = "GET";
    two.fetch.request.max_redirects = 0;
    expect_status(&two.fetch, 308);
    assert_string_equal(two.fetch.response.body.data, "body");
    assert_int_equal(fake_http_requests(two.a), ARRAY_LENGTH(methods) + 1);
}

static void test_redirect_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"/loop", ERROR_LIMIT, "redirects again after 5 redirects"},
        {"/to/http://user:secret@127.0.0.1/", ERROR_INVALID, "must not hold a user or password"},
        {"/to/file:///etc/passwd", ERROR_INVALID, "must start with https:// or http://"},
        {"/to/http://[bad/", ERROR_INVALID, "redirects: "},
        {"/to/http://127.0.0.1:1/secret", ERROR_UNAVAILABLE, "could not connect to 127.0.0.1:1"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_two struct two_servers two = {0};
        two_start(&two);
        two.url = fake_http_url(two.a, cases[i].path);
        two.fetch.request.url = two.url;
        expect_error(&two.fetch, cases[i].code, cases[i].says);
    }
}

struct certs {
    struct fake_cert ca;
    struct fake_cert other_ca;
    struct fake_cert server;
    struct fake_cert wrong_name;
    struct fake_cert client;
};

static int make_certs(void **state)
{
    struct certs *certs = xcalloc(1, sizeof *certs);
    fake_ca_make("Test CA", &certs->ca);
    fake_ca_make("Other CA", &certs->other_ca);
    fake_cert_make(&certs->ca, "server", "IP:127.0.0.1,DNS:localhost", &certs->server);
    fake_cert_make(&certs->ca, "wrong", "DNS:elsewhere.example", &certs->wrong_name);
    fake_cert_make(&certs->ca, "client", NULL, &certs->client);
    *state = certs;
    return 0;
}

static int free_certs(void **state)
{
    struct certs *certs = *state;
    fake_cert_release(&certs->ca);
    fake_cert_release(&certs->other_ca);
    fake_cert_release(&certs->server);
    fake_cert_release(&certs->wrong_name);
    fake_cert_release(&certs->client);
    free(certs);
    return 0;
}

static void test_tls_trust(void **state)
{
    const struct certs *certs = *state;
    cleanup_fake_http struct fake_http *server =
        fake_http_start(&(struct fake_http_options){.cert = &certs->server}, handle, NULL);
    cleanup_fake_http struct fake_http *wrong =
        fake_http_start(&(struct fake_http_options){.cert = &certs->wrong_name}, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/");
    cleanup_free char *wrong_url = fake_http_url(wrong, "/");
    struct http_tls tls = {.ca_pem = certs->ca.cert_pem};
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .tls = &tls, .max_retries = 3}};
    expect_status(&fetch, 200);
    // On the same client: a connection that one CA vouched for is not used for another.
    tls.ca_pem = certs->other_ca.cert_pem;
    expect_error(&fetch, ERROR_UNVERIFIED, "is not trusted");
    tls.ca_pem = NULL;
    expect_error(&fetch, ERROR_UNVERIFIED, "is not trusted");
    fetch.request.tls = NULL;
    expect_error(&fetch, ERROR_UNVERIFIED, "is not trusted");
    fetch.request.tls = &tls;
    tls.ca_pem = "this is no PEM";
    expect_error(&fetch, ERROR_INVALID, "the CA certificates");
    tls = (struct http_tls){.ca_pem = certs->ca.cert_pem};
    fetch.request.url = wrong_url;
    expect_error(&fetch, ERROR_UNVERIFIED, "is not trusted");
    assert_int_equal(fake_http_requests(wrong), 0);
    tls = (struct http_tls){.insecure_skip_verify = true};
    expect_status(&fetch, 200);
}

static void test_tls_trust_from_the_environment(void **state)
{
    const struct certs *certs = *state;
    cleanup_fake_http struct fake_http *server =
        fake_http_start(&(struct fake_http_options){.cert = &certs->server}, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/");
    char path[] = "/tmp/sealift-test-ca-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, certs->ca.cert_pem, strlen(certs->ca.cert_pem)) > 0);
    close(fd);
    static const char *const names[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        setenv(names[i], path, 1);
        cleanup_fetch struct fetch fetch = {.request.url = url};
        expect_status(&fetch, 200);
        unsetenv(names[i]); // read once
        expect_status(&fetch, 200);
    }
    unlink(path);
}

static void test_tls_client_certificate(void **state)
{
    const struct certs *certs = *state;
    cleanup_fake_http struct fake_http *server = fake_http_start(
        &(struct fake_http_options){.cert = &certs->server, .client_ca_pem = certs->ca.cert_pem},
        handle, NULL);
    cleanup_fake_http struct fake_http *first =
        fake_http_start(&(struct fake_http_options){.cert = &certs->server}, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/");
    struct http_tls tls = {.ca_pem = certs->ca.cert_pem};
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .tls = &tls, .max_redirects = 1}};
    expect_error(&fetch, ERROR_DENIED, "client certificate");
    tls.cert_pem = certs->client.cert_pem;
    tls.key_pem = certs->client.key_pem;
    expect_status(&fetch, 200);
    tls.key_pem = certs->server.key_pem;
    tls.cert_pem = certs->client.cert_pem;
    http_client_free(fetch.client);
    fetch.client = NULL;
    expect_error(&fetch, ERROR_INVALID, "the client certificate or key");
    // Another origin does not get to see who we are.
    tls.key_pem = certs->client.key_pem;
    cleanup_free char *path = xasprintf("/to/%s", url);
    cleanup_free char *elsewhere = fake_http_url(first, path);
    fetch.request.url = elsewhere;
    expect_error(&fetch, ERROR_DENIED, "client certificate");
}

static void test_tls_mismatch_and_downgrade(void **state)
{
    const struct certs *certs = *state;
    cleanup_fake_http struct fake_http *plain = fake_http_start(NULL, handle, NULL);
    cleanup_fake_http struct fake_http *secure =
        fake_http_start(&(struct fake_http_options){.cert = &certs->server}, handle, NULL);
    struct http_tls tls = {.ca_pem = certs->ca.cert_pem};
    cleanup_free char *target = fake_http_url(plain, "/plain");
    cleanup_free char *path = xasprintf("/to/%s", target);
    cleanup_free char *down = fake_http_url(secure, path);
    cleanup_fetch struct fetch fetch = {
        .request = {.url = down, .tls = &tls, .max_redirects = 3, .max_retries = 1}};
    expect_error(&fetch, ERROR_DENIED, "from https to plain http");
    assert_int_equal(fake_http_requests(plain), 0);
    // And up is fine.
    cleanup_free char *up_target = fake_http_url(secure, "/up");
    cleanup_free char *up_path = xasprintf("/to/%s", up_target);
    cleanup_free char *up = fake_http_url(plain, up_path);
    fetch.request.url = up;
    expect_status(&fetch, 200);
    cleanup_free char *https_to_plain = xasprintf("https://127.0.0.1:%d/", fake_http_port(plain));
    fetch.request.url = https_to_plain;
    expect_error(&fetch, ERROR_UNVERIFIED, "does the server speak https");
}

static void test_http2_shares_one_connection(void **state)
{
    const struct certs *certs = *state;
    enum { REQUESTS = 50 };
    // No answer before all are there: without multiplexing this would time out.
    cleanup_fake_http struct fake_http *server = fake_http_start(
        &(struct fake_http_options){.cert = &certs->server, .offer_h2 = true, .h2_hold = REQUESTS},
        NULL, NULL);
    cleanup_free char *url = fake_http_url(server, "/");
    struct http_tls tls = {.ca_pem = certs->ca.cert_pem};
    struct http_request requests[REQUESTS];
    struct http_result results[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++)
        requests[i] = (struct http_request){
            .method = i % 2 == 0 ? "GET" : "POST", .url = url, .tls = &tls, .deadline_ms = 10000};
    for (size_t i = 1; i < REQUESTS; i += 2) {
        requests[i].body = "body";
        requests[i].body_size = 4;
    }
    cleanup_http_client struct http_client *client = http_client_new();
    http_do_all(client, requests, REQUESTS, REQUESTS, results, NULL, NULL);
    for (size_t i = 0; i < REQUESTS; i++) {
        if (results[i].error.code != ERROR_NONE)
            fail_msg("%zu: %s", i, results[i].error.message);
        assert_int_equal(results[i].response.status, 200);
        assert_int_equal(strncmp(results[i].response.body.data, "stream ", 7), 0);
        http_result_release(&results[i]);
    }
    assert_int_equal(fake_http_connections(server), 1);
    assert_int_equal(fake_http_requests(server), REQUESTS);
}

struct seen {
    size_t count;
    bool done[20];
};

static void on_done(void *arg, size_t index)
{
    struct seen *seen = arg;
    seen->count++;
    seen->done[index] = true;
}

static void test_many_requests_stand_alone(void **state)
{
    (void)state;
    enum { REQUESTS = 20 };
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    struct http_request requests[REQUESTS];
    struct http_result results[REQUESTS];
    struct vec headers[REQUESTS];
    char *urls[REQUESTS];
    for (size_t i = 0; i < REQUESTS; i++) {
        cleanup_free char *path = xasprintf("/%zu", i);
        cleanup_free char *number = xasprintf("number-%zu", i);
        urls[i] = fake_http_url(server, path);
        headers[i] = HTTP_HEADERS;
        http_headers_add(&headers[i], "X-Number", number);
        requests[i] = (struct http_request){
            .method = "GET", .url = urls[i], .headers = &headers[i], .deadline_ms = 10000};
    }
    requests[3].url = "http://127.0.0.1:1/";
    requests[7].url = "nonsense";
    struct seen seen = {0};
    cleanup_http_client struct http_client *client = http_client_new();
    http_do_all(client, requests, REQUESTS, 4, results, on_done, &seen);
    assert_int_equal(seen.count, REQUESTS);
    cleanup_free char *received = fake_http_received(server);
    for (size_t i = 0; i < REQUESTS; i++) {
        enum error_code expected = i == 3 ? ERROR_UNAVAILABLE : i == 7 ? ERROR_INVALID : ERROR_NONE;
        assert_int_equal(results[i].error.code, expected);
        assert_true(seen.done[i]);
        if (expected == ERROR_NONE) {
            assert_string_equal(results[i].response.url, urls[i]);
            cleanup_free char *line = xasprintf("GET /%zu HTTP", i);
            const char *at = strstr(received, line);
            assert_non_null(at);
            const char *header = strstr(at, "X-Number: number-");
            assert_non_null(header);
            assert_int_equal(strtoul(header + 17, NULL, 10), i);
        }
        http_result_release(&results[i]);
        vec_free(&headers[i]);
        free(urls[i]);
    }
    assert_in_range(fake_http_connections(server), 1, 4);
    http_do_all(client, NULL, 0, 4, NULL, NULL, NULL);
}

static void refuse_connect(void *arg, struct fake_exchange *exchange)
{
    (void)arg;
    if (strcmp(exchange->method, "CONNECT") == 0)
        fake_reply(exchange, "407 Who are you", "Proxy-Authenticate: Basic realm=\"x\"\r\n", "");
    else
        fake_reply(exchange, "200 OK", "", "by proxy");
}

static void test_proxies(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_fake_http struct fake_http *proxy = fake_http_start(NULL, refuse_connect, NULL);
    cleanup_free char *url = fake_http_url(server, "/x");
    cleanup_free char *proxy_url =
        xasprintf("http://user:secret@127.0.0.1:%d", fake_http_port(proxy));
    cleanup_fetch struct fetch fetch = {.request = {.url = url, .proxy = proxy_url}};
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "by proxy");
    expect_received(proxy, "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=", true);
    cleanup_free char *line = xasprintf("GET %s HTTP/1.1", url);
    expect_received(proxy, line, true);
    // Each request has its own.
    fetch.request.proxy = "";
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "body");
    fetch.request.url = "https://example.invalid/";
    fetch.request.proxy = proxy_url;
    fetch.request.authorization = "Bearer secret-token";
    expect_error(&fetch, ERROR_DENIED, "the proxy refuses to connect to example.invalid:443");
    expect_received(proxy, "secret-token", false);
    // From the environment, unless told otherwise.
    fetch.request = (struct http_request){.url = url};
    setenv("http_proxy", proxy_url, 1);
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "by proxy");
    fetch.request.proxy = "";
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "body");
    fetch.request.proxy = NULL;
    setenv("no_proxy", "example.com,127.0.0.1", 1);
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "body");
    setenv("no_proxy", "example.com", 1);
    expect_status(&fetch, 200);
    assert_string_equal(fetch.response.body.data, "by proxy");
    unsetenv("no_proxy");
    unsetenv("http_proxy");
}

static void test_reach(void **state)
{
    (void)state;
    cleanup_fake_http struct fake_http *server = fake_http_start(NULL, handle, NULL);
    cleanup_free char *url = fake_http_url(server, "/x");
    cleanup_free char *by_name = xasprintf("http://localhost:%d/", fake_http_port(server));
    cleanup_free char *mapped = xasprintf("http://[::ffff:127.0.0.1]:%d/", fake_http_port(server));
    cleanup_free char *decimal = xasprintf("http://2130706433:%d/", fake_http_port(server));
    const char *const urls[] = {url, by_name, mapped, decimal};
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        cleanup_fetch struct fetch fetch = {
            .request = {.url = urls[i], .reach = HTTP_REACH_NOT_LOCAL, .max_retries = 2}};
        expect_error(&fetch, ERROR_DENIED, "loopback");
    }
    assert_int_equal(fake_http_connections(server), 0);
    // A connection that another request may use is no way around it.
    cleanup_fetch struct fetch fetch = {.request = {.url = url}};
    expect_status(&fetch, 200);
    fetch.request.reach = HTTP_REACH_PUBLIC;
    expect_error(&fetch, ERROR_DENIED, "loopback");
    assert_int_equal(fake_http_requests(server), 1);
    // Nor is a proxy.
    cleanup_free char *proxy = fake_http_url(server, "");
    fetch.request.url = "http://example.invalid/";
    fetch.request.proxy = proxy;
    expect_error(&fetch, ERROR_DENIED, "loopback");
    fetch.request.url = "http://sub.localhost./";
    expect_error(&fetch, ERROR_DENIED, "loopback");
}

int main(void)
{
    static const char *const environment[] = {"http_proxy", "https_proxy",   "HTTPS_PROXY",
                                              "all_proxy",  "ALL_PROXY",     "no_proxy",
                                              "NO_PROXY",   "SSL_CERT_FILE", "CURL_CA_BUNDLE"};
    for (size_t i = 0; i < ARRAY_LENGTH(environment); i++)
        unsetenv(environment[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redirect_within_the_origin_keeps_credentials),
        cmocka_unit_test(test_redirect_across_origins_drops_credentials),
        cmocka_unit_test(test_redirect_is_not_followed),
        cmocka_unit_test(test_redirect_is_refused),
        cmocka_unit_test(test_tls_trust),
        cmocka_unit_test(test_tls_trust_from_the_environment),
        cmocka_unit_test(test_tls_client_certificate),
        cmocka_unit_test(test_tls_mismatch_and_downgrade),
        cmocka_unit_test(test_http2_shares_one_connection),
        cmocka_unit_test(test_many_requests_stand_alone),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, make_certs, free_certs);
}
