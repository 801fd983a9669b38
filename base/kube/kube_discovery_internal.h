// Inside discovery: the snapshot, and the parsers of its formats.
#ifndef BASE_KUBE_KUBE_DISCOVERY_INTERNAL_H
#define BASE_KUBE_KUBE_DISCOVERY_INTERNAL_H

#include "base/kube/kube_discovery.h"

struct kube_discovery {
    unsigned references;
    struct vec kinds;        // of struct kube_kind
    struct vec stale_groups; // of char *
    char *etags[2];          // of /api and /apis
};

struct kube_discovery *kube_discovery_new(void);
// What was known of a group and version, marked as stale. version NULL = all of its versions.
void kube_discovery_keep_stale(struct kube_discovery *discovery,
                               const struct kube_discovery *previous, const char *group,
                               const char *version);
// What is still true, as it was: the core group, or all but it.
void kube_discovery_keep_half(struct kube_discovery *discovery,
                              const struct kube_discovery *previous, bool core);

// apidiscovery.k8s.io APIGroupDiscoveryList. ERROR_UNAVAILABLE when it is something else,
// ERROR_LIMIT above 20,000 kinds.
int kube_discovery_add_groups(struct kube_discovery *discovery,
                              const struct kube_discovery *previous, const json_t *list,
                              struct error *err) __attribute__((warn_unused_result));
// An APIResourceList of one group and version.
int kube_discovery_add_resources(struct kube_discovery *discovery, const char *group,
                                 const char *version, const json_t *list, struct error *err)
    __attribute__((warn_unused_result));

#endif
