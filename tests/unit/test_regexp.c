#include "base/regexp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"

static void test_regexp_matches_as_go(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        enum regexp_extent extent;
        const char *text;
        bool matches;
    } cases[] = {
        {"web", REGEXP_WHOLE, "web", true},
        {"web", REGEXP_WHOLE, "web-v2", false},
        {"web", REGEXP_ANYWHERE, "my-web-v2", true},
        {"a|b", REGEXP_WHOLE, "ab", false},
        {"a|b", REGEXP_WHOLE, "b", true},
        {"^web.*$", REGEXP_WHOLE, "web-v2", true},
        {"web.*", REGEXP_WHOLE, "web\n", false},
        {"(?s)web.*", REGEXP_WHOLE, "web\n", true},
        {"(?i)WEB", REGEXP_WHOLE, "web", true},
        {"web$", REGEXP_ANYWHERE, "web\n", false},
        {"(?P<name>[a-z]+)-\\d{1,3}", REGEXP_WHOLE, "web-42", true},
        {"[[:alpha:]]+", REGEXP_WHOLE, "abc", true},
        {"[]a]+", REGEXP_WHOLE, "]a", true},
        {"\\Qa.b\\E+", REGEXP_WHOLE, "a.bb", true},
        {"a.b", REGEXP_WHOLE,
         "a\xC3\xA9"
         "b",
         true},
        {"\\bweb\\b", REGEXP_ANYWHERE, "a web b", true},
        {"", REGEXP_WHOLE, "", true},
        {"a{2,}", REGEXP_WHOLE, "aaa", true},
        {"a{,2}", REGEXP_WHOLE, "a{,2}", true},
        {"(a*)*b", REGEXP_WHOLE, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_regexp struct regexp *regexp = NULL;
        cleanup_error struct error err = {0};
        if (regexp_compile(cases[i].pattern, cases[i].extent, &regexp, &err) < 0)
            fail_msg("%s", error_message(&err));
        bool matches = false;
        assert_int_equal(regexp_match(regexp, cases[i].text, &matches, &err), 0);
        if (matches != cases[i].matches)
            fail_msg("%s and \"%s\"", cases[i].pattern, cases[i].text);
    }
}

static void test_regexp_refuses_what_go_does(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "a(",   ")",       "(a)\\1", "(?=a)",     "(?<!a)b", "(?>a)",    "a++",     "a**",
        "*a",   "(*UTF)a", "\\k<a>", "(?(1)a|b)", "(?#x)",   "\\Ca",     "a{1001}", "[a",
        "\\Ka", "\\g1",    "(?R)",   "(?x)a",     "[b-a]",   "\\p{Foo}", "a\\",     "(?P=a)",
        "(?1)", "(?|a)",   "a?+",    "a{2}{3}",   "(?P>x)",  "\\R",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
        cleanup_regexp struct regexp *regexp = NULL;
        cleanup_error struct error err = {0};
        if (regexp_compile(patterns[i], REGEXP_WHOLE, &regexp, &err) == 0)
            fail_msg("%s is not refused", patterns[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
}

static void test_regexp_keeps_its_limits(void **state)
{
    (void)state;
    char pattern[2000];
    memset(pattern, 'a', sizeof pattern);
    pattern[sizeof pattern - 1] = '\0';
    cleanup_error struct error err = {0};
    cleanup_regexp struct regexp *regexp = NULL;
    assert_int_equal(regexp_compile(pattern, REGEXP_WHOLE, &regexp, &err), -1);
    assert_int_equal(err.code, ERROR_LIMIT);
    assert_int_equal(regexp_compile("((a{100}){100}){100}", REGEXP_WHOLE, &regexp, &err), -1);
    assert_int_equal(regexp_compile("(x+x+)+y", REGEXP_ANYWHERE, &regexp, &err), 0);
    char text[8000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    bool matches = true;
    assert_int_equal(regexp_match(regexp, text, &matches, &err), 0);
    assert_false(matches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regexp_matches_as_go),
        cmocka_unit_test(test_regexp_refuses_what_go_does),
        cmocka_unit_test(test_regexp_keeps_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
