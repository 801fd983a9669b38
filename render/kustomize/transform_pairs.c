// Labels and annotations (filters/labels, filters/annotations).
#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"
#include "base/yamljson_written.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/transform.h"

// What goes into one object: values of its own, each in as many places as the specifications have.
struct pairs {
    const json_t *values;
    struct vec added; // struct alias_place
};

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    struct pairs *pairs = arg;
    json_t *map = slot_get(slot);
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(map))
        return error_set(err, ERROR_INVALID, "labels and annotations go into a mapping");
    jval_foreach (pairs->values, key, value) {
        const json_t *old = json_object_get(map, key);
        if (old == value)
            continue;
        if (old != NULL) {
            alias_write(resource, map, key,
                        yamljson_written_put(old, json_string_value(value), YAMLJSON_TAG_STR));
            continue;
        }
        json_object_set(map, key, value);
        *(struct alias_place *)vec_push(&pairs->added) =
            (struct alias_place){json_incref(map), xstrdup(key)};
    }
    return 0;
}

static json_t *fresh_values(const json_t *pairs)
{
    json_t *values = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    jval_foreach (pairs, key, value) {
        cleanup_free char *text = yamljson_scalar_text(value);
        json_object_set_new(values, key, yamljson_written_put(NULL, text, YAMLJSON_TAG_STR));
    }
    return values;
}

int transform_pairs(const json_t *pairs, const struct vec *specs, struct resmap *map,
                    struct error *err)
{
    if (json_object_size(pairs) == 0)
        return 0;
    resmap_foreach (resource, map) {
        cleanup_json json_t *values = fresh_values(pairs);
        struct pairs own = {values, ALIAS_PLACES};
        int done = fieldspec_walk_all(specs, resource, CREATE_OBJECT, put, &own, err);
        alias_note(resource, &own.added);
        vec_free(&own.added);
        if (done < 0)
            return -1;
    }
    return 0;
}
