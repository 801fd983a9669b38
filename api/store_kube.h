// The store on the Kubernetes API: objects of sealift.dev/v1alpha1, Secrets, ConfigMaps and
// Namespaces of one API server, as whoever the configuration says.
//
// Objects get their defaults and `problem` as those of files do, though an API server with our
// definitions lets none in that has one. Secrets and Namespaces are read and watched as metadata
// only. Reads ask the server each time; nothing is answered from memory.
//
// Rights that a role needs: get, list, watch of the kinds it watches; patch of their status
// subresource (store_put_status); patch of the object (store_patch_metadata, store_suspend); get of
// Secrets (store_secret); create and patch of events.k8s.io; get, create, update of Leases
// sealift-<role> (store_lease_new) and get, list, create, update, delete of ConfigMaps (records) in
// its own namespace.
#ifndef API_STORE_KUBE_H
#define API_STORE_KUBE_H

#include "api/store.h"
#include "base/kube/kube_config.h"

struct kube_client;

struct store_kube_options {
    const struct kube_config *config; // copied
    const struct clock *clock;        // NULL = the system's; borrowed
    // Where records and Leases are: the role's own namespace. NULL = that of config.
    const char *own_namespace;
    // Who reports events: "packager"; NULL = "sealift".
    const char *role;
};

// Does not connect. *ret_store is owned. ERROR_INVALID when address or credentials cannot be used.
int store_kube_open(const struct store_kube_options *options, struct store **ret_store,
                    struct error *err) __attribute__((warn_unused_result));

// For what the store has no word for. Borrowed for the store's life; NULL for a store on files.
struct kube_client *store_kube_client(struct store *store);

#endif
