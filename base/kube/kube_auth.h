// Questions about rights, and tokens of ServiceAccounts. Blocking; any thread.
#ifndef BASE_KUBE_KUBE_AUTH_H
#define BASE_KUBE_KUBE_AUTH_H

#include "base/kube/kube_client.h"

// What somebody may want to do. All borrowed; NULL = "" (all of them).
struct kube_action {
    const char *verb; // "patch"
    const char *group;
    const char *plural;
    const char *subresource;
    const char *namespace_;
    const char *name;
};

// SelfSubjectAccessReview: whether the client, or the one it acts as, may do it. *ret_reason
// (owned; may be NULL) is the authorizer's, or "". `cancel` may be NULL.
int kube_may(struct kube_client *client, const struct kube_impersonation *as,
             const struct kube_action *action, struct cancel *cancel, bool *ret_allowed,
             char **ret_reason, struct error *err) __attribute__((warn_unused_result));

// TokenRequest. audience NULL = the server's own; seconds 0 = 3600. *ret_token is owned
// (secret_free); *ret_expires_wall_ms may be NULL.
int kube_token(struct kube_client *client, const char *namespace_, const char *service_account,
               const char *audience, int64_t seconds, char **ret_token,
               int64_t *ret_expires_wall_ms, struct error *err) __attribute__((warn_unused_result));

#endif
