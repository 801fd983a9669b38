#include "base/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

#include <string.h>

static const char *const header[] = {"WHAT", "FOUND", "DO", NULL};

static void expect(const char *const (*rows)[3], size_t count, size_t width, const char *wanted)
{
    cleanup_columns struct columns columns;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 1 << 16);
    columns_init(&columns, header);
    for (size_t i = 0; i < count; i++)
        columns_add(&columns, rows[i]);
    columns_write(&columns, width, &out);
    assert_string_equal(out.data, wanted);
}

static void test_columns_are_as_wide_as_what_is_in_them(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"a key", "–", "nothing"}, {"", "two words", ""}};
    static const char wanted[] = "WHAT    FOUND       DO\n"
                                 "a key   –           nothing\n"
                                 "        two words\n";
    expect(rows, 2, 0, wanted);
    expect(rows, 2, 30, wanted);
}

static void test_columns_wrap_between_words(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"one signature of packager (ci-2026)", "none", "run: sealift sign REF --key FILE"},
        {"a release", "none", "-"}};
    expect(rows, 2, 46,
           "WHAT                FOUND   DO\n"
           "one signature of    none    run: sealift sign\n"
           "packager                    REF --key FILE\n"
           "(ci-2026)\n"
           "\n"
           "a release           none    -\n");
}

static void test_columns_cut_words_that_are_too_long(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"sha256:0123456789abcdef0", "äöüäöüäöüäöüäöü", "x"}};
    expect(rows, 1, 1,
           "WHAT                  FOUND             DO\n"
           "sha256:0123456789ab   äöüäöüäöüäöüäöü   x\n"
           "cdef0\n");
}

static void test_columns_show_what_a_terminal_would_obey(void **state)
{
    (void)state;
    static const char *const rows[][3] = {{"two\nlines", "\033[2J", "a\tb"}};
    expect(rows, 1, 0,
           "WHAT        FOUND     DO\n"
           "two lines   \\x1B[2J   a b\n");
}

static void test_columns_keep_within_every_width(void **state)
{
    (void)state;
    static const char *const cells[] = {
        "TrustPolicy prod: a release to channel prod, by packager",
        "release of oci://registry.example.com/acme/shop to staging",
        "run: sealift sign REF --channel prod"};
    for (size_t width = 42; width < 200; width++) {
        cleanup_columns struct columns columns;
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, 1 << 16);
        columns_init(&columns, header);
        columns_add(&columns, cells);
        columns_write(&columns, width, &out);
        for (char *line = out.data; *line != '\0';) {
            char *end = strchr(line, '\n');
            assert_non_null(end);
            *end = '\0';
            assert_true(columns_text_width(line) <= width);
            assert_true(end == line || end[-1] != ' ');
            line = end + 1;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_as_wide_as_what_is_in_them),
        cmocka_unit_test(test_columns_wrap_between_words),
        cmocka_unit_test(test_columns_cut_words_that_are_too_long),
        cmocka_unit_test(test_columns_show_what_a_terminal_would_obey),
        cmocka_unit_test(test_columns_keep_within_every_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
