// The walk along a field specification (api/filters/fieldspec), straight on the path's text.
#include "render/kustomize/fieldspec.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"

struct value *slot_get(const struct slot *slot)
{
    return slot->key != NULL ? value_object_get(slot->parent, slot->key)
                             : value_array_get(slot->parent, slot->index);
}

void slot_set(const struct slot *slot, struct value *value)
{
    if (slot->key != NULL)
        value_object_set_new(slot->parent, slot->key, value);
    else
        value_array_set_new(slot->parent, slot->index, value);
}

bool fieldspec_matches(const struct fieldspec *spec, const struct resource *resource)
{
    struct resource_id id = resource_current_id(resource);
    return gvk_matches(id.api_version, id.kind, spec->group, spec->version, spec->kind);
}

void fieldspec_split(const char *path, char separator, struct vec *names)
{
    cleanup_strbuf struct strbuf name;
    strbuf_init(&name, strlen(path) + 1);
    if (*path == separator && path[0] != '\0' && strchr(path, separator) != NULL)
        path++;
    for (; *path != '\0'; path++) {
        if (*path == '\\' && path[1] == separator) {
            strbuf_addch(&name, separator);
            path++;
        } else if (*path == separator) {
            *(char **)vec_push(names) = xstrdup(name.data);
            strbuf_reset(&name);
        } else {
            strbuf_addch(&name, *path);
        }
    }
    *(char **)vec_push(names) = xstrdup(name.data);
}

struct walk {
    const char *const *names; // the path, NULL behind its end
    bool create;
    enum fieldspec_create kind;
    struct resource *resource;
    fieldspec_apply *apply;
    void *arg;
};

static int walk_value(const struct walk *walk, size_t depth, const struct slot *slot,
                      struct error *err);

static struct value *make(enum fieldspec_create kind)
{
    switch (kind) {
    case CREATE_STRING:
        return yamlvalue_written_new("", 0, YAMLVALUE_TAG_STR, false);
    case CREATE_INTEGER:
        return value_integer(0);
    case CREATE_OBJECT:
        return value_object();
    case CREATE_ARRAY:
        return value_array();
    case CREATE_NOTHING:
        break;
    }
    return value_null();
}

static int walk_object(const struct walk *walk, size_t depth, struct value *object,
                       struct error *err)
{
    const char *name = walk->names[depth];
    size_t length = strlen(name);
    bool is_sequence = length >= 2 && strcmp(name + length - 2, "[]") == 0;
    if (is_sequence)
        length -= 2;
    if (length == 0)
        return error_set(err, ERROR_INVALID, "the path has an empty name");
    struct value *value = value_object_getn(object, name, length);
    // Where the path ends the specification says what to make; on the way, mappings.
    bool last = walk->names[depth + 1] == NULL;
    bool create = walk->create && walk->kind != CREATE_NOTHING && !is_sequence;
    if (value == NULL && !create)
        return 0;
    if (value == NULL || value_is_null(value)) {
        struct value *made = create        ? make(last ? walk->kind : CREATE_OBJECT)
                             : is_sequence ? value_array()
                                           : NULL;
        if (made != NULL)
            value_object_setn_new(object, name, length, made);
    }
    // The object's own key, as the slot outlives this name.
    cleanup_free char *key = is_sequence ? xstrndup(name, length) : NULL;
    struct slot slot = {.parent = object, .key = key != NULL ? key : name};
    return walk_value(walk, depth + 1, &slot, err);
}

static int walk_value(const struct walk *walk, size_t depth, const struct slot *slot,
                      struct error *err)
{
    if (walk->names[depth] == NULL)
        return walk->apply(walk->arg, walk->resource, slot, err);
    struct value *value = slot_get(slot);
    if (value == NULL || value_is_null(value))
        return 0;
    if (value_is_object(value))
        return walk_object(walk, depth, value, err);
    if (!value_is_array(value))
        return error_set(err, ERROR_INVALID, "%s is neither a mapping nor a list",
                         depth > 0 ? walk->names[depth - 1] : "the object");
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct slot item = {.parent = value, .index = i};
        if (walk_value(walk, depth, &item, err) < 0)
            return -1;
    }
    return 0;
}

