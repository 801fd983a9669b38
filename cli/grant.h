// Objects of Kubernetes' own that ours need to work: accounts and rights. Commands write them
// beside our objects; all that they write carries the label app.kubernetes.io/managed-by: sealift,
// and only that is changed or deleted again.
#ifndef CLI_GRANT_H
#define CLI_GRANT_H

#include <jansson.h>

#include "cli/command.h"

#include "api/grant_words.h"
#include "base/kube/kube_client.h"

// "namespace/name" of a role's ServiceAccount: --OPTION, or that of the install in the cluster
// (client may be NULL), or the default. ERROR_INVALID when the option has no slash.
struct grant_account {
    char *namespace;
    char *name;
};
int grant_account_find(const struct cli *cli, const char *option, const char *role,
                       struct kube_client *client, struct grant_account *ret_account,
                       struct error *err) __attribute__((warn_unused_result));
void grant_account_release(struct grant_account *account); // may be called twice
#define cleanup_grant_account __attribute__((cleanup(grant_account_release)))

// The receiver may read the one Secret of a Hook: Role and RoleBinding sealift-hook-<hook>. Each
// function appends to an array.
void grant_add_hook(json_t *grants, const char *namespace, const char *hook, const char *secret,
                    const struct grant_account *receiver);
// The packager may read the Secrets of a namespace: RoleBinding sealift-packager-secrets, as in
// deploy/tenant.
void grant_add_packager(json_t *grants, const char *namespace,
                        const struct grant_account *packager);
// An account for a Sync.
void grant_add_account(json_t *grants, const char *namespace, const char *name);
// It may do in `namespace` what the ClusterRole says: RoleBinding sealift-sync-<sync>.
void grant_add_deployer(json_t *grants, const char *namespace, const char *sync, const char *role,
                        const struct grant_account *account);

// Server-side apply, in order; tells what came of each. What others wrote under these names is used
// as it is. Whoever may write our objects need not be allowed to hand on rights: *ret_ask (owned;
// else untouched) is then why, and the commands by which an administrator writes what this person
// may not, where the account lacks it.
int grants_apply(const struct cli *cli, struct kube_client *client, const json_t *grants,
                 char **ret_ask, struct error *err) __attribute__((warn_unused_result));

// Written by us, as its label says.
bool grant_is_ours(const json_t *object);
// A binding has this ServiceAccount among its subjects.
bool grant_names_account(const json_t *binding, const char *namespace, const char *name);
// "rolebinding", as kubectl calls it. Static.
const char *grant_word(const char *kind);
// Where one of the kinds above is; name NULL = the collection. Borrows.
struct kube_ref grant_ref(const char *kind, const char *namespace, const char *name);

#endif
