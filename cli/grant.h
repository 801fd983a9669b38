// The right of the receiver to read the Secret of one Hook: a Role with the Secret's name and its
// RoleBinding, both called sealift-hook-<hook>, in the Hook's namespace.
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include "base/error.h"

struct kube_client;

struct grant {
    const char *hook;
    const char *namespace;
    const char *secret;
    const char *account_namespace;
    const char *account; // a ServiceAccount
};

int grant_write(struct kube_client *client, const struct grant *grant, struct error *err)
    __attribute__((warn_unused_result));
// Absent is fine.
int grant_remove(struct kube_client *client, const char *namespace, const char *hook,
                 struct error *err) __attribute__((warn_unused_result));

#endif
