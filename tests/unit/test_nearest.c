#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

static void test_nearest_finds_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *wanted;
        const char *best; // of the candidates below
    } rows[] = {
        {"web", "web-v2"},        {"Cart", "cart"},    {"catr", "cart"},
        {"worker", "worker"},     {"eb-v2", "web-v2"}, {"namePrfix", "namePrefix"},
        {"prefix", "namePrefix"}, {"database", NULL},  {"", NULL},
        {"wo", "worker"},         {"w", NULL},
    };
    static const char *const candidates[] = {"worker", "cart", "web-v2", "namePrefix", ""};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct nearest nearest = {.wanted = rows[i].wanted};
        for (size_t j = 0; j < ARRAY_LENGTH(candidates); j++)
            nearest_offer(&nearest, candidates[j]);
        if (rows[i].best == NULL)
            assert_null(nearest.best);
        else
            assert_string_equal(nearest.best, rows[i].best);
    }
}

static void test_nearest_takes_long_names(void **state)
{
    (void)state;
    static const char name[] = "a123456789b123456789c123456789d123456789e123456789f123456789g1234";
    struct nearest nearest = {.wanted = name};
    assert_false(nearest_offer(&nearest, name));
    nearest.wanted = name + 1;
    assert_true(nearest_offer(&nearest, name + 1));
    assert_int_equal(nearest.distance, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest_finds_what_was_meant),
        cmocka_unit_test(test_nearest_takes_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
