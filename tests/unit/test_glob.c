#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

static void test_glob_keeps_to_segments(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"main", "main", true},
        {"main", "main2", false},
        {"main", "amain", false},
        {"*", "", true},
        {"*", "a", true},
        {"*", "a/b", false},
        {"**", "a/b", true},
        {"release/*", "release/1", true},
        {"release/*", "release/1/2", false},
        {"release/**", "release/1/2", true},
        {"*/b", "a/b", true},
        {"a*c*e", "abcde", true},
        {"a*c*e", "abcdef", false},
        {"a**e", "a/b/c/e", true},
        {"a***e", "a/e", true},
        {"refs/tags/v1.*", "refs/tags/v1.2", true},
        {"refs/tags/v1.*", "refs/tags/v12", false},
        {"?", "a", false},
        {"[a]", "a", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (glob_match(cases[i].pattern, cases[i].text) != cases[i].matches)
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
}

static void test_glob_cannot_be_made_slow(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(glob_match("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob_keeps_to_segments),
        cmocka_unit_test(test_glob_cannot_be_made_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
