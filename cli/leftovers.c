#include "cli/leftovers.h"

#include "api/object.h"
#include "api/store_kube.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/grant.h"
#include "cli/tell.h"
#include "cli/workspace.h"
#include "controller/roster.h"

#include <string.h>

enum { MAX_COMMANDS_BYTES = 64 * 1024 };

struct leftovers {
    const struct cli *cli;
    struct store *store;
    struct kube_client *client; // borrowed; NULL = files
    const json_t *object;
    // What stays, and how somebody removes it: sentences that end in commands.
    struct strbuf commands;
    struct error cause; // why the first of them stays
    bool unseen;        // and whether it is there is not known
};

// Consumes cause.
static void stays(struct leftovers *left, const char *kind, const char *namespace, const char *name,
                  struct error *cause)
{
    strbuf_addf(&left->commands, "%skubectl delete %s %s -n %s",
                left->commands.len > 0 ? " && " : "", grant_word(kind), name, namespace);
    if (left->cause.code == ERROR_NONE)
        error_move(&left->cause, cause);
}

static void tell_stays(const struct leftovers *left)
{
    if (left->commands.len > 0)
        tell_warning(left->cli, "what was granted for %s %s/%s %s (%s); to remove it: %s",
                     object_kind(left->object), object_namespace(left->object),
                     object_name(left->object), left->unseen ? "may be left" : "stays",
                     error_message(&left->cause), left->commands.data);
}

// *ret_grant stays NULL when there is none, or when it may not be seen, which is noted.
static void look(struct leftovers *left, const char *kind, const char *namespace, const char *name,
                 json_t **ret_grant)
{
    const struct kube_ref ref = grant_ref(kind, namespace, name);
    cleanup_error struct error cause = {0};
    if (kube_get(left->client, &ref, ret_grant, &cause) < 0 && cause.code != ERROR_NOT_FOUND) {
        left->unseen = true;
        stays(left, kind, namespace, name, &cause);
    }
}

static void remove_grant(struct leftovers *left, const json_t *grant)
{
    const char *kind = object_kind(grant);
    const char *namespace = object_namespace(grant);
    const struct kube_request request = {.verb = KUBE_DELETE,
                                         .ref = grant_ref(kind, namespace, object_name(grant)),
                                         .if_uid = object_uid(grant)};
    cleanup_error struct error cause = {0};
    cleanup_free char *text = object_text(grant);
    if (kube_do(left->client, &request, NULL, &cause) == 0)
        tell_done(left->cli, "%s is deleted", text);
    else if (cause.code != ERROR_NOT_FOUND)
        stays(left, kind, namespace, object_name(grant), &cause);
}

// ---- a Hook's ----

// The object of our kinds, besides the one that goes, that names the Secret; owned, or NULL.
static char *other_user_of(const struct leftovers *left, const char *secret, struct error *err)
{
    static const char *const kinds[] = {"Hook", "Bundle", "Sync"};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        cleanup_json json_t *all = NULL;
        size_t index;
        json_t *other;
        if (store_list(left->store, kinds[i], object_namespace(left->object), &all, err) < 0)
            return NULL;
        json_array_foreach (all, index, other) {
            if (strcmp(object_uid(other), object_uid(left->object)) != 0 &&
                roster_refers_to_secret(other, secret))
                return object_text(other);
        }
    }
    return NULL;
}

static void tell_secret_stays(const struct leftovers *left, const char *name, const char *why)
{
    const char *namespace = object_namespace(left->object);
    tell_warning(left->cli, "Secret %s/%s stays: %s; to remove it: sealift delete secret %s -n %s",
                 namespace, name, why, name, namespace);
}

static void remove_token(const struct leftovers *left)
{
    const char *name = object_spec_string(left->object, "secretRef.name");
    const char *namespace = object_namespace(left->object);
    cleanup_json json_t *secret = NULL;
    cleanup_error struct error cause = {0};
    if (name == NULL || store_get(left->store, "Secret", namespace, name, &secret, &cause) < 0) {
        if (cause.code != ERROR_NONE && cause.code != ERROR_NOT_FOUND)
            tell_secret_stays(left, name, error_message(&cause));
        return;
    }
    cleanup_free char *user = other_user_of(left, name, &cause);
    if (user != NULL) {
        tell_warning(left->cli, "Secret %s/%s stays: %s uses it, too", namespace, name, user);
        return;
    }
    if (cause.code == ERROR_NONE && !grant_is_ours(secret)) {
        tell_secret_stays(left, name, "sealift create hook did not make it");
        return;
    }
    if (cause.code == ERROR_NONE &&
        store_delete(left->store, "Secret", namespace, name, &cause) == 0)
        tell_done(left->cli, "Secret %s/%s is deleted", namespace, name);
    else if (cause.code != ERROR_NOT_FOUND)
        tell_secret_stays(left, name, error_message(&cause));
}

