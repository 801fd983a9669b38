#include "render/kustomize/field_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/regexp.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"

enum { MAX_PARTS = 100 };

static bool ends_with(const char *text, char ch)
{
    size_t length = strlen(text);
    return length > 0 && text[length - 1] == ch;
}

// Takes [ and ] off both ends, all of them.
static char *trim_brackets(const char *text)
{
    text += strspn(text, "[]");
    size_t length = strlen(text);
    while (length > 0 && strchr("[]", text[length - 1]) != NULL)
        length--;
    return xstrndup(text, length);
}

// Joins the parts between "[" and "]"; brackets stay where they hold a condition.
static void join_brackets(const struct vec *split, struct vec *parts)
{
    for (size_t i = 0; i < split->len; i++) {
        const char *part = *(char **)vec_at(split, i);
        if (*part != '[' || ends_with(part, ']')) {
            vec_push_string(parts, part);
            continue;
        }
        cleanup_strbuf struct strbuf joined;
        strbuf_init(&joined, SIZE_MAX / 2);
        strbuf_addstr(&joined, part);
        while (i + 1 < split->len) {
            part = *(char **)vec_at(split, ++i);
            strbuf_addf(&joined, ".%s", part);
            if (ends_with(part, ']'))
                break;
        }
        bool condition = strchr(joined.data, '=') != NULL;
        *(char **)vec_push(parts) = condition ? strbuf_steal(&joined) : trim_brackets(joined.data);
    }
}

int field_path_split(const char *path, struct vec *parts, struct error *err)
{
    // Its parts become names of members, and those are UTF-8.
    cleanup_value struct value *checked = value_string(path);
    if (checked == NULL)
        return error_set(err, ERROR_INVALID, "the field path is no UTF-8");
    cleanup_vec struct vec split = VEC_OF(char *, vec_release_string);
    fieldspec_split(path, '.', &split);
    if (split.len > MAX_PARTS)
        return error_set(err, ERROR_LIMIT, "the field path \"%.80s…\" has more than %d parts", path,
                         MAX_PARTS);
    join_brackets(&split, parts);
    return 0;
}

// strconv.Atoi: [+-]digits.
static bool parse_index(const char *part, long long *ret_index)
{
    const char *digits = part + (*part == '-' || *part == '+');
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || digits[length] != '\0' || length > 18)
        return false;
    *ret_index = strtoll(part, NULL, 10);
    return true;
}

static bool is_condition(const char *part)
{
    return *part == '[' && ends_with(part, ']');
}

static bool is_place(const char *part)
{
    long long index = 0;
    return parse_index(part, &index) && index >= 0;
}

// "[name=value]" into its two halves; both owned.
static int split_condition(const char *part, char **ret_name, char **ret_value, struct error *err)
{
    size_t length = strlen(part);
    if (length < 2 || memchr(part, '=', length) == NULL)
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is no condition; write [name=value], or [=value] for plain values",
                         part);
    const char *equals = strchr(part, '=');
    *ret_name = xstrndup(part + 1, (size_t)(equals - part) - 1);
    *ret_value = xstrndup(equals + 1, strlen(equals + 1) - 1);
    return 0;
}

static const char *kind_of(const struct value *value)
{
    return value_is_object(value) ? "a mapping" : value_is_array(value) ? "a list" : "a scalar";
}

static int check_array(const struct value *value, const char *part, struct error *err)
{
    if (value_is_array(value) || value_is_null(value))
        return 0;
    return error_set(err, ERROR_INVALID, "\"%s\" asks for a list and there is %s", part,
                     kind_of(value));
}

static int check_object(const struct value *value, const char *part, struct error *err)
{
    if (value_is_object(value) || value_is_null(value))
        return 0;
    return error_set(err, ERROR_INVALID, "\"%s\" asks for a mapping and there is %s", part,
                     kind_of(value));
}

// ---- one place ----

static bool text_is(const struct value *value, const char *text)
{
    cleanup_free char *own = yamlvalue_scalar_text(value);
    return strcmp(own, text) == 0;
}

static int get_element(struct value *value, const char *part, struct value **ret_value,
                       struct error *err)
{
    cleanup_free char *name = NULL;
    cleanup_free char *wanted = NULL;
    *ret_value = NULL;
    if (split_condition(part, &name, &wanted, err) < 0 || check_array(value, part, err) < 0)
        return -1;
    for (size_t i = 0; i < value_array_size(value) && *ret_value == NULL; i++) {
        struct value *element = value_array_get(value, i);
        const struct value *member = *name == '\0' ? element : value_object_get(element, name);
        if (member != NULL && text_is(member, wanted))
            *ret_value = element;
    }
    return 0;
}

