// What the rules of the kinds (health_*.c) share.
#ifndef CONTROLLER_HEALTH_INTERNAL_H
#define CONTROLLER_HEALTH_INTERNAL_H

#include <stdbool.h>

#include "controller/health.h"

struct health_case {
    const json_t *object;
    int64_t now_wall_ms;
    struct health_verdict *verdict;
};
void health_say(struct health_case *at, enum health health, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// A condition of the object's status by type; NULL when absent. A condition that names an older
// generation than the object's is absent.
const json_t *health_condition(const struct health_case *at, const char *type);
// Whether it is there and has this status ("True").
bool health_condition_is(const struct health_case *at, const char *type, const char *status);
const char *health_condition_text(const json_t *condition); // its message, else its reason

// Every one sets the verdict.
typedef void health_rule(struct health_case *at);
health_rule health_deployment, health_stateful_set, health_daemon_set, health_replica_set,
    health_pod, health_job, health_service, health_volume_claim, health_crd, health_autoscaler,
    health_api_service, health_always;

#endif
