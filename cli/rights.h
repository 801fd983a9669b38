// Whether a ServiceAccount may do already what a binding would let it do, as far as whoever asks
// may know. Blocks.
#ifndef CLI_RIGHTS_H
#define CLI_RIGHTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/kube/kube_client.h"

enum rights_held {
    RIGHTS_UNKNOWN, // or it lacks some
    RIGHTS_OF_ROLE, // all that the ClusterRole has
    RIGHTS_OF_MINE, // all that we have ourselves there; the role may not be seen
};

// Every resource rule of `wanted` is within `held`: arrays of rules as in a Role, or as a
// SelfSubjectRulesReview answers them.
bool rights_cover(const json_t *held, const json_t *wanted);

// For a RoleBinding of one account to a ClusterRole. Asks as that account (impersonation, which the
// ClusterRole edit includes); never fails.
enum rights_held rights_of_binding(struct kube_client *client, const json_t *binding);

#endif