static int get_part(struct value *value, const char *part, struct value **ret_value,
                    struct error *err)
{
    long long index = 0;
    bool number = parse_index(part, &index);
    *ret_value = NULL;
    if (number || strcmp(part, "-") == 0) {
        if (check_array(value, part, err) < 0)
            return -1;
        if (index < 0)
            return error_set(err, ERROR_INVALID, "the index %s is negative", part);
        size_t size = value_array_size(value);
        *ret_value = value_array_get(value, number ? (size_t)index : size - 1);
        return 0;
    }
    if (strcmp(part, "*") == 0)
        return error_set(err, ERROR_INVALID, "\"*\" means many places, and here one is needed");
    if (is_condition(part))
        return get_element(value, part, ret_value, err);
    if (check_object(value, part, err) < 0)
        return -1;
    *ret_value = value_object_get(value, part);
    return 0;
}

int field_path_get(struct value *value, const struct vec *parts, struct value **ret_value,
                   struct error *err)
{
    vec_foreach (char *, part, parts) {
        const char *start = *part + strspn(*part, " \t\r\n");
        size_t length = strlen(start);
        while (length > 0 && strchr(" \t\r\n", start[length - 1]) != NULL)
            length--;
        cleanup_free char *trimmed = xstrndup(start, length);
        if (length == 0)
            continue;
        if (get_part(value, trimmed, &value, err) < 0)
            return -1;
        if (value == NULL)
            break;
    }
    *ret_value = value;
    return 0;
}

// ---- all places ----

struct matcher {
    char **parts;
    size_t count;
    enum field_create create;
    struct field_matches *matches;
};

void field_matches_release(struct field_matches *matches)
{
    vec_free(&matches->found);
    value_decref(STEAL(matches->detached));
}

static int match(const struct matcher *matcher, size_t at, struct slot slot, bool created,
                 struct error *err);

// What to make for the part at `at`, or for the leaf. Owned.
static struct value *new_value(const struct matcher *matcher, size_t at)
{
    if (at < matcher->count) {
        const char *part = matcher->parts[at];
        return is_condition(part) || is_place(part) ? value_array() : value_object();
    }
    switch (matcher->create) {
    case FIELD_CREATE_OBJECT:
        return value_object();
    case FIELD_CREATE_ARRAY:
        return value_array();
    case FIELD_FIND:
    case FIELD_CREATE_SCALAR:
    default:
        return value_null();
    }
}

// A place for what kustomize makes where it leaves no trace. Consumes value.
static struct slot detach(const struct matcher *matcher, struct value *value)
{
    value_array_append_new(matcher->matches->detached, value);
    return (struct slot){.parent = matcher->matches->detached,
                         .index = value_array_size(matcher->matches->detached) - 1};
}

static int match_index(const struct matcher *matcher, size_t at, struct value *value,
                       struct error *err)
{
    const char *part = matcher->parts[at];
    long long index = 0;
    parse_index(part, &index);
    if (check_array(value, part, err) < 0)
        return -1;
    size_t size = value_array_size(value);
    struct slot slot = {.parent = value, .index = (size_t)index};
    bool created = (size_t)index == size && matcher->create != FIELD_FIND;
    if (created && value_is_null(value))
        slot = detach(matcher, new_value(matcher, at + 1));
    else if (created)
        value_array_append_new(value, new_value(matcher, at + 1));
    else if ((size_t)index >= size)
        return error_set(err, ERROR_INVALID, "the index %s is beyond a list of %zu", part, size);
    return match(matcher, at + 1, slot, created, err);
}

// The text that a regular expression is held against: as YAML shows it.
static char *shown_text(const struct value *value)
{
    if (value_is_object(value) || value_is_array(value)) {
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 1 << 20);
        if (yamlvalue_write(value, &text, NULL) < 0)
            return xstrdup("");
        while (text.len > 0 && text.data[text.len - 1] == '\n')
            strbuf_truncate(&text, text.len - 1);
        return strbuf_steal(&text);
    }
    cleanup_free char *text = yamlvalue_scalar_text(value);
    if (value_is_null(value) && value != yamlvalue_empty_null())
        return xstrdup("null");
    if (value_is_string(value) && !yamlvalue_may_be_plain(text, strlen(text)) &&
        strchr(text, '\n') == NULL)
        return xasprintf("\"%s\"", text);
    return STEAL(text);
}

static int match_elements(const struct matcher *matcher, size_t at, struct value *value,
                          const char *name, const struct regexp *regexp, struct error *err)
{
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct value *element = value_array_get(value, i);
        const struct value *member = *name == '\0' ? element : value_object_get(element, name);
        if (member == NULL)
            continue;
        cleanup_free char *text = shown_text(member);
        bool matches = false;
        if (regexp_match(regexp, text, &matches, err) < 0)
            return -1;
        if (!matches)
            continue;
        struct slot slot = {.parent = value, .index = i};
        // What follows a condition on plain values is not looked at.
        if (match(matcher, *name == '\0' ? matcher->count : at + 1, slot, false, err) < 0)
            return -1;
    }
    return 0;
}

