#include "render/kustomize/json_patch.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/gojson.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "base/yamljson.h"
#include "base/yamljson_written.h"

enum { MAX_COPIED_BYTES = 16 << 20 };

struct json_patch {
    json_t *operations;
};

void json_patch_free(struct json_patch *patch)
{
    if (patch == NULL)
        return;
    json_decref(patch->operations);
    free(patch);
}

void cleanup_json_patch_pointer(struct json_patch **patch)
{
    json_patch_free(*patch);
    *patch = NULL;
}

size_t json_patch_count(const struct json_patch *patch)
{
    return json_array_size(patch->operations);
}

static json_t *settle(json_t *value);

// A number that Go would write in another way is equal to none: bytes are compared.
static void keep_spelling(json_t *value, const json_t *spelt)
{
    const char *key = NULL;
    json_t *member = NULL;
    jval_foreach (value, key, member) {
        const json_t *other = json_object_get(spelt, key);
        // So is text with what Go escapes in JSON, unless the patch escapes it, too.
        if (json_is_string(member) && strpbrk(json_string_value(member), "<>&") != NULL) {
            json_t *other_text =
                json_stringn(json_string_value(member), json_string_length(member) + 1);
            json_object_set_new(value, key, other_text);
            continue;
        }
        if (!json_is_number(member)) {
            keep_spelling(member, other);
            continue;
        }
        struct yamljson_written written;
        yamljson_written_of(other, &written);
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 512);
        gojson_write(member, 0, &text);
        if (other != NULL && strcmp(text.data, written.text) != 0)
            json_object_set_new(value, key, json_stringn(written.text, written.length + 1));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *holder = json_pack("{s:O}", "", json_array_get(value, i));
        cleanup_json json_t *other = json_pack("{s:O*}", "", json_array_get(spelt, i));
        keep_spelling(holder, other);
        json_array_set(value, i, json_object_get(holder, ""));
        json_decref(holder);
    }
}

static void keep_spellings(const char *text, size_t size, json_t *operations)
{
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    struct yamljson_limits limits = {.last_wins = true, .written = true};
    if (strstr(text, "test") == NULL || strstr(text, "\\u00") != NULL ||
        yamljson_parse_all(text, size, "patch", &limits, &documents, NULL) < 0 ||
        documents.len == 0)
        return;
    const json_t *spelt = ((struct yamljson_document *)documents.data)->value;
    for (size_t i = 0; i < json_array_size(operations); i++) {
        json_t *operation = json_array_get(operations, i);
        if (strcmp(jval_string_or(operation, "op", ""), "test") == 0)
            keep_spelling(operation, json_array_get(spelt, i));
    }
}

// Text that starts with a bracket is JSON and nothing else; of YAML the first document counts.
static int parse_operations(const char *text, size_t size, const char *name, json_t **ret_value,
                            struct error *err)
{
    if (size > 0 && text[0] == '[') {
        *ret_value = json_loadb(text, size, 0, NULL);
        if (*ret_value == NULL) { // integers beyond 64 bits are floats for Go
            cleanup_json json_t *reals = json_loadb(text, size, JSON_DECODE_INT_AS_REAL, NULL);
            if (reals == NULL)
                return jval_parse(text, size, name, ret_value, err);
            *ret_value = settle(reals);
        }
        keep_spellings(text, size, *ret_value);
        return 0;
    }
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    struct yamljson_limits limits = {.last_wins = true, .yaml11 = true};
    if (yamljson_parse_all(text, size, name, &limits, &documents, err) < 0)
        return -1;
    if (documents.len > 0) {
        struct yamljson_document *first = vec_at(&documents, 0);
        *ret_value = STEAL(first->value);
    }
    return 0;
}

int json_patch_parse(const char *text, size_t size, const char *name, struct json_patch **ret_patch,
                     struct error *err)
{
    cleanup_json json_t *operations = NULL;
    if (parse_operations(text, size, name, &operations, err) < 0)
        return -1;
    if (!json_is_array(operations))
        return error_set(err, ERROR_INVALID,
                         "%s: a JSON patch is a list of operations ({op, path, value})", name);
    for (size_t i = 0; i < json_array_size(operations); i++)
        if (!json_is_object(json_array_get(operations, i)))
            return error_set(err, ERROR_INVALID,
                             "%s: operation %zu is no object with op, path and value", name, i);
    struct json_patch *patch = xcalloc(1, sizeof *patch);
    patch->operations = STEAL(operations);
    *ret_patch = patch;
    return 0;
}

