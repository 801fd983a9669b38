// Finding rows, and filling in what a spec leaves out.
#include "api/fields.h"

#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct kind_table *const tables[] = {
    &kind_bundle, &kind_sync,       &kind_hook,     &kind_trust_policy,
    &kind_secret, &kind_config_map, &kind_namespace};

const struct kind_table *kind_table_find(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        if (strcmp(tables[i]->kind.name, kind) == 0)
            return tables[i];
    }
    return NULL;
}

const struct kind *kind_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
        const struct kind *kind = &tables[i]->kind;
        if (strcasecmp(kind->name, name) == 0 || strcasecmp(kind->plural, name) == 0)
            return kind;
    }
    // As `sealift create policy` calls it.
    if (strcasecmp(name, "policy") == 0 || strcasecmp(name, "policies") == 0)
        return &kind_trust_policy.kind;
    return NULL;
}

const struct kind *kind_at(size_t index)
{
    return index < ARRAY_LENGTH(tables) ? &tables[index]->kind : NULL;
}

bool field_is_child(const char *path, const char *parent, const char **ret_name)
{
    size_t size = strlen(parent);
    if (strncmp(path, parent, size) != 0)
        return false;
    const char *name = path + size;
    if (size > 0 && *name++ != '.')
        return false;
    if (*name == '\0' || strpbrk(name, ".[") != NULL)
        return false;
    *ret_name = name;
    return true;
}

static bool is_row_of(const char *path, const char *parent, const char *name, size_t size)
{
    const char *child;
    if (size == 2 && memcmp(name, "[]", 2) == 0) {
        size_t length = strlen(parent);
        return strncmp(path, parent, length) == 0 && strcmp(path + length, "[]") == 0;
    }
    return field_is_child(path, parent, &child) && strlen(child) == size &&
           memcmp(child, name, size) == 0;
}

const struct field *field_child(const struct kind_table *table, const char *parent,
                                const char *name, size_t size)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        if (is_row_of(table->fields[i].path, parent, name, size))
            return &table->fields[i];
    }
    return NULL;
}

int count_members(const json_t *value, ...)
{
    va_list names;
    va_start(names, value);
    int count = 0;
    for (const char *name; (name = va_arg(names, const char *)) != NULL;)
        count += json_object_get(value, name) != NULL;
    va_end(names);
    return count;
}

static json_t *fallback_value(const struct field *field)
{
    json_t *value = json_loads(field->fallback, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        abort();
    return value;
}

static void fill(const struct kind_table *table, const char *at, json_t *value);

static void fill_items(const struct kind_table *table, const char *at, json_t *list)
{
    cleanup_free char *item_path = xasprintf("%s[]", at);
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        if (json_is_object(item))
            fill(table, item_path, item);
    }
}

static void fill_field(const struct kind_table *table, const struct field *field, const char *name,
                       json_t *parent)
{
    json_t *value = json_object_get(parent, name);
    if (value == NULL && field->fallback != NULL) {
        value = fallback_value(field);
        json_object_set_new(parent, name, value);
    }
    if (field->type == FIELD_OBJECT && json_is_object(value))
        fill(table, field->path, value);
    else if (field->type == FIELD_LIST && json_is_array(value))
        fill_items(table, field->path, value);
}

static void fill(const struct kind_table *table, const char *at, json_t *value)
{
    const char *name;
    for (size_t i = 0; i < table->n_fields; i++) {
        if (field_is_child(table->fields[i].path, at, &name))
            fill_field(table, &table->fields[i], name, value);
    }
}

json_t *api_with_defaults(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    if (copy == NULL)
        abort();
    const struct kind_table *table = kind_table_find(object_kind(object));
    if (table == NULL)
        return copy;
    fill(table, "", copy);
    if (table->kind.namespaced && *object_namespace(copy) == '\0')
        jval_set_string(copy, "metadata.namespace", NAMESPACE_DEFAULT);
    return copy;
}

bool rule_key_not_one_source(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "pem", "secretRef", NULL) != 1;
}

bool rule_key_times_reversed(const json_t *value, const json_t *spec)
{
    (void)spec;
    const char *before = jval_string(value, "notBefore");
    const char *after = jval_string(value, "notAfter");
    int64_t from, until;
    return before != NULL && after != NULL && time_parse(before, &from, NULL) == 0 &&
           time_parse(after, &until, NULL) == 0 && until <= from;
}
