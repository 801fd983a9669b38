// The configurations of builtin plugins, brought to the functions that a kustomization's own fields
// end in. Programs, containers and libraries that a repository names are never run.
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/explain.h"
#include "render/kustomize/kustomization.h"
#include "render/kustomize/origin.h"
#include "render/kustomize/steps.h"
#include "render/kustomize/transform.h"

static void read_specs(const struct value *config, struct vec *specs)
{
    fieldspec_read_all(value_object_get(config, "fieldSpecs"), specs);
}

// The three that change names have no fields of their own, as other transformers have.
static int read_name_specs(const struct value *config, struct vec *specs, struct error *err)
{
    if (value_object_get(config, "fieldSpecs") == NULL)
        return error_set(err, ERROR_INVALID,
                         "fieldSpecs is missing; write for example fieldSpecs: [{path: "
                         "metadata/name}]");
    read_specs(config, specs);
    return 0;
}

static int run_prefix(struct frame *frame, const struct value *config, struct resmap *map,
                      struct error *err)
{
    cleanup_vec struct vec specs = FIELDSPECS;
    const char *prefix = value_text_or(config, "prefix", "");
    if (frame_count_names(frame, map, err) < 0 || read_name_specs(config, &specs, err) < 0)
        return -1;
    return *prefix != '\0' ? transform_prefix(prefix, &specs, map, err) : 0;
}

static int run_suffix(struct frame *frame, const struct value *config, struct resmap *map,
                      struct error *err)
{
    cleanup_vec struct vec specs = FIELDSPECS;
    const char *suffix = value_text_or(config, "suffix", "");
    if (frame_count_names(frame, map, err) < 0 || read_name_specs(config, &specs, err) < 0)
        return -1;
    return *suffix != '\0' ? transform_suffix(suffix, &specs, map, err) : 0;
}

static int run_prefix_and_suffix(struct frame *frame, const struct value *config,
                                 struct resmap *map, struct error *err)
{
    if (run_prefix(frame, config, map, err) < 0)
        return -1;
    return run_suffix(frame, config, map, err);
}

