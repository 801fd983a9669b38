#include "cli/grant.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/installation.h"
#include "cli/rights.h"
#include "cli/tell.h"
#include "cli/workspace.h"

#include <stdlib.h>
#include <string.h>

#define RBAC_GROUP "rbac.authorization.k8s.io"
enum { MAX_COMMANDS_BYTES = 64 * 1024 };

// ---- whose ----

int grant_account_find(const struct cli *cli, const char *option, const char *role,
                       struct kube_client *client, struct grant_account *ret_account,
                       struct error *err)
{
    const char *named = cli_string(cli, option);
    const char *slash = named != NULL ? strchr(named, '/') : NULL;
    if (named != NULL && (slash == NULL || slash == named || slash[1] == '\0'))
        return error_set(err, ERROR_INVALID,
                         "--%s is NAMESPACE/NAME of its ServiceAccount, not \"%s\"", option, named);
    if (named != NULL) {
        *ret_account =
            (struct grant_account){xstrndup(named, (size_t)(slash - named)), xstrdup(slash + 1)};
        return 0;
    }
    (void)client;
    ret_account->namespace = xstrdup(workspace_system_namespace(cli));
    ret_account->name = xasprintf("sealift-%s", role);
    return 0;
}

void grant_account_release(struct grant_account *account)
{
    free(STEAL(account->namespace));
    free(STEAL(account->name));
}

// ---- what ----

static json_t *new_object(const char *api_version, const char *kind, const char *namespace,
                          const char *name)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}}", "apiVersion", api_version, "kind", kind,
                     "metadata", "name", name, "namespace", namespace, "labels", GRANT_LABEL,
                     GRANT_MANAGER);
}

static json_t *new_binding(const char *namespace, const char *name, const char *role_kind,
                           const char *role, const struct grant_account *account)
{
    json_t *binding = new_object(RBAC_GROUP "/v1", "RoleBinding", namespace, name);
    json_object_set_new(
        binding, "roleRef",
        json_pack("{s:s, s:s, s:s}", "apiGroup", RBAC_GROUP, "kind", role_kind, "name", role));
    json_object_set_new(binding, "subjects",
                        json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "namespace",
                                  account->namespace, "name", account->name));
    return binding;
}

void grant_add_hook(json_t *grants, const char *namespace, const char *hook, const char *secret,
                    const struct grant_account *receiver)
{
    cleanup_free char *name = grant_hook_name(hook);
    json_t *role = new_object(RBAC_GROUP "/v1", "Role", namespace, name);
    json_object_set_new(role, "rules",
                        json_pack("[{s:[s], s:[s], s:[s], s:[s]}]", "apiGroups", "", "resources",
                                  "secrets", "resourceNames", secret, "verbs", "get"));
    json_array_append_new(grants, role);
    json_array_append_new(grants, new_binding(namespace, name, "Role", name, receiver));
}

void grant_add_packager(json_t *grants, const char *namespace, const struct grant_account *packager)
{
    static const char role[] = "sealift-packager-secrets";
    json_array_append_new(grants, new_binding(namespace, role, "ClusterRole", role, packager));
}

void grant_add_account(json_t *grants, const char *namespace, const char *name)
{
    json_t *account = new_object("v1", "ServiceAccount", namespace, name);
    // It is only ever impersonated.
    json_object_set_new(account, "automountServiceAccountToken", json_false());
    json_array_append_new(grants, account);
}

void grant_add_deployer(json_t *grants, const char *namespace, const char *sync, const char *role,
                        const struct grant_account *account)
{
    cleanup_free char *name = xasprintf("sealift-sync-%s", sync);
    json_array_append_new(grants, new_binding(namespace, name, "ClusterRole", role, account));
}

// ---- writing ----