// A path in parts that stay within one copy of it; NULL behind the last.
struct path {
    char *text;
    const char **names;
};

static void path_release(struct path *path)
{
    free(path->text);
    free(path->names);
}

// As fieldspec_split does, without a piece of memory for every name.
static void path_open(struct path *path, const char *text)
{
    size_t names = 2;
    if (*text == '/')
        text++;
    for (const char *at = text; *at != '\0'; at++)
        names += *at == '/';
    *path = (struct path){xstrdup(text), xcalloc(names, sizeof *path->names)};
    char *end = path->text;
    size_t n = 0;
    path->names[n++] = end;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\\' && at[1] == '/') {
            *end++ = *++at;
        } else if (*at == '/') {
            *end++ = '\0';
            path->names[n++] = end;
        } else {
            *end++ = *at;
        }
    }
    *end = '\0';
}

static int walk_path(const struct fieldspec *spec, struct resource *resource,
                     enum fieldspec_create create, fieldspec_apply *apply, void *arg,
                     struct error *err)
{
    __attribute__((cleanup(path_release))) struct path path;
    path_open(&path, spec->path);
    struct walk walk = {path.names, spec->create, create, resource, apply, arg};
    if (walk_object(&walk, 0, resource->value, err) < 0) {
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_wrap(err, "field %s of %s", spec->path, name);
    }
    return 0;
}

int fieldspec_walk(const struct fieldspec *spec, struct resource *resource,
                   enum fieldspec_create create, fieldspec_apply *apply, void *arg,
                   struct error *err)
{
    if (!fieldspec_matches(spec, resource))
        return 0;
    return walk_path(spec, resource, create, apply, arg, err);
}

int fieldspec_walk_all(const struct vec *specs, struct resource *resource,
                       enum fieldspec_create create, fieldspec_apply *apply, void *arg,
                       struct error *err)
{
    struct resource_id id = resource_current_id(resource);
    vec_foreach (const struct fieldspec, spec, specs) {
        if (!gvk_matches(id.api_version, id.kind, spec->group, spec->version, spec->kind))
            continue;
        if (walk_path(spec, resource, create, apply, arg, err) < 0)
            return -1;
        // A path may lead to what the object is known by.
        id = resource_current_id(resource);
    }
    return 0;
}

void fieldspec_read_all(const struct value *list, struct vec *specs)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        const struct value *item = value_array_get(list, i);
        *(struct fieldspec *)vec_push(specs) = (struct fieldspec){
            .group = value_text_or(item, "group", ""),
            .version = value_text_or(item, "version", ""),
            .kind = value_text_or(item, "kind", ""),
            .path = value_text_or(item, "path", ""),
            .create = value_bool_at(item, "create", false),
        };
    }
}

// An empty part of the newer one stands for any.
static bool selects(const char *have, const char *incoming)
{
    return *incoming == '\0' || strcmp(have, incoming) == 0;
}

int fieldspec_merge(struct vec *specs, const struct vec *incoming, struct error *err)
{
    vec_foreach (const struct fieldspec, spec, incoming) {
        const struct fieldspec *same = NULL;
        vec_foreach (const struct fieldspec, have, specs) {
            if (same == NULL && strcmp(have->path, spec->path) == 0 &&
                selects(have->group, spec->group) && selects(have->version, spec->version) &&
                selects(have->kind, spec->kind))
                same = have;
        }
        if (same != NULL && same->create != spec->create)
            return error_set(err, ERROR_INVALID,
                             "the field %s%s%s is given with create: true and with create: false; "
                             "say the same in both",
                             spec->path, *spec->kind != '\0' ? " of " : "", spec->kind);
        if (same == NULL)
            *(struct fieldspec *)vec_push(specs) = *spec;
    }
    return 0;
}
