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
#include "oci/sign/policy.h"

#include <stdlib.h>
#include <string.h>

static const int64_t first_retry_ms = 1000;
static const int64_t max_retry_ms = 5 * 60 * 1000;
// Of the Secrets that nobody watches.
static const int64_t look_again_ms = 10 * 60 * 1000;
static const int64_t longest_wait_ms = 24 * 60 * 60 * 1000;

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

// A signature of a key outside its window counts no more, so that people hear of it in time.
static int judge_outlook(const struct trust_outlook *outlook, const char **ret_reason,
                         struct error *err)
{
    if (!outlook->reachable) {
        *ret_reason = "KeyExpired";
        return error_set(err, ERROR_INVALID, "%s", outlook->message);
    }
    *ret_reason = outlook->message != NULL ? "KeyExpiring" : "Valid";
    return 0;
}

static int check(const struct role *role, const json_t *policy, struct trust_outlook *outlook,
                 const char **ret_reason, struct error *err)
{
    *ret_reason = "InvalidSpec";
    if (object_problem(policy) == OBJECT_INVALID)
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(policy));
    *ret_reason = "PolicyUnreadable";
    if (object_problem(policy) != OBJECT_FINE)
        return error_set(err, ERROR_INVALID, "%s", object_problem_message(policy));
    if (governance_check(role, policy, outlook, ret_reason, err) < 0)
        return -1;
    return judge_outlook(outlook, ret_reason, err);
}

// True when it says something new.
static bool conclude(json_t *status, struct condition_change *change,
                     const struct trust_outlook *outlook, const struct error *err)
{
    cleanup_free char *warning = outlook->message != NULL
                                     ? xasprintf("Syncs can be judged by it; %s", outlook->message)
                                     : NULL;
    change->message = warning != NULL ? warning : "Syncs can be judged by it";
    if (err->code == ERROR_NONE)
        return condition_ready(status, change);
    change->message = error_message(err);
    return status_is_final(err) ? condition_stalled(status, change)
                                : condition_retrying(status, change);
}

static void tell(const struct role *role, const json_t *policy, const char *reason,
                 const char *warning, const struct error *err)
{
    if (err->code == ERROR_NONE && warning == NULL)
        return;
    if (err->code == ERROR_NONE) {
        log_warn("a key of a policy runs out", "kind", "TrustPolicy", "name", object_name(policy),
                 "reason", reason, "error", warning);
        store_event(role->store, policy, STORE_EVENT_WARNING, reason, warning);
        return;
    }
    log_warn("a policy cannot be used; what it governs is refused", "kind", "TrustPolicy", "name",
             object_name(policy), "reason", reason, "error", error_message(err));
    store_event(role->store, policy, STORE_EVENT_WARNING, reason, error_message(err));
}

// When to look without news; 0 = never.
static int64_t again_ms(const struct role *role, const struct trust_outlook *outlook)
{
    int64_t until_ms = outlook->look_again_ms - clock_wall_ms(role->clock);
    int64_t wanted_ms = role->leave_secrets ? look_again_ms : 0;
    if (outlook->look_again_ms == 0)
        return wanted_ms;
    if (until_ms < 1)
        until_ms = 1;
    // Clocks are set, and waits are not: a day is the longest.
    if (until_ms > longest_wait_ms)
        until_ms = longest_wait_ms;
    return wanted_ms == 0 || until_ms < wanted_ms ? until_ms : wanted_ms;
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
    struct trust_outlook outlook = {0};
    bool checked = check(role, policy, &outlook, &change.reason, &cause) == 0;
    if (conclude(status, &change, &outlook, &cause))
        tell(role, policy, change.reason, outlook.message, &cause);
    if (!json_equal(old, status) && status_write(role->store, policy, status, &err) < 0)
        log_warn("status was not written", "kind", "TrustPolicy", "name", object_name(policy),
                 "error", error_message(&err));
    // Without the right to write it trying again does not help.
    ret_outcome->failed = (!checked && !status_is_final(&cause)) ||
                          (err.code != ERROR_NONE && err.code != ERROR_DENIED);
    ret_outcome->again_ms = again_ms(role, &outlook);
    free(outlook.message);
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
