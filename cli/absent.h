// Warnings about what a new object names and nobody has made: it may come later, and whoever
// mistyped a name should hear of it now. Nothing is said of what may not be seen.
#ifndef CLI_ABSENT_H
#define CLI_ABSENT_H

#include "api/store.h"
#include "base/kube/kube_client.h"
#include "cli/command.h"

// " (did you mean shop?)": the name among those of a kind, in one namespace or (NULL) without one,
// that is most alike; "" when none is. What is being deleted is not offered. Owned.
char *absent_near(struct store *store, const char *kind, const char *namespace, const char *name);

// "there is no Bundle shop/shpo yet (did you mean shop?): <consequence>". Name NULL: nothing is
// named.
void absent_warn(const struct cli *cli, struct store *store, const char *kind,
                 const char *namespace, const char *name, const char *consequence);
// The same of an object of Kubernetes' own, in a cluster.
void absent_warn_kube(const struct cli *cli, struct kube_client *client, const char *kind,
                      const struct kube_ref *ref, const char *consequence);

#endif
