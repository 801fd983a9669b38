// Conditions on predicates: paths, comparisons, and what fails rather than passes.
#include "oci/sign/predicate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static const char report[] =
    "{\"scanner\":{\"result\":{\"critical\":0,\"high\":3,\"score\":6.9,\"passed\":true,"
    "\"verdict\":\"clean\",\"a/b\":{\"~\":1},\"none\":null,\"list\":[\"x\",\"y\"],"
    "\"Results\":[{\"Vulnerabilities\":[{\"Severity\":\"LOW\"},{\"Severity\":\"HIGH\"}]},"
    "{\"Class\":\"lang\"}],\"empty\":[]}},"
    "\"metadata\":{\"scanFinishedOn\":\"2026-11-20T10:00:00Z\",\"bad\":\"soon\",\"number\":5},"
    "\"Data\":\"{\\\"tests\\\":{\\\"failed\\\":0}}\",\"Text\":\"no { json\"}";

static json_t *parse(const char *text)
{
    json_t *value = NULL;
    cleanup_error struct error err = {0};
    if (jval_parse(text, strlen(text), "the test", &value, &err) < 0)
        fail_msg("%s: %s", text, error_message(&err));
    return value;
}

#define R "/scanner/result/"

static void test_predicate_conditions(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        const char *found; // NULL: it holds
    } cases[] = {
        {"{\"path\":\"" R "critical\",\"equals\":0}", NULL},
        {"{\"path\":\"" R "critical\",\"equals\":0.0}", NULL},
        {"{\"path\":\"" R "critical\",\"equals\":\"0\"}", R "critical is 0"},
        {"{\"path\":\"" R "high\",\"atMost\":2}", R "high is 3"},
        {"{\"path\":\"" R "high\",\"atMost\":3,\"atLeast\":3}", NULL},
        {"{\"path\":\"" R "high\",\"lessThan\":3}", R "high is 3"},
        {"{\"path\":\"" R "high\",\"greaterThan\":2}", NULL},
        {"{\"path\":\"" R "high\",\"greaterThan\":3}", R "high is 3"},
        {"{\"path\":\"" R "score\",\"lessThan\":7}", NULL},
        {"{\"path\":\"" R "score\",\"equals\":6.9}", NULL},
        {"{\"path\":\"" R "score\",\"equals\":7}", R "score is 6.9"},
        {"{\"path\":\"" R "passed\",\"equals\":true}", NULL},
        {"{\"path\":\"" R "passed\",\"lessThan\":7}", R "passed is true"},
        {"{\"path\":\"" R "verdict\",\"in\":[\"clean\",\"accepted\"]}", NULL},
        {"{\"path\":\"" R "verdict\",\"in\":[\"accepted\"]}", R "verdict is \"clean\""},
        {"{\"path\":\"" R "verdict\",\"notIn\":[\"dirty\"]}", NULL},
        {"{\"path\":\"" R "verdict\",\"notIn\":[\"dirty\",\"clean\"]}", R "verdict is \"clean\""},
        {"{\"path\":\"" R "verdict\",\"notEquals\":\"dirty\"}", NULL},
        {"{\"path\":\"" R "verdict\",\"notEquals\":\"clean\"}", R "verdict is \"clean\""},
        {"{\"path\":\"" R "a~1b/~0\",\"equals\":1}", NULL},
        {"{\"path\":\"" R "list/1\",\"equals\":\"y\"}", NULL},
        {"{\"path\":\"" R "list/2\",\"equals\":\"y\"}", R "list/2 is absent"},
        {"{\"path\":\"" R "list/01\",\"equals\":\"y\"}", R "list/01 is absent"},
        {"{\"path\":\"" R "list/-\",\"equals\":\"y\"}", R "list/- is absent"},
        {"{\"path\":\"" R "list\",\"notEquals\":\"y\"}", R "list is [\"x\",\"y\"]"},
        {"{\"path\":\"" R "none\",\"notEquals\":\"y\"}", R "none is null"},
        {"{\"path\":\"" R "none\",\"exists\":true}", NULL},
        // What is renamed is no pass.
        {"{\"path\":\"" R "gone\",\"notEquals\":\"y\"}", R "gone is absent"},
        {"{\"path\":\"" R "gone\",\"notIn\":[\"y\"]}", R "gone is absent"},
        {"{\"path\":\"" R "gone\",\"exists\":true}", R "gone is absent"},
        {"{\"path\":\"" R "gone\",\"exists\":false}", NULL},
        {"{\"path\":\"" R "high\",\"exists\":false}", R "high is there"},
        // Each of what a wildcard finds; behind the first, absent lists are empty ones.
        {"{\"path\":\"" R "Results/*/Vulnerabilities/*/Severity\",\"notIn\":[\"CRITICAL\"]}", NULL},
        {"{\"path\":\"" R "Results/*/Vulnerabilities/*/Severity\",\"notIn\":[\"HIGH\"]}",
         R "Results/*/Vulnerabilities/*/Severity is \"HIGH\""},
        {"{\"path\":\"" R "Results/*/Nothing/*/Severity\",\"notIn\":[\"HIGH\"]}", NULL},
        {"{\"path\":\"" R "Gone/*/Vulnerabilities/*/Severity\",\"notIn\":[\"HIGH\"]}",
         R "Gone/*/Vulnerabilities/*/Severity is absent"},
        {"{\"path\":\"" R "verdict/*/Severity\",\"notIn\":[\"HIGH\"]}",
         R "verdict/*/Severity is absent"},
        {"{\"path\":\"" R "empty/*/Severity\",\"notIn\":[\"HIGH\"]}", NULL},
        {"{\"path\":\"" R "empty/*/Severity\",\"notIn\":[\"HIGH\"],\"exists\":true}",
         R "empty/*/Severity is absent"},
        {"{\"path\":\"/scanner/*/*\",\"exists\":true}", NULL},
        {"{\"path\":\"" R "Results/*/Class/*/x\",\"notIn\":[\"HIGH\"]}", NULL},
        {"{\"path\":\"" R "list/1x\",\"equals\":\"y\"}", R "list/1x is absent"},
        {"{\"path\":\"" R "list/0000000001\",\"equals\":\"y\"}", R "list/0000000001 is absent"},
        {"{\"path\":\"" R "list/0\",\"equals\":\"x\"}", NULL},
        {"{\"path\":\"" R "verdict\",\"equals\":7}", R "verdict is \"clean\""},
        {"{\"path\":\"" R "score\",\"equals\":6}", R "score is 6.9"},
        {"{\"path\":\"" R "list/*\",\"in\":[\"x\",\"y\"]}", NULL},
        // JSON in a text, as cosign's custom type has it.
        {"{\"path\":\"/Data/tests/failed\",\"equals\":0}", NULL},
        {"{\"path\":\"/Text/tests/failed\",\"equals\":0}", "/Text/tests/failed is absent"},
    };
    cleanup_json json_t *predicate = parse(report);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *condition = parse(cases[i].condition);
        cleanup_error struct error err = {0};
        cleanup_free char *found = NULL;
        if (predicate_condition_check(condition, &err) < 0)
            fail_msg("%s: %s", cases[i].condition, error_message(&err));
        bool holds = predicate_condition_holds(condition, predicate, &found);
        assert_int_equal(holds, found == NULL);
        if ((found == NULL) != (cases[i].found == NULL) ||
            (found != NULL && strcmp(found, cases[i].found) != 0))
            fail_msg("%s: found %s", cases[i].condition, found != NULL ? found : "that it holds");
    }
}

