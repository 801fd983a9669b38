// From the fields of a kustomization to calls of the generators and transformers, in the order that
// kustomize has fixed (configureBuiltinGenerators, configureBuiltinTransformers of
// api/internal/target/kusttarget_configplugin.go).
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "render/kustomize/accumulate.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/explain.h"
#include "render/kustomize/generator.h"
#include "render/kustomize/origin.h"
#include "render/kustomize/steps.h"
#include "render/kustomize/transform.h"

static const struct value *field(const struct frame *frame, const char *name)
{
    return value_object_get(frame->kustomization.value, name);
}

// ---- generators ----

static int generate_each(struct frame *frame, const char *name, const char *plugin_kind,
                         frame_step *generate, struct accumulator *into, struct error *err)
{
    const struct value *list = field(frame, name);
    cleanup_value struct value *origin = origin_of_builtin(frame, plugin_kind);
    for (size_t i = 0; i < value_array_size(list); i++) {
        cleanup_value struct value *args = value_deep_copy(value_array_get(list, i));
        generator_merge_options(args, field(frame, "generatorOptions"));
        cleanup_resmap struct resmap made;
        resmap_init(&made);
        if (generate(frame, args, &made, err) < 0)
            return kustomization_wrap(&frame->kustomization, err, "%s[%zu]", name, i);
        origin_mark_generated(&made, origin);
        explain_field(frame, &made, "%s[%zu]", name, i);
        if (resmap_absorb(&into->map, &made, err) < 0)
            return kustomization_wrap(&frame->kustomization, err, "%s[%zu]", name, i);
    }
    return 0;
}

static int refuse_charts(struct frame *frame, struct error *err)
{
    static const char *const fields[] = {"helmCharts", "helmChartInflationGenerator"};
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        if (value_array_size(field(frame, fields[i])) == 0)
            continue;
        error_set(err, ERROR_INVALID,
                  "Helm charts are not rendered within a kustomization yet; commit the output of "
                  "helm template and name it under resources");
        return kustomization_wrap(&frame->kustomization, err, "%s[0]", fields[i]);
    }
    return 0;
}

// The configurations of plugins that `name` lists: YAML written there, or paths.
static int load_configs(struct frame *frame, const char *name, struct accumulator *configs,
                        struct error *err)
{
    const struct value *list = field(frame, name);
    cleanup_value struct value *paths = value_array();
    const char *file = frame->kustomization.file;
    const char *slash = strrchr(file, '/');
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct value *item = value_array_get(list, i);
        cleanup_vec struct vec resources = RESOURCES;
        cleanup_value struct value *origin =
            origin_of_file(frame, slash != NULL ? slash + 1 : file);
        if (resource_parse(value_string_value(item), value_string_length(item), file,
                           frame->build->schema, &resources, NULL) < 0) {
            value_array_append(paths, item);
            continue;
        }
        vec_foreach (struct resource *, resource, &resources) {
            (*resource)->origin = value_incref(origin);
            if (resmap_append(&configs->map, STEAL(*resource), err) < 0)
                return kustomization_wrap(&frame->kustomization, err, "%s[%zu]", name, i);
        }
    }
    return accumulate_paths(frame, name, paths, configs, err);
}

int run_generators(struct frame *frame, struct accumulator *into, struct error *err)
{
    if (generate_each(frame, "configMapGenerator", "ConfigMapGenerator", configmap_generate, into,
                      err) < 0 ||
        generate_each(frame, "secretGenerator", "SecretGenerator", secret_generate, into, err) <
            0 ||
        refuse_charts(frame, err) < 0)
        return -1;
    if (value_array_size(field(frame, "generators")) == 0)
        return 0;
    cleanup_accumulator struct accumulator configs;
    accumulator_init(&configs);
    if (load_configs(frame, "generators", &configs, err) < 0)
        return -1;
    if (plugin_generate(frame, &configs.map, &into->map, err) < 0)
        return kustomization_wrap(&frame->kustomization, err, "generators");
    return 0;
}

// ---- transformers ----

// One transformer at work: what it is called where somebody asks for its traces, and its place.
struct run {
    struct frame *frame;
    struct accumulator *into;
    const char *field;
    const char *plugin_kind;
};

static void finish(const struct run *run)
{
    cleanup_value struct value *origin = origin_of_builtin(run->frame, run->plugin_kind);
    alias_settle_all(&run->into->map);
    origin_mark_transformed(&run->into->map, origin);
}

