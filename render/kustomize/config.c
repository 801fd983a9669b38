// Merges field specifications: what was there first counts, and a contradiction is an error.
#include "render/kustomize/config.h"

#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "render/kustomize/config_internal.h"
#include "render/kustomize/sort.h"

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

void config_init(struct config *config, enum config_state state)
{
    *config =
        (struct config){.state = state, .references = CONFIG_REFERENCES, .sources = value_array()};
    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        config->specs[i] = FIELDSPECS;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < CONFIG_SECTIONS; i++)
        vec_free(&config->specs[i]);
    vec_free(&config->references);
    value_decref(STEAL(config->sources));
}

static void push_all(const struct vec *from, struct vec *specs)
{
    vec_foreach (const struct fieldspec, spec, from)
        *(struct fieldspec *)vec_push(specs) = *spec;
}

static void push_table(const struct config_table *table, struct vec *specs)
{
    for (size_t i = 0; i < table->count; i++)
        *(struct fieldspec *)vec_push(specs) = table->rows[i];
}

void config_specs(const struct config *config, enum config_section section, struct vec *specs)
{
    if (config->state == CONFIG_DEFAULT)
        push_table(&config_default_specs[section], specs);
    push_all(&config->specs[section], specs);
}

static void push_reference(struct vec *references, const char *group, const char *version,
                           const char *kind, struct vec fields)
{
    *(struct config_reference *)vec_push(references) =
        (struct config_reference){group, version, kind, fields};
}

void config_references(const struct config *config, struct vec *references)
{
    size_t defaults = config->state == CONFIG_DEFAULT ? config_default_reference_count : 0;
    for (size_t i = 0; i < defaults; i++) {
        const struct config_reference_table *known = &config_default_references[i];
        struct vec fields = FIELDSPECS;
        push_table(&known->fields, &fields);
        push_reference(references, known->group, known->version, known->kind, fields);
    }
    vec_foreach (const struct config_reference, own, &config->references) {
        struct vec fields = FIELDSPECS;
        push_all(&own->fields, &fields);
        push_reference(references, own->group, own->version, own->kind, fields);
    }
}

// ---- merging ----

// kustomize sorts after every merge, and so decides which of two that mean the same field stays:
// the one of the more particular kind.
static int compare_gvk(const char *const left[3], const char *const right[3])
{
    int by_rank = sort_rank(left[2]) - sort_rank(right[2]);
    static const char *const marks[] = {"~G", "~V", "~K"};
    for (size_t i = 0; i < 3 && by_rank == 0; i++)
        by_rank =
            strcmp(*left[i] != '\0' ? left[i] : marks[i], *right[i] != '\0' ? right[i] : marks[i]);
    return by_rank;
}

static int compare_specs(const void *a, const void *b)
{
    const struct fieldspec *left = a;
    const struct fieldspec *right = b;
    const char *const left_gvk[] = {left->group, left->version, left->kind};
    const char *const right_gvk[] = {right->group, right->version, right->kind};
    int by_gvk = compare_gvk(left_gvk, right_gvk);
    return by_gvk != 0 ? by_gvk : strcmp(left->path, right->path);
}

static int compare_references(const void *a, const void *b)
{
    const struct config_reference *left = a;
    const struct config_reference *right = b;
    const char *const left_gvk[] = {left->group, left->version, left->kind};
    const char *const right_gvk[] = {right->group, right->version, right->kind};
    return compare_gvk(left_gvk, right_gvk);
}

static void own_lists(struct config *config)
{
    if (config->state == CONFIG_DEFAULT) {
        for (size_t i = 0; i < CONFIG_SECTIONS; i++)
            push_table(&config_default_specs[i], &config->specs[i]);
        struct vec defaults = CONFIG_REFERENCES;
        config_references(config, &defaults);
        config->references = defaults;
    }
    config->state = CONFIG_OWN;
}

static struct config_reference *find_reference(struct vec *references,
                                               const struct config_reference *like)
{
    vec_foreach (struct config_reference, reference, references)
        if (compare_references(reference, like) == 0)
            return reference;
    push_reference(references, like->group, like->version, like->kind, FIELDSPECS);
    return vec_at(references, references->len - 1);
}

static int merge_references(struct vec *references, const struct vec *incoming, struct error *err)
{
    vec_foreach (const struct config_reference, reference, incoming)
        if (fieldspec_merge(&find_reference(references, reference)->fields, &reference->fields,
                            err) < 0)
            return error_wrap(err, "nameReference");
    vec_sort(references, compare_references);
    return 0;
}

int config_merge(struct config *config, const struct config *other, struct error *err)
{
    if (other->state == CONFIG_EMPTY ||
        (config->state == CONFIG_DEFAULT && other->state == CONFIG_DEFAULT))
        return 0;
    if (config->state == CONFIG_EMPTY && other->state == CONFIG_DEFAULT) {
        config->state = CONFIG_DEFAULT;
        return 0;
    }
    own_lists(config);
    value_array_extend(config->sources, other->sources);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        cleanup_vec struct vec incoming = FIELDSPECS;
        config_specs(other, (enum config_section)i, &incoming);
        if (fieldspec_merge(&config->specs[i], &incoming, err) < 0)
            return error_wrap(err, "%s", section_names[i]);
        vec_sort(&config->specs[i], compare_specs);
    }
    cleanup_vec struct vec references = CONFIG_REFERENCES;
    config_references(other, &references);
    return merge_references(&config->references, &references, err);
}

