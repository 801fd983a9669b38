// Runs the kustomization at the top, and what is done once at the end: hashes in names, references,
// variables, order, annotations.
#include "render/kustomize/kustomize.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/accumulate.h"
#include "render/kustomize/alias.h"
#include "render/kustomize/explain.h"
#include "render/kustomize/origin.h"
#include "render/kustomize/schema.h"
#include "render/kustomize/sort.h"
#include "render/kustomize/steps.h"
#include "render/kustomize/transform.h"
#include "render/remote.h"

void kustomize_object_release(void *element)
{
    struct kustomize_object *object = element;
    value_decref(object->value);
    value_decref(object->explained);
    free(object->file);
}

static bool is_local(const struct resource *resource)
{
    const struct value *local =
        value_object_get(resource_annotations(resource), "config.kubernetes.io/local-config");
    const char *text = value_string_value(local);
    return local != NULL && !value_is_false(local) && (text == NULL || strcmp(text, "false") != 0);
}

// A JSON patch can take away what an object is known by, or make a number of it.
static int check_named(const struct resource *resource, struct error *err)
{
    const struct value *metadata = value_object_get(resource->value, "metadata");
    cleanup_free char *kind = yamlvalue_scalar_text(value_object_get(resource->value, "kind"));
    cleanup_free char *name = yamlvalue_scalar_text(value_object_get(metadata, "name"));
    size_t length = strlen(kind);
    bool list = length >= 4 && strcmp(kind + length - 4, "List") == 0;
    if (length > 0 && (list || *name != '\0'))
        return 0;
    return error_set(err, ERROR_INVALID, "%s:%zu: the object has no %s behind its patches",
                     resource->file != NULL ? resource_file(resource) : "a generated object",
                     resource->line, length == 0 ? "kind" : "metadata.name");
}

static void drop_local(struct resmap *map)
{
    size_t kept = 0;
    struct resource **list = map->list.data;
    for (size_t i = 0; i < map->list.len; i++) {
        if (is_local(list[i]))
            resource_free(list[i]);
        else
            list[kept++] = list[i];
    }
    map->list.len = kept;
    resmap_renamed(map);
}

static bool asks_for_managed_by(const struct value *build_metadata)
{
    for (size_t i = 0; i < value_array_size(build_metadata); i++)
        if (strcmp(value_string_value(value_array_get(build_metadata, i)), "managedByLabel") == 0)
            return true;
    return false;
}

// Whose output this is equal to.
static int add_managed_by(struct resmap *map, struct error *err)
{
    cleanup_value struct value *pairs =
        value_object_of("app.kubernetes.io/managed-by", value_string("kustomize-v5.8.1"), NULL);
    cleanup_vec struct vec specs = FIELDSPECS;
    *(struct fieldspec *)vec_push(&specs) = (struct fieldspec){"", "", "", "metadata/labels", true};
    return transform_pairs(pairs, &specs, map, err);
}

// kustomize keeps its notes in annotations and takes them out at its end, with those of functions,
// also where an object brought them along, as files that kpt wrote do (BuildAnnotations of
// api/resource/resource.go).
static void drop_notes(struct resource *resource)
{
    static const char *const notes[] = {
        "internal.config.kubernetes.io/previousKinds",
        "internal.config.kubernetes.io/previousNames",
        "internal.config.kubernetes.io/prefixes",
        "internal.config.kubernetes.io/suffixes",
        "internal.config.kubernetes.io/previousNamespaces",
        "internal.config.kubernetes.io/refBy",
        "internal.config.kubernetes.io/generatorBehavior",
        "internal.config.kubernetes.io/needsHashSuffix",
        "internal.config.kubernetes.io/allowNameChange",
        "internal.config.kubernetes.io/allowKindChange",
        "internal.config.kubernetes.io/path",
        "internal.config.kubernetes.io/index",
        "internal.config.kubernetes.io/seqindent",
        "internal.config.kubernetes.io/id",
        "internal.config.kubernetes.io/annotations-migration-resource-id",
        "internal.config.kubernetes.io/helm-generated",
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.k8s.io/id",
        "config.kubernetes.io/origin",
        "alpha.config.kubernetes.io/transformations",
    };
    struct value *annotations = resource_annotations(resource);
    for (size_t i = 0; annotations != NULL && i < ARRAY_LENGTH(notes); i++)
        (void)value_object_del(annotations, notes[i]);
}

// kustomize makes the annotations of every object anew at its end: values become text that was
// never folded, and an empty mapping goes.
static void settle_annotations(struct resource *resource)
{
    struct value *metadata = value_object_get(resource->value, "metadata");
    struct value *annotations = value_object_get(metadata, "annotations");
    const char *key = NULL;
    struct value *value = NULL;
    if (value_object_size(annotations) == 0) {
        value_object_del(metadata, "annotations");
        return;
    }
    value_foreach (annotations, key, value) {
        struct yamlvalue_written written;
        yamlvalue_written_of(value, &written);
        if (!value_is_string(value) || value_string_noted(value) == '>' ||
            strlen(value_string_value(value)) < value_string_length(value))
            value_object_set_new(annotations, key, value_string(written.text));
    }
}

