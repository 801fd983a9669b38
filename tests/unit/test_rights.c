// cli/rights: which rules cover which.
#include "cli/rights.h"

#include "base/jval.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static json_t *rules(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);
    assert_non_null(value);
    return value;
}

static void test_rights_cover(void **state)
{
    static const struct {
        const char *held;
        const char *wanted;
        bool covers;
    } cases[] = {
        {"[]", "[]", true},
        {"[]", "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]", false},
        {"[{\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"verbs\":[\"*\"]}]",
         "[{\"apiGroups\":[\"apps\"],\"resources\":[\"deployments/scale\"],\"verbs\":[\"patch\"]}]",
         true},
        // Of several rules together.
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]},"
         "{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"list\"]}]",
         "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\",\"list\"]}]", true},
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]",
         "[{\"apiGroups\":[\"\",\"apps\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]", false},
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"get\"]}]",
         "[{\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"verbs\":[\"*\"]}]", false},
        // Names.
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"a\"],"
         "\"verbs\":[\"get\"]}]",
         "[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"get\"]}]", false},
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"a\",\"b\"],"
         "\"verbs\":[\"get\"]}]",
         "[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"b\"],"
         "\"verbs\":[\"get\"]}]",
         true},
        {"[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"verbs\":[\"get\"]}]",
         "[{\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"b\"],"
         "\"verbs\":[\"get\"]}]",
         true},
        // What is no resource is no right in a namespace.
        {"[]", "[{\"nonResourceURLs\":[\"/healthz\"],\"verbs\":[\"get\"]}]", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        cleanup_json json_t *held = rules(cases[i].held);
        cleanup_json json_t *wanted = rules(cases[i].wanted);
        if (rights_cover(held, wanted) != cases[i].covers)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rights_cover)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
