#include "base/jval.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// jansson counts references atomically, but asks for its immortal values (true, false, null) with a
// plain read first, in functions that are inlined into ours. Immutable values may be shared.
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:json_decref\nrace:json_incref\ncalled_from_lib:libjansson.so\n";
}
#endif
#endif

void cleanup_json_pointer(json_t **value)
{
    json_decref(*value);
}

json_t *jval_unconst(const json_t *value)
{
    json_t *same;
    memcpy(&same, &value, sizeof same);
    return same;
}

json_t *jval_ref(const json_t *value)
{
    return json_incref(jval_unconst(value));
}

const json_t *jval_get(const json_t *value, const char *path)
{
    while (value != NULL && path != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");
        value = json_object_getn(value, path, length);
        path += length + (path[length] == '.');
    }
    return value;
}

const char *jval_string(const json_t *value, const char *path)
{
    return json_string_value(jval_get(value, path));
}

const char *jval_string_or(const json_t *value, const char *path, const char *fallback)
{
    const char *text = jval_string(value, path);
    return text != NULL ? text : fallback;
}

int64_t jval_int(const json_t *value, const char *path, int64_t fallback)
{
    const json_t *number = jval_get(value, path);
    return json_is_integer(number) ? json_integer_value(number) : fallback;
}

bool jval_bool(const json_t *value, const char *path, bool fallback)
{
    const json_t *truth = jval_get(value, path);
    return json_is_boolean(truth) ? json_is_true(truth) : fallback;
}

const json_t *jval_object(const json_t *value, const char *path)
{
    const json_t *object = jval_get(value, path);
    return json_is_object(object) ? object : NULL;
}

const json_t *jval_array(const json_t *value, const char *path)
{
    const json_t *array = jval_get(value, path);
    return json_is_array(array) ? array : NULL;
}

// The object that holds the last step of path; *path then names that step. NULL when it does not
// exist and is not to be made.
static json_t *parent_of(json_t *value, const char **path, bool make)
{
    assert(json_is_object(value));
    for (const char *dot; (dot = strchr(*path, '.')) != NULL; *path = dot + 1) {
        size_t length = (size_t)(dot - *path);
        json_t *next = json_object_getn(value, *path, length);
        if (!json_is_object(next)) {
            if (!make)
                return NULL;
            next = json_object();
            json_object_setn_new(value, *path, length, next);
        }
        value = next;
    }
    return value;
}

void jval_set(json_t *value, const char *path, json_t *new_value)
{
    json_t *parent = parent_of(value, &path, true);
    if (json_object_set_new(parent, path, new_value) < 0)
        abort();
}

void jval_set_string(json_t *value, const char *path, const char *text)
{
    if (text == NULL)
        jval_remove(value, path);
    else
        jval_set(value, path, json_string(text));
}

void jval_set_int(json_t *value, const char *path, int64_t number)
{
    jval_set(value, path, json_integer(number));
}

void jval_set_bool(json_t *value, const char *path, bool truth)
{
    jval_set(value, path, json_boolean(truth));
}

void jval_remove(json_t *value, const char *path)
{
    json_t *parent = parent_of(value, &path, false);
    if (parent != NULL)
        json_object_del(parent, path);
}

int jval_parse(const char *text, size_t size, const char *what, json_t **ret_value,
               struct error *err)
{
    json_error_t cause;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &cause);
    if (value == NULL)
        return error_set(err, ERROR_INVALID, "%s: line %d, column %d: %s", what, cause.line,
                         cause.column, cause.text);
    *ret_value = value;
    return 0;
}

int jval_parse_object(const char *text, size_t size, const char *what, json_t **ret_value,
                      struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse(text, size, what, &value, err) < 0)
        return -1;
    if (!json_is_object(value))
        return error_set(err, ERROR_INVALID, "%s is JSON, but not an object", what);
    *ret_value = STEAL(value);
    return 0;
}

static char *dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
    if (text == NULL)
        abort();
    return text;
}

size_t jval_size(const json_t *value)
{
    size_t size = 16;
    const char *key = NULL;
    json_t *member = NULL;
    jval_foreach (value, key, member)
        size += strlen(key) + jval_size(member);
    for (size_t i = 0; i < json_array_size(value); i++)
        size += jval_size(json_array_get(value, i));
    return size + json_string_length(value);
}

char *jval_canonical(const json_t *value)
{
    return dump(value, JSON_COMPACT | JSON_SORT_KEYS);
}

char *jval_compact(const json_t *value)
{
    return dump(value, JSON_COMPACT);
}

char *jval_pretty(const json_t *value)
{
    cleanup_free char *text = dump(value, JSON_INDENT(2));
    return xasprintf("%s\n", text);
}
