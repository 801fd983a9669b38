#include "render/kustomize/alias.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/resmap.h"

void alias_place_release(void *element)
{
    struct alias_place *place = element;
    value_decref(place->parent);
    free(place->key);
}

void alias_group_release(void *element)
{
    struct alias_group *group = element;
    value_decref(group->value);
    vec_free(&group->places);
}

static struct value *held(const struct alias_place *place)
{
    return value_object_get(place->parent, place->key);
}

static struct alias_group *group_of(struct resource *resource, const struct value *parent,
                                    const char *key)
{
    const struct value *value = value_object_get(parent, key);
    if (resource->aliases == NULL)
        return NULL;
    vec_foreach (struct alias_group, group, resource->aliases) {
        vec_foreach (const struct alias_place, place, &group->places)
            if (group->value == value && place->parent == parent && strcmp(place->key, key) == 0)
                return group;
    }
    return NULL;
}

static struct vec *new_groups(void)
{
    struct vec *groups = xmalloc(sizeof *groups);
    *groups = VEC_OF(struct alias_group, alias_group_release);
    return groups;
}

void alias_note(struct resource *resource, struct vec *places)
{
    // A value in one place only is no alias, and most are.
    for (size_t i = 0; i < places->len; i++) {
        struct alias_place *first = vec_at(places, i);
        struct vec same = ALIAS_PLACES;
        struct value *value = held(first);
        for (size_t j = i + 1; j < places->len;) {
            struct alias_place *other = vec_at(places, j);
            if (held(other) != value) {
                j++;
                continue;
            }
            *(struct alias_place *)vec_push(&same) = *other;
            *other = (struct alias_place){0};
            vec_remove(places, j);
        }
        if (same.len == 0)
            continue;
        if (resource->aliases == NULL)
            resource->aliases = new_groups();
        struct alias_group *group = vec_push(resource->aliases);
        *group = (struct alias_group){value_incref(value), same};
        *(struct alias_place *)vec_insert(&group->places, 0) = *first;
        *first = (struct alias_place){0};
        vec_fit(&group->places);
    }
    if (resource->aliases != NULL)
        vec_fit(resource->aliases);
    vec_clear(places);
}

static void set_group(struct alias_group *group, struct value *value)
{
    value_incref(value);
    vec_foreach (struct alias_place, place, &group->places)
        value_object_set(place->parent, place->key, value);
    value_decref(group->value);
    group->value = value;
}

void alias_write(struct resource *resource, struct value *parent, const char *key,
                 struct value *value)
{
    struct alias_group *group = group_of(resource, parent, key);
    if (group != NULL)
        set_group(group, value);
    else
        value_object_set(parent, key, value);
    value_decref(value);
}

// A merge goes through fields by name, so that the labels and annotations of the object itself are
// written before those in its spec.
static void settle_group(struct alias_group *group, const struct resource *resource)
{
    struct value *own = NULL;
    struct value *changed = NULL;
    for (size_t i = 0; i < group->places.len;) {
        struct alias_place *place = vec_at(&group->places, i);
        struct value *value = held(place);
        if (value == NULL) {
            vec_remove(&group->places, i);
            continue;
        }
        bool is_own = place->parent == resource_labels(resource) ||
                      place->parent == resource_annotations(resource);
        if (value != group->value)
            *(is_own ? &own : &changed) = value;
        i++;
    }
    if (changed != NULL || own != NULL)
        set_group(group, changed != NULL ? changed : own);
}

void alias_settle(struct resource *resource)
{
    if (resource->aliases == NULL)
        return;
    vec_foreach (struct alias_group, group, resource->aliases)
        settle_group(group, resource);
}

void alias_quote(struct resource *resource)
{
    alias_settle(resource);
    if (resource->aliases == NULL)
        return;
    vec_foreach (struct alias_group, group, resource->aliases) {
        struct value *quoted = yamlvalue_written_quote_other(group->value);
        if (quoted == NULL)
            continue;
        set_group(group, quoted);
        value_decref(quoted);
    }
}

void alias_forget(struct resource *resource, const struct value *parent)
{
    if (resource->aliases == NULL)
        return;
    if (parent == NULL) {
        vec_free(resource->aliases);
        free(STEAL(resource->aliases));
        return;
    }
    vec_foreach (struct alias_group, group, resource->aliases) {
        for (size_t i = 0; i < group->places.len;) {
            const struct alias_place *place = vec_at(&group->places, i);
            if (place->parent == parent)
                vec_remove(&group->places, i);
            else
                i++;
        }
    }
}

void alias_settle_all(struct resmap *map)
{
    resmap_foreach (resource, map)
        alias_settle(resource);
}
