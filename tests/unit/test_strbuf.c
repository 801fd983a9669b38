#include "base/memory.h"
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void test_strbuf_stops_at_its_maximum(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf buf;
    strbuf_init(&buf, 5);
    assert_int_equal(strbuf_addstr(&buf, "abc"), 0);
    assert_int_equal(strbuf_addstr(&buf, "def"), -1);
    assert_string_equal(buf.data, "abc");
    assert_int_equal(strbuf_addf(&buf, "%d", 12), 0);
    assert_string_equal(buf.data, "abc12");
    cleanup_error struct error err = {0};
    assert_int_equal(strbuf_check(&buf, "the name", &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_string_equal(err.message, "the name is larger than the limit of 5 bytes");
    strbuf_reset(&buf);
    assert_int_equal(strbuf_check(&buf, "the name", &err), 0);
    assert_int_equal(buf.len, 0);
}

static void test_strbuf_empty_is_a_string(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf, 100);
    assert_string_equal(buf.data, "");
    strbuf_truncate(&buf, 0);
    char *stolen = strbuf_steal(&buf);
    assert_string_equal(stolen, "");
    free(stolen);
    strbuf_release(&buf);
    strbuf_release(&buf);
}

static void test_strbuf_consume_keeps_the_rest(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf buf;
    strbuf_init(&buf, 10000);
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&buf, "%04d", i);
    strbuf_consume(&buf, 3996);
    assert_string_equal(buf.data, "0999");
    strbuf_addf(&buf, "%0500d", 7);
    assert_int_equal(buf.len, 504);
}

static void test_strbuf_visible_leaves_nothing_to_obey(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *visible;
    } cases[] = {
        {"plain, gr\xC3\xBC\xC3\x9F, \xE2\x9C\x94\n", "plain, gr\xC3\xBC\xC3\x9F, \xE2\x9C\x94\n"},
        {"\x1B[31mred\x7F\r\t", "\\x1B[31mred\\x7F\\x0D\t"},
        {"a\xC2\x9B"
         "2Jb",
         "a\\xC2\\x9B2Jb"},
        {"\xE2\x80\xAE"
         "lmay",
         "\\xE2\\x80\\xAElmay"},
        {"\xE2", "\xE2"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_strbuf struct strbuf buf;
        strbuf_init(&buf, 100);
        assert_int_equal(strbuf_add_visible(&buf, cases[i].text, strlen(cases[i].text)), 0);
        assert_string_equal(buf.data, cases[i].visible);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strbuf_stops_at_its_maximum),
        cmocka_unit_test(test_strbuf_empty_is_a_string),
        cmocka_unit_test(test_strbuf_consume_keeps_the_rest),
        cmocka_unit_test(test_strbuf_visible_leaves_nothing_to_obey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
