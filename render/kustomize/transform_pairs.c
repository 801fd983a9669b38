// Labels and annotations (filters/labels, filters/annotations).
#include "base/jval.h"
#include "render/kustomize/transform.h"

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const json_t *pairs = arg;
    json_t *map = slot_get(slot);
    const char *key = NULL;
    json_t *value = NULL;
    (void)resource;
    if (!json_is_object(map))
        return error_set(err, ERROR_INVALID, "labels and annotations go into a mapping");
    jval_foreach (pairs, key, value)
        json_object_set(map, key, value);
    return 0;
}

int transform_pairs(const json_t *pairs, const struct vec *specs, struct resmap *map,
                    struct error *err)
{
    if (json_object_size(pairs) == 0)
        return 0;
    resmap_foreach (resource, map)
        if (fieldspec_walk_all(specs, resource, CREATE_OBJECT, put, jval_unconst(pairs), err) < 0)
            return -1;
    return 0;
}
