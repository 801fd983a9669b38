#include "controller/kube_order.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"

enum { MAX_WAVE = 1000000, HOOK_TTL_MIN_S = 10 };

struct placed {
    const char *group;
    const char *kind;
    enum apply_stage stage;
};

static const struct placed placed[] = {
    {"", "Namespace", STAGE_DEFINITIONS},
    {"apiextensions.k8s.io", "CustomResourceDefinition", STAGE_DEFINITIONS},
    {"rbac.authorization.k8s.io", "ClusterRole", STAGE_DEFINITIONS},
    {"", "ConfigMap", STAGE_BASICS},
    {"", "LimitRange", STAGE_BASICS},
    {"", "PersistentVolume", STAGE_BASICS},
    {"", "PersistentVolumeClaim", STAGE_BASICS},
    {"", "ResourceQuota", STAGE_BASICS},
    {"", "Secret", STAGE_BASICS},
    {"", "Service", STAGE_BASICS},
    {"", "ServiceAccount", STAGE_BASICS},
    {"discovery.k8s.io", "EndpointSlice", STAGE_BASICS},
    {"networking.k8s.io", "NetworkPolicy", STAGE_BASICS},
    {"policy", "PodDisruptionBudget", STAGE_BASICS},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", STAGE_BASICS},
    {"rbac.authorization.k8s.io", "Role", STAGE_BASICS},
    {"rbac.authorization.k8s.io", "RoleBinding", STAGE_BASICS},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicy", STAGE_GATES},
    {"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding", STAGE_GATES},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", STAGE_GATES},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicy", STAGE_GATES},
    {"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding", STAGE_GATES},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", STAGE_GATES},
    {"apiregistration.k8s.io", "APIService", STAGE_GATES},
};

static bool ends_in_class(const char *kind)
{
    size_t length = strlen(kind);
    return length > 5 && strcmp(kind + length - 5, "Class") == 0;
}

enum apply_stage apply_stage_of(const char *group, const char *kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(placed); i++) {
        if (strcmp(placed[i].group, group) == 0 && strcmp(placed[i].kind, kind) == 0)
            return placed[i].stage;
    }
    return ends_in_class(kind) ? STAGE_CLASSES : STAGE_WORK;
}

bool apply_keeps_data(const char *group, const char *kind)
{
    if (strcmp(group, "apiextensions.k8s.io") == 0)
        return strcmp(kind, "CustomResourceDefinition") == 0;
    return *group == '\0' &&
           (strcmp(kind, "Namespace") == 0 || strcmp(kind, "PersistentVolume") == 0 ||
            strcmp(kind, "PersistentVolumeClaim") == 0);
}

static int read_wave(const char *text, int *ret_wave, struct error *err)
{
    char *end = NULL;
    errno = 0;
    long wave = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || wave > MAX_WAVE || wave < -MAX_WAVE)
        return error_set(err, ERROR_INVALID,
                         "its annotation sealift.dev/wave is \"%.40s\"; write a whole number, like "
                         "\"5\"",
                         text);
    *ret_wave = (int)wave;
    return 0;
}

// One that is cleared up at once is gone before anybody sees how it ended, and would run again.
static int check_ttl(const json_t *object, struct error *err)
{
    int64_t ttl_s = jval_int(object, "spec.ttlSecondsAfterFinished", HOOK_TTL_MIN_S);
    if (ttl_s >= HOOK_TTL_MIN_S)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "its spec.ttlSecondsAfterFinished is %lld: a hook would be gone before its end "
        "is seen; write at least %d",
        (long long)ttl_s, HOOK_TTL_MIN_S);
}

static int read_hook(const char *group, const char *kind, const char *text,
                     enum apply_stage *ret_stage, struct error *err)
{
    bool before = strcmp(text, "before") == 0;
    if (!before && strcmp(text, "after") != 0)
        return error_set(err, ERROR_INVALID,
                         "its annotation sealift.dev/hook is \"%.40s\"; write before or after",
                         text);
    if (strcmp(group, "batch") != 0 || strcmp(kind, "Job") != 0)
        return error_set(err, ERROR_INVALID,
                         "only a Job can be a hook; take sealift.dev/hook away");
    *ret_stage = before ? STAGE_BEFORE : STAGE_AFTER;
    return 0;
}

// A word that nobody knows would protect nothing, and nobody would hear of it.
static int read_word(const json_t *annotations, const char *name, const char *word,
                     const char *other, bool *ret_is_word, struct error *err)
{
    const char *text = json_string_value(json_object_get(annotations, name));
    bool is_word = text != NULL && strcmp(text, word) == 0;
    if (text != NULL && !is_word && (other == NULL || strcmp(text, other) != 0))
        return error_set(err, ERROR_INVALID, "its annotation %s is \"%.40s\"; write %s%s%s", name,
                         text, word, other != NULL ? " or " : "", other != NULL ? other : "");
    *ret_is_word = is_word;
    return 0;
}

int apply_order_of(const char *group, const char *kind, const json_t *object,
                   struct apply_order *ret_order, struct error *err)
{
    const json_t *annotations = jval_object(object, "metadata.annotations");
    const char *wave = json_string_value(json_object_get(annotations, "sealift.dev/wave"));
    const char *hook = json_string_value(json_object_get(annotations, "sealift.dev/hook"));
    bool keeps = false;
    struct apply_order order = {.stage = apply_stage_of(group, kind)};
    if (read_word(annotations, "sealift.dev/force", "recreate", NULL, &order.recreate, err) < 0 ||
        read_word(annotations, "sealift.dev/drift", "ignore", NULL, &order.ignores_drift, err) <
            0 ||
        read_word(annotations, "sealift.dev/prune", "disabled", "enabled", &keeps, err) < 0)
        return -1;
    if ((wave != NULL && read_wave(wave, &order.wave, err) < 0) ||
        (hook != NULL &&
         (read_hook(group, kind, hook, &order.stage, err) < 0 || check_ttl(object, err) < 0)))
        return -1;
    *ret_order = order;
    return 0;
}

int apply_order_compare(const struct apply_order *a, const struct apply_order *b)
{
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    return a->wave < b->wave ? -1 : a->wave > b->wave;
}