static const char *plural_of(const char *kind)
{
    if (strcmp(kind, "ServiceAccount") == 0)
        return "serviceaccounts";
    if (strcmp(kind, "Secret") == 0)
        return "secrets";
    if (strcmp(kind, "ClusterRoleBinding") == 0)
        return "clusterrolebindings";
    return strcmp(kind, "Role") == 0 ? "roles" : "rolebindings";
}

const char *grant_word(const char *kind)
{
    return strcmp(kind, "Role") == 0          ? "role"
           : strcmp(kind, "RoleBinding") == 0 ? "rolebinding"
                                              : "serviceaccount";
}

bool grant_is_ours(const json_t *object)
{
    const char *manager = json_string_value(json_object_get(object_labels(object), GRANT_LABEL));
    return manager != NULL && strcmp(manager, GRANT_MANAGER) == 0;
}

bool grant_names_account(const json_t *binding, const char *namespace, const char *name)
{
    size_t index;
    json_t *subject;
    json_array_foreach (jval_array(binding, "subjects"), index, subject) {
        if (strcmp(jval_string_or(subject, "kind", ""), "ServiceAccount") == 0 &&
            strcmp(jval_string_or(subject, "namespace", ""), namespace) == 0 &&
            strcmp(jval_string_or(subject, "name", ""), name) == 0)
            return true;
    }
    return false;
}

struct kube_ref grant_ref(const char *kind, const char *namespace, const char *name)
{
    bool rbac = strstr(kind, "Role") != NULL;
    return (struct kube_ref){rbac ? RBAC_GROUP : "", "v1", plural_of(kind), namespace, name, NULL};
}

// Whoever else wrote it, it says the same: the rules of a Role, the role and account of a binding.
static bool says_the_same(const json_t *there, const json_t *grant)
{
    const json_t *account = json_array_get(jval_array(grant, "subjects"), 0);
    if (strcmp(object_kind(grant), "Role") == 0)
        return json_equal(jval_get(there, "rules"), jval_get(grant, "rules"));
    return json_equal(jval_get(there, "roleRef"), jval_get(grant, "roleRef")) &&
           grant_names_account(there, jval_string_or(account, "namespace", ""),
                               jval_string_or(account, "name", ""));
}

// What others wrote is used, and never changed or marked as ours.
static void tell_used(const struct cli *cli, const json_t *there, const json_t *grant)
{
    cleanup_free char *text = object_text(grant);
    if (strcmp(object_kind(grant), "ServiceAccount") == 0)
        tell_done(cli, "%s is there already, not made by sealift: it is used as it is", text);
    else if (!says_the_same(there, grant))
        tell_warning(cli,
                     "%s is there already, not made by sealift, and says something else: it stays "
                     "as it is; to replace it, delete it and run this again",
                     text);
}

// A binding's role cannot be changed.
static int make_way(struct kube_client *client, const struct kube_ref *ref, const json_t *there,
                    const json_t *grant, struct error *err)
{
    const struct kube_request request = {
        .verb = KUBE_DELETE, .ref = *ref, .if_uid = object_uid(there)};
    if (jval_object(grant, "roleRef") == NULL ||
        json_equal(jval_get(there, "roleRef"), jval_get(grant, "roleRef")))
        return 0;
    return kube_do(client, &request, NULL, err);
}

static int grant_apply(const struct cli *cli, struct kube_client *client, const json_t *grant,
                       struct error *err)
{
    const struct kube_ref ref =
        grant_ref(object_kind(grant), object_namespace(grant), object_name(grant));
    cleanup_json json_t *before = NULL;
    cleanup_json json_t *after = NULL;
    cleanup_error struct error unseen = {0};
    cleanup_free char *text = object_text(grant);
    bool existed = kube_get(client, &ref, &before, &unseen) == 0;
    if (existed && !grant_is_ours(before)) {
        tell_used(cli, before, grant);
        return 0;
    }
    // What may not be seen may be somebody else's.
    const struct kube_request request = {
        .verb = existed || unseen.code == ERROR_NOT_FOUND ? KUBE_APPLY : KUBE_CREATE,
        .ref = ref,
        .object = grant,
        .field_manager = "sealift-cli",
        .force = existed};
    if ((existed && make_way(client, &ref, before, grant, err) < 0) ||
        kube_do(client, &request, &after, err) < 0)
        return error_wrap(err, "%s", text);
    bool same =
        existed && strcmp(object_resource_version(before), object_resource_version(after)) == 0;
    if (!same)
        tell_made(cli, "%s is %s", text, existed ? "configured" : "created");
    return 0;
}

