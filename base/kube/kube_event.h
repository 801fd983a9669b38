// Events (events.k8s.io/v1) about objects. What is said again within 6 minutes becomes a series of
// one Event object. Bounded: at most 1,000 events wait or are remembered, and one object gets a
// burst of 25, then one each 12 s; what is more is dropped.
#ifndef BASE_KUBE_KUBE_EVENT_H
#define BASE_KUBE_KUBE_EVENT_H

#include "base/kube/kube_call.h"

struct kube_recorder;

// `controller` is a qualified name ("sealift.dev/packager"), `instance` this process ("pod-name").
// Both are copied. Loop thread.
int kube_recorder_new(struct kube_loop *kube, const char *controller, const char *instance,
                      struct kube_recorder **ret_recorder, struct error *err)
    __attribute__((warn_unused_result));
// What was not sent yet is lost. NULL is fine. Loop thread.
void kube_recorder_free(struct kube_recorder *recorder);

enum kube_event_type { KUBE_EVENT_NORMAL, KUBE_EVENT_WARNING };

// Fire and forget; any thread. `regarding` is the object (apiVersion, kind and metadata are used);
// it is not kept. `reason` is UpperCamelCase; `action` what was done ("Reconcile"), NULL = reason;
// `note` a sentence, cut at 1,024 bytes. An object without a namespace has its events in
// "default".
void kube_recorder_event(struct kube_recorder *recorder, const json_t *regarding,
                         enum kube_event_type type, const char *reason, const char *action,
                         const char *note);

#endif
