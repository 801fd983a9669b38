// The cluster target: objects go to a Kubernetes API server by server-side apply, as the Sync's
// ServiceAccount, and are watched there. What it adds to an object: the label that makes it a
// member of the Sync's set, and a namespace where a namespaced kind has none. Nothing else.
//
//     apply:  know what is ours (once: list by label) ─▶ leave out what is as applied ─▶ map kinds
//             ─▶ stage by stage, wave by wave: send, hear, remember ─▶ prune
//     watch:  one watch per kind; an object whose managedFields entry, generation or existence
//             differs from what our apply answered is suspect, and the next apply sends it
//
// docs: docs/cluster.md.
#ifndef CONTROLLER_TARGET_KUBE_H
#define CONTROLLER_TARGET_KUBE_H

#include <jansson.h>

#include "controller/kube_cluster.h"
#include "controller/target.h"

// All copied.
struct target_kube_options {
    const char *ns;                 // the Sync's
    const char *name;               // the Sync's
    const char *target_namespace;   // for objects without one; NULL = ns
    const json_t *allow_namespaces; // array of strings, or NULL
    const char *account_namespace;  // of the ServiceAccount to act as
    const char *account;            // NULL = as the cluster's credentials
    const char *kinds;              // "Kind.group,…" that an earlier process applied; or NULL
    bool recreate;                  // spec.force: Recreate
    bool waits;                     // spec.wait: judge health
};

// Keeps a reference to the cluster. Loop thread.
struct target *target_kube_new(struct cluster *cluster, const struct target_kube_options *options);

#endif
