// Holds a value to its shape.
#include "render/kustomize/shape.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/vec.h"
#include "base/yamljson.h"

struct check {
    struct strbuf *path; // of the field being looked at; may be NULL
    bool lenient;
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

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "a mapping";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "nothing";
}

static int refuse(const char *wanted, const json_t *value, struct error *err)
{
    bool quote = strcmp(wanted, "text") == 0 && !json_is_object(value) && !json_is_array(value);
    return error_set(err, ERROR_INVALID, "%s stands where %s is expected%s", type_name(value),
                     wanted, quote ? "; write it in quotes" : "");
}

// Kustomizations are read by YAML 1.1, where more words than two are booleans.
static const json_t *yaml11_bool(const json_t *value)
{
    static const char *const yes[] = {"y", "yes", "on", "true"};
    static const char *const no[] = {"n", "no", "off", "false"};
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < ARRAY_LENGTH(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return json_true();
        if (strcasecmp(text, no[i]) == 0)
            return json_false();
    }
    return value;
}

// The configuration of a plugin is read by a decoder that makes text of other scalars.
static json_t *to_text(const struct check *check, json_t *value)
{
    bool scalar = json_is_boolean(value) || json_is_integer(value) || json_is_real(value);
    if (json_is_null(value))
        return json_string("");
    if (!check->lenient || !scalar)
        return json_incref(value);
    cleanup_free char *text = yamljson_scalar_text(value);
    return json_string(text);
}

static int check_object(struct check *check, json_t *value, const struct shape *shape,
                        struct error *err);

static int check_texts(struct check *check, json_t *list, struct error *err)
{
    if (!json_is_array(list))
        return refuse("a list", list, err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t before = mark(check);
        enter_item(check, i);
        json_array_set_new(list, i, to_text(check, json_array_get(list, i)));
        if (!json_is_string(json_array_get(list, i)))
            return refuse("text", json_array_get(list, i), err);
        leave(check, before);
    }
    return 0;
}

static int check_text_map(struct check *check, json_t *map, struct error *err)
{
    if (!json_is_object(map))
        return refuse("a mapping", map, err);
    void *next = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach_safe (map, next, key, value) {
        size_t before = mark(check);
        enter(check, key);
        json_object_set_new(map, key, to_text(check, value));
        if (!json_is_string(json_object_get(map, key)))
            return refuse("text", json_object_get(map, key), err);
        leave(check, before);
    }
    return 0;
}

static int check_objects(struct check *check, json_t *list, const struct shape *shape,
                         struct error *err)
{
    if (!json_is_array(list))
        return refuse("a list", list, err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t before = mark(check);
        enter_item(check, i);
        if (json_is_null(json_array_get(list, i)))
            json_array_set_new(list, i, json_object());
        if (check_object(check, json_array_get(list, i), shape, err) < 0)
            return -1;
        leave(check, before);
    }
    return 0;
}

static int check_value(struct check *check, json_t *parent, const struct shape_field *field,
                       struct error *err)
{
    json_t *value = json_object_get(parent, field->name);
    switch (field->type) {
    case SHAPE_TEXT:
        json_object_set_new(parent, field->name, to_text(check, value));
        value = json_object_get(parent, field->name);
        return json_is_string(value) ? 0 : refuse("text", value, err);
    case SHAPE_INTEGER:
        return json_is_integer(value) ? 0 : refuse("a whole number", value, err);
    case SHAPE_BOOL:
        json_object_set(parent, field->name, jval_unconst(yaml11_bool(value)));
        value = json_object_get(parent, field->name);
        return json_is_boolean(value) ? 0 : refuse("true or false", value, err);
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
    return json_is_object(value) ? 0 : refuse("a mapping", value, err);
}

static const struct shape_field *field_of(const struct shape *shape, const char *name)
{
    for (const struct shape_field *field = shape->fields; field->name != NULL; field++)
        if (strcasecmp(field->name, name) == 0)
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

static int check_member(struct check *check, json_t *object, const struct shape *shape,
                        const char *key, struct error *err)
{
    const struct shape_field *field = field_of(shape, key);
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
    if (json_is_null(json_object_get(object, key))) {
        json_object_del(object, key);
    } else {
        if (strcmp(field->name, key) != 0) {
            json_object_set(object, field->name, json_object_get(object, key));
            json_object_del(object, key);
        }
        if (check_value(check, object, field, err) < 0)
            return -1;
    }
    leave(check, before);
    return 0;
}

static int check_object(struct check *check, json_t *value, const struct shape *shape,
                        struct error *err)
{
    assert(shape != NULL);
    if (!json_is_object(value))
        return refuse("a mapping", value, err);
    // Names first, as members are renamed and removed on the way.
    cleanup_vec struct vec keys = VEC_OF(char *, vec_release_string);
    const char *key = NULL;
    const json_t *member = NULL;
    jval_foreach (value, key, member)
        vec_push_string(&keys, key);
    vec_foreach (char *, name, &keys)
        if (check_member(check, value, shape, *name, err) < 0)
            return -1;
    return 0;
}

int shape_check(json_t *value, const struct shape *shape, struct strbuf *path, struct error *err)
{
    struct check check = {.path = path, .lenient = shape->lenient};
    return check_object(&check, value, shape, err);
}
