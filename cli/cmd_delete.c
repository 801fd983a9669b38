#include "api/object.h"
#include "base/jval.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/leftovers.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <stdio.h>
#include <string.h>

// What a Sync applied goes with it, and no command brings that back.
static int ask(const struct cli *cli, const json_t *object, struct error *err)
{
    if (strcmp(object_kind(object), "Sync") != 0 || json_is_false(object_spec(object, "prune")))
        return 0;
    if (confirm_asks(cli))
        fprintf(stderr, "Sync %s/%s prunes: the %lld objects that it applied are deleted, too.\n",
                object_namespace(object), object_name(object),
                (long long)jval_int(object_status(object, "inventory"), "objects", 0));
    return confirm(cli, "Delete it?", "nothing was deleted", err);
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        workspace_find(cli, store, 0, &object, err) < 0 || ask(cli, object, err) < 0)
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
    YES_OPTION,
    SILENT_OPTION,
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_delete = {
    .name = "delete",
    .arguments = "KIND NAME",
    .summary = "Delete an object",
    .help =
        "Removes the object from its file or the cluster. A Sync with prune: true takes what it "
        "applied with it, and\nis asked about: without a terminal say --yes.\n"
        "What sealift create wrote beside it (a Hook's token and Role, the rights of a Sync's "
        "account) goes too, where\nnobody else uses it; what stays is told.\n\n"
        "  sealift delete sync shop --yes\n",
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .options = options,
    .run = run,
};
