#include "render/kustomize/accumulate.h"

#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/explain.h"
#include "render/kustomize/origin.h"
#include "render/kustomize/remote_spec.h"
#include "render/kustomize/schema.h"
#include "render/kustomize/vars.h"
#include "render/remote.h"

void accumulator_init(struct accumulator *accumulator)
{
    resmap_init(&accumulator->map);
    config_init(&accumulator->config, CONFIG_EMPTY);
    accumulator->vars = value_array();
}

void accumulator_release(struct accumulator *accumulator)
{
    resmap_release(&accumulator->map);
    config_release(&accumulator->config);
    value_decref(STEAL(accumulator->vars));
}

// ---- resources ----

static int add_text(struct frame *frame, const char *path, const char *text, size_t size,
                    const char *file, struct accumulator *into, struct error *err)
{
    cleanup_vec struct vec resources = RESOURCES;
    cleanup_value struct value *origin = origin_of_file(frame, path);
    if (resource_parse(text, size, file, frame->build->schema, &resources, err) < 0)
        return -1;
    vec_foreach (struct resource *, resource, &resources) {
        (*resource)->origin = value_incref(origin);
        cleanup_free char *source = xasprintf("%s:%zu", file, (*resource)->line);
        explain_resource(frame, *resource, source);
        if (resmap_append(&into->map, STEAL(*resource), err) < 0)
            return -1;
    }
    return 0;
}

static int add_file(struct frame *frame, const char *path, const char *resolved,
                    struct accumulator *into, struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_free char *file = NULL;
    size_t size = 0;
    if (frame_read_resolved(frame, resolved, &text, &size, &file, err) < 0)
        return -1;
    return add_text(frame, path, text, size, file, into, err);
}

static int merge(struct accumulator *into, struct accumulator *from, struct error *err)
{
    if (resmap_append_all(&into->map, &from->map, err) < 0 ||
        config_merge(&into->config, &from->config, err) < 0)
        return -1;
    return vars_merge(into->vars, from->vars, err);
}

static int set_schema(struct frame *frame, struct error *err)
{
    const struct value *openapi = value_object_get(frame->kustomization.value, "openapi");
    const char *path = value_text(openapi, "path");
    const char *version = value_text(openapi, "version");
    cleanup_free char *text = NULL;
    cleanup_free char *file = NULL;
    size_t size = 0;
    if (path != NULL && version != NULL)
        error_set(err, ERROR_INVALID, "path and version exclude one another; keep one");
    else if ((path == NULL ||
              (frame_read(frame, path, &text, &size, &file, err) == 0 &&
               schema_set_document(frame->build->schema, text, size, file, err) == 0)) &&
             (version == NULL || schema_set_version(frame->build->schema, version, err) == 0))
        return 0;
    return kustomization_wrap(&frame->kustomization, err, "openapi");
}

static int run_child(struct frame *frame, const char *path, struct frame *child, bool component,
                     struct accumulator *into, struct error *err)
{
    if (child->kustomization.component != component)
        return error_set(err, ERROR_INVALID, "%s is a %s; name it under %s",
                         child->kustomization.file, component ? "Kustomization" : "Component",
                         component ? "resources" : "components");
    origin_enter(frame, path, child);
    if (set_schema(child, err) < 0)
        return -1;
    if (component) {
        if (accumulate(child, into, err) < 0)
            return -1;
        return resmap_check_unique(&into->map, err);
    }
    cleanup_accumulator struct accumulator own;
    accumulator_init(&own);
    if (accumulate(child, &own, err) < 0)
        return -1;
    return merge(into, &own, err);
}

static int add_folder(struct frame *frame, const char *path, const char *dir, bool component,
                      struct accumulator *into, struct error *err)
{
    cleanup_frame struct frame child = {0};
    if (frame_open(frame->build, frame, dir, &child, err) < 0)
        return -1;
    return run_child(frame, path, &child, component, into, err);
}

// What is missing is left out, so that the rest of the build can say what else is.
static int add_repository(struct frame *frame, const char *path, const struct remote_spec *spec,
                          bool component, struct accumulator *into, struct error *err)
{
    cleanup_frame struct frame child = {0};
    cleanup_error struct error failure = {0};
    bool missing = false;
    if (frame_open_remote(frame, path, spec, &child, &missing, &failure) < 0)
        return missing ? 0 : error_move(err, &failure);
    return run_child(frame, path, &child, component, into, err);
}

static bool is_manifest_name(const char *url)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    size_t length = strcspn(url, "?");
    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
        size_t size = strlen(endings[i]);
        if (length > size && strncasecmp(url + length - size, endings[i], size) == 0)
            return true;
    }
    return false;
}

// A file of a web server where it answers with objects, else a repository, as kustomize tries them.
// What is plainly one of them is not tried as the other.
static int add_url(struct frame *frame, const char *url, const struct remote_spec *spec,
                   struct accumulator *into, struct error *err)
{
    const struct remote *file = NULL;
    cleanup_error struct error failure = {0};
    bool missing = false;
    bool may_be_repository = spec != NULL && (spec->explicit_path || !is_manifest_name(url));
    if (may_be_repository && !is_manifest_name(url) && spec->explicit_path)
        return add_repository(frame, url, spec, false, into, err);
    if (frame_fetch_file(frame, url, may_be_repository, &file, &missing, &failure) < 0)
        return missing ? 0 : error_move(err, &failure);
    if (file->state == REMOTE_BROUGHT &&
        add_text(frame, url, file->data, file->size, file->name, into, &failure) == 0)
        return 0;
    if (!may_be_repository)
        return error_move(err, &failure);
    return add_repository(frame, url, spec, false, into, err);
}

