#include "api/condition.h"
#include "api/object.h"
#include "base/jval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static const struct condition_change pulled = {
    .generation = 3, .now_ms = 1000, .reason = "Pulling", .message = "pulls"};
static const struct condition_change failed = {
    .generation = 3, .now_ms = 5000, .reason = "PullFailed", .message = "the registry is down"};
static const struct condition_change done = {
    .generation = 4, .now_ms = 9000, .reason = "Applied", .message = "10 objects"};

static void test_condition_moves_between_states(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    assert_true(condition_progressing(status, &pulled));
    assert_int_equal(condition_state(status, "Ready"), CONDITION_UNKNOWN);
    assert_int_equal(condition_state(status, "Reconciling"), CONDITION_TRUE);
    assert_true(condition_retrying(status, &failed));
    assert_int_equal(condition_state(status, "Ready"), CONDITION_FALSE);
    assert_string_equal(condition_reason(status, "Ready"), "PullFailed");
    assert_string_equal(condition_message(status, "Reconciling"), "the registry is down");
    assert_true(condition_stalled(status, &failed));
    assert_null(condition_find(status, "Reconciling"));
    assert_int_equal(condition_state(status, "Stalled"), CONDITION_TRUE);
    assert_true(condition_ready(status, &done));
    assert_int_equal(condition_state(status, "Ready"), CONDITION_TRUE);
    assert_null(condition_find(status, "Stalled"));
    assert_int_equal(json_array_size(json_object_get(status, "conditions")), 1);
    assert_int_equal(jval_int(status, "observedGeneration", 0), 4);
}

static void test_condition_keeps_its_time_until_it_moves(void **state)
{
    (void)state;
    cleanup_json json_t *status = json_object();
    condition_retrying(status, &failed);
    struct condition_change again = failed;
    again.now_ms = 60000;
    again.generation = 9;
    assert_false(condition_retrying(status, &again));
    const json_t *ready = condition_find(status, "Ready");
    assert_string_equal(jval_string(ready, "lastTransitionTime"), "1970-01-01T00:00:05Z");
    assert_int_equal(jval_int(ready, "observedGeneration", 0), 9);
    again.message = "the registry is still down";
    assert_true(condition_retrying(status, &again));
    ready = condition_find(status, "Ready");
    assert_string_equal(jval_string(ready, "lastTransitionTime"), "1970-01-01T00:00:05Z");
}

static void test_condition_is_found_in_an_object(void **state)
{
    (void)state;
    cleanup_json json_t *object = json_pack("{s:{}}", "status");
    condition_ready(json_object_get(object, "status"), &done);
    assert_int_equal(condition_state(object, "Ready"), CONDITION_TRUE);
    assert_int_equal(condition_state(object, "Stalled"), CONDITION_UNKNOWN);
    assert_string_equal(condition_reason(NULL, "Ready"), "");
}

static void test_object_access_survives_anything(void **state)
{
    (void)state;
    cleanup_json json_t *object = json_loads(
        "{\"kind\": 3, \"metadata\": {\"name\": \"web\", \"annotations\": [], \"finalizers\": [1, "
        "\"a\"], \"labels\": {\"a.b/c\": \"d\"}}, \"spec\": {\"interval\": \"2s\"}}",
        0, NULL);
    assert_string_equal(object_kind(object), "");
    assert_null(object_annotation(object, "x"));
    assert_string_equal(object_label(object, "a.b/c"), "d");
    assert_true(object_has_finalizer(object, "a"));
    assert_int_equal(object_spec_duration_ms(object, "interval", 7), 2000);
    assert_int_equal(object_spec_duration_ms(object, "timeout", 7), 7);
    assert_int_equal(object_problem(object), OBJECT_FINE);
    char *text = object_text(object);
    assert_string_equal(text, "object web");
    free(text);
    assert_string_equal(object_name(NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_condition_moves_between_states),
        cmocka_unit_test(test_condition_keeps_its_time_until_it_moves),
        cmocka_unit_test(test_condition_is_found_in_an_object),
        cmocka_unit_test(test_object_access_survives_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
