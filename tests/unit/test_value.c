
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "value_fixture.h"

static void assert_is(const struct value *value, const char *json)
{
    cleanup_free char *text = value_canonical(value);
    assert_string_equal(text, json);
}

static void test_scalars(void **state)
{
    (void)state;
    cleanup_value struct value *text = value_stringn("a\0b", 3);
    cleanup_value struct value *number = value_integer(INT64_MIN);
    cleanup_value struct value *real = value_real(1.5);
    assert_int_equal(value_string_length(text), 3);
    assert_memory_equal(value_string_value(text), "a\0b", 4);
    assert_true(value_integer_value(number) == INT64_MIN);
    assert_true(value_real_value(real) > 1.4);
    assert_null(value_string_value(number));
    assert_int_equal(value_integer_value(text), 0);
    assert_null(value_string(NULL));
    assert_ptr_equal(value_boolean(true), value_true());
    assert_false(value_is_null(NULL));
}

static void test_texts_are_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80", "\xC0\x80",         "\xC3",     "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF5", "\xF4\x90\x80\x80", "a\xE2\x82"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_null(value_string(bad[i]));
    cleanup_value struct value *good = value_string("ü€😀\x7f");
    assert_non_null(good);
    cleanup_value struct value *object = value_object();
    assert_int_equal(value_object_set_new(object, "\xFF", value_true()), -1);
}

static void test_long_texts(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 65534, 65535, 65536, 200000};
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        cleanup_free char *text = xmalloc(lengths[i] + 1);
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        cleanup_value struct value *value = value_string(text);
        assert_int_equal(value_string_length(value), lengths[i]);
        assert_string_equal(value_string_value(value), text);
        cleanup_value struct value *object = value_object();
        value_object_set(object, text, value);
        assert_ptr_equal(value_object_get(object, text), value);
    }
}

static void test_members_keep_their_order(void **state)
{
    (void)state;
    cleanup_value struct value *object = value_object_of("b", value_integer(1), "gone", NULL, "a",
                                                         value_integer(2), "c", value_null(), NULL);
    value_object_set_new(object, "a", value_integer(3));
    value_object_del(object, "b");
    value_object_set_new(object, "b", value_integer(4));
    assert_int_equal(value_object_size(object), 3);
    assert_int_equal(value_object_del(object, "gone"), -1);
    char seen[8] = "";
    size_t n = 0;
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (object, key, member)
        seen[n++] = *key;
    assert_string_equal(seen, "acb");
    value_object_clear(object);
    assert_is(object, "{}");
}

static void test_members_may_go_while_they_are_looked_at(void **state)
{
    (void)state;
    for (int n = 1; n < 60; n += 7) {
        cleanup_value struct value *object = value_object();
        char name[16];
        for (int i = 0; i < n; i++) {
            snprintf(name, sizeof name, "k%d", i);
            value_object_set_new(object, name, value_integer(i));
        }
        const char *key = NULL;
        struct value *member = NULL;
        int seen = 0;
        value_foreach (object, key, member) {
            int64_t number = value_integer_value(member);
            assert_int_equal(number, seen++);
            if (number % 2 == 0)
                value_object_del(object, key);
        }
        assert_int_equal(seen, n);
        assert_int_equal(value_object_size(object), n / 2);
    }
}

// Against a table: what is there, and with which value.
static void test_large_objects_find_what_they_hold(void **state)
{
    (void)state;
    enum { NAMES = 200 };
    int held[NAMES];
    memset(held, -1, sizeof held);
    cleanup_value struct value *object = value_object();
    unsigned random = 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 1103515245u + 12345u;
        unsigned which = (random >> 8) % NAMES;
        char name[32];
        snprintf(name, sizeof name, "name-%u-with-a-tail", which);
        if ((random >> 24) % 3 == 0) {
            assert_int_equal(value_object_del(object, name), held[which] < 0 ? -1 : 0);
            held[which] = -1;
        } else {
            assert_int_equal(value_object_set_new(object, name, value_integer(step)), 0);
            held[which] = step;
        }
        const struct value *found = value_object_get(object, name);
        assert_true(held[which] < 0 ? found == NULL : value_integer_value(found) == held[which]);
    }
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++)
        count += held[i] >= 0;
    assert_int_equal(value_object_size(object), count);
    cleanup_value struct value *copy = value_deep_copy(object);
    assert_true(value_equal(copy, object));
}

