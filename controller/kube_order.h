// In which order objects are applied: what others need first. Pure.
#ifndef CONTROLLER_KUBE_ORDER_H
#define CONTROLLER_KUBE_ORDER_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

// Each stage is answered before the next begins; within a stage, each wave.
enum apply_stage {
    STAGE_DEFINITIONS, // CustomResourceDefinition, Namespace, ClusterRole
    STAGE_CLASSES,     // StorageClass, IngressClass, PriorityClass, …
    STAGE_BASICS,      // accounts, RBAC, quotas, configuration, Services, volumes
    STAGE_BEFORE,      // hooks: Jobs that must have succeeded
    STAGE_WORK,        // workloads and custom resources
    STAGE_GATES,       // webhooks, admission policies, APIServices
    STAGE_AFTER,       // hooks
};

struct apply_order {
    enum apply_stage stage;
    int wave;      // sealift.dev/wave
    bool recreate; // sealift.dev/force: recreate
    bool ignores_drift;
};

// By the object's kind and annotations. ERROR_INVALID when an annotation says what does not exist,
// or is none for this object.
int apply_order_of(const char *group, const char *kind, const json_t *object,
                   struct apply_order *ret_order, struct error *err)
    __attribute__((warn_unused_result));
int apply_order_compare(const struct apply_order *a, const struct apply_order *b);

// The stage of a kind alone, for deleting in reverse.
enum apply_stage apply_stage_of(const char *group, const char *kind);
// Namespace, CustomResourceDefinition, PersistentVolume(Claim): with them data would go.
bool apply_keeps_data(const char *group, const char *kind);

#endif
