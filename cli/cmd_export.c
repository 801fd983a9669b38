// export: what makes an install, and objects as somebody would write them, as YAML.
#include "api/crd.h"
#include "api/kind.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/clean.h"
#include "cli/commands.h"
#include "cli/listing.h"
#include "cli/manifests.h"
#include "cli/print.h"
#include "cli/workspace.h"

#include <stdio.h>
#include <string.h>

static int print_crds(struct error *err)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, 4 << 20);
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (!kind->has_status)
            continue;
        strbuf_addstr(&out, "---\n");
        if (api_crd_yaml(kind->name, &out, err) < 0)
            return -1;
    }
    if (strbuf_check(&out, "the export", err) < 0)
        return -1;
    fwrite(out.data, 1, out.len, stdout);
    return 0;
}

static int export_crds(const struct cli *cli, struct error *err)
{
    const struct kind *kind;
    cleanup_json json_t *objects = json_array();
    if (*print_format(cli) == '\0' || strcmp(print_format(cli), "yaml") == 0)
        return print_crds(err);
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (kind->has_status)
            json_array_append_new(objects, api_crd(kind->name));
    }
    return print_manifests(cli, objects, err);
}

static int export_install(const struct cli *cli, struct error *err)
{
    const struct manifests_choice choice = {
        .overlay = cli_string_or(cli, "overlay", OVERLAY_DEFAULT),
        .namespace = cli_string(cli, "namespace"),
        .image = cli_string(cli, "image"),
    };
    cleanup_json json_t *objects = NULL;
    if (manifests_render(&choice, &objects, err) < 0)
        return -1;
    return print_manifests(cli, objects, err);
}

static int export_tenant(const struct cli *cli, struct error *err)
{
    cleanup_json json_t *objects = NULL;
    if (manifests_render_tenant(workspace_namespace(cli),
                                cli_string_or(cli, "system-namespace", SYSTEM_NAMESPACE),
                                cli_string(cli, "role"), &objects, err) < 0)
        return -1;
    return print_manifests(cli, objects, err);
}

static int may_export(const struct kind *kind, struct error *err)
{
    if (kind->has_status)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "a %s is not exported; the kinds are bundles, syncs, hooks and policies",
                     kind->name);
}

static int add_kind(const struct cli *cli, struct listing *listing, const struct kind *kind,
                    json_t *objects, struct error *err)
{
    cleanup_json json_t *found = NULL;
    size_t index;
    json_t *object;
    if (listing_add(listing, kind, workspace_namespaces(cli), &found, err) < 0)
        return -1;
    json_array_foreach (found, index, object)
        json_array_append_new(objects, clean_object(object));
    return 0;
}

// One kind, or all.
static int add_all(const struct cli *cli, struct store *store, const struct kind *only,
                   json_t *objects, struct error *err)
{
    cleanup_listing struct listing listing;
    const struct kind *kind;
    listing_init(&listing, cli, store);
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (kind->has_status && (only == NULL || only == kind) &&
            add_kind(cli, &listing, kind, objects, err) < 0)
            return -1;
    }
    return listing_finish(&listing, err);
}

static int collect(const struct cli *cli, struct store *store, json_t *objects, struct error *err)
{
    const struct kind *kind = NULL;
    const char *name = NULL;
    if (strcmp(cli_argument(cli, 0), "all") == 0)
        return add_all(cli, store, NULL, objects, err);
    if (workspace_parse(cli, 0, &kind, &name, err) < 0 || may_export(kind, err) < 0)
        return -1;
    bool all = cli_flag(cli, "all") || cli_flag(cli, "all-namespaces");
    if (name != NULL && all && workspace_no_name(cli, kind, name, err) < 0)
        return -1;
    if ((name != NULL) == all)
        return error_set(err, ERROR_INVALID,
                         "export which %s? name one, like sealift export %s NAME, or say --all",
                         kind->name, kind->plural);
    if (name == NULL)
        return add_all(cli, store, kind, objects, err);
    cleanup_json json_t *object = NULL;
    if (workspace_find(cli, store, 0, &object, err) < 0)
        return -1;
    json_array_append_new(objects, clean_object(object));
    return 0;
}

static int export_objects(const struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *objects = json_array();
    if (workspace_open(cli, WORKSPACE_READ, &store, err) < 0 ||
        collect(cli, store, objects, err) < 0)
        return -1;
    if (json_array_size(objects) == 0)
        workspace_tell_nothing(cli, store);
    return print_manifests(cli, objects, err);
}

static int run(struct cli *cli, struct error *err)
{
    const char *what = cli_argument(cli, 0);
    bool alone = cli_argument(cli, 1) == NULL;
    if (cli_given(cli, "role") && strcmp(what, "tenant") != 0)
        return error_set(err, ERROR_INVALID,
                         "--role is of sealift export tenant, and %s has none: leave it out", what);
    if (strcmp(what, "crds") == 0 && alone)
        return export_crds(cli, err);
    if (strcmp(what, "install") == 0 && alone)
        return export_install(cli, err);
    if (strcmp(what, "tenant") == 0 && alone)
        return export_tenant(cli, err);
    return export_objects(cli, err);
}

static const struct option_spec options[] = {
    {"all", 0, OPTION_FLAG, NULL, "every object of the kind", NULL},
    ALL_NAMESPACES_OPTION,
    RESULT_OPTION,
    INSTALL_OPTIONS,
    {"system-namespace", 0, OPTION_STRING, "NAME",
     "of a tenant: where the roles run (default: sealift-system)", NULL},
    {"role", 0, OPTION_STRING, "NAME",
     "of a tenant: ClusterRole of the account that its Syncs act as (default: admin)", NULL},
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_export = {
    .name = "export",
    .arguments = "crds | install | tenant | all | KIND [NAME]",
    .summary = "Print an install, its definitions, or objects, as YAML to keep",
    .help =
        "crds: the definitions of our kinds, with the rules by which an API server refuses wrong "
        "objects.\n"
        "install: all that sealift install applies. tenant: what one namespace (-n) needs to use "
        "it.\n"
        "KIND NAME, KIND --all, all: objects as somebody would write them, without status and "
        "defaults.\n\n"
        "  sealift export install --overlay production --image r.example.com/sealift:0.1.0 > "
        "sealift.yaml\n"
        "  sealift export tenant -n shop --role edit | kubectl apply --server-side -f -\n"
        "  sealift export sync shop -n shop > shop.yaml\n"
        "  sealift export all -A\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
