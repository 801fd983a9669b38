// apply -f: objects into --config or the cluster. apply REF --directory: verify an artifact and put
// it into a folder, once.
#include "api/kind.h"
#include "api/object.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/yamljson.h"
#include "cli/commands.h"
#include "cli/judge.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "controller/target.h"
#include "oci/artifact.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 16 << 20 };

static bool has_objects(const struct vec *documents)
{
    vec_foreach (struct yamljson_document, document, documents) {
        if (!json_is_null(document->value))
            return true;
    }
    return false;
}

static int apply_objects(struct cli *cli, const char *file, struct error *err)
{
    cleanup_free char *text = NULL;
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *applied = json_array();
    size_t size = 0;
    if (file_read(file, MAX_FILE_BYTES, &text, &size, err) < 0)
        return error_wrap(err, "--filename");
    if (yamljson_parse_all(text, size, file, NULL, &documents, err) < 0)
        return -1;
    // All are checked before the first is written.
    vec_foreach (struct yamljson_document, document, &documents) {
        if (!json_is_null(document->value) && api_check(document->value, err) < 0)
            return error_wrap(err, "%s:%zu", file, document->line);
    }
    if (!has_objects(&documents))
        return error_set(err, ERROR_INVALID, "%s holds no object; nothing was applied", file);
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0)
        return -1;
    vec_foreach (struct yamljson_document, document, &documents) {
        if (json_is_null(document->value))
            continue;
        const struct kind *kind = kind_find(object_kind(document->value));
        if (kind->namespaced && *object_namespace(document->value) == '\0')
            jval_set_string(document->value, "metadata.namespace", workspace_namespace(cli));
        if (store_apply(store, document->value, err) < 0)
            return -1;
        cleanup_free char *name = object_text(document->value);
        tell_done(cli, "%s is applied", name);
        json_array_append(applied, document->value);
    }
    return *print_format(cli) != '\0' ? print_objects(cli, applied, false, err) : 0;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct oci_file *)a)->path, ((const struct oci_file *)b)->path);
}

static int load(struct registry *registry, const char *digest, struct vec *files, struct error *err)
{
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_share struct oci_share share = {0};
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_get_manifest(registry->repository, digest, &bytes, &size, &manifest, err) < 0 ||
        oci_pull(registry->repository, &manifest, &registry->limits, NULL, NULL, &share, files,
                 err) < 0)
        return -1;
    vec_sort(files, compare_files);
    return 0;
}

// {digest, directory, changes: [{action, path}]}, and of -o name the paths.
static int print_changes(const struct cli *cli, const struct vec *results, const char *digest,
                         const char *directory, struct error *err)
{
    cleanup_json json_t *paths = json_array();
    json_t *changes = json_array();
    vec_foreach (struct target_result, result, results) {
        if (result->error.code != ERROR_NONE || result->action == TARGET_UNCHANGED)
            continue;
        json_array_append_new(changes,
                              json_pack("{s:s, s:s}", "action", target_action_name(result->action),
                                        "path", result->path));
        json_array_append_new(paths, json_string(result->path));
    }
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:o}", "digest", digest, "directory", directory, "changes", changes);
    return print_answer(cli, value, paths, err);
}

static void tell_results(const struct cli *cli, const struct vec *results)
{
    vec_foreach (struct target_result, result, results) {
        if (result->error.code != ERROR_NONE)
            tell_failure(&result->error);
        else if (result->action != TARGET_UNCHANGED)
            tell_made(cli, "%s %s", target_action_name(result->action), result->path);
    }
}

static int put(struct cli *cli, const struct vec *files, const char *digest, const char *directory,
               struct error *err)
{
    cleanup_vec struct vec objects = VEC_OF(struct target_object, NULL);
    cleanup_vec struct vec results = TARGET_RESULTS;
    struct loop *loop = NULL;
    struct target *target = NULL;
    vec_foreach (struct oci_file, file, files) {
        *(struct target_object *)vec_push(&objects) = (struct target_object){.path = file->path,
                                                                             .group = "",
                                                                             .kind = "",
                                                                             .name = "",
                                                                             .bytes = file->data,
                                                                             .size = file->size};
    }
    const struct target_request request = {.objects = objects.data,
                                           .n = objects.len,
                                           .prune = !cli_flag(cli, "no-prune"),
                                           .revision = digest};
    int result = loop_new(clock_system(), &loop, err);
    if (result == 0)
        result =
            target_directory_new(loop, "apply/by-hand", directory, DIRECTORY_TREE, &target, err);
    if (result == 0)
        result = cli_flag(cli, "dry-run") ? target_plan(target, &request, &results, err)
                                          : target_apply(target, &request, &results, err);
    tell_results(cli, &results);
    if (result == 0)
        result = print_changes(cli, &results, digest, directory, err);
    target_free(target);
    loop_free(loop);
    return result;
}

static int apply_artifact(struct cli *cli, const char *text, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    cleanup_judgement struct judgement judgement = {0};
    cleanup_vec struct vec files = OCI_FILES;
    evidence_set_init(&judgement.evidence);
    const char *directory = cli_string(cli, "directory");
    if (directory == NULL)
        return error_set(err, ERROR_INVALID, "name the folder with --directory DIR");
    tell_step(cli, "verifying %s", text);
    if (registry_open(cli, text, REGISTRY_PULL, &registry, err) < 0 ||
        judge(cli, &registry, &judgement, err) < 0)
        return -1;
    if (!judgement.verdict.met)
        return error_set(err, ERROR_UNVERIFIED, "%s: %s",
                         trust_reason_name(judgement.verdict.reason), judgement.verdict.message);
    const char *digest = judgement.artifact.digest.text;
    if (load(&registry, digest, &files, err) < 0 || put(cli, &files, digest, directory, err) < 0)
        return -1;
    tell_done(cli, "%s is as %s", directory, digest);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    const char *file = cli_string(cli, "filename");
    const char *text = cli_argument(cli, 0);
    if ((file == NULL) == (text == NULL))
        return error_set(err, ERROR_INVALID,
                         "apply what? either objects with -f FILE, or an artifact by its REF");
    return file != NULL ? apply_objects(cli, file, err) : apply_artifact(cli, text, err);
}

static const struct option_spec options[] = {
    {"filename", 'f', OPTION_STRING, "FILE", "objects to write into --config or the cluster", NULL},
    {"directory", 0, OPTION_STRING, "DIR", "folder that becomes as the artifact says", NULL},
    {"no-prune", 0, OPTION_FLAG, NULL, "leave what the artifact does not have", NULL},
    {"dry-run", 0, OPTION_FLAG, NULL, "only say what would change", NULL},
    JUDGE_OPTIONS,
    RESULT_OPTION,
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_apply = {
    .name = "apply",
    .arguments = "[REF]",
    .summary = "Write objects, or verify an artifact and apply it once",
    .help = "With -f: checks the Bundles, Syncs, Hooks, TrustPolicies and Secrets in a file and "
            "writes them to --config or the cluster.\n"
            "With REF: what a Sync does, once and without one: verifies first, touches nothing "
            "when it does not.\n\n"
            "  sealift apply -f shop.yaml\n"
            "  sealift apply oci://registry.example.com/acme/shop:prod --key cosign.pub "
            "--directory /srv/shop\n",
    .options = options,
    .max_arguments = 1,
    .completes = "file",
    .run = run,
};
