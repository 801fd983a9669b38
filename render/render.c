// Chooses the renderer for a path and records what it read.
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "render/collect.h"
#include "render/kustomize/kustomize.h"
#include "render/object.h"
#include "render/plain.h"
#include "render/substitute.h"

void render_object_release(void *element)
{
    struct render_object *object = element;
    free(object->path);
    free(object->api_version);
    free(object->group);
    free(object->kind);
    free(object->ns);
    free(object->name);
    free(object->yaml);
    free(object->source);
    json_decref(object->explained);
}

void render_result_release(struct render_result *result)
{
    vec_free(&result->objects);
    vec_free(&result->inputs);
    vec_free(&result->warnings);
}

enum render_type render_type_parse(const char *name)
{
    if (strcmp(name, "Kustomize") == 0)
        return RENDER_KUSTOMIZE;
    return strcmp(name, "Plain") == 0 ? RENDER_PLAIN : RENDER_AUTO;
}

const char *render_type_name(enum render_type type)
{
    return type == RENDER_KUSTOMIZE ? "kustomize" : "plain";
}

static int is_file(struct tree *tree, const char *dir, const char *name, bool *ret_found,
                   struct error *err)
{
    cleanup_free char *path = tree_join(dir, name);
    cleanup_free char *resolved = NULL;
    cleanup_error struct error failure = {0};
    enum tree_kind kind = TREE_OTHER;
    *ret_found = tree_resolve(tree, path, &resolved, &kind, &failure) == 0 && kind == TREE_FILE;
    return failure.code == ERROR_NONE || failure.code == ERROR_NOT_FOUND
               ? 0
               : error_move(err, &failure);
}

// By what lies at the path. A chart is refused by name, instead of applying its pieces.
static int choose(struct tree *tree, const char *path, enum render_type *ret_type,
                  struct error *err)
{
    static const char *const names[] = {
        "kustomization.yaml",
        "kustomization.yml",
        "Kustomization",
        "Chart.yaml",
    };
    cleanup_free char *resolved = NULL;
    enum tree_kind kind;
    *ret_type = RENDER_PLAIN;
    if (tree_resolve(tree, path, &resolved, &kind, err) < 0)
        return tree_say_missing(tree, path, err);
    for (size_t i = 0; i < ARRAY_LENGTH(names) && kind == TREE_DIRECTORY; i++) {
        bool found = false;
        if (is_file(tree, path, names[i], &found, err) < 0)
            return -1;
        cleanup_free char *file = tree_join(path, names[i]);
        if (found && strcmp(names[i], "Chart.yaml") == 0)
            return plain_refuse_unrendered(file, err);
        if (found) {
            *ret_type = RENDER_KUSTOMIZE;
            return 0;
        }
    }
    return 0;
}

// Every object of a build, in its order; what an artifact cannot hold is refused. A value is freed
// as soon as its bytes are there.
static int add_built(struct vec *built, const struct render_options *options,
                     const struct substitute *substitute, struct vec *objects, struct error *err)
{
    cleanup_collect struct collect collect;
    collect_init(&collect, options, objects);
    vec_foreach (struct kustomize_object, object, built) {
        cleanup_object_identity struct object_identity identity = {0};
        cleanup_value struct value *substituted = NULL;
        if (substitute_apply(substitute, object->value, object->file, object->line, &substituted,
                             err) < 0)
            return -1;
        struct value *value = substituted != NULL ? substituted : object->value;
        if (object_identity_read(value, &identity, NULL, err) < 0)
            return error_wrap(err, "%s:%zu", object->file, object->line);
        if (collect_add(&collect, value, &identity, object->file, object->line, err) < 0)
            return -1;
        struct render_object *added = vec_at(objects, objects->len - 1);
        added->order = objects->len;
        added->explained = value_to_json(object->explained);
        value_decref(STEAL(object->value));
    }
    return 0;
}

static int render_kustomize(struct tree *tree, const char *path,
                            const struct render_options *options,
                            const struct substitute *substitute, struct render_result *result,
                            struct error *err)
{
    const struct kustomize_options as_the_command = {
        .order = KUSTOMIZE_ORDER_LEGACY,
        .explain = options->explain,
        .remotes = options->remotes,
    };
    cleanup_vec struct vec built = KUSTOMIZE_OBJECTS;
    if (kustomize_build(tree, path, &as_the_command, &built, &result->warnings, err) < 0)
        return -1;
    return add_built(&built, options, substitute, &result->objects, err);
}

static int render(struct tree *tree, const char *path, const struct render_options *options,
                  struct render_result *result, struct error *err)
{
    enum render_type type = options->type;
    if (type == RENDER_AUTO && choose(tree, path, &type, err) < 0)
        return -1;
    cleanup_substitute struct substitute *substitute = NULL;
    cleanup_value struct value *variables = value_from_json(options->substitute);
    if (variables != NULL && substitute_new(tree, variables, &substitute, err) < 0)
        return -1;
    result->type = type;
    int done = type == RENDER_KUSTOMIZE
                   ? render_kustomize(tree, path, options, substitute, result, err)
                   : plain_render(tree, path, options, substitute, &result->objects, err);
    if (done < 0)
        return -1;
    collect_sort(&result->objects);
    return 0;
}

int render_tree(struct tree *tree, const char *path, const struct render_options *options,
                struct render_result *ret_result, struct error *err)
{
    cleanup_render_result struct render_result result = {
        .objects = RENDER_OBJECTS,
        .inputs = VEC_OF(char *, vec_release_string),
        .warnings = VEC_OF(char *, vec_release_string),
    };
    // "./apps" and "apps/" name files like "apps" in messages.
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    cleanup_free char *plain_path =
        length == 1 && *path == '.' ? xstrdup("") : xstrndup(path, length);
    tree_record(tree, &result.inputs);
    int done = render(tree, plain_path, options, &result, err);
    tree_record(tree, NULL);
    if (done < 0)
        return -1;
    tree_record_finish(&result.inputs);
    *ret_result = result;
    result = (struct render_result){0};
    return 0;
}
