// The rules that hold for every kind, in kstatus' order: being deleted, generation not yet
// observed, Reconciling or Stalled, the kind's own rule, Ready, and else: there.
#include "controller/health.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "controller/health_internal.h"

const char *health_name(enum health health)
{
    static const char *const names[] = {"unknown", "in progress", "current", "failed",
                                        "terminating"};
    return (size_t)health < ARRAY_LENGTH(names) ? names[health] : "unknown";
}

void health_verdict_release(struct health_verdict *verdict)
{
    free(STEAL(verdict->message));
}

void health_say(struct health_case *at, enum health health, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    free(at->verdict->message);
    at->verdict->health = health;
    at->verdict->message = health == HEALTH_CURRENT ? NULL : xvasprintf(format, args);
    va_end(args);
}

static bool is_about_now(const struct health_case *at, const json_t *condition)
{
    int64_t generation = jval_int(at->object, "metadata.generation", 0);
    return jval_int(condition, "observedGeneration", generation) >= generation;
}

const json_t *health_condition(const struct health_case *at, const char *type)
{
    size_t index;
    json_t *condition;
    json_array_foreach (jval_array(at->object, "status.conditions"), index, condition) {
        if (strcmp(jval_string_or(condition, "type", ""), type) == 0)
            return is_about_now(at, condition) ? condition : NULL;
    }
    return NULL;
}

bool health_condition_is(const struct health_case *at, const char *type, const char *status)
{
    return strcmp(jval_string_or(health_condition(at, type), "status", ""), status) == 0;
}

const char *health_condition_text(const json_t *condition)
{
    const char *message = jval_string_or(condition, "message", "");
    if (*message != '\0')
        return message;
    return jval_string_or(condition, "reason", "it does not say why");
}

static bool is_text_or_absent(const json_t *value, const char *name)
{
    const json_t *member = json_object_get(value, name);
    return member == NULL || json_is_null(member) || json_is_string(member);
}

// Whether the parts that every rule reads have the types that the API gives them.
static bool is_readable(const json_t *object)
{
    const json_t *status = json_object_get(object, "status");
    const json_t *observed = jval_get(object, "status.observedGeneration");
    const json_t *conditions = jval_get(object, "status.conditions");
    if ((status != NULL && !json_is_object(status) && !json_is_null(status)) ||
        (observed != NULL && !json_is_integer(observed)) ||
        (conditions != NULL && !json_is_array(conditions) && !json_is_null(conditions)))
        return false;
    size_t index;
    json_t *condition;
    json_array_foreach (conditions, index, condition) {
        if (!json_is_object(condition) || !is_text_or_absent(condition, "type") ||
            !is_text_or_absent(condition, "status") || !is_text_or_absent(condition, "reason") ||
            !is_text_or_absent(condition, "message"))
            return false;
    }
    return true;
}

static bool judge_generation(struct health_case *at)
{
    const json_t *observed = jval_get(at->object, "status.observedGeneration");
    const json_t *generation = jval_get(at->object, "metadata.generation");
    if (observed == NULL || generation == NULL ||
        json_integer_value(observed) == json_integer_value(generation))
        return false;
    health_say(at, HEALTH_IN_PROGRESS, "generation %lld was not looked at yet (observed: %lld)",
               (long long)json_integer_value(generation), (long long)json_integer_value(observed));
    return true;
}

static bool judge_standard_conditions(struct health_case *at)
{
    size_t index;
    json_t *condition;
    json_array_foreach (jval_array(at->object, "status.conditions"), index, condition) {
        const char *type = jval_string_or(condition, "type", "");
        bool reconciling = strcmp(type, "Reconciling") == 0;
        if ((!reconciling && strcmp(type, "Stalled") != 0) ||
            strcmp(jval_string_or(condition, "status", ""), "True") != 0)
            continue;
        health_say(at, reconciling ? HEALTH_IN_PROGRESS : HEALTH_FAILED, "%s",
                   health_condition_text(condition));
        return true;
    }
    return false;
}

static health_rule *rule_of(const char *group, const char *kind)
{
    static const struct {
        const char *group;
        const char *kind;
        health_rule *rule;
    } rules[] = {
        {"", "ConfigMap", health_always},
        {"", "PersistentVolumeClaim", health_volume_claim},
        {"", "Pod", health_pod},
        {"", "Secret", health_always},
        {"", "Service", health_service},
        {"apiextensions.k8s.io", "CustomResourceDefinition", health_crd},
        {"apiregistration.k8s.io", "APIService", health_api_service},
        {"apps", "DaemonSet", health_daemon_set},
        {"apps", "Deployment", health_deployment},
        {"apps", "ReplicaSet", health_replica_set},
        {"apps", "StatefulSet", health_stateful_set},
        {"autoscaling", "HorizontalPodAutoscaler", health_autoscaler},
        {"batch", "CronJob", health_always},
        {"batch", "Job", health_job},
        {"extensions", "DaemonSet", health_daemon_set},
        {"extensions", "Deployment", health_deployment},
        {"extensions", "ReplicaSet", health_replica_set},
        {"policy", "PodDisruptionBudget", health_always},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
        if (strcmp(rules[i].group, group) == 0 && strcmp(rules[i].kind, kind) == 0)
            return rules[i].rule;
    }
    return NULL;
}

static void judge_ready(struct health_case *at)
{
    bool has_ready = false;
    size_t index;
    json_t *condition;
    json_array_foreach (jval_array(at->object, "status.conditions"), index, condition)
        has_ready |= strcmp(jval_string_or(condition, "type", ""), "Ready") == 0;
    const json_t *ready = health_condition(at, "Ready");
    const char *status = jval_string_or(ready, "status", "");
    if (has_ready && ready == NULL)
        health_say(at, HEALTH_IN_PROGRESS, "its Ready condition is about an older generation");
    else if (strcmp(status, "False") == 0 || strcmp(status, "Unknown") == 0)
        health_say(at, HEALTH_IN_PROGRESS, "not Ready: %s", health_condition_text(ready));
    else
        health_say(at, HEALTH_CURRENT, "-");
}

void health_judge(const json_t *object, int64_t now_wall_ms, struct health_verdict *ret_verdict)
{
    *ret_verdict = (struct health_verdict){.health = HEALTH_UNKNOWN};
    struct health_case at = {.object = object, .now_wall_ms = now_wall_ms, .verdict = ret_verdict};
    if (*jval_string_or(object, "metadata.deletionTimestamp", "") != '\0') {
        health_say(&at, HEALTH_TERMINATING, "it is being deleted");
        return;
    }
    if (!is_readable(object)) {
        health_say(&at, HEALTH_UNKNOWN, "its status is not in the form of the API conventions");
        return;
    }
    if (judge_generation(&at) || judge_standard_conditions(&at))
        return;
    const char *version = jval_string_or(object, "apiVersion", "");
    const char *slash = strchr(version, '/');
    cleanup_free char *group =
        slash != NULL ? xstrndup(version, (size_t)(slash - version)) : xstrdup("");
    health_rule *rule = rule_of(group, jval_string_or(object, "kind", ""));
    if (rule != NULL)
        rule(&at);
    else
        judge_ready(&at);
}
