#include "base/jval.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"

static int set_suspended(struct cli *cli, bool suspended, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    cleanup_json json_t *now = NULL;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        workspace_find(cli, store, 0, &object, err) < 0 ||
        store_suspend(store, object, suspended, &now, err) < 0)
        return -1;
    tell_done(cli, "%s %s/%s is %s", object_kind(object), object_namespace(object),
              object_name(object),
              suspended ? "suspended: nothing is changed until `sealift resume`, once a run that "
                          "is under way has ended"
                        : "resumed");
    return print_result(cli, now, err);
}

static int run_suspend(struct cli *cli, struct error *err)
{
    return set_suspended(cli, true, err);
}

static int run_resume(struct cli *cli, struct error *err)
{
    return set_suspended(cli, false, err);
}

static const struct option_spec options[] = {
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_suspend = {
    .name = "suspend",
    .arguments = "KIND NAME",
    .summary = "Stop reconciling an object",
    .help = "A suspended Bundle packs nothing, a suspended Sync applies, heals and prunes nothing. "
            "What runs\n"
            "goes on running. A run that is under way is finished, and its status says what it "
            "did.\n\n  sealift suspend sync shop\n",
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .options = options,
    .run = run_suspend,
};

const struct command command_resume = {
    .name = "resume",
    .arguments = "KIND NAME",
    .summary = "Reconcile a suspended object again",
    .help = "Undoes `sealift suspend`; what was missed is caught up with at once.\n\n  sealift "
            "resume sync shop\n",
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .options = options,
    .run = run_resume,
};
