#include "cli/files.h"

#include "api/object.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/object_path.h"
#include "cli/checkout.h"
#include "cli/inputs.h"
#include "cli/registry.h"
#include "cli/substitution.h"
#include "cli/sync_files.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "oci/artifact.h"
#include "render/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE_BYTES = 16 << 20, MAX_DEPTH = 32 };

// The Bundle of --bundle; NULL without that flag. Owned.
static int find_bundle(const struct cli *cli, json_t **ret_bundle, struct error *err)
{
    cleanup_store struct store *store = NULL;
    const char *name = cli_string(cli, "bundle");
    if (name == NULL)
        return 0;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0 ||
        workspace_get(cli, store, "Bundle", name, ret_bundle, err) < 0)
        return error_wrap(err, "--bundle");
    return 0;
}

int files_render(const struct cli *cli, const char *folder, struct render_result *ret_result,
                 struct files_origin *origin, struct error *err)
{
    cleanup_checkout struct checkout checkout = {0};
    cleanup_tree struct tree *tree = NULL;
    cleanup_json json_t *bundle = NULL;
    cleanup_json json_t *substitute = NULL;
    struct oci_limits limits;
    if (limits_read(cli, &limits, err) < 0 || find_bundle(cli, &bundle, err) < 0 ||
        substitution_read(cli, object_spec(bundle, "render.substitute"), &substitute, err) < 0)
        return -1;
    const char *type = jval_string_or(object_spec(bundle, "render"), "type", "Auto");
    const struct render_options options = {
        .type = render_type_parse(cli_string_or(cli, "type", type)),
        .explain = cli_string(cli, "explain") != NULL,
        .allow_secrets = cli_flag(cli, "allow-secrets") ||
                         jval_bool(object_spec(bundle, "artifact"), "allowSecrets", false),
        .substitute = substitute,
        .max_objects = limits.max_files,
        .max_bytes = limits.max_unpacked,
    };
    if (checkout_find(folder, cli_string(cli, "path"), &checkout, err) < 0 ||
        tree_open_dir(checkout.root, &tree, err) < 0)
        return -1;
    if (bundle != NULL && cli_string(cli, "path") == NULL) {
        free(checkout.path);
        checkout.path = xstrdup_or_null(object_spec_string(bundle, "path"));
        if (checkout.path == NULL)
            checkout.path = xstrdup("");
    }
    if (!checkout.is_repository && cli_string(cli, "path") == NULL)
        tree->remedy = "name a folder that holds both, and --path for the one to render";
    if (inputs_render(cli, tree, checkout.path, &options, ret_result,
                      origin != NULL ? origin->inputs : NULL, err) < 0)
        return -1;
    if (origin != NULL) {
        origin->path = STEAL(checkout.path);
        origin->renderer = ret_result->type;
    }
    vec_foreach (char *, warning, &ret_result->warnings)
        tell_warning(cli, "%s", *warning);
    return 0;
}

void files_origin_release(struct files_origin *origin)
{
    json_decref(origin->inputs);
    free(origin->path);
}

static void push_file(struct vec *files, const char *path, const char *data, size_t size)
{
    struct oci_file *file = vec_push(files);
    file->path = xstrdup(path);
    file->data = xmalloc(size + 1);
    memcpy(file->data, data, size);
    file->data[size] = '\0';
    file->size = size;
}

static int load_rendered(const struct cli *cli, const char *folder, struct vec *ret_files,
                         struct files_origin *origin, struct error *err)
{
    cleanup_render_result struct render_result result = {0};
    if (files_render(cli, folder, &result, origin, err) < 0)
        return -1;
    vec_foreach (struct render_object, object, &result.objects)
        push_file(ret_files, object->path, object->yaml, object->yaml_size);
    return 0;
}

static int load_artifact(const struct cli *cli, const char *text, struct vec *ret_files,
                         struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_share struct oci_share share = {0};
    cleanup_free char *bytes = NULL;
    size_t size;
    if (registry_open(cli, text, REGISTRY_PULL, &registry, err) < 0 ||
        registry_resolve(&registry, &descriptor, err) < 0 ||
        oci_get_manifest(registry.repository, descriptor.digest.text, &bytes, &size, &manifest,
                         err) < 0)
        return -1;
    return oci_pull(registry.repository, &manifest, &registry.limits, NULL, NULL, &share, ret_files,
                    err);
}

// Every regular file below dir whose name does not start with a dot. An absent folder holds none.
static int load_folder(const char *dir, const char *prefix, unsigned depth, struct vec *files,
                       struct error *err)
{
    DIR *stream = depth < MAX_DEPTH ? opendir(dir) : NULL;
    if (stream == NULL)
        return depth == 0 && errno == ENOENT ? 0 : error_errno(err, errno, "open %s", dir);
    int result = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        cleanup_free char *path = path_join(dir, entry->d_name);
        cleanup_free char *name = tree_join(prefix, entry->d_name);
        cleanup_free char *data = NULL;
        size_t size = 0;
        struct stat st;
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            result = load_folder(path, name, depth + 1, files, err);
        else if (file_read(path, MAX_FILE_BYTES, &data, &size, err) < 0)
            result = -1;
        else
            push_file(files, name, data, size);
    }
    closedir(stream);
    return result;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct oci_file *)a)->path, ((const struct oci_file *)b)->path);
}

static int load_target(const json_t *sync, struct vec *ret_files, struct error *err)
{
    const char *path = object_spec_string(sync, "target.directory.path");
    const char *layout = object_spec_string(sync, "target.directory.layout");
    if (path == NULL || (layout != NULL && strcmp(layout, "Tree") != 0))
        return error_set(err, ERROR_INVALID,
                         "Sync %s/%s has no target.directory with layout Tree to compare with",
                         object_namespace(sync), object_name(sync));
    return load_folder(path, "", 0, ret_files, err);
}

static int load_object(const struct cli *cli, const char *kind, const char *name,
                       struct vec *ret_files, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0 ||
        workspace_get(cli, store, kind, name, &object, err) < 0)
        return -1;
    return strcmp(kind, "Sync") == 0 ? load_target(object, ret_files, err)
                                     : sync_files_load(cli, store, object, ret_files, err);
}

int files_load(const struct cli *cli, const char *text, struct vec *ret_files,
               struct files_origin *origin, struct error *err)
{
    int result;
    if (strncmp(text, "oci://", 6) == 0 || strncmp(text, "oci-layout:", 11) == 0)
        result = load_artifact(cli, text, ret_files, err);
    else if (strncmp(text, "sync/", 5) == 0)
        result = load_object(cli, "Sync", text + 5, ret_files, err);
    else if (strncmp(text, "bundle/", 7) == 0)
        result = load_object(cli, "Bundle", text + 7, ret_files, err);
    else
        result = load_rendered(cli, text, ret_files, origin, err);
    if (result == 0)
        vec_sort(ret_files, compare_files);
    return result;
}
