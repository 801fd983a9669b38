#include "controller/policy.h"

#include "api/condition.h"
#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/governance.h"
#include "controller/queue.h"
#include "controller/status.h"

#include <stdlib.h>
#include <string.h>

static const int64_t first_retry_ms = 1000;
static const int64_t max_retry_ms = 5 * 60 * 1000;
// Of the Secrets that nobody watches.
static const int64_t look_again_ms = 10 * 60 * 1000;

struct policies {
    const struct role *role;
    const struct roster *roster;
    struct queue *queue;
};

static void *prepare(void *arg, const char *key)
{
    const struct policies *policies = arg;
    const struct roster_entry *entry = roster_find(policies->roster, key);
    return entry != NULL ? json_incref(entry->object) : NULL;
}

static int check(const struct role *role, const json_t *policy, const char **ret_reason,
                 struct error *err)
{
    *ret_reason = "InvalidSpec";
    if (object_problem(policy) == OBJECT_INVALID)
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(policy));
    *ret_reason = "PolicyUnreadable";
    if (object_problem(policy) != OBJECT_FINE)
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(policy));
    return governance_check(role, policy, ret_reason, err);
}

// True when it says something new.
static bool conclude(json_t *status, struct condition_change *change, const struct error *err)
{
    change->message = "Syncs can be judged by it";
    if (err->code == ERROR_NONE)
        return condition_ready(status, change);
    change->message = error_message(err);
    return status_is_final(err) ? condition_stalled(status, change)
                                : condition_retrying(status, change);
}

static void tell(const struct role *role, const json_t *policy, const char *reason,
                 const struct error *err)
{
    if (err->code == ERROR_NONE)
        return;
    log_warn("a policy cannot be used; what it governs is refused", "kind", "TrustPolicy", "name",
             object_name(policy), "reason", reason, "error", error_message(err));
    store_event(role->store, policy, STORE_EVENT_WARNING, reason, error_message(err));
}

static void process(void *arg, void *work, struct cancel *cancel, struct queue_outcome *ret_outcome)
{
    (void)cancel;
    const struct policies *policies = arg;
    const struct role *role = policies->role;
    const json_t *known = work;
    cleanup_json json_t *policy = NULL;
    cleanup_error struct error err = {0};
    cleanup_error struct error cause = {0};
    if (store_get(role->store, "TrustPolicy", object_namespace(known), object_name(known), &policy,
                  &err) < 0) {
        ret_outcome->failed = err.code != ERROR_NOT_FOUND;
        return;
    }
    const json_t *old = object_status(policy, "");
    cleanup_json json_t *status = json_is_object(old) ? json_deep_copy(old) : json_object();
    struct condition_change change = {
        .generation = object_generation(policy),
        .now_ms = clock_wall_ms(role->clock),
        .reason = "Valid",
    };
    if (check(role, policy, &change.reason, &cause) == 0)
        change.reason = "Valid";
    if (conclude(status, &change, &cause))
        tell(role, policy, change.reason, &cause);
    if (!json_equal(old, status) && status_write(role->store, policy, status, &err) < 0)
        log_warn("status was not written", "kind", "TrustPolicy", "name", object_name(policy),
                 "error", error_message(&err));
    // Without the right to write it trying again does not help.
    ret_outcome->failed = (cause.code != ERROR_NONE && !status_is_final(&cause)) ||
                          (err.code != ERROR_NONE && err.code != ERROR_DENIED);
    ret_outcome->again_ms = role->leave_secrets ? look_again_ms : 0;
}

static void settled(void *arg, const char *key, void *work, struct queue_outcome *outcome)
{
    (void)arg;
    (void)key;
    (void)outcome;
    json_decref(work);
}

struct policies *policies_new(const struct role *role, const struct roster *roster)
{
    const struct queue_events events = {.prepare = prepare, .process = process, .settled = settled};
    struct policies *policies = xcalloc(1, sizeof *policies);
    policies->role = role;
    policies->roster = roster;
    policies->queue =
        queue_new(role->loop, role->pool, &events, policies, first_retry_ms, max_retry_ms);
    return policies;
}

void policies_free(struct policies *policies)
{
    if (policies == NULL)
        return;
    queue_free(policies->queue);
    free(policies);
}

void policies_look(struct policies *policies, const char *key)
{
    queue_add(policies->queue, key, 0);
}

void policies_look_at_all(struct policies *policies)
{
    vec_foreach (struct roster_entry, entry, &policies->roster->entries)
        queue_add(policies->queue, entry->key, 0);
}

void policies_gone(struct policies *policies, const char *key)
{
    queue_remove(policies->queue, key);
}
