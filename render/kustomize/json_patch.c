#include "render/kustomize/json_patch.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/json_patch_internal.h"

enum {
    MAX_COPIED_BYTES = 16 << 20,   // in one object
    MAX_COPIED_IN_ALL = 256 << 20, // in all that one patch goes to
};

struct application {
    struct value *root;
    const struct value *operation;
    size_t copied;
    size_t copied_before; // in other objects
};

// ~1 is a slash, ~0 a tilde, in one pass.
static char *decode_key(const char *text, size_t size)
{
    char *key = xmalloc(size + 1);
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        key[length++] = text[i];
        if (text[i] != '~' || i + 1 >= size || (text[i + 1] != '0' && text[i + 1] != '1'))
            continue;
        key[length - 1] = text[i + 1] == '1' ? '/' : '~';
        i++;
    }
    key[length] = '\0';
    return key;
}

// strconv.Atoi.
static bool parse_index(const char *text, long long *ret_index)
{
    const char *digits = text + (*text == '-' || *text == '+');
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || digits[length] != '\0' || length > 18)
        return false;
    *ret_index = strtoll(text, NULL, 10);
    return true;
}

// The position of an element of an array with `size` places; negative ones count from the end.
static int find_index(const char *key, size_t size, size_t *ret_index, struct error *err)
{
    long long index = 0;
    if (!parse_index(key, &index))
        return error_set(err, ERROR_INVALID, "\"%s\" is no index of a list", key);
    long long places = (long long)size;
    if (index >= places || index < -places)
        return error_set(err, ERROR_INVALID, "the index %s is outside the list", key);
    *ret_index = (size_t)(index < 0 ? index + places : index);
    return 0;
}

static int missing(const char *pointer, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s is not there",
                     *pointer == '\0' ? "the empty path" : pointer);
}

// The container that the pointer's last name is in, borrowed, and that name, owned. What stands
// before the first slash is not looked at, as in the library.
static int find_container(const struct application *at, const char *pointer,
                          struct value **ret_container, char **ret_key, struct error *err)
{
    const char *start = strchr(pointer, '/');
    if (start == NULL)
        return missing(pointer, err);
    struct value *container = at->root;
    for (;;) {
        start++;
        size_t length = strcspn(start, "/");
        cleanup_free char *key = decode_key(start, length);
        if (start[length] == '\0') {
            *ret_container = container;
            *ret_key = STEAL(key);
            return 0;
        }
        size_t index = 0;
        if (value_is_object(container))
            container = value_object_get(container, key);
        else if (find_index(key, value_array_size(container), &index, NULL) == 0)
            container = value_array_get(container, index);
        else
            return missing(pointer, err);
        if (!value_is_object(container) && !value_is_array(container))
            return missing(pointer, err);
        start += length;
    }
}

// *ret_value is borrowed; NULL for an absent member of an object.
static int get_value(const struct value *container, const char *key, struct value **ret_value,
                     struct error *err)
{
    if (value_is_object(container)) {
        *ret_value = value_object_get(container, key);
        return 0;
    }
    size_t index = 0;
    if (find_index(key, value_array_size(container), &index, err) < 0)
        return -1;
    *ret_value = value_array_get(container, index);
    return 0;
}

// Consumes value.
static int add_value(struct value *container, const char *key, struct value *value,
                     struct error *err)
{
    if (value_is_object(container)) {
        value_object_set_new(container, key, value);
        return 0;
    }
    size_t index = value_array_size(container);
    if (strcmp(key, "-") != 0 && find_index(key, index + 1, &index, err) < 0) {
        value_decref(value);
        return -1;
    }
    value_array_insert_new(container, index, value);
    return 0;
}

static int remove_value(struct value *container, const char *key, struct error *err)
{
    if (value_is_object(container))
        return value_object_del(container, key) == 0
                   ? 0
                   : error_set(err, ERROR_INVALID, "there is no member \"%s\"", key);
    size_t index = 0;
    if (find_index(key, value_array_size(container), &index, err) < 0)
        return -1;
    value_array_remove(container, index);
    return 0;
}

static int string_member(const struct value *operation, const char *name, const char **ret_text,
                         struct error *err)
{
    const struct value *value = value_object_get(operation, name);
    if (!value_is_string(value))
        return error_set(err, ERROR_INVALID, "it has no text \"%s\"; give it one", name);
    *ret_text = value_string_value(value);
    return 0;
}

// A copy, null where the operation has none.
static struct value *operation_value(const struct value *operation)
{
    struct value *value = value_object_get(operation, "value");
    return value == NULL ? value_null() : value_deep_copy(value);
}

static int find_member(const struct application *at, const char *member,
                       struct value **ret_container, char **ret_key, struct error *err)
{
    const char *pointer = NULL;
    if (string_member(at->operation, member, &pointer, err) < 0)
        return -1;
    return find_container(at, pointer, ret_container, ret_key, err);
}

static int apply_add(struct application *at, struct error *err)
{
    struct value *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, operation_value(at->operation), err);
}

static int apply_remove(struct application *at, struct error *err)
{
    struct value *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return remove_value(container, key, err);
}

static int apply_replace(struct application *at, struct error *err)
{
    const char *pointer = value_text(at->operation, "path");
    if (pointer != NULL && *pointer == '\0') {
        cleanup_value struct value *value = operation_value(at->operation);
        if (!value_is_object(value) && !value_is_array(value))
            return error_set(err, ERROR_INVALID,
                             "only an object or a list can replace the whole object");
        value_decref(at->root);
        at->root = STEAL(value);
        return 0;
    }
    struct value *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    if (value_is_object(container)) {
        value_object_set_new(container, key, operation_value(at->operation));
        return 0;
    }
    size_t index = 0;
    if (find_index(key, value_array_size(container), &index, err) < 0)
        return -1;
    value_array_set_new(container, index, operation_value(at->operation));
    return 0;
}