static int read_subjects_mode(const char *name, enum subjects_mode *ret_mode, struct error *err)
{
    static const struct {
        const char *name;
        enum subjects_mode mode;
    } modes[] = {
        {"", SUBJECTS_DEFAULT_ONLY},
        {"defaultOnly", SUBJECTS_DEFAULT_ONLY},
        {"allServiceAccounts", SUBJECTS_SERVICE_ACCOUNTS},
        {"none", SUBJECTS_NONE},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
        if (strcmp(modes[i].name, name) == 0) {
            *ret_mode = modes[i].mode;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "setRoleBindingSubjects is \"%s\"; write defaultOnly, allServiceAccounts or "
                     "none",
                     name);
}

static int run_namespace(struct frame *frame, const struct value *config, struct resmap *map,
                         struct error *err)
{
    (void)frame;
    struct namespace_options options = {
        .ns = value_text_or(config, "metadata.namespace", ""),
        .unset_only = value_bool_at(config, "unsetOnly", false),
    };
    cleanup_vec struct vec specs = FIELDSPECS;
    if (read_subjects_mode(value_text_or(config, "setRoleBindingSubjects", ""), &options.subjects,
                           err) < 0)
        return -1;
    read_specs(config, &specs);
    return *options.ns != '\0' ? transform_namespace(&options, &specs, map, err) : 0;
}

static int run_pairs(struct frame *frame, const struct value *config, const char *name,
                     struct resmap *map, struct error *err)
{
    cleanup_vec struct vec specs = FIELDSPECS;
    const struct value *pairs = value_object_get(config, name);
    read_specs(config, &specs);
    if (frame_count(frame, 0, value_size(pairs) * map->list.len, err) < 0)
        return -1;
    return value_object_size(pairs) > 0 ? transform_pairs(pairs, &specs, map, err) : 0;
}

static int run_labels(struct frame *frame, const struct value *config, struct resmap *map,
                      struct error *err)
{
    return run_pairs(frame, config, "labels", map, err);
}

static int run_annotations(struct frame *frame, const struct value *config, struct resmap *map,
                           struct error *err)
{
    return run_pairs(frame, config, "annotations", map, err);
}

static int run_image(struct frame *frame, const struct value *config, struct resmap *map,
                     struct error *err)
{
    (void)frame;
    cleanup_vec struct vec specs = FIELDSPECS;
    cleanup_vec struct vec entries = VEC_OF(const struct value *, NULL);
    read_specs(config, &specs);
    *(const struct value **)vec_push(&entries) = value_object_get(config, "imageTag");
    return transform_images(&entries, &specs, map, err);
}

static int run_replicas(struct frame *frame, const struct value *config, struct resmap *map,
                        struct error *err)
{
    (void)frame;
    cleanup_vec struct vec specs = FIELDSPECS;
    read_specs(config, &specs);
    return transform_replica(value_object_get(config, "replica"), &specs, map, err);
}

static int generate_iam_policy(struct frame *frame, const struct value *config, struct resmap *map,
                               struct error *err)
{
    const char *cloud = value_text_or(config, "cloud", "");
    if (strcmp(cloud, "gke") != 0)
        return error_set(err, ERROR_INVALID, "cloud is \"%s\"; only gke is known", cloud);
    const char *name = value_text_or(config, "kubernetesService.name", "");
    if (*name == '\0')
        return error_set(err, ERROR_INVALID, "kubernetesService.name is missing");
    cleanup_free char *account =
        xasprintf("%s@%s.iam.gserviceaccount.com", value_text_or(config, "serviceAccount.name", ""),
                  value_text_or(config, "serviceAccount.projectId", ""));
    struct value *annotations =
        value_object_of("iam.gke.io/gcp-service-account", value_string(account), NULL);
    struct value *metadata =
        value_object_of("name", value_string(name), "annotations", annotations, NULL);
    struct value *value =
        value_object_of("apiVersion", value_string("v1"), "kind", value_string("ServiceAccount"),
                        "metadata", metadata, NULL);
    const char *ns = value_text_or(config, "kubernetesService.namespace", "");
    if (*ns != '\0')
        value_set_text(value, "metadata.namespace", ns);
    return resmap_append(map, resource_new(value, frame->kustomization.file, 0), err);
}

static int refuse_chart(struct frame *frame, const struct value *config, struct resmap *map,
                        struct error *err)
{
    (void)frame;
    (void)config;
    (void)map;
    return error_set(err, ERROR_INVALID,
                     "Helm charts are not rendered within a kustomization yet; commit the output "
                     "of helm template and name it under resources");
}

struct plugin {
    const char *kind;
    frame_step *run;
    const char *shape; // of its configuration; NULL = not checked
    bool generator;
};

static const struct plugin plugins[] = {
    {"ConfigMapGenerator", configmap_generate, "ConfigMapGenerator", true},
    {"SecretGenerator", secret_generate, "SecretGenerator", true},
    {"IAMPolicyGenerator", generate_iam_policy, NULL, true},
    {"HelmChartInflationGenerator", refuse_chart, NULL, true},
    {"AnnotationsTransformer", run_annotations, "AnnotationsTransformer", false},
    {"HashTransformer", hash_transform, NULL, false},
    {"ImageTagTransformer", run_image, "ImageTagTransformer", false},
    {"LabelTransformer", run_labels, "LabelTransformer", false},
    {"NamespaceTransformer", run_namespace, "NamespaceTransformer", false},
    {"PatchJson6902Transformer", patch_json6902_transform, "PatchJson6902Transformer", false},
    {"PatchStrategicMergeTransformer", patch_strategic_transform, "PatchStrategicMergeTransformer",
     false},
    {"PatchTransformer", patch_transform, "PatchTransformer", false},
    {"PrefixTransformer", run_prefix, "PrefixTransformer", false},
    {"SuffixTransformer", run_suffix, "SuffixTransformer", false},
    {"PrefixSuffixTransformer", run_prefix_and_suffix, "PrefixSuffixTransformer", false},
    {"ReplacementTransformer", replacement_transform, "ReplacementTransformer", false},
    {"ReplicaCountTransformer", run_replicas, "ReplicaCountTransformer", false},
    {"ValueAddTransformer", value_add_transform, "ValueAddTransformer", false},
};

// What a configuration that names no builtin plugin would have kustomize run.
static const char *program_kind(const struct resource *config)
{
    static const char *const names[] = {"config.kubernetes.io/function", "config.k8s.io/function"};
    const struct value *annotations = resource_annotations(config);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *text = value_string_value(value_object_get(annotations, names[i]));
        cleanup_value struct value *function = NULL;
        if (text == NULL)
            continue;
        if (yamlvalue_parse(text, strlen(text), names[i], &function, NULL) < 0)
            return "a KRM function";
        if (value_object_get(function, "exec") != NULL)
            return "a KRM function run as a program";
        if (value_object_get(function, "starlark") != NULL)
            return "a KRM function run as a script";
        return "a KRM function run in a container";
    }
    return "an exec or Go plugin";
}

