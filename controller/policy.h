// What the controller says of TrustPolicies in their status: whether Syncs can be judged by them.
// It decides nothing: each Sync reads the policies that govern it by itself. Loop thread.
#ifndef CONTROLLER_POLICY_H
#define CONTROLLER_POLICY_H

#include "controller/role.h"
#include "controller/roster.h"

struct policies;

// Both are borrowed; the roster is of TrustPolicies.
struct policies *policies_new(const struct role *role, const struct roster *roster);
// No flow may be running: free the pool first. NULL is fine.
void policies_free(struct policies *policies);
// One of the roster came or changed, or what it names; gone: it is not looked at any more.
void policies_look(struct policies *policies, const char *key);
void policies_look_at_all(struct policies *policies);
void policies_gone(struct policies *policies, const char *key);

#endif
