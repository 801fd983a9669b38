// Objects that somebody changes again each time they are put back. Whoever it is has to be named,
// or nobody can end it: the other Sync, where the object carries the label of its ApplySet, else
// the field manager.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "controller/kube_member.h"

#include <stdlib.h>
#include <string.h>

// How long the condition says so after an object could have been put back again and was not.
static const int64_t peace_ms = 10 * 60 * 1000;
enum { NAMED_CONTESTS = 3, MAX_CONTESTS_BYTES = 4096 };

// Whether the Sync may write there by its spec. Of one that may not, a label says nothing, and its
// name is its tenant's own.
static bool writes_to(const json_t *sync, const char *ns)
{
    const char *target = object_spec_string(sync, "targetNamespace");
    size_t index;
    json_t *allowed;
    if (*ns == '\0' || strcmp(object_namespace(sync), ns) == 0 ||
        (target != NULL && strcmp(target, ns) == 0))
        return true;
    json_array_foreach (object_spec(sync, "allowNamespaces"), index, allowed) {
        if (json_is_string(allowed) && strcmp(json_string_value(allowed), ns) == 0)
            return true;
    }
    return false;
}

// Labels of a Sync are anybody's who may write it: the id is computed. Owned; NULL: it is none that
// we know, or may name.
static char *find_sync(const json_t *syncs, const char *set, const char *ns)
{
    size_t index;
    json_t *sync;
    json_array_foreach (syncs, index, sync) {
        cleanup_free char *id =
            applyset_id(object_name(sync), object_namespace(sync), "Sync", "sealift.dev");
        if (strcmp(id, set) == 0)
            return writes_to(sync, ns) ? object_text(sync) : NULL;
    }
    return NULL;
}

// Who it is, after "by"; owned.
static char *name_rival(const struct target_contest *contest, const json_t *syncs)
{
    char *sync = contest->set != NULL ? find_sync(syncs, contest->set, contest->ns) : NULL;
    if (sync != NULL)
        return sync;
    if (contest->set != NULL)
        return xasprintf("the ApplySet %s%s%s", contest->set,
                         contest->manager != NULL ? ", field manager " : "",
                         contest->manager != NULL ? contest->manager : "");
    if (contest->manager != NULL)
        return xasprintf("the field manager %s", contest->manager);
    return xstrdup(contest->was_gone
                       ? "somebody who deletes it"
                       : "a client that managedFields do not name: it clears them, or writes as "
                         "the field manager " FIELD_MANAGER ", too");
}

static const char *remedy(const struct target_contest *contest)
{
    if (contest->set != NULL)
        return "take it out of one of the two";
    return contest->manager != NULL
               ? "let that client leave it alone, or take the field out of the artifact"
               : "the audit log of the API server says who it is";
}

static void tell(const struct sync_flow *flow, const struct target_result *result,
                 const char *rival)
{
    const struct target_contest *contest = &result->contest;
    cleanup_free char *delay = duration_format(contest->delay_ms);
    cleanup_free char *note =
        xasprintf("%s was changed %u times in a short while by %s; it is put back at most once in "
                  "%s now; %s",
                  target_result_text(result), contest->times, rival, delay, remedy(contest));
    store_event(flow->role->store, flow->object, STORE_EVENT_WARNING, "Contested", note);
    log_warn("object is contested", "kind", "Sync", "namespace", object_namespace(flow->object),
             "name", object_name(flow->object), "object", target_result_text(result), "by", rival,
             "digest", flow->source.digest.text, "reconcile_id", flow->request_id);
}

void sync_tell_contests(struct sync_flow *flow)
{
    struct sync_memory *memory = flow->memory;
    cleanup_json json_t *syncs = NULL;
    cleanup_strbuf struct strbuf all;
    int64_t delay_ms = 0;
    size_t n = 0;
    strbuf_init(&all, MAX_CONTESTS_BYTES);
    vec_foreach (const struct target_result, result, &flow->results) {
        const struct target_contest *contest = &result->contest;
        if (contest->delay_ms == 0)
            continue;
        // Who cannot be looked up is named by the id.
        if (contest->set != NULL && syncs == NULL &&
            store_list(flow->role->store, "Sync", NULL, &syncs, NULL) < 0)
            syncs = json_array();
        cleanup_free char *rival = name_rival(contest, syncs);
        tell(flow, result, rival);
        if (n++ < NAMED_CONTESTS)
            strbuf_addf(&all, "%s%s by %s", n > 1 ? ", " : "", target_result_text(result), rival);
        if (contest->delay_ms > delay_ms)
            delay_ms = contest->delay_ms;
    }
    if (n == 0)
        return;
    if (n > NAMED_CONTESTS)
        strbuf_addf(&all, " and %zu more", n - NAMED_CONTESTS);
    free(memory->contested);
    memory->contested = strbuf_steal(&all);
    memory->contested_until_mono_ms = clock_mono_ms(flow->role->clock) + delay_ms + peace_ms;
}

const char *sync_contested(const struct sync_flow *flow)
{
    const struct sync_memory *memory = flow->memory;
    return clock_mono_ms(flow->role->clock) < memory->contested_until_mono_ms ? memory->contested
                                                                              : NULL;
}