static void read_references(const struct value *list, struct vec *references)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        const struct value *item = value_array_get(list, i);
        struct vec fields = FIELDSPECS;
        fieldspec_read_all(value_object_get(item, "fieldSpecs"), &fields);
        push_reference(references, value_text_or(item, "group", ""),
                       value_text_or(item, "version", ""), value_text_or(item, "kind", ""), fields);
    }
    vec_sort(references, compare_references);
}

int config_add(struct config *config, struct value *file, struct error *err)
{
    cleanup_config struct config read;
    config_init(&read, CONFIG_EMPTY);
    read.state = CONFIG_OWN;
    value_array_append(read.sources, file);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        fieldspec_read_all(value_object_get(file, section_names[i]), &read.specs[i]);
        vec_sort(&read.specs[i], compare_specs);
    }
    read_references(value_object_get(file, "nameReference"), &read.references);
    return config_merge(config, &read, err);
}

// ---- crds ----

static bool looks_like_a_type(const struct value *properties)
{
    return value_object_get(properties, "kind") != NULL &&
           value_object_get(properties, "apiVersion") != NULL &&
           value_object_get(properties, "metadata") != NULL;
}

struct crds {
    const struct value *types;
    const char *kind;    // of the type being walked
    struct value *found; // a file of `configurations` in the making
};

static struct value *found_at(const struct crds *crds, const char *path)
{
    return value_object_of("kind", value_string(crds->kind), "path", value_string(path), NULL);
}

static void add_found(struct crds *crds, const char *section, const char *path)
{
    struct value *list = value_object_get(crds->found, section);
    if (list == NULL) {
        list = value_array();
        value_object_set_new(crds->found, section, list);
    }
    value_array_append_new(list, found_at(crds, path));
}

static void add_found_reference(struct crds *crds, const struct value *property, const char *path)
{
    const char *version = value_text(property, "x-kubernetes-object-ref-api-version");
    const char *kind = value_text(property, "x-kubernetes-object-ref-kind");
    if (version == NULL || kind == NULL)
        return;
    cleanup_free char *name_path = xasprintf(
        "%s/%s", path, value_text_or(property, "x-kubernetes-object-ref-name-key", "name"));
    struct value *list = value_object_get(crds->found, "nameReference");
    if (list == NULL) {
        list = value_array();
        value_object_set_new(crds->found, "nameReference", list);
    }
    struct value *specs = value_array();
    value_array_append_new(specs, found_at(crds, name_path));
    value_array_append_new(list, value_object_of("version", value_string(version), "kind",
                                                 value_string(kind), "fieldSpecs", specs, NULL));
}

static int walk_type(struct crds *crds, const char *name, const char *path, unsigned depth,
                     struct error *err)
{
    enum { MAX_TYPES_DEEP = 32, MAX_PATH_BYTES = 1024 };
    const struct value *properties = value_object_get(
        value_object_get(value_object_get(crds->types, name), "Schema"), "properties");
    const char *key = NULL;
    const struct value *property = NULL;
    if (depth > MAX_TYPES_DEEP)
        return error_set(err, ERROR_LIMIT, "type %s refers to itself", name);
    value_foreach (properties, key, property) {
        if (strlen(path) + strlen(key) > MAX_PATH_BYTES)
            return error_set(err, ERROR_LIMIT, "a field's path of more than %d bytes",
                             MAX_PATH_BYTES);
        cleanup_free char *inner = xasprintf("%s%s%s", path, *path != '\0' ? "/" : "", key);
        if (value_text(property, "x-kubernetes-annotation") != NULL)
            add_found(crds, "commonAnnotations", inner);
        if (value_text(property, "x-kubernetes-label-selector") != NULL)
            add_found(crds, "commonLabels", inner);
        if (value_text(property, "x-kubernetes-identity") != NULL)
            add_found(crds, "namePrefix", inner);
        add_found_reference(crds, property, inner);
        const char *reference = value_string_value(value_object_get(property, "$ref"));
        if (reference != NULL && walk_type(crds, reference, inner, depth + 1, err) < 0)
            return -1;
    }
    return 0;
}

// Go's decoder holds the file to its structs; a CustomResourceDefinition is none of them.
static int check_type(const char *name, const struct value *type, struct error *err)
{
    const struct value *schema = value_object_get(type, "Schema");
    const struct value *dependencies = value_object_get(type, "Dependencies");
    if ((value_is_null(type) || value_is_object(type)) &&
        (schema == NULL || value_is_null(schema) || value_is_object(schema)) &&
        (dependencies == NULL || value_is_null(dependencies) || value_is_array(dependencies)))
        return 0;
    return error_set(err, ERROR_INVALID,
                     "%s is no type with Schema and Dependencies; crds names OpenAPI definitions "
                     "of types, and CustomResourceDefinitions go under resources",
                     name);
}

int config_add_crds(struct config *config, const struct value *types, struct error *err)
{
    const char *name = NULL;
    const struct value *type = NULL;
    cleanup_value struct value *found = value_object();
    if (!value_is_object(types) && !value_is_null(types))
        return error_set(err, ERROR_INVALID, "a mapping of types is expected");
    value_foreach (types, name, type) {
        if (check_type(name, type, err) < 0)
            return -1;
        const struct value *schema = value_object_get(type, "Schema");
        if (!looks_like_a_type(value_object_get(schema, "properties")))
            continue;
        const char *dot = strrchr(name, '.');
        struct crds crds = {types, dot != NULL ? dot + 1 : name, found};
        if (walk_type(&crds, name, "", 0, err) < 0)
            return -1;
    }
    return config_add(config, found, err);
}
