// Holds a value to its shape.
#include "render/kustomize/shape.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/value.h"
#include "base/vec.h"
#include "base/yamlvalue.h"

struct check {
    struct strbuf *path; // of the field being looked at; may be NULL
    bool lenient;
    bool exact;
};

static void enter(struct check *check, const char *name)
{
    if (check->path == NULL)
        return;
    if (check->path->len > 0)
        strbuf_addch(check->path, '.');
    strbuf_addstr(check->path, name);
}

static void enter_item(struct check *check, size_t index)
{
    if (check->path != NULL)
        strbuf_addf(check->path, "[%zu]", index);
}

static size_t mark(const struct check *check)
{
    return check->path != NULL ? check->path->len : 0;
}

static void leave(struct check *check, size_t length)
{
    if (check->path != NULL)
        strbuf_truncate(check->path, length);
}

static const char *type_name(const struct value *value)
{
    switch (value_typeof(value)) {
    case VALUE_OBJECT:
        return "a mapping";
    case VALUE_ARRAY:
        return "a list";
    case VALUE_STRING:
        return "text";
    case VALUE_INTEGER:
    case VALUE_REAL:
        return "a number";
    case VALUE_TRUE:
    case VALUE_FALSE:
        return "true or false";
    case VALUE_NULL:
        break;
    }
    return "nothing";
}

static int refuse(const char *wanted, const struct value *value, struct error *err)
{
    bool quote = strcmp(wanted, "text") == 0 && !value_is_object(value) && !value_is_array(value);
    return error_set(err, ERROR_INVALID, "%s stands where %s is expected%s", type_name(value),
                     wanted, quote ? "; write it in quotes" : "");
}

