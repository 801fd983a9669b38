// Where a command finds its objects: in files (--config and --state, or $SEALIFT_CONFIG and
// $SEALIFT_STATE), else in a cluster (--kubeconfig, --context, $KUBECONFIG, the Pod's own, or
// ~/.kube/config). Flags win over the environment, and there files win over the cluster.
#ifndef CLI_WORKSPACE_H
#define CLI_WORKSPACE_H

#include <jansson.h>

#include "api/kind.h"
#include "api/store.h"
#include "cli/command.h"

// Where the roles keep what is their own, and TrustPolicies find Secrets.
#define SYSTEM_NAMESPACE "sealift-system"

enum workspace_mode { WORKSPACE_READ, WORKSPACE_WRITE };

bool workspace_on_files(const struct cli *cli);
// Whether there is a cluster to be found, and no files were named instead. Nobody is asked.
bool workspace_names_cluster(const struct cli *cli);

// *ret_store is owned. ERROR_INVALID says which flag is missing.
int workspace_open(const struct cli *cli, enum workspace_mode mode, struct store **ret_store,
                   struct error *err) __attribute__((warn_unused_result));
void cleanup_store_pointer(struct store **store);
#define cleanup_store __attribute__((cleanup(cleanup_store_pointer)))

// For commands that need a cluster, whatever the objects are in: ERROR_INVALID when files were
// named. *ret_client is owned.
struct kube_client;
int workspace_client(const struct cli *cli, struct kube_client **ret_client, struct error *err)
    __attribute__((warn_unused_result));

// --namespace, or the kubeconfig's, or "default".
const char *workspace_namespace(const struct cli *cli);
// Where the roles run: --system-namespace, $SEALIFT_SYSTEM_NAMESPACE, or what the cluster says (the
// binding sealift-controller, which everybody may read); else "sealift-system". Borrowed.
const char *workspace_system_namespace(const struct cli *cli);
// For commands that list: one namespace, or NULL for all. In files, all unless one is named; in a
// cluster the context's, or --namespace; everywhere all with --all-namespaces, as kubectl has it.
const char *workspace_namespaces(const struct cli *cli);
#define ALL_NAMESPACES_OPTION                                                                 \
    {                                                                                         \
        "all-namespaces", 'A', OPTION_FLAG, NULL, "of all namespaces, whatever -n says", NULL \
    }

// The object of this kind and name, in the namespace that was chosen. *ret_object is owned.
// ERROR_NOT_FOUND says where one of that name is, or what there is instead.
int workspace_get(const struct cli *cli, struct store *store, const char *kind_name,
                  const char *name, json_t **ret_object, struct error *err)
    __attribute__((warn_unused_result));
// The object that the arguments from `index` on name: "bundle shop" or "bundle/shop". *ret_object
// is owned. Fails as workspace_get.
int workspace_find(const struct cli *cli, struct store *store, size_t index, json_t **ret_object,
                   struct error *err) __attribute__((warn_unused_result));
// ERROR_INVALID, with what to write instead, when --all-namespaces stands beside a name.
int workspace_no_name(const struct cli *cli, const struct kind *kind, const char *name,
                      struct error *err) __attribute__((warn_unused_result));
// The kind and name (NULL when absent) in those arguments. *ret_name is borrowed.
int workspace_parse(const struct cli *cli, size_t index, const struct kind **ret_kind,
                    const char **ret_name, struct error *err) __attribute__((warn_unused_result));

// Warns, of a list with nothing in it, that there is no such namespace, or that -A has more.
void workspace_tell_nothing(const struct cli *cli, struct store *store);

// The end of a sentence about something that nobody did: what to look at. Static.
const char *workspace_who_works(const struct cli *cli);

#endif
