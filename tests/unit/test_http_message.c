#include "base/http_client.h"
#include "base/http_internal.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
static const int64_t RFC_DATE_MS = 784111777000;

static void test_retry_after_in_both_forms(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t expected;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"0", 0},
        {"120", 120000},
        {"99999999999999999999", 86400000},
        {"1.5", 0},
        {"-1", 0},
        {"soon", 0},
        {"12 s", 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT", 7000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 7000},
        {"Sun Nov  6 08:49:37 1994", 7000},
        {"Sun, 06 Nov 1994 08:49:00 GMT", 0},
        {"Fri, 06 Nov 2037 08:49:37 GMT", 86400000},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(http_retry_after_ms(cases[i].value, RFC_DATE_MS - 7000),
                         cases[i].expected);
}

static void check_status(int status, const char *body, enum error_code code, const char *message)
{
    cleanup_http_response struct http_response response = {
        .status = status, .headers = HTTP_HEADERS, .retry_after_ms = 3000};
    strbuf_init(&response.body, 10000);
    strbuf_addstr(&response.body, body);
    cleanup_error struct error err = {0};
    assert_int_equal(http_status_error(&response, "read x", &err), code == ERROR_NONE ? 0 : -1);
    assert_int_equal(err.code, code);
    if (code != ERROR_NONE) {
        assert_string_equal(err.message, message);
        assert_int_equal(err.retry_after_ms, 3000);
    }
}

static void test_status_becomes_an_error(void **state)
{
    (void)state;
    check_status(200, "", ERROR_NONE, NULL);
    check_status(299, "", ERROR_NONE, NULL);
    check_status(401, "", ERROR_DENIED, "read x: HTTP 401 Unauthorized; check the credentials");
    check_status(403, "no\r\n\x1b[1mway ", ERROR_DENIED,
                 "read x: HTTP 403 Forbidden; the credentials do not allow this: no [1mway");
    check_status(404, "{\"a\": 1}", ERROR_NOT_FOUND, "read x: HTTP 404 Not Found: {\"a\": 1}");
    check_status(404, " <html>oops", ERROR_NOT_FOUND, "read x: HTTP 404 Not Found");
    check_status(409, "", ERROR_CONFLICT, "read x: HTTP 409 Conflict");
    check_status(412, "", ERROR_CONFLICT, "read x: HTTP 412 Precondition Failed");
    check_status(429, "", ERROR_UNAVAILABLE, "read x: HTTP 429 Too Many Requests; try again later");
    check_status(599, "", ERROR_UNAVAILABLE, "read x: HTTP 599");
    check_status(302, "", ERROR_INVALID, "read x: HTTP 302 a redirect that is not followed here");
    check_status(418, "", ERROR_INVALID, "read x: HTTP 418");
}

static void test_status_error_cuts_the_body(void **state)
{
    (void)state;
    cleanup_http_response struct http_response response = {.status = 400, .headers = HTTP_HEADERS};
    strbuf_init(&response.body, 10000);
    for (int i = 0; i < 1000; i++)
        strbuf_addstr(&response.body, "abcde");
    cleanup_error struct error err = {0};
    assert_int_equal(http_status_error(&response, "x", &err), -1);
    assert_int_equal(strlen(err.message), strlen("x: HTTP 400 Bad Request: ") + 200);
}

static void test_headers_are_found_in_any_case(void **state)
{
    (void)state;
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", "a");
    http_headers_add(&headers, "content-type", "b");
    assert_string_equal(http_headers_get(&headers, "CONTENT-TYPE"), "a");
    assert_null(http_headers_get(&headers, "Content"));
}

static void test_reach_judges_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool not_local, in_public; // allowed with that reach
    } cases[] = {
        {"8.8.8.8", true, true},
        {"10.1.2.3", true, false},
        {"172.15.0.1", true, true},
        {"172.31.255.255", true, false},
        {"192.168.0.1", true, false},
        {"100.64.0.1", true, false},
        {"100.100.100.200", false, false},
        {"127.0.0.1", false, false},
        {"127.255.0.9", false, false},
        {"0.0.0.0", false, false},
        {"169.254.169.254", false, false},
        {"224.0.0.1", false, false},
        {"255.255.255.255", false, false},
        {"2606:4700::1111", true, true},
        {"[2606:4700::1111]", true, true},
        {"::1", false, false},
        {"[::1]", false, false},
        {"::", false, false},
        {"fe80::1", false, false},
        {"fe80::1%eth0", false, false},
        {"fd12::1", true, false},
        {"fd00:ec2::254", false, false},
        {"::ffff:127.0.0.1", false, false},
        {"::ffff:10.0.0.1", true, false},
        {"::127.0.0.1", false, false},
        {"64:ff9b::7f00:1", false, false},
        {"64:ff9b::808:808", true, true},
        {"2002:a9fe:a9fe::1", false, false},
        {"example.com", true, true}, // judged when it is resolved
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *address = cases[i].address;
        assert_null(http_reach_refusal_text(HTTP_REACH_ANY, address));
        bool local = http_reach_refusal_text(HTTP_REACH_NOT_LOCAL, address) == NULL;
        bool public = http_reach_refusal_text(HTTP_REACH_PUBLIC, address) == NULL;
        if (local != cases[i].not_local || public != cases[i].in_public)
            fail_msg("%s", address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_in_both_forms),
        cmocka_unit_test(test_status_becomes_an_error),
        cmocka_unit_test(test_status_error_cuts_the_body),
        cmocka_unit_test(test_headers_are_found_in_any_case),
        cmocka_unit_test(test_reach_judges_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
