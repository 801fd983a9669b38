// Which kinds an API server has: where their objects live and what can be done with them.
//
// A snapshot is immutable and shared by reference; any thread. Format: aggregated discovery
// (apidiscovery.k8s.io v2, v2beta1), else the older lists (APIGroupList, APIResourceList).
#ifndef BASE_KUBE_KUBE_DISCOVERY_H
#define BASE_KUBE_KUBE_DISCOVERY_H

#include "base/kube/kube_client.h"

enum kube_can {
    KUBE_CAN_GET = 1,
    KUBE_CAN_LIST = 2,
    KUBE_CAN_WATCH = 4,
    KUBE_CAN_CREATE = 8,
    KUBE_CAN_UPDATE = 16,
    KUBE_CAN_PATCH = 32,
    KUBE_CAN_DELETE = 64,
};

struct kube_kind {
    char *group; // "" = core
    char *version;
    char *kind;
    char *plural;
    char *singular;         // "" when not told
    struct vec short_names; // of char *
    bool namespaced;
    unsigned can; // enum kube_can
    bool has_status;
    bool has_scale;
    // The group's server did not answer; this is what was known before. Absence of a stale group's
    // objects proves nothing.
    bool stale;
};

struct kube_discovery;

// Asks the server; blocks. `previous` (may be NULL) is what is still true of groups that do not
// answer, and saves the work when nothing changed (then the same snapshot comes back, with a
// reference more). `cancel` may be NULL. *ret_discovery is owned: kube_discovery_unref.
int kube_discovery_fetch(struct kube_client *client, const struct kube_discovery *previous,
                         struct cancel *cancel, struct kube_discovery **ret_discovery,
                         struct error *err) __attribute__((warn_unused_result));
struct kube_discovery *kube_discovery_ref(const struct kube_discovery *discovery);
void kube_discovery_unref(struct kube_discovery *discovery); // NULL is fine
void cleanup_kube_discovery_pointer(struct kube_discovery **discovery);
#define cleanup_kube_discovery __attribute__((cleanup(cleanup_kube_discovery_pointer)))

// version NULL or "" = the one the server prefers. NULL when there is none. Borrowed.
const struct kube_kind *kube_discovery_find(const struct kube_discovery *discovery,
                                            const char *group, const char *version,
                                            const char *kind);
// By apiVersion ("apps/v1") and kind, as objects name themselves.
const struct kube_kind *kube_discovery_find_object(const struct kube_discovery *discovery,
                                                   const char *api_version, const char *kind);
// As people name kinds: plural, singular, short name or kind, in any case, with ".group" or
// ".version.group" behind it or not. Of several groups the first in the server's order.
const struct kube_kind *kube_discovery_find_name(const struct kube_discovery *discovery,
                                                 const char *name);
// Whether the group, or the server's list of groups, could not be read: nothing may be concluded
// from a kind that is absent.
bool kube_discovery_is_stale(const struct kube_discovery *discovery, const char *group);
// No group is.
bool kube_discovery_is_whole(const struct kube_discovery *discovery);
// All kinds in all versions, in the server's order (preferred version first).
size_t kube_discovery_count(const struct kube_discovery *discovery);
const struct kube_kind *kube_discovery_at(const struct kube_discovery *discovery, size_t index);
// Where an object of a kind lives; `namespace_` is dropped for kinds without one. Borrows.
struct kube_ref kube_kind_ref(const struct kube_kind *kind, const char *namespace_,
                              const char *name);

#endif
