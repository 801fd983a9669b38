// A list, and an index from names to its members. The index holds serial numbers instead of places,
// so that a removal needs no new index: a serial is never used again. Where the index leads is
// compared with the name that was asked for.
#include "render/kustomize/resmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/nearest.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/schema.h"

void resmap_init(struct resmap *map)
{
    *map = (struct resmap){.list = RESOURCES, .serials = VEC_OF(struct resource *, NULL)};
}

void resmap_release(struct resmap *map)
{
    vec_free(&map->list);
    vec_free(&map->serials);
    resmap_renamed(map);
}

void resmap_renamed(struct resmap *map)
{
    name_index_release(&map->index);
    map->indexed = false;
}

// What an object is found by. The version is none of it.
static struct name_parts parts_of(struct resource_id id)
{
    return (struct name_parts){id.kind, resource_id_effective_namespace(id), id.name};
}

static void index_resource(struct resmap *map, struct resource *resource)
{
    if (map->schema == NULL) {
        map->schema = resource->schema;
        map->scopes = schema_scopes(map->schema);
    }
    size_t serial = map->serials.len;
    *(struct resource **)vec_push(&map->serials) = resource;
    for (size_t i = 0; i < resource_past_count(resource); i++)
        name_index_add(&map->index, parts_of(resource_past_id(resource, i)), serial);
    name_index_add(&map->index, parts_of(resource_current_id(resource)), serial);
    map->indexed = true;
}

static void need_index(struct resmap *map)
{
    const struct value *scopes = schema_scopes(map->schema);
    if (map->indexed && map->scopes == scopes)
        return;
    resmap_renamed(map);
    map->scopes = scopes;
    vec_clear(&map->serials);
    resmap_foreach (resource, map)
        index_resource(map, resource);
}

static bool had_name(const struct resource *resource, struct resource_id id)
{
    for (size_t i = 0; i < resource_past_count(resource); i++)
        if (resource_id_equals(resource_past_id(resource, i), id))
            return true;
    return false;
}

static void find(struct resmap *map, struct resource_id id, bool any, struct vec *found)
{
    need_index(map);
    struct name_cursor cursor = {0};
    size_t serial = 0;
    while (name_index_next(&map->index, parts_of(id), &cursor, &serial)) {
        struct resource *resource = *(struct resource **)vec_at(&map->serials, serial);
        if (resource == NULL)
            continue;
        if (resource_id_equals(resource_current_id(resource), id) ||
            (any && had_name(resource, id)))
            *(struct resource **)vec_push(found) = resource;
    }
}

void resmap_find_current(struct resmap *map, struct resource_id id, struct vec *found)
{
    find(map, id, false, found);
}

void resmap_find_any(struct resmap *map, struct resource_id id, struct vec *found)
{
    find(map, id, true, found);
}

static void push_place(struct strbuf *text, const struct resource *resource)
{
    if (resource->file == NULL)
        return;
    strbuf_addf(text, " (%s", resource_file(resource));
    if (resource->line > 0)
        strbuf_addf(text, ":%zu", resource->line);
    strbuf_addch(text, ')');
}

static int refuse_second(const struct resource *first, const struct resource *second,
                         struct error *err)
{
    cleanup_free char *name = resource_id_describe(resource_current_id(second));
    cleanup_strbuf struct strbuf places;
    strbuf_init(&places, 16384);
    push_place(&places, second);
    strbuf_addstr(&places, " is there already");
    push_place(&places, first);
    return error_set(err, ERROR_INVALID,
                     "%s%s; to change it use a patch, to have two give one another name or "
                     "namespace",
                     name, places.data);
}

