// Headers, scalars, and what works on values of every type.
#include "base/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value_internal.h"

// ---- references ----

void value_destroy(struct value *value)
{
    if (value->type == VALUE_OBJECT)
        value_object_release(value);
    else if (value->type == VALUE_ARRAY)
        value_array_release(value);
    free(value);
}

void cleanup_value_pointer(struct value **value)
{
    value_decref(*value);
}

struct value *value_unconst(const struct value *value)
{
    struct value *same;
    memcpy(&same, &value, sizeof same);
    return same;
}

struct value *value_ref(const struct value *value)
{
    return value_incref(value_unconst(value));
}

// ---- scalars ----

static struct value *new_value(enum value_type type, size_t body_size)
{
    struct value *value = xmalloc(sizeof *value + body_size);
    *value = (struct value){.references = 1, .type = (uint8_t)type};
    return value;
}

struct value *value_true(void)
{
    static const struct value value = VALUE_STATIC(VALUE_TRUE);
    return value_unconst(&value);
}

struct value *value_false(void)
{
    static const struct value value = VALUE_STATIC(VALUE_FALSE);
    return value_unconst(&value);
}

struct value *value_null(void)
{
    static const struct value value = VALUE_STATIC(VALUE_NULL);
    return value_unconst(&value);
}

struct value *value_boolean(bool truth)
{
    return truth ? value_true() : value_false();
}

struct value *value_integer(int64_t number)
{
    struct value *value = new_value(VALUE_INTEGER, sizeof number);
    memcpy(value_body(value), &number, sizeof number);
    return value;
}

struct value *value_real(double number)
{
    if (!isfinite(number))
        return NULL;
    struct value *value = new_value(VALUE_REAL, sizeof number);
    memcpy(value_body(value), &number, sizeof number);
    return value;
}

// The double comes first, for those who do not ask for more.
struct unsigned_body {
    double real;
    uint64_t number;
};

struct value *value_unsigned(uint64_t number)
{
    const struct unsigned_body body = {(double)number, number};
    struct value *value = new_value(VALUE_REAL, sizeof body);
    memcpy(value_body(value), &body, sizeof body);
    value->size = sizeof body;
    return value;
}

bool value_is_unsigned(const struct value *value, uint64_t *ret_number)
{
    struct unsigned_body body;
    if (!value_is_real(value) || value->size != sizeof body)
        return false;
    memcpy(&body, value_body(value), sizeof body);
    *ret_number = body.number;
    return true;
}

static bool reals_equal(const struct value *a, const struct value *b)
{
    uint64_t left = 0;
    uint64_t right = 0;
    bool exact = value_is_unsigned(a, &left) && value_is_unsigned(b, &right);
    return exact ? left == right
                 : !(value_real_value(a) < value_real_value(b)) &&
                       !(value_real_value(a) > value_real_value(b));
}

// The length of one well-formed sequence (Unicode, table 3-7), or 0.
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    if (*at < 0x80)
        return 1;
    size_t length = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : 2;
    if (*at < 0xC2 || *at > 0xF4 || left < length)
        return 0;
    unsigned char low = *at == 0xE0 ? 0xA0 : *at == 0xF0 ? 0x90 : 0x80;
    unsigned char high = *at == 0xED ? 0x9F : *at == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

static bool is_utf8(const char *text, size_t length)
{
    for (size_t i = 0, step = 0; i < length; i += step) {
        step = utf8_sequence((const unsigned char *)text + i, length - i);
        if (step == 0)
            return false;
    }
    return true;
}

// A long text has its length in front of it.
struct value *value_stringn_nocheck(const char *text, size_t length)
{
    bool is_long = length >= VALUE_OUTSIDE;
    struct value *value = new_value(VALUE_STRING, length + 1 + (is_long ? sizeof length : 0));
    char *to = value_body(value);
    value->size = is_long ? VALUE_OUTSIDE : (uint16_t)length;
    if (is_long) {
        memcpy(to, &length, sizeof length);
        to += sizeof length;
    }
    memcpy(to, text, length);
    to[length] = '\0';
    return value;
}

struct value *value_stringn(const char *text, size_t length)
{
    return text != NULL && is_utf8(text, length) ? value_stringn_nocheck(text, length) : NULL;
}