static int match_condition(const struct matcher *matcher, size_t at, struct value *value,
                           struct error *err)
{
    cleanup_free char *name = NULL;
    cleanup_free char *pattern = NULL;
    cleanup_regexp struct regexp *regexp = NULL;
    if (split_condition(matcher->parts[at], &name, &pattern, err) < 0 ||
        check_array(value, matcher->parts[at], err) < 0 ||
        regexp_compile(pattern, REGEXP_ANYWHERE, &regexp, err) < 0)
        return -1;
    size_t before = matcher->matches->found.len;
    if (match_elements(matcher, at, value, name, regexp, err) < 0)
        return -1;
    if (matcher->create == FIELD_FIND || matcher->matches->found.len > before)
        return 0;
    struct value *element =
        yamlvalue_written_new(pattern, strlen(pattern), YAMLVALUE_TAG_NONE, false);
    if (*name != '\0') {
        struct value *object = value_object();
        value_object_set_new(object, name, element);
        element = object;
    }
    struct slot slot = {.parent = value, .index = value_array_size(value)};
    if (value_is_null(value))
        slot = detach(matcher, element);
    else
        value_array_append_new(value, element);
    bool itself = false;
    if (regexp_match(regexp, pattern, &itself, err) < 0)
        return -1;
    if (!itself)
        return error_set(err, ERROR_INVALID,
                         "no element matches %s, and none that would can be made of the expression",
                         matcher->parts[at]);
    return match(matcher, *name == '\0' ? matcher->count : at + 1, slot, false, err);
}

static int match_every(const struct matcher *matcher, size_t at, struct value *value,
                       struct error *err)
{
    if (check_array(value, "*", err) < 0)
        return -1;
    for (size_t i = 0; i < value_array_size(value); i++)
        if (match(matcher, at + 1, (struct slot){.parent = value, .index = i}, false, err) < 0)
            return -1;
    return 0;
}

// The rest of the path leads into text that is YAML: it is looked up in a copy.
static int match_in_text(const struct matcher *matcher, size_t at, const struct value *scalar,
                         struct error *err)
{
    cleanup_free char *text = value_is_null(scalar) && scalar != yamlvalue_empty_null()
                                  ? xstrdup("null")
                                  : yamlvalue_scalar_text(scalar);
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    struct yamlvalue_limits limits = {.kustomize = true};
    if (yamlvalue_parse_all(text, strlen(text), "text", &limits, &documents, err) < 0)
        return -1;
    if (documents.len == 0)
        return error_set(err, ERROR_INVALID, "\"%s\" asks for a part of an empty value",
                         matcher->parts[at]);
    struct yamlvalue_document *document = vec_at(&documents, 0);
    return match(matcher, at, detach(matcher, STEAL(document->value)), false, err);
}

static int match_field(const struct matcher *matcher, size_t at, struct value *value,
                       struct error *err)
{
    const char *part = matcher->parts[at];
    if (check_object(value, part, err) < 0)
        return -1;
    if (*part == '\0')
        return error_set(err, ERROR_INVALID, "the path has an empty name");
    const struct value *field = value_object_get(value, part);
    bool created = field == NULL;
    if (created && matcher->create == FIELD_FIND)
        return 0;
    if (created && value_is_null(value))
        return match(matcher, at + 1, detach(matcher, new_value(matcher, at + 1)), true, err);
    if (created)
        value_object_set_new(value, part, new_value(matcher, at + 1));
    else if (at + 1 < matcher->count && !value_is_object(field) && !value_is_array(field))
        return match_in_text(matcher, at + 1, field, err);
    return match(matcher, at + 1, (struct slot){.parent = value, .key = part}, created, err);
}

static int match(const struct matcher *matcher, size_t at, struct slot slot, bool created,
                 struct error *err)
{
    if (at >= matcher->count) {
        *(struct field_match *)vec_push(&matcher->matches->found) =
            (struct field_match){.slot = slot, .created = created};
        return 0;
    }
    struct value *value = slot_get(&slot);
    const char *part = matcher->parts[at];
    if (is_place(part))
        return match_index(matcher, at, value, err);
    if (is_condition(part))
        return match_condition(matcher, at, value, err);
    if (strcmp(part, "*") == 0)
        return match_every(matcher, at, value, err);
    return match_field(matcher, at, value, err);
}

int field_path_match(struct value *value, const struct vec *parts, enum field_create create,
                     struct field_matches *ret_matches, struct error *err)
{
    cleanup_field_matches struct field_matches matches = {
        .found = VEC_OF(struct field_match, NULL),
        .detached = value_array(),
    };
    struct matcher matcher = {
        .parts = parts->data, .count = parts->len, .create = create, .matches = &matches};
    // The value itself stands in a slot of its own; paths have at least one part.
    cleanup_value struct value *root = value_array();
    value_array_append(root, value);
    if (match(&matcher, 0, (struct slot){.parent = root}, false, err) < 0)
        return -1;
    *ret_matches = matches;
    matches = (struct field_matches){0};
    return 0;
}
