// Paths of fields as kyaml's RNode.GetFieldValue takes them.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/vars.h"

enum { MAX_INDEX_DIGITS = 9 };

// Splits at dots; "\." is a dot of the name, and what is in brackets stays one name.
static void split_path(const char *path, struct vec *names)
{
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, strlen(path) + 1);
    if (*path == '.')
        path++;
    bool bracket = *path == '[';
    for (;; path++) {
        if (path[0] == '\\' && path[1] == '.') {
            strbuf_addch(&name, *++path);
            continue;
        }
        bool closed = name.len > 0 && name.data[name.len - 1] == ']';
        if (*path != '\0' && (*path != '.' || (bracket && !closed))) {
            strbuf_addch(&name, *path);
            continue;
        }
        *(char **)vec_push(names) = xstrdup(name.data);
        strbuf_reset(&name);
        if (*path == '\0')
            return;
        bracket = path[1] == '[';
    }
}

static bool is_index(const char *text, size_t length)
{
    return length > 0 && length <= MAX_INDEX_DIGITS && strspn(text, "0123456789") >= length;
}

static const struct value *item_at(const struct value *list, const char *digits)
{
    return value_array_get(list, strtoul(digits, NULL, 10));
}

// The first item whose field has this text, or which is this text when there is no field.
static const struct value *item_with(const struct value *list, const char *field, const char *text)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        const struct value *item = value_array_get(list, i);
        const struct value *value = *field != '\0' ? value_object_get(item, field) : item;
        struct yamlvalue_written written;
        yamlvalue_written_of(value, &written);
        if (value != NULL && strcmp(written.text, text) == 0)
            return item;
    }
    return NULL;
}

// One name: a member, an index, "-" for the last item, or "[field=text]".
static const struct value *step(const struct value *value, char *name)
{
    size_t length = strlen(name);
    if (length == 0)
        return value;
    if (is_index(name, length))
        return item_at(value, name);
    if (strcmp(name, "-") == 0)
        return value_array_get(value, value_array_size(value) - 1);
    if (name[0] != '[' || name[length - 1] != ']')
        return value_object_get(value, name);
    name[length - 1] = '\0';
    char *equals = strchr(name, '=');
    if (equals == NULL)
        return is_index(name + 1, length - 2) ? item_at(value, name + 1)
                                              : value_object_get(value, name + 1);
    *equals = '\0';
    return item_with(value, name + 1, equals + 1);
}

// "ports[0]": a member and an index in one name.
static const struct value *step_with_index(const struct value *value, char *name)
{
    size_t length = strlen(name);
    char *open = strrchr(name, '[');
    if (open == NULL || open == name || name[length - 1] != ']' ||
        !is_index(open + 1, (size_t)(name + length - 1 - (open + 1))))
        return step(value, name);
    *open = '\0';
    value = step(value, name);
    return item_at(value, open + 1);
}

const struct value *vars_field(const struct value *value, const char *path)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    split_path(path, &names);
    vec_foreach (char *, name, &names) {
        value = step_with_index(value, *name);
        if (value == NULL)
            return NULL;
    }
    return value;
}
