// The files of deploy/ as a tree in memory, with one kustomization on top that says which overlay
// and where.
#include "cli/manifests.h"

#include "api/crd.h"
#include "api/kind.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "cli/deploy_files.h"
#include "cli/workspace.h"
#include "render/kustomize/kustomize.h"
#include "render/tree.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MANIFEST_BYTES = 4 << 20 };

// ---- the tree ----

struct embedded_file {
    char *path;
    char *data;
    size_t size;
};

struct embedded_tree {
    struct tree tree;
    struct vec files; // struct embedded_file
};

static void release_file(void *element)
{
    struct embedded_file *file = element;
    free(file->path);
    free(file->data);
}

static void add_file(struct embedded_tree *tree, const char *path, const char *data, size_t size)
{
    struct embedded_file *file = vec_push(&tree->files);
    file->path = xstrdup(path);
    file->data = xstrndup(data, size);
    file->size = size;
}

static const struct embedded_file *find_file(struct tree *tree, const char *path)
{
    vec_foreach (const struct embedded_file, file, &((struct embedded_tree *)tree)->files) {
        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static bool is_folder(struct tree *tree, const char *path)
{
    size_t length = strlen(path);
    vec_foreach (const struct embedded_file, file, &((struct embedded_tree *)tree)->files) {
        if (length == 0 || (strncmp(file->path, path, length) == 0 && file->path[length] == '/'))
            return true;
    }
    return false;
}

static int embedded_lookup(struct tree *tree, const char *path, enum tree_kind *ret_kind,
                           size_t *ret_size, struct error *err)
{
    const struct embedded_file *file = find_file(tree, path);
    if (file == NULL && !is_folder(tree, path))
        return error_set(err, ERROR_NOT_FOUND, "%s: not there", path);
    *ret_kind = file != NULL ? TREE_FILE : TREE_DIRECTORY;
    *ret_size = file != NULL ? file->size : 0;
    return 0;
}

static int embedded_read(struct tree *tree, const char *path, size_t max_bytes, char **ret_data,
                         size_t *ret_size, struct error *err)
{
    const struct embedded_file *file = find_file(tree, path);
    if (file == NULL)
        return error_set(err, ERROR_NOT_FOUND, "%s: not there", path);
    if (file->size > max_bytes)
        return error_set(err, ERROR_LIMIT, "%s: larger than %zu bytes", path, max_bytes);
    *ret_data = xmemdup(file->data, file->size + 1);
    *ret_size = file->size;
    return 0;
}

static int embedded_read_link(struct tree *tree, const char *path, char **ret_target,
                              struct error *err)
{
    (void)tree;
    (void)ret_target;
    return error_set(err, ERROR_INTERNAL, "%s: there are no links here", path);
}

static int embedded_list(struct tree *tree, const char *path, struct vec *entries,
                         struct error *err)
{
    (void)tree;
    (void)entries;
    return error_set(err, ERROR_INTERNAL, "%s: kustomizations list no folders", path);
}

static void embedded_free(struct tree *tree)
{
    vec_free(&((struct embedded_tree *)tree)->files);
    free(tree);
}

// The kinds come from the table that also checks objects.
static int add_definitions(struct embedded_tree *tree, struct error *err)
{
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (!kind->has_status)
            continue;
        cleanup_strbuf struct strbuf yaml;
        strbuf_init(&yaml, MAX_MANIFEST_BYTES);
        cleanup_free char *name = api_crd_file(kind->name);
        cleanup_free char *path = tree_join("crds", name);
        if (api_crd_yaml(kind->name, &yaml, err) < 0 || strbuf_check(&yaml, path, err) < 0)
            return -1;
        add_file(tree, path, yaml.data, yaml.len);
    }
    return 0;
}

static int embedded_open(struct tree **ret_tree, struct error *err)
{
    static const struct tree_ops ops = {
        .lookup = embedded_lookup,
        .read_link = embedded_read_link,
        .read = embedded_read,
        .list = embedded_list,
        .free = embedded_free,
    };
    struct embedded_tree *tree = xcalloc(1, sizeof *tree);
    tree->tree.ops = &ops;
    tree->files = VEC_OF(struct embedded_file, release_file);
    for (const struct deploy_file *file = deploy_files; file->path != NULL; file++)
        add_file(tree, file->path, file->data, file->size);
    if (add_definitions(tree, err) < 0) {
        embedded_free(&tree->tree);
        return -1;
    }
    *ret_tree = &tree->tree;
    return 0;
}

// ---- rendering ----

// kustomize takes a kind that it does not know for a namespaced one.
static void place(json_t *object)
{
    const struct kind *kind = kind_find(object_kind(object));
    if (kind != NULL && !kind->namespaced)
        jval_remove(object, "metadata.namespace");
}

// The objects of `folder` with `namespace` on all that have one.
static int render(const char *folder, const char *namespace, json_t **ret_objects,
                  struct error *err)
{
    cleanup_tree struct tree *tree = NULL;
    cleanup_vec struct vec objects = KUSTOMIZE_OBJECTS;
    cleanup_vec struct vec warnings = VEC_OF(char *, vec_release_string);
    if (embedded_open(&tree, err) < 0)
        return -1;
    cleanup_json json_t *names = json_pack("{s:s, s:[s]}", "namespace", namespace, "resources", "");
    cleanup_free char *resource = xasprintf("../%s", folder);
    json_array_set_new(json_object_get(names, "resources"), 0, json_string(resource));
    cleanup_free char *top = jval_compact(names);
    add_file((struct embedded_tree *)tree, "install/kustomization.yaml", top, strlen(top));
    const struct kustomize_options options = {.order = KUSTOMIZE_ORDER_LEGACY};
    if (kustomize_build(tree, "install", &options, &objects, &warnings, err) < 0)
        return -1;
    json_t *array = json_array();
    vec_foreach (struct kustomize_object, object, &objects) {
        json_t *value = value_to_json(object->value);
        place(value);
        json_array_append_new(array, value);
    }
    *ret_objects = array;
    return 0;
}

static json_t *container_of(const json_t *object)
{
    if (strcmp(object_kind(object), "Deployment") != 0)
        return NULL;
    return json_array_get(jval_array(object, "spec.template.spec.containers"), 0);
}

int manifests_render(const struct manifests_choice *choice, json_t **ret_objects, struct error *err)
{
    const char *namespace = choice->namespace != NULL ? choice->namespace : SYSTEM_NAMESPACE;
    cleanup_free char *folder = tree_join("overlays", choice->overlay);
    json_t *objects = NULL;
    if (render(folder, namespace, &objects, err) < 0)
        return error_wrap(err, "the overlay %s", choice->overlay);
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        json_t *container = container_of(object);
        if (container != NULL && choice->image != NULL)
            jval_set_string(container, "image", choice->image);
    }
    *ret_objects = objects;
    return 0;
}