static void finish_step(const struct run *run)
{
    finish(run);
    explain_field(run->frame, &run->into->map, "%s", run->field);
}

static void finish_item(const struct run *run, size_t index)
{
    finish(run);
    explain_field(run->frame, &run->into->map, "%s[%zu]", run->field, index);
}

static int wrap(const struct run *run, struct error *err)
{
    return kustomization_wrap(&run->frame->kustomization, err, "%s", run->field);
}

static int wrap_item(const struct run *run, size_t index, struct error *err)
{
    return kustomization_wrap_item(&run->frame->kustomization, err, run->field, index);
}

// Before an entry looks at the objects; `bytes` is what it puts into each. A trace that somebody
// asked for is as much work as a few entries.
static int count(const struct run *run, size_t bytes, struct error *err)
{
    enum { TRACE = 4 };
    size_t objects = run->into->map.list.len;
    return frame_count(run->frame, objects * (run->frame->origin != NULL ? TRACE : 1),
                       objects * bytes, err);
}

static int count_pairs(const struct run *run, const struct value *pairs, struct error *err)
{
    enum { MEMBER_BYTES = 64 };
    return count(run, value_size(pairs) + value_object_size(pairs) * MEMBER_BYTES, err);
}

// A step of its own for each entry.
static int step_each(const struct run *run, frame_step *step, struct error *err)
{
    const struct value *list = field(run->frame, run->field);
    for (size_t i = 0; i < value_array_size(list); i++) {
        if (count(run, 0, err) < 0 ||
            step(run->frame, value_array_get(list, i), &run->into->map, err) < 0)
            return wrap_item(run, i, err);
        finish_item(run, i);
    }
    return 0;
}

static int patches_strategic(const struct run *run, struct error *err)
{
    struct value *list = value_unconst(field(run->frame, run->field));
    if (value_array_size(list) == 0)
        return 0;
    cleanup_value struct value *config = value_object_of("paths", value_incref(list), NULL);
    size_t index = SIZE_MAX;
    if (patch_strategic_entries(run->frame, config, &run->into->map, &index, err) < 0)
        return index < SIZE_MAX ? wrap_item(run, index, err) : wrap(run, err);
    finish_step(run);
    return 0;
}

static int patches(const struct run *run, struct error *err)
{
    return step_each(run, patch_transform, err);
}

static int patches_json(const struct run *run, struct error *err)
{
    const struct value *list = field(run->frame, run->field);
    for (size_t i = 0; i < value_array_size(list); i++) {
        cleanup_value struct value *config = value_copy(value_array_get(list, i));
        if (value_object_get(config, "patch") != NULL) {
            value_object_set(config, "jsonOp", value_object_get(config, "patch"));
            value_object_del(config, "patch");
        }
        if (count(run, 0, err) < 0 ||
            patch_json6902_transform(run->frame, config, &run->into->map, err) < 0)
            return wrap_item(run, i, err);
        finish_item(run, i);
    }
    return 0;
}

static int namespaces(const struct run *run, struct error *err)
{
    struct namespace_options options = {.ns = value_string_value(field(run->frame, run->field))};
    cleanup_vec struct vec specs = FIELDSPECS;
    if (options.ns == NULL || *options.ns == '\0')
        return 0;
    config_specs(&run->into->config, CONFIG_NAMESPACE, &specs);
    if (transform_namespace(&options, &specs, &run->into->map, err) < 0)
        return wrap(run, err);
    finish_step(run);
    return 0;
}

static int affix(const struct run *run, enum config_section section,
                 int (*transform)(const char *, const struct vec *, struct resmap *,
                                  struct error *),
                 struct error *err)
{
    const char *text = value_string_value(field(run->frame, run->field));
    cleanup_vec struct vec specs = FIELDSPECS;
    if (text == NULL || *text == '\0')
        return 0;
    config_specs(&run->into->config, section, &specs);
    if (frame_count_names(run->frame, &run->into->map, err) < 0 ||
        transform(text, &specs, &run->into->map, err) < 0)
        return wrap(run, err);
    finish_step(run);
    return 0;
}

static int prefix(const struct run *run, struct error *err)
{
    return affix(run, CONFIG_NAME_PREFIX, transform_prefix, err);
}

static int suffix(const struct run *run, struct error *err)
{
    return affix(run, CONFIG_NAME_SUFFIX, transform_suffix, err);
}

