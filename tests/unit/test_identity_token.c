#include "oci/sign/identity_token.h"

#include "base/encoding.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A token around these claims; its signature is nobody's.
static char *token_of(const char *claims)
{
    cleanup_free char *payload = base64url_encode(claims, strlen(claims));
    return xasprintf("eyJhbGciOiJFUzI1NiJ9.%s.c2lnbmF0dXJl-_", payload);
}

static void test_identity_token_subject(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        const char *subject; // or part of the error behind "!"
    } cases[] = {
        {"{\"sub\":\"repo:acme/shop:ref:refs/heads/main\"}", "repo:acme/shop:ref:refs/heads/main"},
        {"{\"sub\":\"1\",\"email\":\"a@example.com\",\"email_verified\":true}", "a@example.com"},
        {"{\"email\":\"a@example.com\",\"email_verified\":\"true\"}", "a@example.com"},
        {"{\"sub\":\"1\",\"email\":\"\"}", "1"},
        {"{\"sub\":\"1\",\"email\":7}", "1"},
        {"{\"sub\":\"\xc3\xbc~?>\"}", "\xc3\xbc~?>"},
        {"{\"sub\":\"1\",\"email\":\"a@example.com\"}", "!email_verified"},
        {"{\"sub\":\"1\",\"email\":\"a@example.com\",\"email_verified\":false}", "!email_verified"},
        {"{\"sub\":\"1\",\"email\":\"a@example.com\",\"email_verified\":\"yes\"}",
         "!email_verified"},
        {"{}", "!names nobody"},
        {"{\"sub\":\"\"}", "!names nobody"},
        {"{\"sub\":1}", "!names nobody"},
        {"[]", "!no signed JSON Web Token"},
        {"{\"sub\":\"1\",\"sub\":\"2\"}", "!no signed JSON Web Token"},
        {"{\"sub\":\"1\"", "!no signed JSON Web Token"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_free char *bare = token_of(cases[i].claims);
        cleanup_free char *text = xasprintf(" \r\n%s\n", bare);
        cleanup_identity_token struct identity_token token = {0};
        cleanup_error struct error err = {0};
        int result = identity_token_parse(text, strlen(text), &token, &err);
        if (*cases[i].subject == '!') {
            assert_int_equal(result, -1);
            assert_non_null(strstr(error_message(&err), cases[i].subject + 1));
            continue;
        }
        assert_int_equal(result, 0);
        assert_string_equal(token.subject, cases[i].subject);
        assert_string_equal(token.text, bare);
    }
}

static void test_identity_token_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "a",
        "a.b",
        ".b.c",
        "a..c",
        "a.b.",
        "a.b.c.d",
        "a.b=.c",
        "a.eyJzdWIiOiIxIn0.c d",
        "a\nb.eyJzdWIiOiIxIn0.c",
        "a+.eyJzdWIiOiIxIn0.c",
        "a.e.c",
        "a.eyJzdWIiOiIxIn0=.c",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_identity_token struct identity_token token = {0};
        cleanup_error struct error err = {0};
        assert_int_equal(identity_token_parse(cases[i], strlen(cases[i]), &token, &err), -1);
        assert_int_equal(err.code, ERROR_INVALID);
        assert_null(strstr(error_message(&err), "eyJz"));
    }
    cleanup_identity_token struct identity_token token = {0};
    assert_int_equal(identity_token_parse("a.eyJzdWIiOiIxIn0.c\0d", 21, &token, NULL), -1);
}

static void test_identity_token_is_bounded(void **state)
{
    (void)state;
    cleanup_identity_token struct identity_token token = {0};
    cleanup_error struct error err = {0};
    cleanup_free char *name = xcalloc(1, 4001);
    memset(name, 'x', 4000);
    cleanup_free char *claims = xasprintf("{\"sub\":\"%s\"}", name);
    cleanup_free char *text = token_of(claims);
    assert_int_equal(identity_token_parse(text, strlen(text), &token, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
    cleanup_free char *large = xcalloc(1, IDENTITY_TOKEN_MAX_BYTES + 2);
    memset(large, 'x', IDENTITY_TOKEN_MAX_BYTES + 1);
    assert_int_equal(identity_token_parse(large, strlen(large), &token, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    // The largest that is read is taken apart without a byte too many.
    large[IDENTITY_TOKEN_MAX_BYTES] = '\0';
    large[1] = large[IDENTITY_TOKEN_MAX_BYTES - 2] = '.';
    assert_int_equal(identity_token_parse(large, strlen(large), &token, &err), -1);
    assert_int_equal(err.code, ERROR_INVALID);
}

static void test_identity_token_shows(void **state)
{
    (void)state;
    cleanup_identity_token struct identity_token token = {0};
    cleanup_free char *text = token_of("{\"sub\":\"somebody with a name\"}");
    assert_int_equal(identity_token_parse(text, strlen(text), &token, NULL), 0);
    cleanup_free char *whole = xasprintf("you said: Bearer %s!", text);
    cleanup_free char *part = xstrndup(text + 7, 33);
    assert_true(identity_token_shows(&token, whole, strlen(whole)));
    assert_true(identity_token_shows(&token, part, strlen(part)));
    assert_false(identity_token_shows(&token, text, 10));
    assert_false(identity_token_shows(&token, "the disk is full", 16));
    assert_false(identity_token_shows(&token, "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_token_subject),
        cmocka_unit_test(test_identity_token_refuses),
        cmocka_unit_test(test_identity_token_is_bounded),
        cmocka_unit_test(test_identity_token_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
