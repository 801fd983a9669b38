#include "base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void check_text(const char *actual, const char *expected)
{
    if (expected == NULL)
        assert_null(actual);
    else
        assert_string_equal(actual, expected);
}

static void test_url_parse_splits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct {
            const char *scheme, *user, *password, *host;
            int port;
            const char *path, *query;
        } expected;
    } cases[] = {
        {"https://Example.COM", {"https", NULL, NULL, "example.com", 443, "/", NULL}},
        {"HTTP://a:8080/x?y=1&z", {"http", NULL, NULL, "a", 8080, "/x", "y=1&z"}},
        {"https://u%40x:p%3Aw@h/p", {"https", "u@x", "p:w", "h", 443, "/p", NULL}},
        {"http://[::1]:5000/v2/", {"http", NULL, NULL, "[::1]", 5000, "/v2/", NULL}},
        {"ssh://git@host/acme/x.git", {"ssh", "git", NULL, "host", 22, "/acme/x.git", NULL}},
        {"oci://r.example.com/acme/shop",
         {"oci", NULL, NULL, "r.example.com", 0, "/acme/shop", NULL}},
        {"oci-layout:///var/lib/x", {"oci-layout", NULL, NULL, "", 0, "/var/lib/x", NULL}},
        {"file:///srv/git/x.git", {"file", NULL, NULL, "", 0, "/srv/git/x.git", NULL}},
        {"http://h/a%2Fb%20c", {"http", NULL, NULL, "h", 80, "/a%2Fb%20c", NULL}},
        {"http://0x7f.1/", {"http", NULL, NULL, "127.0.0.1", 80, "/", NULL}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_url struct url url = {0};
        cleanup_error struct error err = {0};
        if (url_parse(cases[i].text, &url, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        check_text(url.scheme, cases[i].expected.scheme);
        check_text(url.user, cases[i].expected.user);
        check_text(url.password, cases[i].expected.password);
        check_text(url.host, cases[i].expected.host);
        assert_int_equal(url.port, cases[i].expected.port);
        check_text(url.path, cases[i].expected.path);
        check_text(url.query, cases[i].expected.query);
    }
}

static void test_url_parse_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "example.com/x",
        "/x",
        "//host/x",
        "http:/host/x",
        "http:host",
        "http:///host/x",
        "http://",
        "https://?x",
        "http://host:0/",
        "http://host:65536/",
        "http://host:x/",
        "http://ho st/",
        "http://host/a b",
        "http://host/\n",
        "http://host/\x7f",
        "http://host/\xc3\xbc",
        "http://host/x#fragment",
        "http://host\\@evil/",
        "http://[::1/",
        "http://[zz]/",
        "http://user:%00@host/",
        "1http://host/",
        "http://a/\r\nX: y",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct url url = {0};
        cleanup_error struct error err = {0};
        if (url_parse(cases[i], &url, &err) == 0)
            fail_msg("accepted: %s", cases[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    cleanup_free char *big = xmalloc(20001);
    memset(big, 'a', 20000);
    big[20000] = '\0';
    memcpy(big, "http://h/", 9);
    struct url url = {0};
    assert_int_equal(url_parse(big, &url, NULL), -1);
}

static void test_url_credentials_are_cut(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"https://u:p@h/x?y=1", "https://h/x?y=1"},
        {"https://token@h:8443", "https://h:8443"},
        {"https://h/x@y", "https://h/x@y"},
        {"ssh://git@h/x.git", "ssh://h/x.git"},
        {"oci-layout:///srv/x", "oci-layout:///srv/x"},
        {"not a url with secret@x", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *text = url_without_credentials(cases[i][0]);
        assert_string_equal(text, cases[i][1]);
    }
    // Whatever a parser makes of two '@', nothing in front of the last one is shown.
    cleanup_free char *twice = url_without_credentials("https://a:secret@b@h/x");
    assert_null(strstr(twice, "secret"));
}

static void test_url_same_origin(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"https://h/x", "https://H:443/y?z", true},        {"https://h/", "http://h/", false},
        {"https://h/", "https://h:444/", false},           {"https://h/", "https://h.evil/", false},
        {"http://127.0.0.1/", "http://2130706433/", true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_url struct url a = {0}, b = {0};
        assert_int_equal(url_parse(cases[i].a, &a, NULL), 0);
        assert_int_equal(url_parse(cases[i].b, &b, NULL), 0);
        assert_int_equal(url_same_origin(&a, &b), cases[i].same);
    }
}

static void test_url_resolve(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"https://h/a/b?c", "d", "https://h/a/d"},
        {"https://h/a/b", "/x?y=z", "https://h/x?y=z"},
        {"https://h/a/b", "//other/x", "https://other/x"},
        {"https://h/a/b", "http://o:81/x#f", "http://o:81/x"},
        {"https://h/a/b", "?n=2", "https://h/a/b?n=2"},
        {"https://h/a/", "../c", "https://h/c"},
        {"https://h/", "/a b", "https://h/a%20b"},
        {"https://h/", "http://", NULL},
        {"https://h/", "http://[bad/", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *resolved = NULL;
        cleanup_error struct error err = {0};
        int result = url_resolve(cases[i][0], cases[i][1], &resolved, &err);
        if (cases[i][2] == NULL) {
            assert_int_equal(result, -1);
            assert_int_equal(err.code, ERROR_INVALID);
        } else {
            assert_int_equal(result, 0);
            assert_string_equal(resolved, cases[i][2]);
        }
    }
}

static void test_url_escape_and_form(void **state)
{
    (void)state;
    cleanup_free char *escaped = url_escape("a-b._~/ ?\xc3\xbc+");
    assert_string_equal(escaped, "a-b._~%2F%20%3F%C3%BC%2B");
    cleanup_free char *text = NULL;
    size_t size = 0;
    assert_int_equal(url_form_decode("a+b%2f%C3%bc", 12, &text, &size, NULL), 0);
    assert_string_equal(text, "a b/\xc3\xbc");
    assert_int_equal(size, 6);
    static const char *const bad[] = {"%", "%2", "%g0", "%0g", "a%00b", "%-1"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        char *never = NULL;
        cleanup_error struct error err = {0};
        assert_int_equal(url_form_decode(bad[i], strlen(bad[i]), &never, &size, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_null(never);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_parse_splits),
        cmocka_unit_test(test_url_parse_refuses),
        cmocka_unit_test(test_url_credentials_are_cut),
        cmocka_unit_test(test_url_same_origin),
        cmocka_unit_test(test_url_resolve),
        cmocka_unit_test(test_url_escape_and_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
