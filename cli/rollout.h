// Waiting, for at most --timeout, until what was applied is there.
#ifndef CLI_ROLLOUT_H
#define CLI_ROLLOUT_H

#include <jansson.h>

#include "cli/command.h"

struct kube_client;

// Until every CustomResourceDefinition among the pieces is established. ERROR_TIMEOUT names one.
int rollout_wait_definitions(const struct cli *cli, struct kube_client *client,
                             const struct vec *pieces, struct error *err)
    __attribute__((warn_unused_result));
// Until every Deployment among them runs as it says. ERROR_TIMEOUT says what its pods wait for.
int rollout_wait_deployments(const struct cli *cli, struct kube_client *client,
                             const struct vec *pieces, struct error *err)
    __attribute__((warn_unused_result));
// Until nothing of the pieces is there any more.
int rollout_wait_gone(const struct cli *cli, struct kube_client *client, const struct vec *pieces,
                      struct error *err) __attribute__((warn_unused_result));
// What an object that is being deleted waits for: the rest of a sentence, "; it waits for the
// finalizer …", with what its condition Ready says where that is a reason. Owned, may be "".
char *rollout_hold(const json_t *object);

#endif