static void remove_hook(struct leftovers *left)
{
    static const char *const kinds[] = {"RoleBinding", "Role"};
    cleanup_free char *name = grant_hook_name(object_name(left->object));
    for (size_t i = 0; left->client != NULL && i < ARRAY_LENGTH(kinds); i++) {
        cleanup_json json_t *grant = NULL;
        look(left, kinds[i], object_namespace(left->object), name, &grant);
        // By its name it is the Hook's, also where an administrator wrote it.
        if (grant != NULL)
            remove_grant(left, grant);
    }
    tell_stays(left);
    remove_token(left);
}

// ---- a Sync's ----

static const char *account_of(const json_t *sync)
{
    const char *named = object_spec_string(sync, "serviceAccountName");
    return named != NULL ? named : "sealift";
}

// The binding that `create sync` wrote into a namespace. Another Sync of that name, elsewhere, may
// have taken its place.
static void find_binding(struct leftovers *left, const char *namespace, json_t *grants)
{
    const json_t *sync = left->object;
    cleanup_free char *name = xasprintf("sealift-sync-%s", object_name(sync));
    cleanup_json json_t *binding = NULL;
    look(left, "RoleBinding", namespace, name, &binding);
    if (binding != NULL && grant_names_account(binding, object_namespace(sync), account_of(sync)))
        json_array_append(grants, binding);
}

static void find_bindings(struct leftovers *left, json_t *grants)
{
    const json_t *sync = left->object;
    const char *target = object_spec_string(sync, "targetNamespace");
    size_t index;
    json_t *allowed;
    find_binding(left, target != NULL ? target : object_namespace(sync), grants);
    json_array_foreach (object_spec(sync, "allowNamespaces"), index, allowed)
        find_binding(left, json_string_value(allowed), grants);
}

// Whether it is in the namespace of the Sync or by a binding anywhere; also when that may not be
// seen, which is noted.
static bool list_has(struct leftovers *left, const struct kube_request *request,
                     const char *account)
{
    const char *namespace = object_namespace(left->object);
    cleanup_json json_t *items = NULL;
    cleanup_error struct error cause = {0};
    size_t index;
    json_t *item;
    if (kube_list(left->client, request, &items, &cause) < 0) {
        stays(left, "ServiceAccount", namespace, account, &cause);
        return true;
    }
    json_array_foreach (items, index, item) {
        if (request->field_selector != NULL || grant_names_account(item, namespace, account))
            return true;
    }
    return false;
}

// By a Sync of the namespace, a binding anywhere, or a Pod.
static bool is_in_use(struct leftovers *left, const char *account)
{
    const char *namespace = object_namespace(left->object);
    cleanup_json json_t *syncs = NULL;
    size_t index;
    json_t *sync;
    if (store_list(left->store, "Sync", namespace, &syncs, NULL) < 0)
        return true;
    json_array_foreach (syncs, index, sync) {
        if (strcmp(object_uid(sync), object_uid(left->object)) != 0 &&
            strcmp(account_of(sync), account) == 0)
            return true;
    }
    cleanup_free char *selector = xasprintf("spec.serviceAccountName=%s", account);
    const struct kube_request requests[] = {
        {.ref = {.version = "v1", .plural = "pods", .namespace_ = namespace},
         .field_selector = selector},
        {.ref = grant_ref("RoleBinding", NULL, NULL)},
        {.ref = grant_ref("ClusterRoleBinding", NULL, NULL)},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(requests); i++) {
        if (list_has(left, &requests[i], account))
            return true;
    }
    return false;
}

static void keep(struct leftovers *left, const json_t *grant, const char *why)
{
    cleanup_error struct error cause = {0};
    error_set(&cause, ERROR_CONFLICT, "%s", why);
    stays(left, object_kind(grant), object_namespace(grant), object_name(grant), &cause);
}

static void remove_sync(struct leftovers *left, bool gone)
{
    static const char busy[] = "the Sync is not gone yet, and clears up with it";
    cleanup_json json_t *grants = json_array();
    cleanup_json json_t *account = NULL;
    size_t index;
    json_t *grant;
    if (left->client == NULL || object_spec(left->object, "target.directory") != NULL ||
        object_spec(left->object, "target.kubeConfig") != NULL)
        return;
    find_bindings(left, grants);
    look(left, "ServiceAccount", object_namespace(left->object), account_of(left->object),
         &account);
    bool owns_account = account != NULL && grant_is_ours(account);
    json_array_foreach (grants, index, grant) {
        if (!gone)
            keep(left, grant, busy);
        else if (grant_is_ours(grant))
            remove_grant(left, grant);
        else
            keep(left, grant, "sealift create did not write it");
    }
    if (owns_account && !gone)
        keep(left, account, busy);
    else if (owns_account && !is_in_use(left, account_of(left->object)))
        remove_grant(left, account);
    tell_stays(left);
}

void leftovers_remove(const struct cli *cli, struct store *store, const json_t *object, bool gone)
{
    struct leftovers left = {
        .cli = cli, .store = store, .client = store_kube_client(store), .object = object};
    strbuf_init(&left.commands, MAX_COMMANDS_BYTES);
    if (strcmp(object_kind(object), "Hook") == 0)
        remove_hook(&left);
    else if (strcmp(object_kind(object), "Sync") == 0)
        remove_sync(&left, gone);
    strbuf_release(&left.commands);
    error_release(&left.cause);
}
