#include "base/semver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void test_semver_reads_what_tags_say(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *formatted;
    } cases[] = {
        {"1.2.3", "1.2.3"},
        {"v1.2.3", "1.2.3"},
        {"v1", "1.0.0"},
        {"1.2-beta.5", "1.2.0-beta.5"},
        {"2024.01.15", "2024.1.15"},
        {"1.2.0-x.Y.0+meta-data.01", "1.2.0-x.Y.0+meta-data.01"},
        {"1.2.3.4", NULL},
        {"1.2.3-", NULL},
        {"1.2.3+", NULL},
        {"1.2.3-a..b", NULL},
        {"1.2.3-01", NULL},
        {"1.", NULL},
        {"", NULL},
        {"v", NULL},
        {"vv1", NULL},
        {" 1.2.3", NULL},
        {"release-1.2", NULL},
        {"1.2.99999999999999999999", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_semver struct semver version = {0};
        cleanup_error struct error err = {0};
        int result = semver_parse(cases[i].text, &version, &err);
        if (cases[i].formatted == NULL) {
            assert_int_equal(result, -1);
            assert_int_equal(err.code, ERROR_INVALID);
            continue;
        }
        assert_int_equal(result, 0);
        cleanup_free char *formatted = semver_format(&version);
        assert_string_equal(formatted, cases[i].formatted);
    }
}

static void test_semver_orders_as_the_specification(void **state)
{
    (void)state;
    static const char *const ascending[] = {
        "0.9.0",        "1.0.0-alpha",   "1.0.0-alpha.1",  "1.0.0-alpha.beta", "1.0.0-beta",
        "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-beta.-2",  "1.0.0-rc.1",       "1.0.0",
        "1.0.1",        "1.10.0",        "2.0.0-SNAPSHOT", "10.0.0",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(ascending); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(ascending); j++) {
            cleanup_semver struct semver a = {0};
            cleanup_semver struct semver b = {0};
            assert_int_equal(semver_parse_strict(ascending[i], &a, NULL), 0);
            assert_int_equal(semver_parse_strict(ascending[j], &b, NULL), 0);
            int order = semver_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static bool allows(const char *range_text, const char *version_text, bool prereleases)
{
    cleanup_semver_range struct semver_range *range = NULL;
    cleanup_semver struct semver version = {0};
    assert_int_equal(semver_range_parse(range_text, &range, NULL), 0);
    assert_int_equal(semver_parse(version_text, &version, NULL), 0);
    if (prereleases)
        semver_range_include_prereleases(range);
    return semver_range_allows(range, &version);
}

static void test_semver_ranges_allow(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        const char *version;
        bool allowed;
    } cases[] = {
        {">=1.2 <2", "1.9.9", true},   {">=1.2 <2", "2.0.0", false},
        {">=1.2, <2", "1.2.0", true},  {"^1.2", "1.99.0", true},
        {"^1.2", "1.1.9", false},      {"^0.2.3", "0.2.9", true},
        {"^0.2.3", "0.3.0", false},    {"^0.0.3", "0.0.4", false},
        {"~1.2.3", "1.2.9", true},     {"~1.2.3", "1.3.0", false},
        {"~>1", "1.7.0", true},        {"1.x", "1.4.0", true},
        {"1.x || 3.x", "3.0.1", true}, {"1.x || 3.x", "2.0.1", false},
        {"1.2 - 1.4", "1.4.9", true},  {"1.2 - 1.4", "1.5.0", false},
        {"*", "1.2.3-rc.1", false},    {">=1.2.3-0", "1.2.3-rc.1", true},
        {"^*", "7.1.0", true},         {"<=1.2", "1.2.7", true},
        {">1.2", "1.2.7", false},      {"!=1.2", "1.2.7", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        assert_int_equal(allows(cases[i].range, cases[i].version, false), cases[i].allowed);
}

static void test_semver_refuses_what_is_no_range(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ">= bar",      "BAR >= 1.2.3", "12.3.4.1234", "12.3.34~ 1.2.3", "v1.2.3-beta.01",
        ">",           "1.2 -",        "||",          "1.2 ||",         "1.2,,1.3",
        "> 1.2 - 1.3", "1.2 | 1.3",    "1.2 - x-",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cleanup_semver_range struct semver_range *range = NULL;
        cleanup_error struct error err = {0};
        if (semver_range_parse(texts[i], &range, &err) == 0)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_int_equal(err.code, ERROR_INVALID);
    }
    char long_text[400];
    memset(long_text, '1', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct semver_range *range = NULL;
    assert_int_equal(semver_range_parse(long_text, &range, NULL), -1);
}

static void check_table(json_t *table, bool prereleases)
{
    size_t index = 0;
    json_t *row = NULL;
    json_array_foreach (table, index, row) {
        const char *range = json_string_value(json_object_get(row, "constraint"));
        const char *version = json_string_value(json_object_get(row, "version"));
        bool expected = json_is_true(json_object_get(row, "check"));
        if (allows(range, version, prereleases) != expected)
            fail_msg("\"%s\" and %s: expected %d", range, version, expected);
    }
}

// The tables of the library whose ranges these are, where a checkout of them is at hand.
static void test_semver_agrees_with_the_peers_tables(void **state)
{
    (void)state;
    const char *folder = getenv("SEALIFT_CONFORMANCE");
    if (folder == NULL)
        skip();
    cleanup_free char *path = xasprintf("%s/helm/tables-semver.json", folder);
    json_t *tables = json_load_file(path, 0, NULL);
    assert_non_null(tables);
    const char *key = NULL;
    json_t *table = NULL;
    json_object_foreach (tables, key, table) {
        if (strstr(key, ":TestConstraintsCheckIncludePrerelease:") != NULL)
            check_table(table, true);
        else if (strstr(key, ":TestConstraintsCheck:") != NULL)
            check_table(table, false);
        else if (strstr(key, ":TestConstraintCheck:") != NULL)
            check_table(table, false);
    }
    json_decref(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_semver_reads_what_tags_say),
        cmocka_unit_test(test_semver_orders_as_the_specification),
        cmocka_unit_test(test_semver_ranges_allow),
        cmocka_unit_test(test_semver_refuses_what_is_no_range),
        cmocka_unit_test(test_semver_agrees_with_the_peers_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
