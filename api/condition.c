#include "api/condition.h"

#include "base/clock.h"
#include "base/jval.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {
    [CONDITION_FALSE] = "False", [CONDITION_TRUE] = "True", [CONDITION_UNKNOWN] = "Unknown"};

static size_t index_of(const json_t *conditions, const char *type)
{
    size_t i;
    json_t *condition;
    json_array_foreach (conditions, i, condition) {
        const char *name = jval_string(condition, "type");
        if (name != NULL && strcmp(name, type) == 0)
            return i;
    }
    return SIZE_MAX;
}

static bool text_differs(const json_t *condition, const char *member, const char *text)
{
    return strcmp(jval_string_or(condition, member, ""), text) != 0;
}

bool condition_set(json_t *status, const char *type, enum condition_state state,
                   const struct condition_change *change)
{
    json_t *conditions = json_object_get(status, "conditions");
    if (!json_is_array(conditions)) {
        conditions = json_array();
        jval_set(status, "conditions", conditions);
    }
    size_t at = index_of(conditions, type);
    const json_t *old = at != SIZE_MAX ? json_array_get(conditions, at) : NULL;
    bool moved = text_differs(old, "status", state_names[state]);
    bool changed = moved || text_differs(old, "reason", change->reason) ||
                   text_differs(old, "message", change->message);

    char now[TIME_TEXT_SIZE];
    time_format(change->now_ms, now);
    const char *since = moved ? now : jval_string_or(old, "lastTransitionTime", now);
    json_t *condition =
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:s}", "type", type, "status", state_names[state],
                  "observedGeneration", (json_int_t)change->generation, "lastTransitionTime", since,
                  "reason", change->reason, "message", change->message);
    // Only a text that is not UTF-8 cannot be packed; callers make their sentences from checked
    // input.
    if (condition == NULL)
        abort();
    if (at != SIZE_MAX)
        json_array_set_new(conditions, at, condition);
    else
        json_array_append_new(conditions, condition);
    return changed;
}

static bool remove_if_present(json_t *status, const char *type)
{
    json_t *conditions = json_object_get(status, "conditions");
    size_t at = index_of(conditions, type);
    if (at == SIZE_MAX)
        return false;
    json_array_remove(conditions, at);
    return true;
}

void condition_remove(json_t *status, const char *type)
{
    remove_if_present(status, type);
}

static bool observe(json_t *status, const struct condition_change *change, bool changed)
{
    jval_set_int(status, "observedGeneration", change->generation);
    return changed;
}

bool condition_ready(json_t *status, const struct condition_change *change)
{
    bool changed = condition_set(status, "Ready", CONDITION_TRUE, change);
    changed |= remove_if_present(status, "Reconciling");
    changed |= remove_if_present(status, "Stalled");
    return observe(status, change, changed);
}

bool condition_progressing(json_t *status, const struct condition_change *change)
{
    bool changed = condition_set(status, "Reconciling", CONDITION_TRUE, change);
    changed |= remove_if_present(status, "Stalled");
    if (condition_find(status, "Ready") == NULL)
        changed |= condition_set(status, "Ready", CONDITION_UNKNOWN, change);
    return observe(status, change, changed);
}

bool condition_retrying(json_t *status, const struct condition_change *change)
{
    bool changed = condition_set(status, "Ready", CONDITION_FALSE, change);
    changed |= condition_set(status, "Reconciling", CONDITION_TRUE, change);
    changed |= remove_if_present(status, "Stalled");
    return observe(status, change, changed);
}

bool condition_stalled(json_t *status, const struct condition_change *change)
{
    bool changed = condition_set(status, "Ready", CONDITION_FALSE, change);
    changed |= condition_set(status, "Stalled", CONDITION_TRUE, change);
    changed |= remove_if_present(status, "Reconciling");
    return observe(status, change, changed);
}

const json_t *condition_find(const json_t *object_or_status, const char *type)
{
    const json_t *conditions = jval_array(object_or_status, "status.conditions");
    if (conditions == NULL)
        conditions = jval_array(object_or_status, "conditions");
    size_t at = index_of(conditions, type);
    return at != SIZE_MAX ? json_array_get(conditions, at) : NULL;
}

enum condition_state condition_state(const json_t *object_or_status, const char *type)
{
    const json_t *condition = condition_find(object_or_status, type);
    if (!text_differs(condition, "status", "True"))
        return CONDITION_TRUE;
    return text_differs(condition, "status", "False") ? CONDITION_UNKNOWN : CONDITION_FALSE;
}

const char *condition_reason(const json_t *object_or_status, const char *type)
{
    return jval_string_or(condition_find(object_or_status, type), "reason", "");
}

const char *condition_message(const json_t *object_or_status, const char *type)
{
    return jval_string_or(condition_find(object_or_status, type), "message", "");
}
