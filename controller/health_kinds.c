// Pod, Job, Service, PersistentVolumeClaim, CustomResourceDefinition, HorizontalPodAutoscaler,
// APIService.
#include <string.h>

#include "base/clock.h"
#include "base/jval.h"
#include "controller/health_internal.h"

// A scheduler may need a moment, and a cluster that grows some more.
static const int64_t scheduling_ms = 15 * 1000;

void health_always(struct health_case *at)
{
    health_say(at, HEALTH_CURRENT, "-");
}

// The name of a container that crashes again and again; NULL when none does.
static const char *crashing_container(const json_t *object)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t index;
        json_t *container;
        json_array_foreach (jval_array(object, lists[i]), index, container) {
            if (strcmp(jval_string_or(container, "state.waiting.reason", ""), "CrashLoopBackOff") ==
                0)
                return jval_string_or(container, "name", "?");
        }
    }
    return NULL;
}

static void judge_pending_pod(struct health_case *at)
{
    const json_t *scheduled = health_condition(at, "PodScheduled");
    const char *reason = jval_string_or(scheduled, "reason", "");
    int64_t created_ms = 0;
    const char *created = jval_string_or(at->object, "metadata.creationTimestamp", "");
    bool old =
        time_parse(created, &created_ms, NULL) < 0 || at->now_wall_ms - created_ms > scheduling_ms;
    if (health_condition_is(at, "PodScheduled", "False") && strcmp(reason, "Unschedulable") == 0)
        health_say(at, old ? HEALTH_FAILED : HEALTH_IN_PROGRESS, "it cannot be scheduled: %s",
                   health_condition_text(scheduled));
    else
        health_say(at, HEALTH_IN_PROGRESS, "it is pending");
}

static void judge_running_pod(struct health_case *at)
{
    if (health_condition_is(at, "Ready", "True")) {
        health_say(at, HEALTH_CURRENT, "-");
        return;
    }
    const char *crashing = crashing_container(at->object);
    if (crashing != NULL)
        health_say(at, HEALTH_FAILED, "its container %s crashes again and again", crashing);
    else
        health_say(at, HEALTH_IN_PROGRESS, "it runs but is not ready");
}

void health_pod(struct health_case *at)
{
    const char *phase = jval_string_or(at->object, "status.phase", "");
    if (strcmp(phase, "Succeeded") == 0)
        health_say(at, HEALTH_CURRENT, "-");
    else if (strcmp(phase, "Failed") == 0)
        health_say(at, HEALTH_FAILED, "it failed: %s",
                   jval_string_or(at->object, "status.message", "a container ended with an error"));
    else if (strcmp(phase, "Running") == 0)
        judge_running_pod(at);
    else
        judge_pending_pod(at);
}

void health_job(struct health_case *at)
{
    const json_t *failed = health_condition(at, "Failed");
    if (health_condition_is(at, "Complete", "True"))
        health_say(at, HEALTH_CURRENT, "-");
    else if (health_condition_is(at, "Failed", "True"))
        health_say(at, HEALTH_FAILED, "it failed: %s", health_condition_text(failed));
    else if (jval_bool(at->object, "spec.suspend", false))
        health_say(at, HEALTH_CURRENT, "-");
    else if (jval_string(at->object, "status.startTime") == NULL)
        health_say(at, HEALTH_IN_PROGRESS, "it has not started");
    else
        health_say(at, HEALTH_IN_PROGRESS, "it runs: %lld succeeded, %lld active, %lld failed",
                   (long long)jval_int(at->object, "status.succeeded", 0),
                   (long long)jval_int(at->object, "status.active", 0),
                   (long long)jval_int(at->object, "status.failed", 0));
}

void health_service(struct health_case *at)
{
    if (strcmp(jval_string_or(at->object, "spec.type", ""), "LoadBalancer") != 0)
        health_say(at, HEALTH_CURRENT, "-");
    else if (*jval_string_or(at->object, "spec.clusterIP", "") == '\0')
        health_say(at, HEALTH_IN_PROGRESS, "it has no cluster address");
    else if (json_array_size(jval_array(at->object, "status.loadBalancer.ingress")) == 0)
        health_say(at, HEALTH_IN_PROGRESS, "it has no address outside of the cluster");
    else
        health_say(at, HEALTH_CURRENT, "-");
}

void health_volume_claim(struct health_case *at)
{
    const char *phase = jval_string_or(at->object, "status.phase", "unknown");
    if (strcmp(phase, "Bound") == 0)
        health_say(at, HEALTH_CURRENT, "-");
    else if (strcmp(phase, "Lost") == 0)
        health_say(at, HEALTH_FAILED, "its volume was lost");
    else
        health_say(at, HEALTH_IN_PROGRESS, "it is not bound (phase %s)", phase);
}

void health_crd(struct health_case *at)
{
    const json_t *names = health_condition(at, "NamesAccepted");
    const json_t *established = health_condition(at, "Established");
    const char *reason = jval_string_or(established, "reason", "");
    if (health_condition_is(at, "NamesAccepted", "False"))
        health_say(at, HEALTH_FAILED, "its names were not accepted: %s",
                   health_condition_text(names));
    else if (health_condition_is(at, "Established", "False") && strcmp(reason, "Installing") != 0)
        health_say(at, HEALTH_FAILED, "it was not established: %s",
                   health_condition_text(established));
    else if (health_condition_is(at, "Established", "True"))
        health_say(at, HEALTH_CURRENT, "-");
    else
        health_say(at, HEALTH_IN_PROGRESS, "it is being installed");
}

// A scaler that cannot read its metrics will not scale, whatever its counts say.
static bool is_broken_scaler(const char *reason)
{
    return strncmp(reason, "FailedGet", strlen("FailedGet")) == 0 ||
           strcmp(reason, "FailedUpdateScale") == 0 || strcmp(reason, "InvalidSelector") == 0;
}

void health_autoscaler(struct health_case *at)
{
    size_t index;
    json_t *condition;
    json_array_foreach (jval_array(at->object, "status.conditions"), index, condition) {
        if (strcmp(jval_string_or(condition, "status", ""), "False") == 0 &&
            is_broken_scaler(jval_string_or(condition, "reason", ""))) {
            health_say(at, HEALTH_FAILED, "%s", health_condition_text(condition));
            return;
        }
    }
    bool has_conditions = json_array_size(jval_array(at->object, "status.conditions")) > 0;
    if (has_conditions && !health_condition_is(at, "AbleToScale", "True"))
        health_say(at, HEALTH_IN_PROGRESS, "it is not able to scale yet");
    else
        health_say(at, HEALTH_CURRENT, "-");
}

void health_api_service(struct health_case *at)
{
    const json_t *available = health_condition(at, "Available");
    if (health_condition_is(at, "Available", "True"))
        health_say(at, HEALTH_CURRENT, "-");
    else
        health_say(at, HEALTH_IN_PROGRESS, "it is not available: %s",
                   available != NULL ? health_condition_text(available) : "it was not tried yet");
}
