// Which TrustPolicies govern a Sync, and what they and the Sync's own keys ask for, as plain
// policies that oci/sign can judge.
#ifndef CONTROLLER_GOVERNANCE_H
#define CONTROLLER_GOVERNANCE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "controller/role.h"

struct trust_outlook;

struct governance {
    struct vec policies; // struct trust_policy: every one must be met
    struct digest rules; // changes when anything that is judged by changes: policies, keys, labels
    bool unverified;     // nothing governs, no key is named, and --allow-unverified says go on
};
void governance_release(struct governance *governance); // may be called twice
#define cleanup_governance __attribute__((cleanup(governance_release)))

// Deny by default: -1 with *ret_reason (static, for the condition) where nothing may pass:
// "Ungoverned" (no policy, no key), "RepositoryNotAllowed", "PolicyUnreadable" (a policy that may
// govern cannot be read), "SecretNotUsable" (a key's Secret is missing or holds none).
int governance_of(const struct role *role, const json_t *sync, const char *repository_identity,
                  struct governance *ret_governance, const char **ret_reason, struct error *err)
    __attribute__((warn_unused_result));

// Whether the policy, which keeps the rules of its kind, can be judged by: its keys can be read,
// its thresholds be reached. Reasons as above, and "PolicyInvalid".
// *ret_outlook: what time will do to it (trust_policy_outlook); its message is owned.
int governance_check(const struct role *role, const json_t *policy,
                     struct trust_outlook *ret_outlook, const char **ret_reason, struct error *err)
    __attribute__((warn_unused_result));

#endif
