#include "api/condition.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <string.h>
#include <time.h>

// How often the status is looked at while waiting.
static const int64_t look_ms = 50;

// What was confirmed before is not confirmed again by the way.
static void set_or_remove(json_t *annotations, const char *name, const char *value)
{
    json_object_set_new(annotations, name, value != NULL ? json_string(value) : json_null());
}

static int request(struct store *store, const json_t *object, const char *now,
                   const struct cli *cli, struct error *err)
{
    cleanup_json json_t *patch = json_object();
    json_t *annotations = json_object();
    json_object_set_new(annotations, ANNOTATION_REQUESTED_AT, json_string(now));
    set_or_remove(annotations, ANNOTATION_ACCEPT_HISTORY, cli_string(cli, "accept-history"));
    set_or_remove(annotations, ANNOTATION_CONFIRM_PRUNE, cli_string(cli, "confirm-prune"));
    json_object_set_new(patch, "annotations", annotations);
    return store_patch_metadata(store, object, patch, NULL, err);
}

// Done: Ready, or failed for good (Stalled) or for now (Ready=False), all of it after our request,
// or after one that somebody made since: times in this form sort as text.
static bool is_handled(const json_t *object, const char *now)
{
    const char *handled = jval_string(object, "status.lastHandledReconcileAt");
    return handled != NULL && strcmp(handled, now) >= 0 &&
           condition_state(object, "Ready") != CONDITION_UNKNOWN;
}

static int wait_until_handled(const struct cli *cli, struct store *store, json_t **object,
                              const char *now, struct error *err)
{
    int64_t deadline = clock_mono_ms(clock_system()) + cli->timeout_ms;
    cleanup_free char *kind = xstrdup(object_kind(*object));
    cleanup_free char *namespace = xstrdup(object_namespace(*object));
    cleanup_free char *name = xstrdup(object_name(*object));
    while (!is_handled(*object, now)) {
        if (clock_mono_ms(clock_system()) > deadline)
            return error_set(err, ERROR_TIMEOUT, "%s %s/%s was not reconciled in time; %s", kind,
                             namespace, name, workspace_who_works(cli));
        const struct timespec pause = {.tv_nsec = look_ms * 1000000};
        nanosleep(&pause, NULL);
        json_t *fresh = NULL;
        if (store_get(store, kind, namespace, name, &fresh, err) < 0)
            return -1;
        json_decref(*object);
        *object = fresh;
    }
    return 0;
}

static bool is_reconciled(const json_t *object)
{
    return strcmp(object_kind(object), "Bundle") == 0 || strcmp(object_kind(object), "Sync") == 0;
}

// A slip would be written down, and nothing would come of it.
static int check_answers(const struct cli *cli, struct error *err)
{
    const char *commit = cli_string(cli, "accept-history");
    const char *digest = cli_string(cli, "confirm-prune");
    size_t size = commit != NULL ? strlen(commit) : 0;
    if (commit != NULL &&
        ((size != 40 && size != 64) || strspn(commit, "0123456789abcdef") != size))
        return error_set(err, ERROR_INVALID,
                         "--accept-history %s: give the whole commit, 40 or 64 hex digits in lower "
                         "case, as the message of HistoryRewritten names it",
                         commit);
    if (digest != NULL && !digest_is_valid(digest))
        return error_set(err, ERROR_INVALID,
                         "--confirm-prune %s: give the digest, sha256: and 64 hex digits in lower "
                         "case, as the message of PruneHeld names it",
                         digest);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *object = NULL;
    if (check_answers(cli, err) < 0 || workspace_open(cli, WORKSPACE_WRITE, &store, err) < 0 ||
        workspace_find(cli, store, 0, &object, err) < 0)
        return -1;
    if (!is_reconciled(object))
        return error_set(err, ERROR_INVALID,
                         "a %s is followed whenever it or a Secret that it names changes; there is "
                         "nothing to wait for",
                         object_kind(object));
    if (object_is_suspended(object))
        return error_set(err, ERROR_INVALID,
                         "%s %s/%s is suspended; `sealift resume %s %s -n %s` first",
                         object_kind(object), object_namespace(object), object_name(object),
                         object_kind(object), object_name(object), object_namespace(object));
    char now[TIME_TEXT_SIZE];
    time_format_ms(clock_wall_ms(clock_system()), now);
    if (request(store, object, now, cli, err) < 0)
        return -1;
    tell_made(cli, "asked for a reconcile of %s %s/%s", object_kind(object),
              object_namespace(object), object_name(object));
    if (cli_flag(cli, "no-wait"))
        return print_result(cli, object, err);
    tell_wait(cli, "waiting for it");
    if (wait_until_handled(cli, store, &object, now, err) < 0)
        return -1;
    if (print_result(cli, object, err) < 0)
        return -1;
    const char *message = condition_message(object, "Ready");
    if (condition_state(object, "Ready") == CONDITION_FALSE)
        return error_set(err, ERROR_INVALID, "%s", message);
    tell_done(cli, "%s", message);
    return 0;
}

static const struct option_spec options[] = {
    {"no-wait", 0, OPTION_FLAG, NULL, "do not wait for the end", NULL},
    {"accept-history", 0, OPTION_STRING, "COMMIT",
     "let a Bundle follow a force-push to this commit", NULL},
    {"confirm-prune", 0, OPTION_STRING, "DIGEST",
     "let a Sync prune what it held back for this artifact", NULL},
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_reconcile = {
    .name = "reconcile",
    .arguments = "KIND NAME",
    .summary = "Reconcile an object now, and wait for the end",
    .help = "Asks the role that keeps the object to look at it now, waits until it did and says "
            "how it ended:\n"
            "exit status 0 when the object is Ready, 1 when not.\n\n"
            "  sealift reconcile bundle shop\n  sealift reconcile sync shop --timeout 30s\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .completes = "object",
    .run = run,
};
