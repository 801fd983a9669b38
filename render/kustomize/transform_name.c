// namePrefix and nameSuffix (internal/builtins/PrefixTransformer.go, SuffixTransformer.go).
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/transform.h"

struct affix {
    const char *prefix;
    const char *suffix;
    struct value *noted; // whichever it is, as every object notes it
};

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const struct affix *affix = arg;
    const struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value) || value_is_array(value))
        return error_set(err, ERROR_INVALID, "only text can have a prefix or suffix");
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    const char *text = value_is_null(value) ? "" : written.text;
    cleanup_free char *named = xasprintf("%s%s%s", affix->prefix, text, affix->suffix);
    slot_set(slot, yamlvalue_written_put(value, named, YAMLVALUE_TAG_NONE));
    return 0;
}

// What others find by a name that is fixed or made of other fields.
static bool keeps_its_name(struct resource_id id)
{
    return strcmp(id.kind, "CustomResourceDefinition") == 0 || strcmp(id.kind, "Namespace") == 0 ||
           gvk_matches(id.api_version, id.kind, "apiregistration.k8s.io", "", "APIService");
}

static int affix_resource(const struct affix *affix, const struct vec *specs,
                          struct resource *resource, struct error *err)
{
    vec_foreach (const struct fieldspec, spec, specs) {
        struct resource_id id = resource_original_id(resource);
        if (!gvk_matches(id.api_version, id.kind, spec->group, spec->version, spec->kind))
            continue;
        if (strcmp(spec->path, "metadata/name") == 0) {
            if (*affix->prefix != '\0')
                resource_note(&resource->prefixes, value_incref(affix->noted));
            if (*affix->suffix != '\0')
                resource_note(&resource->suffixes, value_incref(affix->noted));
            if (*affix->prefix != '\0' || *affix->suffix != '\0')
                resource_remember_id(resource);
        }
        if (fieldspec_walk(spec, resource, CREATE_STRING, put, (void *)(uintptr_t)affix, err) < 0)
            return -1;
    }
    return 0;
}

static int affix_all(const struct affix *affix, const struct vec *specs, struct resmap *map,
                     struct error *err)
{
    resmap_foreach (resource, map) {
        if (keeps_its_name(resource_original_id(resource)))
            continue;
        if (affix_resource(affix, specs, resource, err) < 0)
            return -1;
    }
    resmap_renamed(map);
    return 0;
}

int transform_prefix(const char *prefix, const struct vec *specs, struct resmap *map,
                     struct error *err)
{
    cleanup_value struct value *noted = value_string(prefix);
    struct affix affix = {prefix, "", noted};
    return affix_all(&affix, specs, map, err);
}

int transform_suffix(const char *suffix, const struct vec *specs, struct resmap *map,
                     struct error *err)
{
    cleanup_value struct value *noted = value_string(suffix);
    struct affix affix = {"", suffix, noted};
    return affix_all(&affix, specs, map, err);
}
