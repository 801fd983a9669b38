// The replica count transformer (internal/builtins/ReplicaCountTransformer.go).
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/transform.h"

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const struct value *count = arg;
    const struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value) || value_is_array(value))
        return error_set(err, ERROR_INVALID, "a number of replicas is no mapping and no list");
    cleanup_free char *text = yamlvalue_scalar_text(count);
    slot_set(slot, yamlvalue_written_put(value, text, YAMLVALUE_TAG_INT));
    return 0;
}

static bool has_name(struct resource_id id, const char *name, const struct fieldspec *spec)
{
    return strcmp(id.name, name) == 0 &&
           gvk_matches(id.api_version, id.kind, spec->group, spec->version, spec->kind);
}

static bool is_meant(const struct resource *resource, const char *name,
                     const struct fieldspec *spec)
{
    if (has_name(resource_current_id(resource), name, spec))
        return true;
    for (size_t i = 0; i < resource_past_count(resource); i++)
        if (has_name(resource_past_id(resource, i), name, spec))
            return true;
    return false;
}

int transform_replica(const struct value *replica, const struct vec *specs, struct resmap *map,
                      struct error *err)
{
    const char *name = value_text_or(replica, "name", "");
    cleanup_value struct value *count = value_integer(value_int_at(replica, "count", 0));
    bool found = false;
    vec_foreach (const struct fieldspec, spec, specs) {
        resmap_foreach (resource, map) {
            if (!is_meant(resource, name, spec))
                continue;
            found = true;
            if (fieldspec_walk(spec, resource, CREATE_INTEGER, put, count, err) < 0)
                return -1;
        }
    }
    if (found)
        return 0;
    cleanup_free char *hint = resmap_hint(map, "", name);
    return error_set(err, ERROR_NOT_FOUND,
                     "nothing that has replicas (a Deployment, StatefulSet, ReplicaSet or "
                     "ReplicationController, or what configurations add) is called \"%s\"%s",
                     name, hint);
}