char *resmap_hint(const struct resmap *map, const char *kind, const char *name)
{
    struct nearest nearest = {.wanted = name};
    const struct resource *best = NULL;
    resmap_foreach (resource, map) {
        if (*kind != '\0' && strcmp(resource_kind(resource), kind) != 0)
            continue;
        if (nearest_offer(&nearest, resource_name(resource)) ||
            nearest_offer(&nearest, resource_original_id(resource).name))
            best = resource;
    }
    if (best == NULL)
        return xstrdup("");
    cleanup_free char *described = resource_id_describe(resource_current_id(best));
    return xasprintf(" (did you mean %s?)", described);
}

int resmap_append(struct resmap *map, struct resource *resource, struct error *err)
{
    cleanup_resource struct resource *owned = resource;
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    resmap_find_current(map, resource_current_id(resource), &found);
    if (found.len > 0)
        return refuse_second(*(struct resource **)vec_at(&found, 0), resource, err);
    index_resource(map, resource);
    *(struct resource **)vec_push(&map->list) = STEAL(owned);
    return 0;
}

int resmap_check_unique(struct resmap *map, struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    resmap_foreach (resource, map) {
        vec_clear(&found);
        resmap_find_current(map, resource_current_id(resource), &found);
        if (found.len > 1)
            return refuse_second(*(struct resource **)vec_at(&found, 0),
                                 *(struct resource **)vec_at(&found, 1), err);
    }
    return 0;
}

int resmap_append_all(struct resmap *map, struct resmap *other, struct error *err)
{
    if (map->list.len == 0) {
        if (resmap_check_unique(other, err) < 0)
            return -1;
        struct resmap empty = *map;
        *map = *other;
        *other = empty;
        return 0;
    }
    vec_foreach (struct resource *, resource, &other->list)
        if (resmap_append(map, STEAL(*resource), err) < 0)
            return -1;
    other->list.len = 0;
    resmap_renamed(other);
    return 0;
}

// ---- what generators make ----

// kustomize merges them as maps of text and makes all of them anew. A null is its text in metadata
// (~, null) and empty in data.
static void merge_strings(struct value *into, const struct value *from, bool of_data)
{
    const char *key = NULL;
    struct value *value = NULL;
    value_foreach (from, key, value) {
        struct yamlvalue_written written;
        if (value_object_get(into, key) != NULL)
            continue;
        yamlvalue_written_of(value, &written);
        const char *text = of_data && value_is_null(value) ? "" : written.text;
        value_object_set_new(into, key, yamlvalue_written_anew(text));
    }
}

static void merge_member(struct value *parent, const char *key, const struct value *old,
                         bool of_data)
{
    if (value_object_size(old) == 0)
        return;
    struct value *object = value_object_get(parent, key);
    if (!value_is_object(object)) {
        object = value_object();
        value_object_set_new(parent, key, object);
    }
    merge_strings(object, old, of_data);
}

// The generated object takes the name and the history of the one it replaces.
static void take_over(struct resource *made, struct resource *old)
{
    const struct value *old_metadata = value_object_get(old->value, "metadata");
    struct value *metadata = value_object_get(made->value, "metadata");
    resource_make_texts(metadata, "labels");
    resource_make_texts(metadata, "annotations");
    merge_member(metadata, "labels", value_object_get(old_metadata, "labels"), false);
    merge_member(metadata, "annotations", value_object_get(old_metadata, "annotations"), false);
    resource_set_name(made, resource_name(old));
    resource_set_namespace(made, resource_namespace(old));
    struct value **mine[] = {&made->past, &made->prefixes, &made->suffixes, &made->ref_vars};
    struct value **theirs[] = {&old->past, &old->prefixes, &old->suffixes, &old->ref_vars};
    for (size_t i = 0; i < ARRAY_LENGTH(mine); i++) {
        struct value *swapped = *mine[i];
        *mine[i] = *theirs[i];
        *theirs[i] = swapped;
    }
    made->needs_hash = made->needs_hash && old->needs_hash;
    if (made->behavior == BEHAVIOR_MERGE) {
        merge_member(made->value, "data", value_object_get(old->value, "data"), true);
        merge_member(made->value, "binaryData", value_object_get(old->value, "binaryData"), true);
        if (old->origin != NULL) {
            value_decref(made->origin);
            made->origin = STEAL(old->origin);
        }
    }
    if (made->transformations == NULL)
        made->transformations = STEAL(old->transformations);
    made->behavior = old->behavior;
}

