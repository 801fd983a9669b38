// The namespace transformer (filters/namespace, internal/builtins/NamespaceTransformer.go).
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/transform.h"

static bool is_set(const struct value *value)
{
    return value_is_string(value) ? *value_string_value(value) != '\0'
                                  : value != NULL && !value_is_null(value);
}

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const struct namespace_options *options = arg;
    const struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value) || value_is_array(value))
        return error_set(err, ERROR_INVALID, "a namespace goes where text is, not %s",
                         value_is_object(value) ? "a mapping" : "a list");
    if (!options->unset_only || !is_set(value))
        slot_set(slot, yamlvalue_written_put(value, options->ns, YAMLVALUE_TAG_STR));
    return 0;
}

static bool is_binding(const char *kind)
{
    return strcmp(kind, "RoleBinding") == 0 || strcmp(kind, "ClusterRoleBinding") == 0;
}

static bool is_wanted_subject(const struct namespace_options *options, const struct value *subject)
{
    if (options->subjects == SUBJECTS_DEFAULT_ONLY)
        return strcmp(value_text_or(subject, "name", ""), "default") == 0;
    return strcmp(value_text_or(subject, "kind", ""), "ServiceAccount") == 0;
}

static int put_in_subjects(struct namespace_options *options, struct resource *resource,
                           struct error *err)
{
    struct value *subjects = value_object_get(resource->value, "subjects");
    if (options->subjects == SUBJECTS_NONE || subjects == NULL || value_is_null(subjects))
        return 0;
    if (!value_is_array(subjects))
        return error_set(err, ERROR_INVALID, "subjects are a list");
    for (size_t i = 0; i < value_array_size(subjects); i++) {
        struct value *subject = value_array_get(subjects, i);
        struct slot slot = {.parent = subject, .key = "namespace"};
        if (value_is_object(subject) && is_wanted_subject(options, subject) &&
            put(options, resource, &slot, err) < 0)
            return error_wrap(err, "subjects[%zu]", i);
    }
    return 0;
}

static bool applies(const struct fieldspec *spec, struct resource_id id)
{
    if (strcmp(spec->path, "metadata/namespace") == 0)
        return false; // done by itself, as kinds without namespace are left out
    if (strcmp(spec->path, "metadata/name") == 0 && strcmp(id.api_version, "v1") != 0)
        return false; // a Namespace of the core group is renamed, no other
    return !(is_binding(id.kind) && is_binding(spec->kind) &&
             strcmp(spec->path, "subjects/namespace") == 0);
}

static int set_namespace(struct namespace_options *options, const struct vec *specs,
                         struct resource *resource, struct error *err)
{
    static const struct fieldspec own = {"", "", "", "metadata/namespace", true};
    struct resource_id id = resource_current_id(resource);
    if (!resource_id_is_cluster_scoped(id) &&
        fieldspec_walk(&own, resource, CREATE_STRING, put, options, err) < 0)
        return -1;
    if (is_binding(id.kind) && put_in_subjects(options, resource, err) < 0) {
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_wrap(err, "%s", name);
    }
    vec_foreach (const struct fieldspec, spec, specs)
        if (applies(spec, resource_current_id(resource)) &&
            fieldspec_walk(spec, resource, CREATE_STRING, put, options, err) < 0)
            return -1;
    return 0;
}

// A chart was told of its namespace, says a note that kustomize makes of what a chart rendered.
static bool is_of_chart(const struct resource *resource)
{
    const struct value *note = value_object_get(resource_annotations(resource),
                                                "internal.config.kubernetes.io/helm-generated");
    return value_is_string(note) && strcmp(value_string_value(note), "true") == 0;
}

static int check_conflicts(struct resmap *map, struct error *err)
{
    cleanup_vec struct vec found = VEC_OF(struct resource *, NULL);
    resmap_foreach (resource, map) {
        vec_clear(&found);
        resmap_find_current(map, resource_current_id(resource), &found);
        if (found.len < 2)
            continue;
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_set(err, ERROR_INVALID,
                         "%zu objects become %s; give them names of their own, or leave their "
                         "namespaces apart",
                         found.len, name);
    }
    return 0;
}

int transform_namespace(const struct namespace_options *options, const struct vec *specs,
                        struct resmap *map, struct error *err)
{
    struct namespace_options copy = *options;
    if (*copy.ns == '\0')
        return 0;
    resmap_foreach (resource, map) {
        if (is_of_chart(resource))
            continue;
        resource_remember_id(resource);
        if (set_namespace(&copy, specs, resource, err) < 0)
            return -1;
    }
    resmap_renamed(map);
    return check_conflicts(map, err);
}
