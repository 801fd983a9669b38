// Merges field specifications: what was there first counts, and a contradiction is an error.
#include "render/kustomize/config.h"

#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "render/kustomize/config_internal.h"

static const char *const section_names[CONFIG_SECTIONS] = {
    [CONFIG_NAME_PREFIX] = "namePrefix",
    [CONFIG_NAME_SUFFIX] = "nameSuffix",
    [CONFIG_NAMESPACE] = "namespace",
    [CONFIG_COMMON_LABELS] = "commonLabels",
    [CONFIG_LABELS] = "labels",
    [CONFIG_TEMPLATE_LABELS] = "templateLabels",
    [CONFIG_COMMON_ANNOTATIONS] = "commonAnnotations",
    [CONFIG_VAR_REFERENCE] = "varReference",
    [CONFIG_IMAGES] = "images",
    [CONFIG_REPLICAS] = "replicas",
};

void config_reference_release(void *element)
{
    vec_free(&((struct config_reference *)element)->fields);
}

void config_init(struct config *config)
{
    *config = (struct config){.references = CONFIG_REFERENCES, .sources = json_array()};
    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        config->added[i] = FIELDSPECS;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        vec_free(&config->added[i]);
    vec_free(&config->references);
    json_decref(STEAL(config->sources));
}

static void push_table(const struct config_table *table, struct vec *specs)
{
    for (size_t i = 0; i < table->count; i++)
        *(struct fieldspec *)vec_push(specs) = table->rows[i];
}

static void push_all(const struct vec *from, struct vec *specs)
{
    vec_foreach (const struct fieldspec, spec, from)
        *(struct fieldspec *)vec_push(specs) = *spec;
}

void config_specs(const struct config *config, enum config_section section, struct vec *specs)
{
    push_table(&config_default_specs[section], specs);
    push_all(&config->added[section], specs);
}

// Adds to `own` what neither it nor the table holds.
static int add_specs(const struct config_table *table, struct vec *own, const struct vec *incoming,
                     struct error *err)
{
    if (incoming->len == 0)
        return 0;
    cleanup_vec struct vec all = FIELDSPECS;
    push_table(table, &all);
    push_all(own, &all);
    size_t before = all.len;
    if (fieldspec_merge(&all, incoming, err) < 0)
        return -1;
    for (size_t i = before; i < all.len; i++)
        *(struct fieldspec *)vec_push(own) = *(struct fieldspec *)vec_at(&all, i);
    return 0;
}

static bool same_type(const struct config_reference *reference, const char *group,
                      const char *version, const char *kind)
{
    return strcmp(reference->group, group) == 0 && strcmp(reference->version, version) == 0 &&
           strcmp(reference->kind, kind) == 0;
}

static struct config_reference *find_reference(struct vec *references,
                                               const struct config_reference *like)
{
    vec_foreach (struct config_reference, reference, references)
        if (same_type(reference, like->group, like->version, like->kind))
            return reference;
    struct config_reference *added = vec_push(references);
    *added = (struct config_reference){like->group, like->version, like->kind, FIELDSPECS};
    return added;
}

static int add_reference(struct config *config, const struct config_reference *incoming,
                         struct error *err)
{
    static const struct config_table none = {NULL, 0};
    const struct config_table *table = &none;
    for (size_t i = 0; i < config_default_reference_count; i++) {
        const struct config_reference_table *known = &config_default_references[i];
        if (same_type(incoming, known->group, known->version, known->kind))
            table = &known->fields;
    }
    struct config_reference *own = find_reference(&config->references, incoming);
    return add_specs(table, &own->fields, &incoming->fields, err);
}

static int add_reference_json(struct config *config, const json_t *item, struct error *err)
{
    cleanup_vec struct vec fields = FIELDSPECS;
    fieldspec_read_all(json_object_get(item, "fieldSpecs"), &fields);
    struct config_reference reference = {
        .group = jval_string_or(item, "group", ""),
        .version = jval_string_or(item, "version", ""),
        .kind = jval_string_or(item, "kind", ""),
        .fields = fields,
    };
    return add_reference(config, &reference, err);
}

int config_add(struct config *config, json_t *file, struct error *err)
{
    json_array_append(config->sources, file);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        cleanup_vec struct vec specs = FIELDSPECS;
        fieldspec_read_all(json_object_get(file, section_names[i]), &specs);
        if (add_specs(&config_default_specs[i], &config->added[i], &specs, err) < 0)
            return error_wrap(err, "%s", section_names[i]);
    }
    const json_t *references = json_object_get(file, "nameReference");
    for (size_t i = 0; i < json_array_size(references); i++)
        if (add_reference_json(config, json_array_get(references, i), err) < 0)
            return error_wrap(err, "nameReference[%zu]", i);
    return 0;
}