struct application {
    json_t *root;
    const json_t *operation;
    size_t copied;
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
static int find_container(const struct application *at, const char *pointer, json_t **ret_container,
                          char **ret_key, struct error *err)
{
    const char *start = strchr(pointer, '/');
    if (start == NULL)
        return missing(pointer, err);
    json_t *container = at->root;
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
        if (json_is_object(container))
            container = json_object_get(container, key);
        else if (find_index(key, json_array_size(container), &index, NULL) == 0)
            container = json_array_get(container, index);
        else
            return missing(pointer, err);
        if (!json_is_object(container) && !json_is_array(container))
            return missing(pointer, err);
        start += length;
    }
}

// *ret_value is borrowed; NULL for an absent member of an object.
static int get_value(const json_t *container, const char *key, json_t **ret_value,
                     struct error *err)
{
    if (json_is_object(container)) {
        *ret_value = json_object_get(container, key);
        return 0;
    }
    size_t index = 0;
    if (find_index(key, json_array_size(container), &index, err) < 0)
        return -1;
    *ret_value = json_array_get(container, index);
    return 0;
}

// Consumes value.
static int add_value(json_t *container, const char *key, json_t *value, struct error *err)
{
    if (json_is_object(container)) {
        json_object_set_new(container, key, value);
        return 0;
    }
    size_t index = json_array_size(container);
    if (strcmp(key, "-") != 0 && find_index(key, index + 1, &index, err) < 0) {
        json_decref(value);
        return -1;
    }
    json_array_insert_new(container, index, value);
    return 0;
}

static int remove_value(json_t *container, const char *key, struct error *err)
{
    if (json_is_object(container))
        return json_object_del(container, key) == 0
                   ? 0
                   : error_set(err, ERROR_INVALID, "there is no member \"%s\"", key);
    size_t index = 0;
    if (find_index(key, json_array_size(container), &index, err) < 0)
        return -1;
    json_array_remove(container, index);
    return 0;
}

static int string_member(const json_t *operation, const char *name, const char **ret_text,
                         struct error *err)
{
    const json_t *value = json_object_get(operation, name);
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "it has no text \"%s\"; give it one", name);
    *ret_text = json_string_value(value);
    return 0;
}

// A copy, null where the operation has none.
static json_t *operation_value(const json_t *operation)
{
    json_t *value = json_object_get(operation, "value");
    return value == NULL ? json_null() : json_deep_copy(value);
}

static int find_member(const struct application *at, const char *member, json_t **ret_container,
                       char **ret_key, struct error *err)
{
    const char *pointer = NULL;
    if (string_member(at->operation, member, &pointer, err) < 0)
        return -1;
    return find_container(at, pointer, ret_container, ret_key, err);
}

static int apply_add(struct application *at, struct error *err)
{
    json_t *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, operation_value(at->operation), err);
}

static int apply_remove(struct application *at, struct error *err)
{
    json_t *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return remove_value(container, key, err);
}

static int apply_replace(struct application *at, struct error *err)
{
    const char *pointer = jval_string(at->operation, "path");
    if (pointer != NULL && *pointer == '\0') {
        cleanup_json json_t *value = operation_value(at->operation);
        if (!json_is_object(value) && !json_is_array(value))
            return error_set(err, ERROR_INVALID,
                             "only an object or a list can replace the whole object");
        json_decref(at->root);
        at->root = STEAL(value);
        return 0;
    }
    json_t *container = NULL;
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    if (json_is_object(container)) {
        json_object_set_new(container, key, operation_value(at->operation));
        return 0;
    }
    size_t index = 0;
    if (find_index(key, json_array_size(container), &index, err) < 0)
        return -1;
    json_array_set_new(container, index, operation_value(at->operation));
    return 0;
}