// What is run at our word is labelled, and goes when its object goes.
static char *command_of(const json_t *grant)
{
    const char *name = object_name(grant);
    const char *namespace = object_namespace(grant);
    if (strcmp(object_kind(grant), "ServiceAccount") == 0) {
        cleanup_free char *label = grant_label_command("serviceaccount", namespace, name);
        return xasprintf("kubectl create serviceaccount %s -n %s && %s", name, namespace, label);
    }
    if (strcmp(object_kind(grant), "Role") == 0) {
        const json_t *rule = json_array_get(jval_array(grant, "rules"), 0);
        const json_t *secret = json_array_get(jval_array(rule, "resourceNames"), 0);
        return grant_role_command(namespace, name, json_string_value(secret));
    }
    const json_t *subject = json_array_get(jval_array(grant, "subjects"), 0);
    bool local = strcmp(jval_string_or(grant, "roleRef.kind", ""), "Role") == 0;
    cleanup_free char *account =
        xasprintf("--serviceaccount=%s:%s", jval_string_or(subject, "namespace", ""),
                  jval_string_or(subject, "name", ""));
    return grant_binding_command(namespace, name, local ? "role" : "clusterrole",
                                 jval_string_or(grant, "roleRef.name", ""), account);
}

static void add_command(struct strbuf *words, const json_t *grant)
{
    cleanup_free char *command = command_of(grant);
    strbuf_addf(words, "%s%s", words->len > 0 ? " && " : "", command);
}

// Whoever may not hand on rights may find that nothing is missing.
static bool is_held(const struct cli *cli, struct kube_client *client, const json_t *grant)
{
    const json_t *account = json_array_get(jval_array(grant, "subjects"), 0);
    const char *namespace = object_namespace(grant);
    const char *from = jval_string_or(account, "namespace", "");
    const char *name = jval_string_or(account, "name", "");
    if (strcmp(object_kind(grant), "RoleBinding") != 0)
        return false;
    switch (rights_of_binding(client, grant)) {
    case RIGHTS_OF_ROLE:
        tell_done(cli, "ServiceAccount %s/%s may do in %s what ClusterRole %s says already", from,
                  name, namespace, jval_string_or(grant, "roleRef.name", ""));
        return true;
    case RIGHTS_OF_MINE:
        tell_done(cli, "ServiceAccount %s/%s may do in %s all that you may already", from, name,
                  namespace);
        return true;
    case RIGHTS_UNKNOWN:
        break;
    }
    return false;
}

int grants_apply(const struct cli *cli, struct kube_client *client, const json_t *grants,
                 char **ret_ask, struct error *err)
{
    cleanup_error struct error first = {0};
    cleanup_strbuf struct strbuf words;
    strbuf_init(&words, MAX_COMMANDS_BYTES);
    size_t index;
    json_t *grant;
    json_array_foreach (grants, index, grant) {
        cleanup_error struct error cause = {0};
        if (grant_apply(cli, client, grant, &cause) == 0)
            continue;
        if (cause.code != ERROR_DENIED)
            return error_move(err, &cause);
        if (is_held(cli, client, grant))
            continue;
        add_command(&words, grant);
        if (first.code == ERROR_NONE)
            error_move(&first, &cause);
    }
    if (words.len > 0)
        *ret_ask = xasprintf("you may not hand on that right (%s); ask an administrator to run: %s",
                             error_message(&first), words.data);
    return 0;
}