int config_merge(struct config *config, const struct config *other, struct error *err)
{
    json_array_extend(config->sources, other->sources);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        if (add_specs(&config_default_specs[i], &config->added[i], &other->added[i], err) < 0)
            return error_wrap(err, "%s", section_names[i]);
    vec_foreach (const struct config_reference, reference, &other->references)
        if (add_reference(config, reference, err) < 0)
            return error_wrap(err, "nameReference");
    return 0;
}

void config_references(const struct config *config, struct vec *references)
{
    for (size_t i = 0; i < config_default_reference_count; i++) {
        const struct config_reference_table *known = &config_default_references[i];
        struct config_reference *reference = vec_push(references);
        *reference =
            (struct config_reference){known->group, known->version, known->kind, FIELDSPECS};
        push_table(&known->fields, &reference->fields);
    }
    vec_foreach (const struct config_reference, added, &config->references)
        push_all(&added->fields, &find_reference(references, added)->fields);
}

// ---- crds ----

static bool looks_like_a_type(const json_t *properties)
{
    return json_object_get(properties, "kind") != NULL &&
           json_object_get(properties, "apiVersion") != NULL &&
           json_object_get(properties, "metadata") != NULL;
}

struct crds {
    const json_t *types;
    const char *kind; // of the type being walked
    json_t *found;    // a file of `configurations` in the making
};

static void add_found(struct crds *crds, const char *section, const char *path)
{
    json_t *list = json_object_get(crds->found, section);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(crds->found, section, list);
    }
    json_array_append_new(list, json_pack("{s:s, s:s}", "kind", crds->kind, "path", path));
}

static void add_found_reference(struct crds *crds, const json_t *property, const char *path)
{
    const char *version = jval_string(property, "x-kubernetes-object-ref-api-version");
    const char *kind = jval_string(property, "x-kubernetes-object-ref-kind");
    if (version == NULL || kind == NULL)
        return;
    cleanup_free char *name_path = xasprintf(
        "%s/%s", path, jval_string_or(property, "x-kubernetes-object-ref-name-key", "name"));
    json_t *list = json_object_get(crds->found, "nameReference");
    if (list == NULL) {
        list = json_array();
        json_object_set_new(crds->found, "nameReference", list);
    }
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:[{s:s, s:s}]}", "version", version, "kind", kind,
                                    "fieldSpecs", "kind", crds->kind, "path", name_path));
}

static int walk_type(struct crds *crds, const char *name, const char *path, unsigned depth,
                     struct error *err)
{
    enum { MAX_TYPES_DEEP = 32 };
    const json_t *properties = json_object_get(
        json_object_get(json_object_get(crds->types, name), "Schema"), "properties");
    const char *key = NULL;
    const json_t *property = NULL;
    if (depth > MAX_TYPES_DEEP)
        return error_set(err, ERROR_LIMIT, "type %s refers to itself", name);
    jval_foreach (properties, key, property) {
        cleanup_free char *inner = xasprintf("%s%s%s", path, *path != '\0' ? "/" : "", key);
        if (jval_string(property, "x-kubernetes-annotation") != NULL)
            add_found(crds, "commonAnnotations", inner);
        if (jval_string(property, "x-kubernetes-label-selector") != NULL)
            add_found(crds, "commonLabels", inner);
        if (jval_string(property, "x-kubernetes-identity") != NULL)
            add_found(crds, "namePrefix", inner);
        add_found_reference(crds, property, inner);
        const char *reference = json_string_value(json_object_get(property, "$ref"));
        if (reference != NULL && walk_type(crds, reference, inner, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

int config_add_crds(struct config *config, const json_t *types, struct error *err)
{
    const char *name = NULL;
    const json_t *type = NULL;
    cleanup_json json_t *found = json_object();
    jval_foreach (types, name, type) {
        const json_t *schema = json_object_get(type, "Schema");
        if (!looks_like_a_type(json_object_get(schema, "properties")))
            continue;
        const char *dot = strrchr(name, '.');
        struct crds crds = {types, dot != NULL ? dot + 1 : name, found};
        if (walk_type(&crds, name, "", 0, err) < 0)
            return -1;
    }
    return config_add(config, found, err);
}
