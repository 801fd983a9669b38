// Labels and annotations (filters/labels, filters/annotations).
#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/transform.h"

// What goes into one object: values of its own, each in as many places as the specifications have.
struct pairs {
    const struct value *values;
    struct vec added; // struct alias_place
};

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    struct pairs *pairs = arg;
    struct value *map = slot_get(slot);
    const char *key = NULL;
    struct value *value = NULL;
    if (!value_is_object(map))
        return error_set(err, ERROR_INVALID, "labels and annotations go into a mapping");
    value_foreach (pairs->values, key, value) {
        const struct value *old = value_object_get(map, key);
        if (old == value)
            continue;
        if (old != NULL) {
            alias_write(resource, map, key,
                        yamlvalue_written_put(old, value_string_value(value), YAMLVALUE_TAG_STR));
            continue;
        }
        value_object_set(map, key, value);
        *(struct alias_place *)vec_push(&pairs->added) =
            (struct alias_place){value_incref(map), xstrdup(key)};
    }
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