// Versions after 5.8.1 leave the templates of volume claims out unless they are asked for. What
// says so in words is understood; what does not is rendered as 5.8.1 does.
static void drop_claim_templates(struct vec *specs)
{
    for (size_t i = 0; i < specs->len;) {
        const struct fieldspec *spec = vec_at(specs, i);
        if (strncmp(spec->path, "spec/volumeClaimTemplates[]/", 28) == 0)
            vec_remove(specs, i);
        else
            i++;
    }
}

// The fields that an entry of `labels` goes into.
static int label_specs(const struct config *config, const struct value *label, struct vec *specs,
                       struct error *err)
{
    static const struct fieldspec metadata_labels = {"", "", "", "metadata/labels", true};
    cleanup_vec struct vec own = FIELDSPECS;
    cleanup_vec struct vec more = FIELDSPECS;
    fieldspec_read_all(value_object_get(label, "fields"), specs);
    config_specs(config, CONFIG_LABELS, &own);
    if (fieldspec_merge(specs, &own, err) < 0)
        return -1;
    if (value_bool_at(label, "includeSelectors", false)) {
        config_specs(config, CONFIG_COMMON_LABELS, &more);
    } else {
        if (value_bool_at(label, "includeTemplates", false))
            config_specs(config, CONFIG_TEMPLATE_LABELS, &more);
        if (!value_bool_at(label, "includeVolumeClaimTemplates", true))
            drop_claim_templates(&more);
        *(struct fieldspec *)vec_push(&more) = metadata_labels;
    }
    return fieldspec_merge(specs, &more, err);
}

static int labels(const struct run *run, struct error *err)
{
    const struct value *list = field(run->frame, run->field);
    for (size_t i = 0; i < value_array_size(list); i++) {
        const struct value *label = value_array_get(list, i);
        cleanup_vec struct vec specs = FIELDSPECS;
        if (label_specs(&run->into->config, label, &specs, err) < 0 ||
            count_pairs(run, value_object_get(label, "pairs"), err) < 0 ||
            transform_pairs(value_object_get(label, "pairs"), &specs, &run->into->map, err) < 0)
            return wrap_item(run, i, err);
        finish_item(run, i);
    }
    return 0;
}

static int common_labels(const struct run *run, struct error *err)
{
    const struct value *pairs = field(run->frame, run->field);
    cleanup_vec struct vec specs = FIELDSPECS;
    if (value_object_size(pairs) == 0 && value_array_size(field(run->frame, "labels")) == 0)
        return 0;
    config_specs(&run->into->config, CONFIG_COMMON_LABELS, &specs);
    if (count_pairs(run, pairs, err) < 0 ||
        transform_pairs(pairs, &specs, &run->into->map, err) < 0)
        return wrap(run, err);
    finish_step(run);
    return 0;
}

static int common_annotations(const struct run *run, struct error *err)
{
    const struct value *pairs = field(run->frame, run->field);
    cleanup_vec struct vec specs = FIELDSPECS;
    if (value_object_size(pairs) == 0)
        return 0;
    config_specs(&run->into->config, CONFIG_COMMON_ANNOTATIONS, &specs);
    if (count_pairs(run, pairs, err) < 0 ||
        transform_pairs(pairs, &specs, &run->into->map, err) < 0)
        return wrap(run, err);
    finish_step(run);
    return 0;
}

// All of an object is looked through.
static int count_walk(const struct run *run, struct error *err)
{
    if (frame_count(run->frame, 3 * run->into->map.list.len, 0, err) < 0)
        return -1;
    return count(run, 0, err);
}

static int replicas(const struct run *run, struct error *err)
{
    const struct value *list = field(run->frame, run->field);
    cleanup_vec struct vec specs = FIELDSPECS;
    if (value_array_size(list) > 0)
        config_specs(&run->into->config, CONFIG_REPLICAS, &specs);
    for (size_t i = 0; i < value_array_size(list); i++) {
        if (count_walk(run, err) < 0 ||
            transform_replica(value_array_get(list, i), &specs, &run->into->map, err) < 0)
            return wrap_item(run, i, err);
        finish_item(run, i);
    }
    return 0;
}

