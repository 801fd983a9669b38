// Errors: what becomes of a sentence on its way up.
#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_error_wraps_and_keeps_its_code(void **state)
{
    (void)state;
    cleanup_error struct error err = {0};
    assert_int_equal(error_set(&err, ERROR_DENIED, "scope %s", "pull"), -1);
    assert_int_equal(error_wrap(&err, "pull %s", "shop"), -1);
    assert_string_equal(error_message(&err), "pull shop: scope pull");
    assert_int_equal(err.code, ERROR_DENIED);
}

// A file's name in git and a server's answer may hold any byte; a status is JSON.
static void test_error_message_is_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *given;
        const char *shown;
    } cases[] = {
        {"plain", "plain"},
        {"Käse 東 😀", "Käse 東 😀"},
        {"\xff.yaml", "?.yaml"},
        {"cut \xe6\x9d", "cut ??"},
        {"overlong \xc0\xaf", "overlong ??"},
        {"surrogate \xed\xa0\x80", "surrogate ???"},
        {"beyond \xf4\x90\x80\x80", "beyond ????"},
        {"lone \x80 in \xe4 text", "lone ? in ? text"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_error struct error err = {0};
        error_set(&err, ERROR_INVALID, "%s", cases[i].given);
        assert_string_equal(error_message(&err), cases[i].shown);
    }
    cleanup_error struct error err = {0};
    error_errno(&err, EACCES, "open %s", "\xfe");
    error_wrap(&err, "read \xfe");
    assert_string_equal(error_message(&err), "read ?: open ?: Permission denied");
}

// Names can be long; a message goes into a status.
static void test_error_message_keeps_both_ends_of_a_long_sentence(void **state)
{
    (void)state;
    cleanup_error struct error err = {0};
    cleanup_free char *name = xmalloc(100001);
    memset(name, 'n', 100000);
    name[100000] = '\0';
    error_set(&err, ERROR_LIMIT, "start %s end", name);
    assert_int_equal(strlen(err.message), ERROR_MAX_BYTES);
    assert_memory_equal(err.message, "start nnn", 9);
    assert_string_equal(err.message + ERROR_MAX_BYTES - 8, "nnnn end");
    assert_non_null(strstr(err.message, "nn … nn"));
    error_wrap(&err, "file");
    assert_memory_equal(err.message, "file: start nnn", 15);
    assert_int_equal(strlen(err.message), ERROR_MAX_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_wraps_and_keeps_its_code),
        cmocka_unit_test(test_error_message_is_utf8),
        cmocka_unit_test(test_error_message_keeps_both_ends_of_a_long_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