static int apply_move(struct application *at, struct error *err)
{
    json_t *container = NULL;
    cleanup_free char *from = NULL;
    json_t *value = NULL;
    if (find_member(at, "from", &container, &from, err) < 0 ||
        get_value(container, from, &value, err) < 0)
        return -1;
    cleanup_json json_t *held = json_incref(value);
    cleanup_free char *key = NULL;
    if (remove_value(container, from, err) < 0 ||
        find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, STEAL(held), err);
}

static int apply_copy(struct application *at, struct error *err)
{
    json_t *container = NULL;
    cleanup_free char *from = NULL;
    json_t *value = NULL;
    if (find_member(at, "from", &container, &from, err) < 0 ||
        get_value(container, from, &value, err) < 0)
        return -1;
    at->copied += jval_size(value);
    if (at->copied > MAX_COPIED_BYTES)
        return error_set(err, ERROR_LIMIT, "the patch's copies are larger than %d bytes",
                         MAX_COPIED_BYTES);
    cleanup_json json_t *copy = value == NULL ? json_null() : json_deep_copy(value);
    cleanup_free char *key = NULL;
    if (find_member(at, "path", &container, &key, err) < 0)
        return -1;
    return add_value(container, key, STEAL(copy), err);
}

static bool values_equal(const json_t *a, const json_t *b)
{
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_null(a))
        return true;
    if (json_is_array(a)) {
        size_t i = 0;
        if (json_array_size(a) != json_array_size(b))
            return false;
        while (i < json_array_size(a) && values_equal(json_array_get(a, i), json_array_get(b, i)))
            i++;
        return i == json_array_size(a);
    }
    if (!json_is_object(a))
        return json_equal(a, b) != 0;
    if (json_object_size(a) != json_object_size(b))
        return false;
    const char *key = NULL;
    json_t *member = NULL;
    jval_foreach (a, key, member) {
        const json_t *other = json_object_get(b, key);
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
    json_t *value = at->root;
    if (*pointer != '\0') {
        json_t *container = NULL;
        cleanup_free char *key = NULL;
        if (find_container(at, pointer, &container, &key, err) < 0 ||
            get_value(container, key, &value, err) < 0)
            return -1;
    }
    const json_t *wanted = json_object_get(at->operation, "value");
    bool none = value == NULL || json_is_null(value);
    bool none_wanted = wanted == NULL || json_is_null(wanted);
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
static json_t *long_number(double real)
{
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    return yamljson_written_new(text, strlen(text), YAMLJSON_TAG_FLOAT, false);
}

// The library ends with numbers as Go's float64, and all nulls written out. *value may be replaced.
static json_t *settle(json_t *value)
{
    if (json_is_null(value))
        return json_null();
    if (json_is_integer(value)) {
        double real = (double)json_integer_value(value);
        return fabs(real) < 1e6 ? json_incref(value) : long_number(real);
    }
    if (json_is_real(value)) {
        double real = json_real_value(value);
        bool whole = real == trunc(real);
        if (whole && fabs(real) < 1e6)
            return json_integer((json_int_t)real);
        return whole ? long_number(real) : json_incref(value);
    }
    const char *key = NULL;
    json_t *member = NULL;
    jval_foreach (value, key, member) {
        json_t *settled = settle(member);
        if (settled == member)
            json_decref(settled);
        else
            json_object_set_new(value, key, settled);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        json_array_set_new(value, i, settle(json_array_get(value, i)));
    return json_incref(value);
}

int json_patch_apply(const struct json_patch *patch, json_t *value, json_t **ret_value,
                     struct error *err)
{
    struct application at = {.root = json_incref(value)};
    int status = 0;
    for (size_t i = 0; i < json_array_size(patch->operations) && status == 0; i++) {
        at.operation = json_array_get(patch->operations, i);
        status = apply_operation(&at, err);
        if (status < 0)
            error_wrap(err, "operation %zu (%s %s)", i, jval_string_or(at.operation, "op", "?"),
                       jval_string_or(at.operation, "path", "?"));
    }
    if (status == 0 && !json_is_object(at.root))
        status = error_set(err, ERROR_INVALID, "the patch leaves a list where an object was");
    if (status == 0)
        *ret_value = settle(at.root);
    json_decref(at.root);
    return status;
}