static int settle(struct resource *resource, struct error *err)
{
    if (yamlvalue_settle(resource->value, err) < 0)
        return -1;
    bool next_line = false;
    if (yamlvalue_has_controls(resource->value, &next_line))
        return error_set(
            err, ERROR_INVALID,
            "a text in it holds a control character (U+007F to U+009F, U+FFFE or U+FFFF), which "
            "YAML cannot hold; remove it, or encode the text");
    if (next_line)
        yamlvalue_fold_next_lines(resource->value);
    return 0;
}

// What no field asks for, at the end of the build of this kustomization.
static void explain_end(const struct frame *top, struct resmap *map, const char *what)
{
    cleanup_free char *source = xasprintf("%s: %s", top->kustomization.file, what);
    explain_all(top, map, source);
}

static int finish(struct frame *top, struct accumulator *all, struct error *err)
{
    const struct value *value = top->kustomization.value;
    const struct value *build_metadata = value_object_get(value, "buildMetadata");
    cleanup_vec struct vec references = CONFIG_REFERENCES;
    cleanup_vec struct vec var_fields = FIELDSPECS;
    config_references(&all->config, &references);
    config_specs(&all->config, CONFIG_VAR_REFERENCE, &var_fields);
    if (hash_transform(top, NULL, &all->map, err) < 0)
        return error_wrap(err, "%s", top->kustomization.file);
    explain_end(top, &all->map, "the hash of its content");
    if (transform_references(&references, &all->map, err) < 0)
        return error_wrap(err, "%s", top->kustomization.file);
    explain_end(top, &all->map, "the new name of the object that it refers to");
    if (value_array_size(all->vars) > 0 &&
        vars_resolve(top, all->vars, &var_fields, &all->map, err) < 0)
        return error_wrap(err, "%s: vars", top->kustomization.file);
    alias_settle_all(&all->map);
    resmap_foreach (object, &all->map) {
        if (check_named(object, err) < 0)
            return -1;
    }
    explain_field(top, &all->map, "vars");
    drop_local(&all->map);
    if (resmap_check_unique(&all->map, err) < 0)
        return error_wrap(err, "%s", top->kustomization.file);
    if (sort_resources(&all->map, value_object_get(value, "sortOptions"),
                       top->build->options->order, err) < 0)
        return kustomization_wrap(&top->kustomization, err, "sortOptions");
    if (asks_for_managed_by(build_metadata) && add_managed_by(&all->map, err) < 0)
        return kustomization_wrap(&top->kustomization, err, "buildMetadata");
    resmap_foreach (noted, &all->map)
        drop_notes(noted);
    origin_annotate(&all->map, build_metadata);
    resmap_foreach (resource, &all->map) {
        settle_annotations(resource);
        if (settle(resource, err) < 0) {
            cleanup_free char *name = resource_id_describe(resource_current_id(resource));
            return error_wrap(err, "%s", name);
        }
    }
    explain_field(top, &all->map, "buildMetadata");
    return 0;
}

static int run(struct build *build, const char *path, struct vec *objects, struct error *err)
{
    cleanup_free char *dir = NULL;
    cleanup_frame struct frame top = {0};
    enum tree_kind kind = TREE_OTHER;
    if (tree_resolve(build->tree, path, &dir, &kind, err) < 0)
        return tree_say_missing(build->tree, path, err);
    if (kind != TREE_DIRECTORY)
        return error_set(err, ERROR_INVALID, "%s is a file; a kustomization is named by its folder",
                         path);
    if (frame_open(build, NULL, dir, &top, err) < 0)
        return -1;
    if (value_array_size(value_object_get(top.kustomization.value, "buildMetadata")) > 0)
        top.origin = xstrdup("");
    cleanup_accumulator struct accumulator all;
    accumulator_init(&all);
    if (accumulate(&top, &all, err) < 0)
        return -1;
    if (build->options->remotes != NULL && !remotes_are_complete(build->options->remotes))
        return error_set(err, ERROR_UNAVAILABLE, "%s: remote bases were not fetched yet",
                         top.kustomization.file);
    if (finish(&top, &all, err) < 0)
        return -1;
    resmap_foreach (resource, &all.map) {
        *(struct kustomize_object *)vec_push(objects) = (struct kustomize_object){
            .value = STEAL(resource->value),
            .explained = STEAL(resource->explained),
            .file =
                xstrdup(resource->file != NULL ? resource_file(resource) : top.kustomization.file),
            .line = resource->line > 0 ? resource->line : 1,
        };
    }
    return 0;
}

int kustomize_build(struct tree *tree, const char *path, const struct kustomize_options *options,
                    struct vec *objects, struct vec *warnings, struct error *err)
{
    cleanup_schema struct schema *schema = schema_new();
    struct build build = {
        .tree = tree,
        .options = options,
        .schema = schema,
        .warnings = VEC_OF(char *, vec_release_string),
    };
    int done = run(&build, path, objects, err);
    vec_foreach (char *, warning, &build.warnings)
        *(char **)vec_push(warnings) = STEAL(*warning);
    vec_free(&build.warnings);
    return done;
}

int kustomize_print(const struct vec *objects, struct strbuf *out, struct error *err)
{
    bool first = true;
    vec_foreach (const struct kustomize_object, object, objects) {
        if (!first)
            strbuf_addstr(out, "---\n");
        first = false;
        if (yamlvalue_write(object->value, out, err) < 0)
            return -1;
    }
    return strbuf_check(out, "the output", err);
}
