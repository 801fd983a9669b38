#include "base/jval.h"
#include "cli/commands.h"
#include "cli/leftovers.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        workspace_find(cli, store, 0, &object, err) < 0)
        return -1;
    if (store_delete(store, object_kind(object), object_namespace(object), object_name(object),
                     err) < 0)
        return -1;
    tell_done(cli, "%s %s/%s is deleted", object_kind(object), object_namespace(object),
              object_name(object));
    leftovers_remove(cli, store, object);
    return print_result(cli, object, err);
}

static const struct option_spec options[] = {
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_delete = {
    .name = "delete",
    .arguments = "KIND NAME",
    .summary = "Delete an object",
    .help =
        "Removes the object from its file or the cluster. A Sync with prune: true takes what it "
        "applied with it.\n"
        "What sealift create wrote beside it (a Hook's token and Role, the rights of a Sync's "
        "account) goes too, where\nnobody else uses it; what stays is told.\n\n"
        "  sealift delete sync shop\n",
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .options = options,
    .run = run,
};