// All entries at once, unless somebody asks what each of them did.
static int images(const struct run *run, struct error *err)
{
    const struct value *list = field(run->frame, run->field);
    cleanup_vec struct vec specs = FIELDSPECS;
    cleanup_vec struct vec entries = VEC_OF(const struct value *, NULL);
    bool traced = run->frame->origin != NULL || run->frame->build->options->explain;
    size_t size = value_array_size(list);
    if (size > 0)
        config_specs(&run->into->config, CONFIG_IMAGES, &specs);
    for (size_t i = 0; i < size; i++) {
        *(const struct value **)vec_push(&entries) = value_array_get(list, i);
        if (count_walk(run, err) < 0)
            return wrap_item(run, i, err);
        if (!traced && i + 1 < size)
            continue;
        if (transform_images(&entries, &specs, &run->into->map, err) < 0)
            return wrap_item(run, i + 1 - entries.len, err);
        finish_item(run, i);
        vec_clear(&entries);
    }
    return 0;
}

static int replacements(const struct run *run, struct error *err)
{
    struct value *list = value_unconst(field(run->frame, run->field));
    if (value_array_size(list) == 0)
        return 0;
    cleanup_value struct value *config = value_object_of("replacements", value_incref(list), NULL);
    size_t index = 0;
    if (replacement_entries(run->frame, config, &run->into->map, &index, err) < 0)
        return wrap_item(run, index, err);
    finish_step(run);
    return 0;
}

static const struct {
    const char *field;
    const char *plugin_kind;
    int (*transform)(const struct run *run, struct error *err);
} transformers[] = {
    {"patchesStrategicMerge", "PatchStrategicMergeTransformer", patches_strategic},
    {"patches", "PatchTransformer", patches},
    {"namespace", "NamespaceTransformer", namespaces},
    {"namePrefix", "PrefixTransformer", prefix},
    {"nameSuffix", "SuffixTransformer", suffix},
    {"labels", "LabelTransformer", labels},
    {"commonLabels", "LabelTransformer", common_labels},
    {"commonAnnotations", "AnnotationsTransformer", common_annotations},
    {"patchesJson6902", "PatchJson6902Transformer", patches_json},
    {"replicas", "ReplicaCountTransformer", replicas},
    {"images", "ImageTagTransformer", images},
    {"replacements", "ReplacementTransformer", replacements},
};

typedef int plugin_run(struct frame *frame, struct resmap *configs, struct resmap *map,
                       struct error *err);

static int run_plugins(struct frame *frame, const char *name, plugin_run *run,
                       struct accumulator *into, struct error *err)
{
    if (value_array_size(field(frame, name)) == 0)
        return 0;
    cleanup_accumulator struct accumulator configs;
    accumulator_init(&configs);
    if (load_configs(frame, name, &configs, err) < 0)
        return -1;
    if (run(frame, &configs.map, &into->map, err) < 0)
        return kustomization_wrap(&frame->kustomization, err, "%s", name);
    return 0;
}

int run_transformers(struct frame *frame, struct accumulator *into, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(transformers); i++) {
        struct run run = {frame, into, transformers[i].field, transformers[i].plugin_kind};
        if (transformers[i].transform(&run, err) < 0)
            return -1;
    }
    return run_plugins(frame, "transformers", plugin_transform, into, err);
}

// All objects as one text, to see whether a validator changed any.
static char *fingerprint(const struct resmap *map)
{
    cleanup_value struct value *values = value_array();
    resmap_foreach (resource, map)
        value_array_append(values, resource->value);
    return value_canonical(values);
}

// The same behind a validator, which may put a label of its own on what it has seen.
static char *fingerprint_validated(const struct resmap *map)
{
    static const char label[] = "validated-by";
    cleanup_value struct value *values = value_array();
    resmap_foreach (resource, map) {
        struct value *copy = value_deep_copy(resource->value);
        struct value *metadata = value_object_get(copy, "metadata");
        struct value *labels = value_object_get(metadata, "labels");
        if (value_object_del(labels, label) == 0 && value_object_size(labels) == 0)
            value_object_del(metadata, "labels");
        value_array_append_new(values, copy);
    }
    return value_canonical(values);
}

int run_validators(struct frame *frame, struct accumulator *into, struct error *err)
{
    if (value_array_size(field(frame, "validators")) == 0)
        return 0;
    cleanup_free char *before = fingerprint(&into->map);
    if (run_plugins(frame, "validators", plugin_validate, into, err) < 0)
        return -1;
    cleanup_free char *after = fingerprint_validated(&into->map);
    if (strcmp(before, after) == 0)
        return 0;
    error_set(err, ERROR_INVALID,
              "a validator changed an object; what changes objects belongs under transformers");
    return kustomization_wrap(&frame->kustomization, err, "validators");
}