// The configuration of a plugin is read by YAML 1.1, where more words than two are booleans. (Where
// true and false are texts here, they stood in quotes, and are none.)
static const struct value *yaml11_bool(const struct value *value)
{
    static const char *const yes[] = {"y", "yes", "on"};
    static const char *const no[] = {"n", "no", "off"};
    const char *text = value_string_value(value);
    for (size_t i = 0; text != NULL && i < ARRAY_LENGTH(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return value_true();
        if (strcasecmp(text, no[i]) == 0)
            return value_false();
    }
    return value;
}

// The configuration of a plugin is read by a decoder that makes text of other scalars.
static struct value *to_text(const struct check *check, struct value *value)
{
    bool scalar = value_is_boolean(value) || value_is_integer(value) || value_is_real(value);
    if (value_is_null(value))
        return value_string("");
    if (!check->lenient || !scalar)
        return value_incref(value);
    cleanup_free char *text = yamlvalue_scalar_text(value);
    return value_string(text);
}

static int check_object(struct check *check, struct value *value, const struct shape *shape,
                        struct error *err);

static int check_texts(struct check *check, struct value *list, struct error *err)
{
    if (!value_is_array(list))
        return refuse("a list", list, err);
    for (size_t i = 0; i < value_array_size(list); i++) {
        size_t before = mark(check);
        enter_item(check, i);
        value_array_set_new(list, i, to_text(check, value_array_get(list, i)));
        if (!value_is_string(value_array_get(list, i)))
            return refuse("text", value_array_get(list, i), err);
        leave(check, before);
    }
    return 0;
}

static int check_text_map(struct check *check, struct value *map, struct error *err)
{
    if (!value_is_object(map))
        return refuse("a mapping", map, err);
    const char *key = NULL;
    struct value *value = NULL;
    value_foreach (map, key, value) {
        size_t before = mark(check);
        enter(check, key);
        value_object_set_new(map, key, to_text(check, value));
        if (!value_is_string(value_object_get(map, key)))
            return refuse("text", value_object_get(map, key), err);
        leave(check, before);
    }
    return 0;
}

static int check_objects(struct check *check, struct value *list, const struct shape *shape,
                         struct error *err)
{
    if (!value_is_array(list))
        return refuse("a list", list, err);
    for (size_t i = 0; i < value_array_size(list); i++) {
        size_t before = mark(check);
        enter_item(check, i);
        if (value_is_null(value_array_get(list, i)))
            value_array_set_new(list, i, value_object());
        if (check_object(check, value_array_get(list, i), shape, err) < 0)
            return -1;
        leave(check, before);
    }
    return 0;
}

static int check_path(const struct value *path, struct error *err)
{
    enum { MAX_NAMES = 100 }; // objects are nested 64 levels deep where they are read
    size_t names = 1;
    for (const char *at = value_string_value(path); *at != '\0'; at++)
        names += *at == '/';
    return names <= MAX_NAMES
               ? 0
               : error_set(err, ERROR_LIMIT, "a path of more than %d names", MAX_NAMES);
}

static int check_value(struct check *check, struct value *parent, const struct shape_field *field,
                       struct error *err)
{
    struct value *value = value_object_get(parent, field->name);
    switch (field->type) {
    case SHAPE_TEXT:
        value_object_set_new(parent, field->name, to_text(check, value));
        value = value_object_get(parent, field->name);
        return value_is_string(value) ? 0 : refuse("text", value, err);
    case SHAPE_PATH:
        value_object_set_new(parent, field->name, to_text(check, value));
        value = value_object_get(parent, field->name);
        return value_is_string(value) ? check_path(value, err) : refuse("text", value, err);
    case SHAPE_INTEGER:
        return value_is_integer(value) ? 0 : refuse("a whole number", value, err);
    case SHAPE_BOOL:
        if (check->lenient)
            value_object_set(parent, field->name, value_unconst(yaml11_bool(value)));
        value = value_object_get(parent, field->name);
        return value_is_boolean(value) ? 0 : refuse("true or false", value, err);
    case SHAPE_TEXTS:
        return check_texts(check, value, err);
    case SHAPE_TEXT_MAP:
        return check_text_map(check, value, err);
    case SHAPE_OBJECT:
        return check_object(check, value, shape_find(field->shape), err);
    case SHAPE_OBJECTS:
        return check_objects(check, value, shape_find(field->shape), err);
    case SHAPE_ANY:
        break;
    }
    return value_is_object(value) ? 0 : refuse("a mapping", value, err);
}

static const struct shape_field *field_of(const struct check *check, const struct shape *shape,
                                          const char *name)
{
    for (const struct shape_field *field = shape->fields; field->name != NULL; field++)
        if ((check->exact ? strcmp : strcasecmp)(field->name, name) == 0)
            return field;
    return NULL;
}

static const char *similar(const struct shape *shape, const char *name)
{
    struct nearest nearest = {.wanted = name};
    for (const struct shape_field *field = shape->fields; field->name != NULL; field++)
        nearest_offer(&nearest, field->name);
    return nearest.best;
}

static int check_member(struct check *check, struct value *object, const struct shape *shape,
                        const char *key, struct error *err)
{
    const struct shape_field *field = field_of(check, shape, key);
    size_t before = mark(check);
    enter(check, key);
    if (field == NULL) {
        const char *hint = similar(shape, key);
        if (check->lenient) {
            leave(check, before);
            return 0;
        }
        return error_set(err, ERROR_INVALID, "no field of that name is known here%s%s%s",
                         hint != NULL ? " (did you mean " : "", hint != NULL ? hint : "",
                         hint != NULL ? "?)" : "");
    }
    if (value_is_null(value_object_get(object, key))) {
        value_object_del(object, key);
    } else {
        if (strcmp(field->name, key) != 0) {
            value_object_set(object, field->name, value_object_get(object, key));
            value_object_del(object, key);
        }
        if (check_value(check, object, field, err) < 0)
            return -1;
    }
    leave(check, before);
    return 0;
}

static int compare_spellings(const void *a, const void *b)
{
    const char *left = *(char *const *)a;
    const char *right = *(char *const *)b;
    int order = strcasecmp(left, right);
    return order != 0 ? order : strcmp(left, right);
}

// Of names that differ in case alone the last counts, in the order of their bytes.
static void drop_spelt_again(struct value *value, const struct vec *keys)
{
    cleanup_vec struct vec sorted = VEC_OF(char *, NULL);
    vec_foreach (char *, name, keys)
        *(char **)vec_push(&sorted) = *name;
    if (sorted.len > 1)
        qsort(sorted.data, sorted.len, sizeof(char *), compare_spellings);
    for (size_t i = 1; i < sorted.len; i++) {
        const char *name = *(char **)vec_at(&sorted, i - 1);
        if (strcasecmp(name, *(char **)vec_at(&sorted, i)) == 0)
            value_object_del(value, name);
    }
}

static int check_object(struct check *check, struct value *value, const struct shape *shape,
                        struct error *err)
{
    assert(shape != NULL);
    if (!value_is_object(value))
        return refuse("a mapping", value, err);
    // Names first, as members are renamed and removed on the way.
    cleanup_vec struct vec keys = VEC_OF(char *, vec_release_string);
    const char *key = NULL;
    const struct value *member = NULL;
    value_foreach (value, key, member)
        vec_push_string(&keys, key);
    if (!check->exact)
        drop_spelt_again(value, &keys);
    vec_foreach (char *, name, &keys)
        if (value_object_get(value, *name) != NULL &&
            check_member(check, value, shape, *name, err) < 0)
            return -1;
    return 0;
}

int shape_check(struct value *value, const struct shape *shape, struct strbuf *path,
                struct error *err)
{
    struct check check = {.path = path, .lenient = shape->lenient, .exact = shape->exact};
    return check_object(&check, value, shape, err);
}
