// The walk over target and patch side by side. Where the target has nothing, the patch's value
// takes its place and is then walked against itself, which resolves the directives and nulls within
// it: from there on target and patch are the same value, as they are in kyaml.
#include "render/kustomize/strategic_merge.h"

#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/strategic_merge_internal.h"

static const char directive_key[] = "$patch";

bool merge_is_missing(const struct value *value)
{
    return value == NULL || value_is_null(value);
}

static void add_path(struct strbuf *text, const struct merge_path *path)
{
    if (path == NULL)
        return;
    add_path(text, path->up);
    if (path->name == NULL)
        strbuf_addstr(text, "[]");
    else
        strbuf_addf(text, "%s%s", text->len == 0 ? "" : ".", path->name);
}

int merge_fail(const struct merge_walk *walk, enum error_code code, struct error *err,
               const char *format, ...)
{
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, 4096);
    add_path(&path, walk->path);
    va_list args;
    va_start(args, format);
    cleanup_free char *message = xvasprintf(format, args);
    va_end(args);
    return error_set(err, code, "%s: %s", path.len == 0 ? "the object" : path.data, message);
}

static const char *kind_name(const struct value *value)
{
    return value_is_object(value) ? "a mapping" : value_is_array(value) ? "a list" : "a scalar";
}

int merge_fail_kind(const struct merge_walk *walk, const char *expected, const struct value *value,
                    struct error *err)
{
    return merge_fail(walk, ERROR_INVALID, err, "%s and %s cannot be merged; make both the same",
                      expected, kind_name(value));
}

static int directive_of_text(const struct merge_walk *walk, const struct value *value,
                             enum merge_directive *ret_directive, struct error *err)
{
    const char *text = value_is_string(value) ? value_string_value(value) : "";
    if (strcmp(text, "delete") == 0)
        *ret_directive = MERGE_DIRECTIVE_DELETE;
    else if (strcmp(text, "replace") == 0)
        *ret_directive = MERGE_DIRECTIVE_REPLACE;
    else if (strcmp(text, "merge") == 0)
        *ret_directive = MERGE_DIRECTIVE_MERGE;
    else
        return merge_fail(walk, ERROR_INVALID, err,
                          "$patch is \"%s\"; it may be delete, replace or merge", text);
    return 0;
}

// Takes the directive out of a map or, where it is an element of its own, of a list.
static int take_directive(const struct merge_walk *walk, struct value *patch,
                          enum merge_directive *ret_directive, struct error *err)
{
    *ret_directive = MERGE_DIRECTIVE_MERGE;
    if (value_is_object(patch)) {
        const struct value *value = value_object_get(patch, directive_key);
        if (value == NULL)
            return 0;
        if (directive_of_text(walk, value, ret_directive, err) < 0)
            return -1;
        value_object_del(patch, directive_key);
        return 0;
    }
    for (size_t i = 0; i < value_array_size(patch); i++) {
        const struct value *element = value_array_get(patch, i);
        const struct value *value = value_object_get(element, directive_key);
        if (value == NULL)
            continue;
        if (value_object_size(element) > 1)
            return 0;
        if (directive_of_text(walk, value, ret_directive, err) < 0)
            return -1;
        cleanup_free char *text = yamlvalue_scalar_text(value);
        const char *keys[] = {directive_key};
        return element_set(walk, patch, NULL, keys, 1, &text, 1, err);
    }
    return 0;
}

// What the map becomes before its members are merged: *ret_value borrowed, NULL where it goes.
static int visit_map(const struct merge_walk *walk, struct value *dest, struct value *origin,
                     struct value **ret_value, struct error *err)
{
    enum merge_directive directive;
    *ret_value = NULL;
    if (merge_is_missing(dest)) {
        // An unknown directive stays in place here, as a member like any other.
        if (take_directive(walk, origin, &directive, NULL) == 0 &&
            directive == MERGE_DIRECTIVE_DELETE)
            return 0;
        bool kept = origin == NULL && dest != NULL && dest != yamlvalue_empty_null();
        *ret_value = kept ? dest : origin;
        return 0;
    }
    if (origin != NULL && value_is_null(origin))
        return 0;
    if (take_directive(walk, origin, &directive, err) < 0)
        return -1;
    if (directive != MERGE_DIRECTIVE_DELETE)
        *ret_value = directive == MERGE_DIRECTIVE_REPLACE ? origin : dest;
    return 0;
}

// kyaml puts quotes around each text that it meets and that YAML 1.1 would take for something else.
// Consumes value.
static struct value *quote_other(struct value *value)
{
    struct value *quoted = yamlvalue_written_quote_other(value);
    if (quoted == NULL)
        return value;
    value_decref(value);
    return quoted;
}

// A scalar takes the quotes that stood at its place, or none where none stood; what replaces a
// mapping or list takes its brackets.
static struct value *take_style(const struct value *old, struct value *value)
{
    if (value_is_null(value))
        return value;
    if (old == NULL)
        return quote_other(value);
    if (value_is_object(value) || value_is_array(value)) {
        value_container_mark(value, value_container_marked(old));
        return value;
    }
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    struct value *styled = yamlvalue_written_put(old, written.text, written.tag);
    value_decref(value);
    return styled;
}

