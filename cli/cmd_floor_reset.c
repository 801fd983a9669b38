#include "api/identity.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "controller/floor.h"

#include <stdio.h>
#include <string.h>

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *names = NULL;
    cleanup_json json_t *gone = json_array();
    cleanup_free char *repository = NULL;
    size_t index, found = 0;
    json_t *name;
    if (identity_oci(cli_argument(cli, 0), &repository, err) < 0 ||
        workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        store_record_list(store, "floors", &names, err) < 0)
        return -1;
    if (confirm_asks(cli))
        fprintf(stderr,
                "The floor of %s:%s is forgotten: the next artifact that verifies is adopted, "
                "however old.\n",
                repository, cli_argument(cli, 1));
    if (confirm(cli, "Forget it?", "no floor was forgotten", err) < 0)
        return -1;
    json_array_foreach (names, index, name) {
        cleanup_json json_t *record = NULL;
        const char *path = json_string_value(name);
        if (store_record_get(store, path, &record, NULL, NULL) < 0 ||
            strcmp(jval_string_or(record, "namespace", ""), workspace_namespace(cli)) != 0 ||
            strcmp(jval_string_or(record, "repository", ""), repository) != 0 ||
            strcmp(jval_string_or(record, "channel", ""), cli_argument(cli, 1)) != 0)
            continue;
        if (store_record_delete(store, path, err) < 0)
            return -1;
        json_array_append(gone, record);
        found++;
    }
    if (found == 0)
        return error_set(err, ERROR_NOT_FOUND,
                         "namespace %s has no floor for %s:%s; floors are of the "
                         "Syncs' namespaces (-n), and `sealift get syncs -o yaml` has repository "
                         "and channel",
                         workspace_namespace(cli), repository, cli_argument(cli, 1));
    tell_warning(
        cli, "the floor of %s:%s is gone: the next artifact that verifies is adopted, however old",
        repository, cli_argument(cli, 1));
    cleanup_free char *channel = xasprintf("%s:%s", repository, cli_argument(cli, 1));
    return print_answer_of(cli, gone, channel, err);
}

static const struct option_spec options[] = {
    {"system-namespace", 0, OPTION_STRING, "NAME",
     "where the controller of a cluster keeps its floors (default: where the cluster says)", NULL},
    YES_OPTION,
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_floor_reset = {
    .name = "floor reset",
    .arguments = "REPOSITORY CHANNEL",
    .summary = "Forget the highest sequence that was adopted",
    .help = "The way out when a clock was wrong: the floor of a repository and channel, in the "
            "namespace of the\n"
            "Syncs, is forgotten, and the next artifact that its policies accept is adopted.\n\n"
            "  sealift floor reset registry.example.com/acme/shop prod -n shop --yes\n",
    .options = options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
