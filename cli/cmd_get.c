#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "receiver/route.h"

#include <stdio.h>
#include <string.h>

static const char *const ours[] = {"Bundle", "Sync", "Hook", "TrustPolicy"};

static int list_all(const struct cli *cli, struct store *store, json_t *objects, struct error *err)
{
    cleanup_listing struct listing listing;
    listing_init(&listing, cli, store);
    for (size_t i = 0; i < ARRAY_LENGTH(ours); i++) {
        cleanup_json json_t *some = NULL;
        if (listing_add(&listing, kind_find(ours[i]), workspace_namespaces(cli), &some, err) < 0)
            return -1;
        json_array_extend(objects, some);
    }
    return listing_finish(&listing, err);
}

static int list_kind(const struct cli *cli, struct store *store, const struct kind *kind,
                     json_t *objects, struct error *err)
{
    cleanup_json json_t *some = NULL;
    if (store_list(store, kind->name, kind->namespaced ? workspace_namespaces(cli) : NULL, &some,
                   err) < 0)
        return -1;
    json_array_extend(objects, some);
    return 0;
}

// By the token as it is now, if it may be read and used.
static bool compute_path(struct store *store, const json_t *hook, char ret_path[HOOK_PATH_SIZE],
                         struct error *err)
{
    cleanup_secret_data struct secret_data *secret = NULL;
    const char *name = object_spec_string(hook, "secretRef.name");
    size_t size = 0;
    if (name == NULL || store_secret(store, object_namespace(hook), name, &secret, err) < 0)
        return false;
    const char *token = secret_data_get(secret, "token", &size);
    if (token == NULL || size < HOOK_TOKEN_MIN_BYTES)
        return false;
    hook_path(token, size, object_namespace(hook), object_name(hook), ret_path);
    return true;
}

// `get hook NAME --show-path`: the path is the secret of senders that do not sign, so it is printed
// only when asked for. Nobody watches the Secret in a cluster: the status may be behind it.
static int show_path(const struct cli *cli, struct store *store, const json_t *hook,
                     struct error *err)
{
    const char *path = jval_string(hook, "status.path");
    char now[HOOK_PATH_SIZE];
    cleanup_error struct error cause = {0};
    bool known = compute_path(store, hook, now, &cause);
    if (path == NULL && cause.code == ERROR_NOT_FOUND)
        return error_set(err, ERROR_NOT_FOUND,
                         "Hook %s/%s has no path: there is no Secret %s/%s; to make it, with a new "
                         "token: sealift create hook %s -n %s",
                         object_namespace(hook), object_name(hook), object_namespace(hook),
                         object_spec_string(hook, "secretRef.name"), object_name(hook),
                         object_namespace(hook));
    if (path == NULL)
        return error_set(err, ERROR_NOT_FOUND, "Hook %s/%s has no path yet: %s",
                         object_namespace(hook), object_name(hook), workspace_who_works(cli));
    if (known && strcmp(path, now) != 0)
        tell_warning(cli,
                     "the token in Secret %s/%s is newer than the receiver's: this path is right "
                     "once the receiver has looked at the Secret again, within a minute; until "
                     "then it answers at the old path, with the old token",
                     object_namespace(hook), object_spec_string(hook, "secretRef.name"));
    puts(known ? now : path);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0)
        return -1;
    const struct kind *kind = NULL;
    const char *name = NULL;
    bool all_kinds = cli_argument(cli, 0) == NULL || strcmp(cli_argument(cli, 0), "all") == 0;
    if (!all_kinds && workspace_parse(cli, 0, &kind, &name, err) < 0)
        return -1;
    cleanup_json json_t *objects = json_array();
    if (name != NULL) {
        json_t *object = NULL;
        if (workspace_find(cli, store, 0, &object, err) < 0)
            return -1;
        json_array_append_new(objects, object);
        if (cli_flag(cli, "show-path") && strcmp(object_kind(object), "Hook") != 0)
            return error_set(err, ERROR_INVALID,
                             "--show-path is for Hooks, which have an address: sealift get hook "
                             "NAME --show-path");
        if (cli_flag(cli, "show-path"))
            return show_path(cli, store, object, err);
        return print_objects(cli, objects, true, err);
    }
    if ((all_kinds ? list_all(cli, store, objects, err)
                   : list_kind(cli, store, kind, objects, err)) < 0)
        return -1;
    if (json_array_size(objects) == 0)
        workspace_tell_nothing(cli, store);
    return print_objects(cli, objects, false, err);
}

static const struct option_spec options[] = {
    OUTPUT_OPTION,
    ALL_NAMESPACES_OPTION,
    {"show-path", 0, OPTION_FLAG, NULL, "print only the path of a Hook", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_get = {
    .name = "get",
    .arguments = "[KIND [NAME]]",
    .summary = "List objects, or show one",
    .help =
        "Lists objects with their Ready condition and revision: in files those of all namespaces "
        "(or of --namespace),\nin a cluster those of one (or all with -A).\n"
        "\"all\", or nothing, lists Bundles, Syncs, Hooks and TrustPolicies.\n\n"
        "  sealift get syncs\n  sealift get sync shop -o yaml\n  sealift get hook github "
        "--show-path\n",
    .options = options,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