static int apply_move(struct application *at, struct error *err)
{
    struct value *container = NULL;
    cleanup_free char *from = NULL;
    struct value *value = NULL;
    if (find_member(at, "from", &container, &from, err) < 0 ||
        get_value(container, from, &value, err) < 0)
        return -1;
    cleanup_value struct value *held = value_incref(value);
    cleanup_free char *key = NULL;
    if (remove_value(container, from, err) < 0 ||
        find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, STEAL(held), err);
}

static int apply_copy(struct application *at, struct error *err)
{
    struct value *container = NULL;
    cleanup_free char *from = NULL;
    struct value *value = NULL;
    if (find_member(at, "from", &container, &from, err) < 0 ||
        get_value(container, from, &value, err) < 0)
        return -1;
    at->copied += value_size(value);
    if (at->copied > MAX_COPIED_BYTES)
        return error_set(err, ERROR_LIMIT, "the patch's copies are larger than %d bytes",
                         MAX_COPIED_BYTES);
    if (at->copied_before + at->copied > MAX_COPIED_IN_ALL)
        return error_set(err, ERROR_LIMIT,
                         "the patch's copies in all objects are larger than %d MiB",
                         MAX_COPIED_IN_ALL >> 20);
    cleanup_value struct value *copy = value == NULL ? value_null() : value_deep_copy(value);
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, STEAL(copy), err);
}

static bool values_equal(const struct value *a, const struct value *b)
{
    if (value_typeof(a) != value_typeof(b))
        return false;
    if (value_is_null(a))
        return true;
    if (value_is_array(a)) {
        size_t i = 0;
        if (value_array_size(a) != value_array_size(b))
            return false;
        while (i < value_array_size(a) &&
               values_equal(value_array_get(a, i), value_array_get(b, i)))
            i++;
        return i == value_array_size(a);
    }
    if (!value_is_object(a))
        return value_equal(a, b) != 0;
    if (value_object_size(a) != value_object_size(b))
        return false;
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (a, key, member) {
        const struct value *other = value_object_get(b, key);
        if (other == NULL || !values_equal(member, other))
            return false;
    }
    return true;
}

static int apply_test(struct application *at, struct error *err)
{
    const char *pointer = "";
    if (string_member(at->operation, "path", &pointer, err) < 0)
        return -1;
    struct value *value = at->root;
    if (*pointer != '\0') {
        struct value *container = NULL;
        cleanup_free char *key = NULL;
        if (find_container(at, pointer, &container, &key, err) < 0 ||
            get_value(container, key, &value, err) < 0)
            return -1;
    }
    const struct value *wanted = value_object_get(at->operation, "value");
    bool none = value == NULL || value_is_null(value);
    bool none_wanted = wanted == NULL || value_is_null(wanted);
    if (none || none_wanted ? none == none_wanted : values_equal(value, wanted))
        return 0;
    return error_set(err, ERROR_INVALID, "the value is another one");
}

static int apply_operation(struct application *at, struct error *err)
{
    static const struct {
        const char *name;
        int (*apply)(struct application *at, struct error *err);
    } operations[] = {
        {"add", apply_add},   {"remove", apply_remove}, {"replace", apply_replace},
        {"move", apply_move}, {"copy", apply_copy},     {"test", apply_test},
    };
    const char *name = NULL;
    if (string_member(at->operation, "op", &name, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(operations); i++)
        if (strcmp(operations[i].name, name) == 0)
            return operations[i].apply(at, err);
    return error_set(err, ERROR_INVALID, "op is add, remove, replace, move, copy or test");
}

// A whole number beyond six digits, as Go's float64 is written in YAML: 1e+06. Its value is the
// same, but not what becomes of it in the middle of a text.
static struct value *long_number(double real)
{
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    return yamlvalue_written_new(text, strlen(text), YAMLVALUE_TAG_FLOAT, false);
}

struct value *json_patch_settle(struct value *value)
{
    if (value_is_null(value))
        return value_null();
    if (value_is_integer(value)) {
        double real = (double)value_integer_value(value);
        return fabs(real) < 1e6 ? value_incref(value) : long_number(real);
    }
    if (value_is_real(value)) {
        double real = value_real_value(value);
        bool whole = real == trunc(real);
        if (whole && fabs(real) < 1e6)
            return value_integer((int64_t)real);
        return whole ? long_number(real) : value_incref(value);
    }
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (value, key, member) {
        struct value *settled = json_patch_settle(member);
        if (settled == member)
            value_decref(settled);
        else
            value_object_set_new(value, key, settled);
    }
    for (size_t i = 0; i < value_array_size(value); i++)
        value_array_set_new(value, i, json_patch_settle(value_array_get(value, i)));
    return value_incref(value);
}

int json_patch_apply(struct json_patch *patch, struct value *value, struct value **ret_value,
                     struct error *err)
{
    struct application at = {.root = value_incref(value), .copied_before = patch->copied};
    int status = 0;
    for (size_t i = 0; i < value_array_size(patch->operations) && status == 0; i++) {
        at.operation = value_array_get(patch->operations, i);
        status = apply_operation(&at, err);
        if (status < 0)
            error_wrap(err, "operation %zu (%s %s)", i, value_text_or(at.operation, "op", "?"),
                       value_text_or(at.operation, "path", "?"));
    }
    patch->copied += at.copied;
    if (status == 0 && !value_is_object(at.root))
        status = error_set(err, ERROR_INVALID, "the patch leaves a list where an object was");
    if (status == 0)
        *ret_value = json_patch_settle(at.root);
    value_decref(at.root);
    return status;
}