// In kustomize's order: a file, a repository, a folder. Components are no files.
static int add_path(struct frame *frame, const char *path, bool component, struct accumulator *into,
                    struct error *err)
{
    cleanup_free char *resolved = NULL;
    cleanup_remote_spec struct remote_spec spec = {0};
    cleanup_error struct error failure = {0};
    enum tree_kind kind = TREE_OTHER;
    bool is_repository = remote_spec_parse(path, &spec, NULL) == 0;
    if (!component && remote_is_file_url(path))
        return add_url(frame, path, is_repository ? &spec : NULL, into, err);
    int found = frame_resolve(frame, path, &resolved, &kind, &failure);
    if (is_repository && (component || found < 0 || kind != TREE_FILE))
        return add_repository(frame, path, &spec, component, into, err);
    if (found < 0)
        return error_move(err, &failure);
    if (kind == TREE_DIRECTORY)
        return add_folder(frame, path, resolved, component, into, err);
    if (component)
        return error_set(err, ERROR_INVALID, "%s is a file; a component is a folder", resolved);
    if (kind != TREE_FILE)
        return error_set(err, ERROR_INVALID, "%s is not a file", resolved);
    return add_file(frame, path, resolved, into, err);
}

int accumulate_paths(struct frame *frame, const char *field, const struct value *paths,
                     struct accumulator *into, struct error *err)
{
    bool component = strcmp(field, "components") == 0;
    frame->field = field;
    for (size_t i = 0; i < value_array_size(paths); i++) {
        const char *path = value_string_value(value_array_get(paths, i));
        frame->index = i;
        if (add_path(frame, path, component, into, err) < 0)
            return kustomization_wrap_item(&frame->kustomization, err, field, i);
    }
    frame->field = NULL;
    return 0;
}

// ---- configurations and crds ----

static int add_configuration(struct frame *frame, const char *path, struct config *config,
                             struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_free char *file = NULL;
    cleanup_value struct value *value = NULL;
    size_t size = 0;
    if (frame_read(frame, path, &text, &size, &file, err) < 0 ||
        yamlvalue_parse_first(text, size, file, &value, err) < 0)
        return -1;
    if (value_is_null(value))
        return 0;
    if (kustomization_check(value, "configuration", err) < 0 || config_add(config, value, err) < 0)
        return error_wrap(err, "%s", file);
    return 0;
}

static int add_crd(struct frame *frame, const char *path, struct config *config, struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_free char *file = NULL;
    cleanup_value struct value *value = NULL;
    size_t size = 0;
    if (frame_read(frame, path, &text, &size, &file, err) < 0 ||
        yamlvalue_parse_first(text, size, file, &value, err) < 0)
        return -1;
    if (config_add_crds(config, value, err) < 0)
        return error_wrap(err, "%s", file);
    return 0;
}

static int add_each(struct frame *frame, const char *field, struct config *config,
                    int (*add)(struct frame *, const char *, struct config *, struct error *),
                    struct error *err)
{
    const struct value *paths = value_object_get(frame->kustomization.value, field);
    for (size_t i = 0; i < value_array_size(paths); i++)
        if (add(frame, value_string_value(value_array_get(paths, i)), config, err) < 0)
            return kustomization_wrap(&frame->kustomization, err, "%s[%zu]", field, i);
    return 0;
}

// The files are merged among themselves, then with what is built in, then with the bases': the
// order decides which of two specifications stays.
static int add_configs(struct frame *frame, struct config *into, struct error *err)
{
    cleanup_config struct config files;
    cleanup_config struct config own;
    cleanup_config struct config crds;
    config_init(&files, CONFIG_EMPTY);
    config_init(&own, CONFIG_DEFAULT);
    config_init(&crds, CONFIG_EMPTY);
    if (add_each(frame, "configurations", &files, add_configuration, err) < 0)
        return -1;
    if (config_merge(&own, &files, err) < 0 || config_merge(into, &own, err) < 0)
        return kustomization_wrap(&frame->kustomization, err, "configurations");
    if (add_each(frame, "crds", &crds, add_crd, err) < 0)
        return -1;
    if (config_merge(into, &crds, err) < 0)
        return kustomization_wrap(&frame->kustomization, err, "crds");
    return 0;
}

int accumulate(struct frame *frame, struct accumulator *into, struct error *err)
{
    const struct value *value = frame->kustomization.value;
    if (frame->parent == NULL && set_schema(frame, err) < 0)
        return -1;
    if (accumulate_paths(frame, "resources", value_object_get(value, "resources"), into, err) < 0 ||
        add_configs(frame, &into->config, err) < 0 || run_generators(frame, into, err) < 0 ||
        accumulate_paths(frame, "components", value_object_get(value, "components"), into, err) <
            0 ||
        run_transformers(frame, into, err) < 0 || run_validators(frame, into, err) < 0)
        return -1;
    const struct value *vars = value_object_get(value, "vars");
    if (vars_record(into->vars, vars, &into->map, err) < 0)
        return kustomization_wrap(&frame->kustomization, err, "vars");
    return 0;
}
