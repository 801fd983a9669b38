// Chooses the renderer for a path and records what it read.
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/object_path.h"
#include "render/plain.h"

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
    json_decref(object->value);
}

void render_result_release(struct render_result *result)
{
    vec_free(&result->objects);
    vec_free(&result->inputs);
}

// A path that another renderer would take is refused by name, instead of applying its pieces.
static int check_auto(struct tree *tree, const char *path, struct error *err)
{
    cleanup_vec struct vec entries = TREE_ENTRIES;
    enum tree_kind kind;
    if (tree_lookup(tree, path, &kind, NULL, err) < 0)
        return -1;
    if (kind != TREE_DIRECTORY)
        return 0;
    if (tree_list(tree, path, &entries, err) < 0)
        return -1;
    vec_foreach (struct tree_entry, entry, &entries) {
        if (!object_path_needs_rendering(entry->name))
            continue;
        cleanup_free char *file = tree_join(path, entry->name);
        return plain_refuse_unrendered(file, err);
    }
    return 0;
}

static int render(struct tree *tree, const char *path, const struct render_options *options,
                  struct vec *objects, struct error *err)
{
    if (options->type == RENDER_AUTO && check_auto(tree, path, err) < 0)
        return -1;
    return plain_render(tree, path, options, objects, err);
}

int render_tree(struct tree *tree, const char *path, const struct render_options *options,
                struct render_result *ret_result, struct error *err)
{
    cleanup_render_result struct render_result result = {
        .objects = RENDER_OBJECTS,
        .inputs = VEC_OF(char *, vec_release_string),
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
    int done = render(tree, plain_path, options, &result.objects, err);
    tree_record(tree, NULL);
    if (done < 0)
        return -1;
    tree_record_finish(&result.inputs);
    *ret_result = result;
    result = (struct render_result){0};
    return 0;
}
