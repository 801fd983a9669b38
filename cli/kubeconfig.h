// The options by which a person chooses a cluster and who they are there, as kubectl has them:
// --kubeconfig, --context, --cluster, --user, --server, --token, --as and the others.
#ifndef CLI_KUBECONFIG_H
#define CLI_KUBECONFIG_H

#include "base/kube/kube_config.h"
#include "cli/command.h"

// Whether an option names a cluster.
bool kubeconfig_is_named(const struct cli *cli);

// What the options, the environment and the files say. *ret_config is released by
// kube_config_release even on failure. ERROR_NOT_FOUND when there is no kubeconfig.
int kubeconfig_load(const struct cli *cli, struct kube_config *ret_config, struct error *err)
    __attribute__((warn_unused_result));

// Where it came from: "--kubeconfig x", "$KUBECONFIG", …. Owned.
char *kubeconfig_origin(const struct cli *cli);

#endif
