#include "render/kustomize/name_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"

static struct name_parts named(const char *kind, const char *ns, const char *name)
{
    return (struct name_parts){kind, ns, name};
}

static void test_places_come_rising_and_once(void **state)
{
    (void)state;
    struct name_index index = {0};
    struct name_cursor none = {0};
    size_t place = 0;
    assert_false(name_index_next(&index, named("A", "", "x"), &none, &place));
    for (size_t i = 0; i < 10; i++) {
        name_index_add(&index, named("A", "", "x"), i);
        name_index_add(&index, named("A", "", "y"), i);
        name_index_add(&index, named("A", "", "x"), i);
    }
    struct name_cursor cursor = {0};
    for (size_t i = 0; i < 10; i++) {
        assert_true(name_index_next(&index, named("A", "", "x"), &cursor, &place));
        assert_int_equal(place, i);
    }
    assert_false(name_index_next(&index, named("A", "", "x"), &cursor, &place));
    name_index_release(&index);
    assert_false(name_index_next(&index, named("A", "", "x"), &none, &place));
}

static void test_many_names_are_found(void **state)
{
    (void)state;
    enum { NAMES = 5000 };
    struct name_index index = {0};
    char name[16];
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%zu", i);
        name_index_add(&index, named("Kind", "shop", name), i);
    }
    for (size_t i = 0; i < NAMES; i++) {
        struct name_cursor cursor = {0};
        size_t place = 0;
        bool found = false;
        snprintf(name, sizeof name, "n%zu", i);
        while (!found && name_index_next(&index, named("Kind", "shop", name), &cursor, &place))
            found = place == i;
        assert_true(found);
    }
    name_index_release(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_come_rising_and_once),
        cmocka_unit_test(test_many_names_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
