// Whether an object does what it was made for, judged by what it says of itself: kstatus' rules
// (github.com/kubernetes-sigs/cli-utils, pkg/kstatus), with these corrections: a Job is current
// when it is complete, not while it runs; a Pod that failed has failed; a Service of type
// LoadBalancer waits for its address; HorizontalPodAutoscaler and APIService are judged by their
// conditions; a DaemonSet that is updated OnDelete does not wait for its updates; a condition
// about an older generation does not count.
#ifndef CONTROLLER_HEALTH_H
#define CONTROLLER_HEALTH_H

#include <jansson.h>
#include <stdint.h>

enum health {
    HEALTH_UNKNOWN,     // it says something that cannot be read
    HEALTH_IN_PROGRESS, // on its way
    HEALTH_CURRENT,     // there
    HEALTH_FAILED,      // it will not get there by itself
    HEALTH_TERMINATING, // being deleted
};
const char *health_name(enum health health); // "current"

struct health_verdict {
    enum health health;
    char *message; // owned; a phrase like "2 of 3 replicas are ready"; NULL when current
};
void health_verdict_release(struct health_verdict *verdict);
#define cleanup_health_verdict __attribute__((cleanup(health_verdict_release)))

// `object` is whole: without its status a Deployment is taken for one on its way. Pure.
void health_judge(const json_t *object, int64_t now_wall_ms, struct health_verdict *ret_verdict);

#endif