static int find_plugin(const struct resource *config, const struct plugin **ret_plugin,
                       struct error *err)
{
    const char *kind = resource_kind(config);
    if (strcmp(resource_current_id(config).api_version, "builtin") != 0)
        return error_set(err, ERROR_INVALID,
                         "%s %s (%s:%zu) is %s, and nothing that a repository brings along is "
                         "executed here; run it beforehand, and commit what it makes",
                         kind, resource_name(config), resource_file(config), config->line,
                         program_kind(config));
    struct nearest nearest = {.wanted = kind};
    for (size_t i = 0; i < ARRAY_LENGTH(plugins); i++) {
        if (strcmp(plugins[i].kind, kind) == 0) {
            *ret_plugin = &plugins[i];
            return 0;
        }
        nearest_offer(&nearest, plugins[i].kind);
    }
    if (strcmp(kind, "SortOrderTransformer") == 0 || strcmp(kind, "LegacyOrderTransformer") == 0)
        return error_set(err, ERROR_INVALID, "%s is no plugin for this place; use sortOptions",
                         kind);
    return error_set(err, ERROR_INVALID, "there is no builtin plugin %s%s%s%s", kind,
                     nearest.best != NULL ? " (did you mean " : "",
                     nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "");
}

// Where it is configured, unless that is the kustomization, which the caller names.
static int wrap_plugin(const struct frame *frame, const struct resource *config, struct error *err)
{
    if (strcmp(resource_file(config), frame->kustomization.file) == 0)
        return error_wrap(err, "%s %s", resource_kind(config), resource_name(config));
    return error_wrap(err, "%s %s (%s:%zu)", resource_kind(config), resource_name(config),
                      resource_file(config), config->line);
}

static int run_plugin(struct frame *frame, const struct resource *config, bool generator,
                      struct resmap *map, struct error *err)
{
    const struct plugin *plugin = NULL;
    // The second half is for gcc, which cannot see that an error is always -1.
    if (find_plugin(config, &plugin, err) < 0 || plugin == NULL)
        return -1;
    if (plugin->generator != generator)
        return error_set(err, ERROR_INVALID, "%s %s (%s:%zu) goes under %s", plugin->kind,
                         resource_name(config), resource_file(config), config->line,
                         plugin->generator ? "generators" : "transformers");
    cleanup_value struct value *value = value_deep_copy(config->value);
    if (yamlvalue_settle(value, err) < 0)
        return -1;
    if (plugin->shape != NULL && kustomization_check(value, plugin->shape, err) < 0)
        return wrap_plugin(frame, config, err);
    return plugin->run(frame, value, map, err) < 0 ? wrap_plugin(frame, config, err) : 0;
}

int plugin_generate(struct frame *frame, struct resmap *configs, struct resmap *map,
                    struct error *err)
{
    resmap_foreach (config, configs) {
        cleanup_resmap struct resmap made;
        resmap_init(&made);
        if (run_plugin(frame, config, true, &made, err) < 0)
            return -1;
        cleanup_value struct value *origin = origin_of_plugin(config);
        origin_mark_generated(&made, origin);
        if (resmap_absorb(map, &made, err) < 0)
            return wrap_plugin(frame, config, err);
    }
    return 0;
}

int plugin_validate(struct frame *frame, struct resmap *configs, struct resmap *map,
                    struct error *err)
{
    resmap_foreach (config, configs)
        if (run_plugin(frame, config, false, map, err) < 0)
            return -1;
    return 0;
}

int plugin_transform(struct frame *frame, struct resmap *configs, struct resmap *map,
                     struct error *err)
{
    resmap_foreach (config, configs) {
        if (frame_count(frame, map->list.len, 0, err) < 0 ||
            run_plugin(frame, config, false, map, err) < 0)
            return -1;
        alias_settle_all(map);
        cleanup_free char *source =
            xasprintf("%s:%zu: %s", resource_file(config), config->line, resource_kind(config));
        explain_all(frame, map, source);
        cleanup_value struct value *origin = origin_of_plugin(config);
        origin_mark_transformed(map, origin);
    }
    return 0;
}