int manifests_render_tenant(const char *namespace, const char *system_namespace, const char *role,
                            json_t **ret_objects, struct error *err)
{
    json_t *objects = NULL;
    if (render("tenant", namespace, &objects, err) < 0)
        return error_wrap(err, "the tenant %s", namespace);
    size_t index;
    size_t at;
    json_t *object;
    json_t *subject;
    json_array_foreach (objects, index, object) {
        if (role != NULL && strcmp(jval_string_or(object, "metadata.name", ""), "sealift") == 0 &&
            jval_object(object, "roleRef") != NULL)
            jval_set_string(object, "roleRef.name", role);
        json_array_foreach (jval_array(object, "subjects"), at, subject) {
            if (strcmp(jval_string_or(subject, "namespace", ""), SYSTEM_NAMESPACE) == 0)
                jval_set_string(subject, "namespace", system_namespace);
        }
    }
    *ret_objects = objects;
    return 0;
}

const char *manifests_image(const json_t *objects)
{
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        const json_t *container = container_of(object);
        if (container != NULL)
            return jval_string_or(container, "image", "");
    }
    return "";
}

bool manifests_image_is_placeholder(const char *image)
{
    static const char reserved[] = "registry.example.com/"; // RFC 2606
    return strncmp(image, reserved, sizeof reserved - 1) == 0;
}
