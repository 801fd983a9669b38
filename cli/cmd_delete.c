#include "api/object.h"
#include "api/store_kube.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/leftovers.h"
#include "cli/print.h"
#include "cli/rollout.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

// How long a Sync may clear up before somebody is told what it waits for.
static const int64_t patience_ms = 30 * 1000;
static const int64_t look_ms = 100;

static void tell_prune(const json_t *sync)
{
    int64_t count = jval_int(object_status(sync, "inventory"), "objects", 0);
    const char *namespace = object_namespace(sync);
    const char *name = object_name(sync);
    if (count == 1)
        fprintf(stderr, "Sync %s/%s prunes: the object that it applied is deleted, too.\n",
                namespace, name);
    else
        fprintf(stderr, "Sync %s/%s prunes: the %lld objects that it applied are deleted, too.\n",
                namespace, name, (long long)count);
}

// What a Sync applied goes with it, and no command brings that back.
static int ask(const struct cli *cli, const json_t *object, struct error *err)
{
    if (strcmp(object_kind(object), "Sync") != 0 || json_is_false(object_spec(object, "prune")))
        return 0;
    if (confirm_asks(cli))
        tell_prune(object);
    return confirm(cli, "Delete it?", "nothing was deleted", err);
}

// In files it is gone at once; in a cluster a Sync clears up first. *ret_again: somebody made
// another of that name meanwhile.
static int wait_until_gone(const struct cli *cli, struct store *store, const json_t *object,
                           bool *ret_again, struct error *err)
{
    int64_t most_ms = cli->timeout_ms < patience_ms ? cli->timeout_ms : patience_ms;
    int64_t until_ms = clock_mono_ms(clock_system()) + most_ms;
    if (store_kube_client(store) == NULL)
        return 0;
    if (strcmp(object_kind(object), "Sync") == 0)
        tell_wait(cli, "waiting until the controller has removed what it applied");
    for (;;) {
        cleanup_json json_t *now = NULL;
        cleanup_error struct error cause = {0};
        if (store_get(store, object_kind(object), object_namespace(object), object_name(object),
                      &now, &cause) < 0) {
            if (cause.code == ERROR_NOT_FOUND)
                return 0;
            error_move(err, &cause);
            return error_wrap(err, "%s %s/%s is being deleted; whether it is gone cannot be seen",
                              object_kind(object), object_namespace(object), object_name(object));
        }
        if (strcmp(object_uid(now), object_uid(object)) != 0) {
            *ret_again = true;
            return 0;
        }
        if (clock_mono_ms(clock_system()) > until_ms) {
            cleanup_free char *hold = rollout_hold(now);
            return error_set(err, ERROR_TIMEOUT, "%s %s/%s is being deleted, and not gone yet%s",
                             object_kind(object), object_namespace(object), object_name(object),
                             hold);
        }
        const struct timespec pause = {.tv_nsec = look_ms * 1000000};
        nanosleep(&pause, NULL);
    }
}

// A Bundle may be followed from other namespaces, where whoever deletes it may see them.
static void tell_followers(const struct cli *cli, struct store *store, const json_t *bundle)
{
    cleanup_json json_t *syncs = NULL;
    size_t index;
    json_t *sync;
    if (strcmp(object_kind(bundle), "Bundle") != 0 ||
        (store_list(store, "Sync", NULL, &syncs, NULL) < 0 &&
         store_list(store, "Sync", object_namespace(bundle), &syncs, NULL) < 0))
        return;
    json_array_foreach (syncs, index, sync) {
        if (object_follows(sync, bundle) && !object_is_deleting(sync))
            tell_warning(cli,
                         "Sync %s/%s follows it: what it applied stays, and nothing new is applied "
                         "until there is such a Bundle again; to delete it: sealift delete sync %s "
                         "-n %s",
                         object_namespace(sync), object_name(sync), object_name(sync),
                         object_namespace(sync));
    }
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    bool again = false;
    if (workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        workspace_find(cli, store, 0, &object, err) < 0 || ask(cli, object, err) < 0)
        return -1;
    if (store_delete(store, object_kind(object), object_namespace(object), object_name(object),
                     err) < 0)
        return -1;
    int result = wait_until_gone(cli, store, object, &again, err);
    if (result == 0)
        tell_done(cli, "%s %s/%s is deleted", object_kind(object), object_namespace(object),
                  object_name(object));
    leftovers_remove(cli, store, object, result == 0 && !again);
    if (!again)
        tell_followers(cli, store, object);
    return result < 0 ? -1 : print_result(cli, object, err);
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
        "applied with it, and\nis asked about: without a terminal say --yes. It is waited for, at "
        "most 30 s or "
        "--timeout: while it is not gone\nyet, the exit status is 1, and the sentence says what it "
        "waits for.\n"
        "What sealift create wrote beside it (a Hook's token and Role, the rights of a Sync's "
        "account) goes too, where\nnobody else uses it; what stays is told, and so are the Syncs "
        "that follow a Bundle.\n\n"
        "  sealift delete sync shop --yes\n",
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .options = options,
    .run = run,
};