static void test_predicate_of_no_kind(void **state)
{
    (void)state;
    cleanup_json json_t *condition = parse("{\"path\":\"/a\",\"equals\":1}");
    cleanup_json json_t *list = parse("[1]");
    cleanup_free char *found = NULL;
    cleanup_free char *other = NULL;
    assert_false(predicate_condition_holds(condition, NULL, &found));
    assert_false(predicate_condition_holds(condition, list, &other));
}

static void test_predicate_refuses_what_it_cannot_judge(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        const char *says;
    } cases[] = {
        {"{\"path\":\"a\",\"equals\":1}", "is no JSON pointer"},
        {"{\"equals\":1}", "is no JSON pointer"},
        {"{\"path\":\"/a~\",\"equals\":1}", "is no JSON pointer"},
        {"{\"path\":\"/a~2\",\"equals\":1}", "is no JSON pointer"},
        {"{\"path\":\"/a\\u0001\",\"equals\":1}", "is no JSON pointer"},
        {"{\"path\":\"/a\"}", "compares nothing"},
        {"{\"path\":\"/a\",\"equals\":null}", "equals takes a text"},
        {"{\"path\":\"/a\",\"equals\":[1]}", "equals takes a text"},
        {"{\"path\":\"/a\",\"in\":[]}", "in takes a list"},
        {"{\"path\":\"/a\",\"in\":1}", "in takes a list"},
        {"{\"path\":\"/a\",\"notIn\":[{}]}", "notIn takes a list"},
        {"{\"path\":\"/a\",\"lessThan\":\"5\"}", "lessThan takes a number"},
        {"{\"path\":\"/a\",\"exists\":\"yes\"}", "exists takes true or false"},
        {"{\"path\":\"/a\",\"matches\":\".*\"}", "matches is no comparison that is known"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *condition = parse(cases[i].condition);
        cleanup_error struct error err = {0};
        assert_int_equal(predicate_condition_check(condition, &err), -1);
        if (strstr(error_message(&err), cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].condition, error_message(&err));
    }
    struct strbuf deep;
    strbuf_init(&deep, 4096);
    for (int i = 0; i <= PREDICATE_MAX_DEPTH; i++)
        strbuf_addstr(&deep, "/a");
    assert_false(predicate_path_is_valid(deep.data));
    assert_true(predicate_path_is_valid(deep.data + 2));
    strbuf_release(&deep);
    strbuf_init(&deep, 4096);
    strbuf_addch(&deep, '/');
    while (deep.len < 1024)
        strbuf_addch(&deep, 'a');
    assert_true(predicate_path_is_valid(deep.data));
    strbuf_addch(&deep, 'a');
    assert_false(predicate_path_is_valid(deep.data));
    strbuf_release(&deep);
}

