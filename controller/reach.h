// Whom a change of policies or labels may concern, by what the watches showed last. It decides
// nothing and errs on the side of looking: each Sync finds out by itself (governance.h).
#ifndef CONTROLLER_REACH_H
#define CONTROLLER_REACH_H

#include <jansson.h>
#include <stdbool.h>

struct roster;

// Whether the Sync's own namespace is this one, or it may write to it.
bool reach_writes_to(const json_t *sync, const char *namespace);
// Whether the policy may govern the Sync. `namespaces` is a roster of Namespaces.
bool reach_governs(const json_t *policy, const json_t *sync, const struct roster *namespaces);

#endif