struct value *value_string(const char *text)
{
    return text != NULL ? value_stringn(text, strlen(text)) : NULL;
}

void value_string_note(struct value *string, char note)
{
    if (value_is_string(string) && string->references == 1)
        string->capacity = (uint8_t)note;
}

char value_string_noted(const struct value *value)
{
    return value_is_string(value) ? (char)value->capacity : '\0';
}

int64_t value_integer_value(const struct value *value)
{
    int64_t number = 0;
    if (value_is_integer(value))
        memcpy(&number, value_body(value), sizeof number);
    return number;
}

double value_real_value(const struct value *value)
{
    double number = 0;
    if (value_is_real(value))
        memcpy(&number, value_body(value), sizeof number);
    return number;
}

const char *value_string_value(const struct value *value)
{
    if (!value_is_string(value))
        return NULL;
    const char *text = value_body(value);
    return value->size == VALUE_OUTSIDE ? text + sizeof(size_t) : text;
}

size_t value_string_length(const struct value *value)
{
    if (!value_is_string(value))
        return 0;
    size_t length = value->size;
    if (value->size == VALUE_OUTSIDE)
        memcpy(&length, value_body(value), sizeof length);
    return length;
}

// ---- whole values ----

static bool objects_equal(const struct value *a, const struct value *b)
{
    const struct value *key = NULL;
    struct value *member = NULL;
    if (value_object_size(a) != value_object_size(b))
        return false;
    for (size_t at = 0; value_object_next(a, &at, &key, &member);)
        if (!value_equal(member,
                         value_object_getn(b, value_string_value(key), value_string_length(key))))
            return false;
    return true;
}

static bool arrays_equal(const struct value *a, const struct value *b)
{
    if (value_array_size(a) != value_array_size(b))
        return false;
    for (size_t i = 0; i < value_array_size(a); i++)
        if (!value_equal(value_array_get(a, i), value_array_get(b, i)))
            return false;
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a == NULL || b == NULL)
        return false;
    if (a == b)
        return true;
    if (a->type != b->type)
        return false;
    switch (value_typeof(a)) {
    case VALUE_OBJECT:
        return objects_equal(a, b);
    case VALUE_ARRAY:
        return arrays_equal(a, b);
    case VALUE_STRING:
        return value_string_length(a) == value_string_length(b) &&
               memcmp(value_string_value(a), value_string_value(b), value_string_length(a)) == 0;
    case VALUE_INTEGER:
        return value_integer_value(a) == value_integer_value(b);
    case VALUE_REAL:
        return reals_equal(a, b);
    case VALUE_TRUE:
    case VALUE_FALSE:
    case VALUE_NULL:
        break;
    }
    return false;
}

static struct value *copy(const struct value *value,
                          struct value *(*copy_part)(const struct value *))
{
    const struct value *key = NULL;
    struct value *member = NULL;
    if (value_is_object(value)) {
        size_t slots = 0;
        value_slots(value, &slots);
        struct value *object = value_container_new(VALUE_OBJECT, slots);
        for (size_t at = 0; value_object_next(value, &at, &key, &member);)
            value_object_put_new(object, value_unconst(key), copy_part(member));
        value_container_mark(object, value_container_marked(value));
        return object;
    }
    if (value_is_array(value)) {
        struct value *array = value_container_new(VALUE_ARRAY, value_array_size(value));
        for (size_t i = 0; i < value_array_size(value); i++)
            value_array_append_new(array, copy_part(value_array_get(value, i)));
        value_container_mark(array, value_container_marked(value));
        return array;
    }
    return value_ref(value);
}

struct value *value_copy(const struct value *value)
{
    return copy(value, value_ref);
}

struct value *value_deep_copy(const struct value *value)
{
    return copy(value, value_deep_copy);
}

size_t value_size(const struct value *value)
{
    size_t size = 16;
    const struct value *key = NULL;
    struct value *member = NULL;
    for (size_t at = 0; value_object_next(value, &at, &key, &member);)
        size += value_string_length(key) + value_size(member);
    for (size_t i = 0; i < value_array_size(value); i++)
        size += value_size(value_array_get(value, i));
    return size + value_string_length(value);
}
