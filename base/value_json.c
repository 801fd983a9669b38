// Values of jansson's, and access by path.
#include "base/value.h"

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"

static json_t *object_to_json(const struct value *value)
{
    json_t *object = json_object();
    const struct value *key = NULL;
    struct value *member = NULL;
    for (size_t at = 0; value_object_next(value, &at, &key, &member);)
        json_object_setn_new_nocheck(object, value_string_value(key), value_string_length(key),
                                     value_to_json(member));
    return object;
}

json_t *value_to_json(const struct value *value)
{
    if (value == NULL)
        return NULL;
    switch (value_typeof(value)) {
    case VALUE_OBJECT:
        return object_to_json(value);
    case VALUE_ARRAY: {
        json_t *array = json_array();
        for (size_t i = 0; i < value_array_size(value); i++)
            json_array_append_new(array, value_to_json(value_array_get(value, i)));
        return array;
    }
    case VALUE_STRING:
        return json_stringn_nocheck(value_string_value(value), value_string_length(value));
    case VALUE_INTEGER:
        return json_integer(value_integer_value(value));
    case VALUE_REAL:
        return json_real(value_real_value(value));
    case VALUE_TRUE:
        return json_true();
    case VALUE_FALSE:
        return json_false();
    case VALUE_NULL:
        break;
    }
    return json_null();
}

static struct value *object_from_json(const json_t *json)
{
    struct value *object = value_object();
    json_t *borrowed = jval_unconst(json);
    for (void *at = json_object_iter(borrowed); at != NULL;
         at = json_object_iter_next(borrowed, at))
        value_object_setn_new(object, json_object_iter_key(at), json_object_iter_key_len(at),
                              value_from_json(json_object_iter_value(at)));
    return object;
}

struct value *value_from_json(const json_t *json)
{
    if (json == NULL)
        return NULL;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_from_json(json);
    case JSON_ARRAY: {
        struct value *array = value_array();
        for (size_t i = 0; i < json_array_size(json); i++)
            value_array_append_new(array, value_from_json(json_array_get(json, i)));
        return array;
    }
    case JSON_STRING:
        return value_stringn_nocheck(json_string_value(json), json_string_length(json));
    case JSON_INTEGER:
        return value_integer(json_integer_value(json));
    case JSON_REAL:
        return value_real(json_real_value(json));
    case JSON_TRUE:
    case JSON_FALSE:
        return value_boolean(json_is_true(json));
    case JSON_NULL:
        break;
    }
    return value_null();
}

char *value_canonical(const struct value *value)
{
    cleanup_json json_t *json = value_to_json(value);
    return jval_canonical(json);
}

// ---- by path ----

const struct value *value_at_path(const struct value *value, const char *path)
{
    while (value != NULL && path != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        value = value_object_getn(value, path, length);
        path += length + (path[length] == '.');
    }
    return value;
}

const char *value_text(const struct value *value, const char *path)
{
    return value_string_value(value_at_path(value, path));
}

const char *value_text_or(const struct value *value, const char *path, const char *fallback)
{
    const char *text = value_text(value, path);
    return text != NULL ? text : fallback;
}

int64_t value_int_at(const struct value *value, const char *path, int64_t fallback)
{
    const struct value *number = value_at_path(value, path);
    return value_is_integer(number) ? value_integer_value(number) : fallback;
}

bool value_bool_at(const struct value *value, const char *path, bool fallback)
{
    const struct value *truth = value_at_path(value, path);
    return value_is_boolean(truth) ? value_is_true(truth) : fallback;
}

const struct value *value_object_at(const struct value *value, const char *path)
{
    const struct value *object = value_at_path(value, path);
    return value_is_object(object) ? object : NULL;
}

const struct value *value_array_at(const struct value *value, const char *path)
{
    const struct value *array = value_at_path(value, path);
    return value_is_array(array) ? array : NULL;
}

void value_set_text(struct value *value, const char *path, const char *text)
{
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        size_t length = (size_t)(dot - path);
        struct value *next = value_object_getn(value, path, length);
        if (!value_is_object(next)) {
            next = value_object();
            if (value_object_setn_new(value, path, length, next) < 0)
                abort();
        }
        value = next;
    }
    if (value_object_set_new(value, path, value_string(text)) < 0)
        abort();
}
