#include "oci/warnings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static void test_oci_warning_values(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *texts; // with | behind each
    } cases[] = {
        {"", ""},
        {"299 - \"gone on Monday\"", "gone on Monday|"},
        {"299 - \"a\" \"Sat, 25 Aug 2026 23:34:45 GMT\"", "a|"},
        {"299 - \"a, b\",299 host:5000 \"c\"", "a, b|c|"},
        {", ,299 - \"a\" , 299 - \"b\",", "a|b|"},
        {"299\t- \"tab\"", ""},
        {"199 - \"other\", 299 - \"a\"", "a|"},
        {"299 - \"say \\\"x\\\" \\\\ \"", "say \"x\" \\ |"},
        {"299 - \"\\033[31mred\\033\x01\177\"", "033[31mred033  |"},
        {"299 - \"caf\xc3\xa9\"", "caf  |"},
        {"299 - \"\", 299 - \"  \"", ""},
        {"299 - \"never ends", ""},
        {"299 - \"ends in a quote \\", ""},
        {"299 - unquoted", ""},
        {"299 \"no agent\"", ""},
        {"2990 - \"long\"", ""},
        {"299 - \"a\" rest, 299 - \"b\"", ""},
        {"299 - \"a\" \"date never ends", ""},
        {"w 299 - \"a\"", ""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_vec struct vec texts = VEC_OF(char *, vec_release_string);
        cleanup_strbuf struct strbuf all;
        strbuf_init(&all, 4096);
        oci_warning_texts(cases[i].value, &texts);
        vec_foreach (char *, text, &texts)
            strbuf_addf(&all, "%s|", *text);
        if (strcmp(all.len > 0 ? all.data : "", cases[i].texts) != 0)
            fail_msg("%s gives %s", cases[i].value, all.data);
    }
}

static void test_oci_warning_is_cut(void **state)
{
    (void)state;
    char value[10000] = "299 - \"";
    memset(value + 7, 'x', 5000);
    value[5007] = '"';
    cleanup_vec struct vec texts = VEC_OF(char *, vec_release_string);
    oci_warning_texts(value, &texts);
    assert_int_equal(texts.len, 1);
    assert_int_equal(strlen(*(char **)vec_at(&texts, 0)), OCI_WARNING_MAX);
    // Not even looked at.
    memset(value + 7, 'x', 9000);
    value[9007] = '"';
    oci_warning_texts(value, &texts);
    assert_int_equal(texts.len, 1);
}

static void count(void *arg, const char *host, const char *text)
{
    strbuf_addf(arg, "%s: %s\n", host, text);
}

static void test_oci_warnings_are_told_once(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf told;
    strbuf_init(&told, 1 << 20);
    struct oci_warnings *warnings = oci_warnings_new(count, &told);
    for (int i = 0; i < 3; i++) {
        oci_warnings_take(warnings, "a.example.com", "299 - \"one\"");
        oci_warnings_take(warnings, "b.example.com", "299 - \"one\", 299 - \"two\"");
    }
    assert_string_equal(told.data, "a.example.com: one\nb.example.com: one\nb.example.com: two\n");
    // Never the same twice: heard a few times, and others still are.
    for (int i = 0; i < 100; i++) {
        cleanup_free char *value = xasprintf("299 - \"%d\"", i);
        oci_warnings_take(warnings, "a.example.com", value);
    }
    assert_non_null(strstr(told.data, "a.example.com: 2\n"));
    assert_null(strstr(told.data, "a.example.com: 3\n"));
    oci_warnings_take(warnings, "c.example.com", "299 - \"three\"");
    assert_non_null(strstr(told.data, "c.example.com: three\n"));
    for (int i = 0; i < 2 * OCI_WARNINGS_HOSTS; i++) {
        cleanup_free char *host = xasprintf("%d.example.com", i);
        oci_warnings_take(warnings, host, "299 - \"four\"");
    }
    size_t lines = 0;
    for (const char *line = told.data; (line = strstr(line, ": four\n")) != NULL; line++)
        lines++;
    assert_int_equal(lines, OCI_WARNINGS_HOSTS - 3);
    oci_warnings_free(warnings);
    oci_warnings_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_warning_values),
        cmocka_unit_test(test_oci_warning_is_cut),
        cmocka_unit_test(test_oci_warnings_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
