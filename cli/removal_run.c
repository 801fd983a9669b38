// Carries the plan of uninstall out, step by step, and tells of each.
#include "cli/removal_internal.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/rollout.h"
#include "cli/tell.h"

#include <string.h>

static void tell(const struct removal *removal, const struct removal_step *step)
{
    const struct piece *piece = step->piece;
    cleanup_free char *note =
        *step->note != '\0'
            ? xasprintf("%s%s", step->action == REMOVAL_LET_GO ? ": " : ", ", step->note)
            : xstrdup("");
    if (step->action == REMOVAL_KEEP)
        tell_warning(removal->cli, "%s stays%s", piece->text, note);
    else
        tell_done(removal->cli, "%s is %s%s", piece->text,
                  step->action == REMOVAL_DELETE ? "deleted" : "let go", note);
}

static int let_go(const struct removal *removal, const struct piece *sync, struct error *err)
{
    json_t *kept = json_array();
    size_t index;
    json_t *name;
    json_array_foreach (jval_array(sync->live, "metadata.finalizers"), index, name) {
        if (strcmp(json_string_value(name), removal_finalizer) != 0)
            json_array_append(kept, name);
    }
    cleanup_json json_t *patch =
        json_pack("{s:{s:s, s:o}}", "metadata", "uid", object_uid(sync->live), "finalizers", kept);
    const struct kube_request request = {
        .verb = KUBE_MERGE, .ref = piece_ref(sync), .object = patch};
    cleanup_error struct error cause = {0};
    if (kube_do(removal->installation.client, &request, NULL, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND) {
        error_move(err, &cause);
        return error_wrap(err, "take the finalizer from %s", sync->text);
    }
    return 0;
}

// Once no controller is left. Read only now: until a moment ago one held Syncs that the plan does
// not have, and somebody may have made more.
static int let_all_go(const struct removal *removal, struct error *err)
{
    cleanup_vec struct vec syncs = PIECES;
    cleanup_json json_t *items = NULL;
    cleanup_free char *note = xstrdup(removal_stays);
    if (removal_list_all(removal, kind_find("Sync"), &items, err) < 0)
        return -1;
    removal_add_live(removal, &syncs, items);
    vec_foreach (struct piece, sync, &syncs) {
        const struct removal_step step = {.action = REMOVAL_LET_GO, .piece = sync, .note = note};
        if (!removal_holds(sync->live))
            continue;
        if (let_go(removal, sync, err) < 0)
            return -1;
        tell(removal, &step);
    }
    return 0;
}

static int do_step(const struct removal *removal, const struct removal_step *step,
                   struct error *err)
{
    int result = 0;
    // let_all_go has done it.
    if (step->action == REMOVAL_LET_GO)
        return 0;
    if (step->action == REMOVAL_DELETE)
        result = piece_delete(removal->installation.client, step->piece, step->propagation, err);
    // What is waited for is told once it is gone.
    if (result == 0 && (step->action == REMOVAL_KEEP || step->wait == NULL))
        tell(removal, step);
    return result;
}

// After the last of the steps that are waited for together: until all of them are gone.
static int wait_for(const struct removal *removal, size_t first, size_t end, struct error *err)
{
    const struct removal_step *head = vec_at(&removal->steps, first);
    cleanup_vec struct vec gone = PIECES;
    tell_wait(removal->cli, "%s", head->wait);
    for (size_t i = first; i < end; i++) {
        const struct removal_step *step = vec_at(&removal->steps, i);
        cleanup_json json_t *one = json_pack("[O]", step->piece->live);
        removal_add_live(removal, &gone, one);
    }
    if (rollout_wait_gone(removal->cli, removal->installation.client, &gone, err) < 0)
        return piece_is(head->piece, "Sync")
                   ? error_wrap(err, "what a Sync applied could not be removed, so the roles stay "
                                     "(without --prune it is left as it is)")
                   : -1;
    for (size_t i = first; i < end; i++)
        tell(removal, vec_at(&removal->steps, i));
    return 0;
}

int removal_run(const struct removal *removal, struct error *err)
{
    size_t count = removal->steps.len;
    for (size_t first = 0, i = 0; i < count; i++) {
        const struct removal_step *step = vec_at(&removal->steps, i);
        const struct removal_step *next = i + 1 < count ? vec_at(&removal->steps, i + 1) : NULL;
        const struct removal_step *head = vec_at(&removal->steps, first);
        if (head->wait != step->wait || head->action != step->action)
            first = i;
        if ((i == removal->stopped && let_all_go(removal, err) < 0) ||
            do_step(removal, step, err) < 0)
            return -1;
        bool is_last = next == NULL || next->wait != step->wait || next->action != step->action;
        if (is_last && step->wait != NULL && step->action == REMOVAL_DELETE &&
            wait_for(removal, first, i + 1, err) < 0)
            return -1;
    }
    return removal->stopped == count ? let_all_go(removal, err) : 0;
}
