// Conditions in kstatus form (sigs.k8s.io/cli-utils/pkg/kstatus): Ready, Reconciling and Stalled in
// status.conditions, each {type, status, observedGeneration, lastTransitionTime, reason, message}.
// Reconciling and Stalled are present only while they are True.
//
// `status` is the caller's own copy of an object's status.
#ifndef API_CONDITION_H
#define API_CONDITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum condition_state { CONDITION_FALSE, CONDITION_TRUE, CONDITION_UNKNOWN };

// What a condition is about to say; `generation` is that of the spec it was reached from.
struct condition_change {
    int64_t generation;
    int64_t now_ms;     // wall time; becomes lastTransitionTime only when the state changes
    const char *reason; // UpperCamelCase
    const char *message;
};

// Sets or replaces one condition. True when anything in it changed but its observedGeneration.
bool condition_set(json_t *status, const char *type, enum condition_state state,
                   const struct condition_change *change);
void condition_remove(json_t *status, const char *type);

// The four states an object can be in. Each also sets status.observedGeneration, and returns true
// when Ready, Reconciling or Stalled changed in state, reason or message (then it is worth an
// event).
bool condition_ready(json_t *status, const struct condition_change *change);
// At work: Reconciling=True; Ready stays what it was, or is Unknown at first.
bool condition_progressing(json_t *status, const struct condition_change *change);
// It failed and will be tried again by itself: Ready=False, Reconciling=True.
bool condition_retrying(json_t *status, const struct condition_change *change);
// It failed and only a change by somebody helps: Ready=False, Stalled=True.
bool condition_stalled(json_t *status, const struct condition_change *change);

// From a whole object or from a status. NULL, or CONDITION_UNKNOWN, or "" when absent.
const json_t *condition_find(const json_t *object_or_status, const char *type);
enum condition_state condition_state(const json_t *object_or_status, const char *type);
const char *condition_reason(const json_t *object_or_status, const char *type);
const char *condition_message(const json_t *object_or_status, const char *type);

#endif
