#include "render/kustomize/alias.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/resmap.h"

void alias_place_release(void *element)
{
    struct alias_place *place = element;
    json_decref(place->parent);
    free(place->key);
}

void alias_group_release(void *element)
{
    struct alias_group *group = element;
    json_decref(group->value);
    vec_free(&group->places);
}

static json_t *held(const struct alias_place *place)
{
    return json_object_get(place->parent, place->key);
}

static struct alias_group *group_of(struct resource *resource, const json_t *value)
{
    vec_foreach (struct alias_group, group, &resource->aliases)
        if (group->value == value)
            return group;
    return NULL;
}

void alias_note(struct resource *resource, struct vec *places)
{
    // A value in one place only is no alias, and most are.
    for (size_t i = 0; i < places->len; i++) {
        struct alias_place *first = vec_at(places, i);
        struct vec same = ALIAS_PLACES;
        json_t *value = held(first);
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
        struct alias_group *group = vec_push(&resource->aliases);
        *group = (struct alias_group){json_incref(value), same};
        *(struct alias_place *)vec_insert(&group->places, 0) = *first;
        *first = (struct alias_place){0};
    }
    vec_clear(places);
}

static void set_group(struct alias_group *group, json_t *value)
{
    json_incref(value);
    vec_foreach (struct alias_place, place, &group->places)
        json_object_set(place->parent, place->key, value);
    json_decref(group->value);
    group->value = value;
}

void alias_write(struct resource *resource, json_t *parent, const char *key, json_t *value)
{
    struct alias_group *group = group_of(resource, json_object_get(parent, key));
    if (group != NULL)
        set_group(group, value);
    else
        json_object_set(parent, key, value);
    json_decref(value);
}

static void settle_group(struct alias_group *group)
{
    json_t *changed = NULL;
    for (size_t i = 0; i < group->places.len;) {
        struct alias_place *place = vec_at(&group->places, i);
        json_t *value = held(place);
        if (value == NULL) {
            vec_remove(&group->places, i);
            continue;
        }
        if (value != group->value)
            changed = value;
        i++;
    }
    if (changed != NULL)
        set_group(group, changed);
}

void alias_settle(struct resource *resource)
{
    vec_foreach (struct alias_group, group, &resource->aliases)
        settle_group(group);
}

void alias_forget(struct resource *resource, const json_t *parent)
{
    if (parent == NULL) {
        vec_clear(&resource->aliases);
        return;
    }
    vec_foreach (struct alias_group, group, &resource->aliases) {
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