static void replace(struct resmap *map, struct resource *old, struct resource *made)
{
    vec_foreach (struct resource *, place, &map->list) {
        if (*place != old)
            continue;
        *place = made;
        resource_free(old);
        resmap_renamed(map);
        return;
    }
}

static int absorb(struct resmap *map, struct resource *resource, struct error *err)
{
    cleanup_resource struct resource *made = resource;
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    cleanup_free char *name = resource_id_describe(resource_current_id(made));
    bool changes = made->behavior == BEHAVIOR_REPLACE || made->behavior == BEHAVIOR_MERGE;
    resmap_find_any(map, resource_current_id(made), &found);
    if (found.len > 1)
        return error_set(err, ERROR_INVALID,
                         "%zu objects are or were called %s, so none can be replaced or merged",
                         found.len, name);
    if (found.len == 0 && changes) {
        struct resource_id id = resource_current_id(made);
        cleanup_free char *hint = resmap_hint(map, id.kind, id.name);
        return error_set(err, ERROR_INVALID,
                         "there is no %s to %s%s; use behavior create, or the name it had in its "
                         "base",
                         name, made->behavior == BEHAVIOR_MERGE ? "merge into" : "replace", hint);
    }
    if (found.len == 0)
        return resmap_append(map, STEAL(made), err);
    struct resource *old = *(struct resource **)vec_at(&found, 0);
    if (!changes)
        return error_set(err, ERROR_INVALID,
                         "%s is there already; say behavior merge or replace to change it", name);
    take_over(made, old);
    replace(map, old, STEAL(made));
    return 0;
}

int resmap_absorb(struct resmap *map, struct resmap *other, struct error *err)
{
    vec_foreach (struct resource *, resource, &other->list)
        if (absorb(map, STEAL(*resource), err) < 0)
            return -1;
    other->list.len = 0;
    resmap_renamed(other);
    return 0;
}

void resmap_remove(struct resmap *map, struct resource *resource)
{
    vec_foreach (struct resource *, serial, &map->serials)
        if (*serial == resource)
            *serial = NULL;
    for (size_t i = 0; i < map->list.len; i++) {
        if (*(struct resource **)vec_at(&map->list, i) == resource) {
            vec_remove(&map->list, i);
            return;
        }
    }
}

// ---- one by name ----

// " of apps/v1beta1; it is of apps/v1" where only the version is another one; else what is called
// alike. Owned.
static char *hint_for(const struct resmap *map, struct resource_id id)
{
    resmap_foreach (resource, map) {
        struct resource_id other = resource_current_id(resource);
        if (strcmp(other.kind, id.kind) == 0 && strcmp(other.name, id.name) == 0 &&
            strcmp(other.api_version, id.api_version) != 0)
            return xasprintf(" of %s (it is of %s)",
                             *id.api_version != '\0' ? id.api_version : "no apiVersion",
                             other.api_version);
    }
    return resmap_hint(map, id.kind, id.name);
}

int resmap_get(struct resmap *map, struct resource_id id, struct resource **ret_resource,
               struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    resmap_find_any(map, id, &found);
    if (found.len == 1) {
        *ret_resource = *(struct resource **)vec_at(&found, 0);
        return 0;
    }
    cleanup_free char *name = resource_id_describe(id);
    if (found.len > 1)
        return error_set(err, ERROR_INVALID, "%zu objects are or were called %s", found.len, name);
    cleanup_free char *hint = hint_for(map, id);
    return error_set(err, ERROR_NOT_FOUND, "no object is %s%s", name, hint);
}
