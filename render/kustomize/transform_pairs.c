// Labels and annotations (filters/labels, filters/annotations).
#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/transform.h"

// What goes into one object: values of its own, each in as many places as the specifications have.
struct pairs {
    struct value *values;
    struct vec added; // struct alias_place
};

// kyaml sets all places from one node. It gives that node the quotes of what it overwrites, for the
// places that hold it already and those to come, and quotes again where a text without any looks
// like another type (FieldSetter.Filter). Consumes styled, which is borrowed afterwards.
static struct value *restyle(struct pairs *pairs, const char *key, struct value *styled)
{
    const struct value *before = value_object_get(pairs->values, key);
    vec_foreach (struct alias_place, place, &pairs->added)
        if (value_object_get(place->parent, place->key) == before)
            value_object_set(place->parent, place->key, styled);
    value_object_set_new(pairs->values, key, styled);
    return styled;
}

static void put_pair(struct pairs *pairs, struct resource *resource, struct value *map,
                     const char *key)
{
    struct value *value = value_object_get(pairs->values, key);
    struct value *quoted = yamlvalue_written_quote_other(value);
    if (quoted != NULL)
        value = restyle(pairs, key, quoted);
    const struct value *old = value_object_get(map, key);
    if (old == value)
        return;
    if (old != NULL) {
        const char *text = value_string_value(value);
        struct value *copy = yamlvalue_written_put(old, text, YAMLVALUE_TAG_STR);
        restyle(pairs, key, yamlvalue_written_put(old, text, YAMLVALUE_TAG_STR));
        alias_write(resource, map, key, copy);
        return;
    }
    value_object_set(map, key, value);
    *(struct alias_place *)vec_push(&pairs->added) =
        (struct alias_place){value_incref(map), xstrdup(key)};
}

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    struct pairs *pairs = arg;
    struct value *map = slot_get(slot);
    const char *key = NULL;
    struct value *value = NULL;
    if (!value_is_object(map))
        return error_set(err, ERROR_INVALID, "labels and annotations go into a mapping");
    value_foreach (pairs->values, key, value)
        put_pair(pairs, resource, map, key);
    return 0;
}

static struct value *fresh_values(const struct value *pairs)
{
    struct value *values = value_object();
    const char *key = NULL;
    struct value *value = NULL;
    value_foreach (pairs, key, value) {
        cleanup_free char *text = yamlvalue_scalar_text(value);
        value_object_set_new(values, key, yamlvalue_written_put(NULL, text, YAMLVALUE_TAG_STR));
    }
    return values;
}

int transform_pairs(const struct value *pairs, const struct vec *specs, struct resmap *map,
                    struct error *err)
{
    if (value_object_size(pairs) == 0)
        return 0;
    resmap_foreach (resource, map) {
        cleanup_value struct value *values = fresh_values(pairs);
        struct pairs own = {values, ALIAS_PLACES};
        int done = fieldspec_walk_all(specs, resource, CREATE_OBJECT, put, &own, err);
        alias_note(resource, &own.added);
        vec_free(&own.added);
        if (done < 0)
            return -1;
    }
    return 0;
}