static void test_predicate_condition_in_words(void **state)
{
    (void)state;
    cleanup_json json_t *condition =
        parse("{\"path\":\"/a\",\"atLeast\":1,\"notIn\":[2,\"three\"]}");
    cleanup_free char *text = predicate_condition_text(condition);
    assert_string_equal(text, "/a atLeast 1 and notIn [2,\"three\"]");
    // A value that goes on for long is cut.
    struct strbuf long_text;
    strbuf_init(&long_text, 4096);
    strbuf_addstr(&long_text, "{\"a\":\"");
    for (int i = 0; i < 300; i++)
        strbuf_addch(&long_text, 'x');
    strbuf_addstr(&long_text, "\"}");
    cleanup_json json_t *predicate = parse(long_text.data);
    cleanup_json json_t *equals = parse("{\"path\":\"/a\",\"equals\":\"y\"}");
    cleanup_free char *found = NULL;
    assert_false(predicate_condition_holds(equals, predicate, &found));
    assert_true(strlen(found) < 200);
    strbuf_release(&long_text);
}

static void test_predicate_too_many_values(void **state)
{
    (void)state;
    json_t *list = json_array();
    for (int i = 0; i < 400; i++) {
        json_t *inner = json_array();
        for (int j = 0; j < 400; j++)
            json_array_append_new(inner, json_integer(1));
        json_array_append_new(list, inner);
    }
    cleanup_json json_t *predicate = list;
    cleanup_json json_t *condition = parse("{\"path\":\"/*/*\",\"equals\":1}");
    cleanup_free char *found = NULL;
    assert_false(predicate_condition_holds(condition, predicate, &found));
    assert_non_null(strstr(found, "more than 100000 values"));
}

static void test_predicate_times_and_types(void **state)
{
    (void)state;
    cleanup_json json_t *predicate = parse(report);
    int64_t made_ms = 0;
    assert_string_equal(predicate_type("vuln"), "https://cosign.sigstore.dev/attestation/vuln/v1");
    assert_string_equal(predicate_type("https://example.com/x"), "https://example.com/x");
    assert_string_equal(predicate_time_path(predicate_type("vuln")), "/metadata/scanFinishedOn");
    assert_null(predicate_time_path("https://example.com/x"));
    assert_int_equal(predicate_time(predicate, "/metadata/scanFinishedOn", &made_ms), 0);
    assert_true(made_ms == 1795168800000);
    assert_int_equal(predicate_time(predicate, "/metadata/bad", &made_ms), -1);
    assert_int_equal(predicate_time(predicate, "/metadata/number", &made_ms), -1);
    assert_int_equal(predicate_time(predicate, "/metadata/gone", &made_ms), -1);
    assert_int_equal(predicate_time(predicate, "/metadata/*", &made_ms), -1);
    assert_int_equal(predicate_time(NULL, "/*", &made_ms), -1);
    assert_int_equal(predicate_time(NULL, "/metadata/scanFinishedOn", &made_ms), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicate_conditions),
        cmocka_unit_test(test_predicate_of_no_kind),
        cmocka_unit_test(test_predicate_refuses_what_it_cannot_judge),
        cmocka_unit_test(test_predicate_condition_in_words),
        cmocka_unit_test(test_predicate_too_many_values),
        cmocka_unit_test(test_predicate_times_and_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