static int merge_member(const struct merge_walk *walk, struct value *dest, struct value *origin,
                        const char *name, struct error *err)
{
    struct merge_path path = {.up = walk->path, .name = name};
    struct merge_walk inner = {
        .schema = walk->schema,
        .place = schema_field(walk->place, name),
        .path = &path,
    };
    struct value *old = value_object_get(dest, name);
    struct value *value = NULL;
    if (merge_walk_value(&inner, old, value_object_get(origin, name), &value, err) < 0)
        return -1;
    if (value == NULL)
        value_object_del(dest, name);
    else if (value == old)
        value_object_set_new(dest, name, quote_other(value));
    else
        value_object_set_new(dest, name, take_style(old, value));
    return 0;
}

static int walk_map(const struct merge_walk *walk, struct value *dest, struct value *origin,
                    struct value **ret_value, struct error *err)
{
    struct value *result = NULL;
    if (visit_map(walk, dest, origin, &result, err) < 0)
        return -1;
    if (result == NULL || !value_is_object(result)) {
        // A null that the target had is kept; one of the patch only removes.
        *ret_value = result == NULL || result == origin ? NULL : value_incref(result);
        return 0;
    }
    size_t count = 0;
    cleanup_free const char **names =
        xcalloc(value_object_size(result) + value_object_size(origin) + 1, sizeof *names);
    const char *name = NULL;
    struct value *value = NULL;
    value_foreach (result, name, value)
        names[count++] = name;
    if (origin != result)
        value_foreach (origin, name, value)
            if (value_object_get(result, name) == NULL)
                names[count++] = name;
    value_incref(result);
    for (size_t i = 0; i < count; i++)
        if (merge_member(walk, result, origin, names[i], err) < 0) {
            value_decref(result);
            return -1;
        }
    *ret_value = result;
    return 0;
}

static int visit_keyed_list(const struct merge_walk *walk, struct value *dest, struct value *origin,
                            struct value **ret_value, struct error *err)
{
    *ret_value = NULL;
    if (merge_is_missing(dest)) {
        *ret_value = origin;
        return 0;
    }
    if (origin != NULL && value_is_null(origin))
        return 0;
    enum merge_directive directive;
    if (take_directive(walk, origin, &directive, err) < 0)
        return -1;
    if (directive != MERGE_DIRECTIVE_DELETE)
        *ret_value = directive == MERGE_DIRECTIVE_REPLACE ? origin : dest;
    return 0;
}

static int walk_list(const struct merge_walk *walk, struct value *dest, struct value *origin,
                     struct value **ret_value, struct error *err)
{
    const char *keys[SCHEMA_MAX_KEYS];
    size_t key_count = 0;
    struct value *result = origin != NULL ? origin : dest;
    if (schema_joins_list(walk->place, keys, &key_count)) {
        if (visit_keyed_list(walk, dest, origin, &result, err) < 0)
            return -1;
        if (result == NULL) {
            *ret_value = NULL;
            return 0;
        }
        return merge_walk_keyed_list(walk, keys, key_count, result, origin, ret_value, err);
    }
    *ret_value = value_is_null(result) ? NULL : value_incref(result);
    return 0;
}

// A value without a schema may be an object of a known kind all the same.
static struct schema_place place_by_kind(struct schema *schema, const struct value *value)
{
    const char *api_version = value_string_value(value_object_get(value, "apiVersion"));
    const char *kind = value_string_value(value_object_get(value, "kind"));
    if (api_version == NULL || kind == NULL || *api_version == '\0' || *kind == '\0')
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    return schema_of_kind(schema, api_version, kind);
}

// What is empty is written as what comes into it (merge2's SetStyle).
static void take_brackets(struct value *dest, const struct value *origin)
{
    if (origin != NULL && value_object_size(dest) + value_array_size(dest) == 0)
        value_container_mark(dest, value_container_marked(origin));
}

static bool same_kind(const struct value *a, const struct value *b)
{
    return value_is_object(a) == value_is_object(b) && value_is_array(a) == value_is_array(b);
}

int merge_walk_value(const struct merge_walk *walk, struct value *dest, struct value *origin,
                     struct value **ret_value, struct error *err)
{
    struct merge_walk here = *walk;
    if (here.place.kind == SCHEMA_UNKNOWN)
        here.place = place_by_kind(walk->schema, dest);
    if (here.place.kind == SCHEMA_UNKNOWN)
        here.place = place_by_kind(walk->schema, origin);
    take_brackets(dest, origin);
    const struct value *first = merge_is_missing(dest) ? origin : dest;
    if (merge_is_missing(first) || value_is_object(first)) {
        if (!merge_is_missing(first) && !merge_is_missing(origin) && !value_is_object(origin))
            return merge_fail_kind(walk, "a mapping", origin, err);
        return walk_map(&here, dest, origin, ret_value, err);
    }
    if (!merge_is_missing(origin) && !same_kind(first, origin))
        return merge_fail_kind(walk, kind_name(first), origin, err);
    if (value_is_array(first))
        return walk_list(&here, dest, origin, ret_value, err);
    struct value *result = origin != NULL ? origin : dest;
    *ret_value = value_is_null(result) ? NULL : value_incref(result);
    return 0;
}

int strategic_merge(struct schema *schema, struct value *target, const struct value *patch,
                    struct value **ret_value, struct error *err)
{
    cleanup_value struct value *copy = value_deep_copy(patch);
    struct merge_walk walk = {.schema = schema, .place = {.kind = SCHEMA_UNKNOWN}};
    return merge_walk_value(&walk, target, copy, ret_value, err);
}
