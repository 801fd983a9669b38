// Deployment, StatefulSet, DaemonSet, ReplicaSet: their counts.
#include <limits.h>
#include <string.h>

#include "base/jval.h"
#include "controller/health_internal.h"

// The API server takes int32 counts of its own kinds; whoever says more is not believed, and two of
// them can be subtracted.
static int64_t bounded(int64_t count)
{
    return count > INT32_MAX ? INT32_MAX : count < INT32_MIN ? INT32_MIN : count;
}

static int64_t wanted_replicas(const struct health_case *at)
{
    return bounded(jval_int(at->object, "spec.replicas", 1));
}

static int64_t status_of(const struct health_case *at, const char *path)
{
    return bounded(jval_int(at->object, path, 0));
}

// Says it and returns true when `have` is less than `want`.
static bool lacks(struct health_case *at, const char *what, int64_t have, int64_t want)
{
    if (have >= want)
        return false;
    health_say(at, HEALTH_IN_PROGRESS, "%lld of %lld replicas are %s", (long long)have,
               (long long)want, what);
    return true;
}

static bool has_too_many(struct health_case *at, int64_t have, int64_t want)
{
    if (have <= want)
        return false;
    health_say(at, HEALTH_IN_PROGRESS, "%lld replicas too many are still there",
               (long long)(have - want));
    return true;
}

void health_deployment(struct health_case *at)
{
    int64_t wanted = wanted_replicas(at);
    int64_t there = status_of(at, "status.replicas");
    int64_t updated = status_of(at, "status.updatedReplicas");
    int64_t available = status_of(at, "status.availableReplicas");
    const json_t *progressing = health_condition(at, "Progressing");
    const char *reason = jval_string_or(progressing, "reason", "");
    if (strcmp(reason, "ProgressDeadlineExceeded") == 0) {
        health_say(at, HEALTH_FAILED, "the rollout made no progress in time: %s",
                   health_condition_text(progressing));
        return;
    }
    int64_t deadline = jval_int(at->object, "spec.progressDeadlineSeconds", INT_MAX);
    bool rolled_out = deadline == INT_MAX || (health_condition_is(at, "Progressing", "True") &&
                                              strcmp(reason, "NewReplicaSetAvailable") == 0);
    if (lacks(at, "there", there, wanted) || lacks(at, "updated", updated, wanted) ||
        has_too_many(at, there, wanted) || lacks(at, "available", available, updated) ||
        lacks(at, "ready", status_of(at, "status.readyReplicas"), wanted))
        return;
    if (!rolled_out)
        health_say(at, HEALTH_IN_PROGRESS, "the new ReplicaSet is not available");
    else if (!health_condition_is(at, "Available", "True"))
        health_say(at, HEALTH_IN_PROGRESS, "the Deployment is not available");
    else
        health_say(at, HEALTH_CURRENT, "-");
}

void health_stateful_set(struct health_case *at)
{
    int64_t wanted = wanted_replicas(at);
    int64_t there = status_of(at, "status.replicas");
    const char *strategy = jval_string_or(at->object, "spec.updateStrategy.type", "");
    const json_t *partition = jval_get(at->object, "spec.updateStrategy.rollingUpdate.partition");
    if (strcmp(strategy, "OnDelete") == 0) {
        health_say(at, HEALTH_CURRENT, "-");
        return;
    }
    if (lacks(at, "there", there, wanted) ||
        lacks(at, "ready", status_of(at, "status.readyReplicas"), wanted) ||
        has_too_many(at, there, wanted))
        return;
    // An API server sets the partition to 0 where none is given.
    int64_t held_back = json_is_integer(partition) ? bounded(json_integer_value(partition)) : -1;
    int64_t updated = status_of(at, "status.updatedReplicas");
    if (held_back > 0) {
        if (!lacks(at, "updated", updated, wanted - held_back))
            health_say(at, HEALTH_CURRENT, "-");
        return;
    }
    if (held_back == 0 && lacks(at, "updated", updated, wanted))
        return;
    const char *current = jval_string_or(at->object, "status.currentRevision", "");
    const char *update = jval_string_or(at->object, "status.updateRevision", "");
    if (held_back < 0 && lacks(at, "current", status_of(at, "status.currentReplicas"), wanted))
        return;
    if (strcmp(current, update) != 0)
        health_say(at, HEALTH_IN_PROGRESS, "revision %s is being replaced by %s", current, update);
    else
        health_say(at, HEALTH_CURRENT, "-");
}

void health_daemon_set(struct health_case *at)
{
    const json_t *desired = jval_get(at->object, "status.desiredNumberScheduled");
    const char *strategy = jval_string_or(at->object, "spec.updateStrategy.type", "");
    if (jval_get(at->object, "metadata.generation") == NULL ||
        jval_get(at->object, "status.observedGeneration") == NULL || !json_is_integer(desired)) {
        health_say(at, HEALTH_IN_PROGRESS, "its controller has not looked at it yet");
        return;
    }
    int64_t wanted = bounded(json_integer_value(desired));
    bool updates_wait = strcmp(strategy, "OnDelete") == 0;
    if (lacks(at, "scheduled", status_of(at, "status.currentNumberScheduled"), wanted) ||
        (!updates_wait &&
         lacks(at, "updated", status_of(at, "status.updatedNumberScheduled"), wanted)) ||
        lacks(at, "available", status_of(at, "status.numberAvailable"), wanted) ||
        lacks(at, "ready", status_of(at, "status.numberReady"), wanted))
        return;
    health_say(at, HEALTH_CURRENT, "-");
}

void health_replica_set(struct health_case *at)
{
    int64_t wanted = wanted_replicas(at);
    const json_t *failure = health_condition(at, "ReplicaFailure");
    if (health_condition_is(at, "ReplicaFailure", "True")) {
        health_say(at, HEALTH_IN_PROGRESS, "a Pod could not be made: %s",
                   health_condition_text(failure));
        return;
    }
    if (lacks(at, "labelled", status_of(at, "status.fullyLabeledReplicas"), wanted) ||
        lacks(at, "available", status_of(at, "status.availableReplicas"), wanted) ||
        lacks(at, "ready", status_of(at, "status.readyReplicas"), wanted) ||
        has_too_many(at, status_of(at, "status.replicas"), wanted))
        return;
    health_say(at, HEALTH_CURRENT, "-");
}