static void test_one_member_that_comes_and_goes(void **state)
{
    (void)state;
    cleanup_value struct value *object = value_object();
    char name[16];
    for (int i = 0; i < 14; i++) {
        snprintf(name, sizeof name, "k%d", i);
        value_object_set_new(object, name, value_true());
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(value_object_set_new(object, "x", value_integer(i)), 0);
        assert_int_equal(value_object_del(object, "x"), 0);
        assert_null(value_object_get(object, "x"));
    }
    assert_int_equal(value_object_size(object), 14);
}

static void test_builder(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++) {
        cleanup_value_builder struct value_builder builder = {0};
        for (int i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "k%d", i % 30);
            struct value *key = value_string(name);
            assert_true(value_builder_has(&builder, key) == (i >= 30));
            value_builder_add(&builder, key, value_integer(i));
        }
        cleanup_value struct value *object = value_builder_finish(&builder);
        assert_int_equal(value_object_size(object), n < 30 ? n : 30);
        const struct value *first = value_object_get(object, "k0");
        assert_int_equal(value_integer_value(first), n > 30 ? 30 : 0);
        value_object_set_new(object, "more", value_true());
        assert_true(value_is_true(value_object_get(object, "more")));
    }
}

static void test_arrays(void **state)
{
    (void)state;
    cleanup_value struct value *array = value_array();
    for (int i = 0; i < 20; i++)
        value_array_append_new(array, value_integer(i));
    assert_int_equal(value_array_remove(array, 0), 0);
    assert_int_equal(value_array_insert_new(array, 3, value_string("x")), 0);
    assert_int_equal(value_array_set_new(array, 0, value_null()), 0);
    assert_int_equal(value_array_set_new(array, 20, value_null()), -1);
    assert_int_equal(value_array_append_new(array, NULL), -1);
    assert_is(array, "[null,2,3,\"x\",4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]");
    cleanup_value struct value *none = value_array_of(NULL, 0);
    value_array_extend(none, array);
    value_array_extend(none, none);
    assert_int_equal(value_array_size(none), 40);
    assert_null(value_array_get(none, 40));
    value_array_clear(none);
    assert_is(none, "[]");
}

static void test_copies_and_equality(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,1.5,\"x\",true,false,null],\"b\":{\"c\":{}}}";
    cleanup_value struct value *value = value_from_text(text);
    cleanup_value struct value *copy = value_copy(value);
    cleanup_value struct value *deep = value_deep_copy(value);
    assert_ptr_equal(value_object_get(value, "b"), value_object_get(copy, "b"));
    assert_ptr_not_equal(value_object_get(value, "b"), value_object_get(deep, "b"));
    assert_true(value_equal(value, deep));
    value_set_text(deep, "b.c.d.e", "new");
    assert_false(value_equal(value, deep));
    assert_is(value, text);
    assert_string_equal(value_text(deep, "b.c.d.e"), "new");
    assert_false(value_equal(value, NULL));
    static const struct value other_null = VALUE_STATIC(VALUE_NULL);
    assert_false(value_equal(&other_null, value_null()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_texts_are_utf8),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_members_keep_their_order),
        cmocka_unit_test(test_members_may_go_while_they_are_looked_at),
        cmocka_unit_test(test_large_objects_find_what_they_hold),
        cmocka_unit_test(test_one_member_that_comes_and_goes),
        cmocka_unit_test(test_builder),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_copies_and_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
