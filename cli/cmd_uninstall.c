// uninstall: takes the roles out of a cluster (cli/removal.h has the steps).
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/removal.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <stdio.h>
#include <string.h>

static void print_plan(const struct removal *removal)
{
    const struct installation *installation = &removal->installation;
    bool crds = cli_flag(removal->cli, "crds");
    const char *plural;
    json_t *count;
    fprintf(stderr, "From %s:\n", kube_client_server(installation->client));
    fprintf(stderr, "  the roles, their rights and the namespace %s with its Secrets and floors\n",
            installation->namespace);
    jval_foreach (removal->objects, plural, count) {
        if (json_integer_value(count) > 0)
            fprintf(stderr, "  %lld %s %s\n", (long long)json_integer_value(count), plural,
                    crds ? "are deleted" : "stay");
    }
    if (removal->syncs.len > 0)
        fprintf(stderr, "  what the Syncs applied %s\n",
                cli_flag(removal->cli, "prune") ? "is deleted, where they prune" : "stays");
}

static void tell_what_stays(const struct removal *removal)
{
    size_t kept = 0;
    const char *plural;
    json_t *count;
    jval_foreach (removal->objects, plural, count)
        kept += (size_t)json_integer_value(count);
    if (cli_flag(removal->cli, "prune"))
        kept -= removal->syncs.len;
    if (!cli_flag(removal->cli, "crds"))
        tell_done(removal->cli,
                  "the definitions stay, with %zu object%s; sealift install goes on with them, "
                  "sealift uninstall --crds removes them",
                  kept, kept == 1 ? "" : "s");
}

// --namespace, or where the controller's account is.
static int where(const struct cli *cli, char **ret_namespace, struct error *err)
{
    struct kube_client *client = NULL;
    const char *named = cli_string(cli, "namespace");
    if (workspace_client(cli, &client, err) < 0)
        return -1;
    cleanup_free char *found = installation_find(client);
    kube_client_free(client);
    if (named != NULL && *found != '\0' && strcmp(named, found) != 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "sealift is installed in namespace %s, not in %s: say --namespace %s, or "
                         "leave it away",
                         found, named, found);
    if (named != NULL) {
        *ret_namespace = xstrdup(named);
        return 0;
    }
    *ret_namespace = *found != '\0' ? STEAL(found) : xstrdup(SYSTEM_NAMESPACE);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_free char *namespace = NULL;
    cleanup_removal struct removal removal = {0};
    if (where(cli, &namespace, err) < 0 || removal_plan(cli, namespace, &removal, err) < 0)
        return -1;
    if (removal.steps.len == 0) {
        tell_done(cli, "there is nothing of sealift in %s to remove", namespace);
        return *print_format(cli) != '\0' ? removal_print(&removal, err) : 0;
    }
    if (cli_flag(cli, "dry-run")) {
        tell_done(cli, "nothing was removed: this is what it would do, in this order");
        return removal_print(&removal, err);
    }
    if (confirm_asks(cli))
        print_plan(&removal);
    if (confirm(cli, "Remove it?", "nothing was removed", err) < 0 ||
        removal_run(&removal, err) < 0)
        return -1;
    tell_what_stays(&removal);
    return *print_format(cli) != '\0' ? removal_print(&removal, err) : 0;
}

static const struct option_spec options[] = {
    {"prune", 0, OPTION_FLAG, NULL, "first delete all Syncs, with what they applied", NULL},
    {"crds", 0, OPTION_FLAG, NULL, "remove the definitions, and with them all Bundles, Syncs, …",
     NULL},
    {"keep-namespace", 0, OPTION_FLAG, NULL, "leave the namespace, its Secrets and its floors",
     NULL},
    {"dry-run", 0, OPTION_FLAG, NULL, "print the steps, in their order, and do nothing", NULL},
    YES_OPTION,
    SILENT_OPTION,
    OUTPUT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_uninstall = {
    .name = "uninstall",
    .arguments = "",
    .summary = "Remove sealift from a cluster",
    .help =
        "Stops the roles and removes them, their rights and their namespace. What Syncs applied "
        "stays, unless --prune;\n"
        "the definitions and all Bundles, Syncs, Hooks and policies stay, unless --crds. On a "
        "terminal it asks first.\n"
        "--dry-run prints exactly the steps that a run takes. "
        "--namespace is where the roles run (default: where they are found).\n\n"
        "  sealift uninstall --dry-run\n"
        "  sealift uninstall --prune --crds --yes\n",
    .options = options,
    .run = run,
};
