#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_backoff_doubles_to_its_cap(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 100, .max_ms = 1000};
    static const int64_t expected[] = {100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        int64_t delay = backoff_next(&backoff, 0);
        assert_in_range(delay, expected[i] - expected[i] / 4, expected[i]);
        assert_int_equal(backoff.attempts, i + 1);
    }
    backoff_reset(&backoff);
    assert_in_range(backoff_next(&backoff, 0), 75, 100);
}

static void test_backoff_honours_retry_after(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 100, .max_ms = 1000};
    assert_int_equal(backoff_next(&backoff, 700), 700);
    assert_int_equal(backoff_next(&backoff, 5000), 1000);
    assert_in_range(backoff_next(&backoff, -5), 300, 400);
}

static void test_backoff_survives_extremes(void **state)
{
    (void)state;
    struct backoff backoff = {.first_ms = 1, .max_ms = INT64_MAX, .attempts = 4000000};
    assert_true(backoff_next(&backoff, 0) > INT64_MAX / 2);
    struct backoff zero = {0};
    assert_int_equal(backoff_next(&zero, 0), 0);
    struct backoff large = {.first_ms = 5000, .max_ms = 100};
    assert_in_range(backoff_next(&large, 0), 75, 100);
}

static void test_jitter_stays_within_its_percentage(void **state)
{
    (void)state;
    int64_t low = INT64_MAX, high = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t value = jitter(1000, 10);
        assert_in_range(value, 900, 1100);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    assert_true(low < 950 && high > 1050);
    assert_int_equal(jitter(1000, 0), 1000);
    assert_int_equal(jitter(0, 50), 0);
    assert_in_range(jitter(10, 200), 0, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_doubles_to_its_cap),
        cmocka_unit_test(test_backoff_honours_retry_after),
        cmocka_unit_test(test_backoff_survives_extremes),
        cmocka_unit_test(test_jitter_stays_within_its_percentage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
