#include "cli/grant.h"

#include "base/jval.h"
#include "base/kube/kube_client.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define RBAC_GROUP "rbac.authorization.k8s.io"

static struct kube_ref ref_of(const char *plural, const char *namespace, const char *name)
{
    return (struct kube_ref){RBAC_GROUP, "v1", plural, namespace, name, NULL};
}

static json_t *new_object(const char *kind, const char *name, const struct grant *grant)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}}", "apiVersion", RBAC_GROUP "/v1", "kind",
                     kind, "metadata", "name", name, "namespace", grant->namespace, "labels",
                     "app.kubernetes.io/managed-by", "sealift");
}

static json_t *new_role(const char *name, const struct grant *grant)
{
    json_t *role = new_object("Role", name, grant);
    json_object_set_new(role, "rules",
                        json_pack("[{s:[s], s:[s], s:[s], s:[s]}]", "apiGroups", "", "resources",
                                  "secrets", "resourceNames", grant->secret, "verbs", "get"));
    return role;
}

static json_t *new_binding(const char *name, const struct grant *grant)
{
    json_t *binding = new_object("RoleBinding", name, grant);
    json_object_set_new(
        binding, "roleRef",
        json_pack("{s:s, s:s, s:s}", "apiGroup", RBAC_GROUP, "kind", "Role", "name", name));
    json_object_set_new(binding, "subjects",
                        json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "namespace",
                                  grant->account_namespace, "name", grant->account));
    return binding;
}

int grant_write(struct kube_client *client, const struct grant *grant, struct error *err)
{
    cleanup_free char *name = xasprintf("sealift-hook-%s", grant->hook);
    cleanup_json json_t *role = new_role(name, grant);
    cleanup_json json_t *binding = new_binding(name, grant);
    const struct kube_request requests[] = {
        {.verb = KUBE_APPLY,
         .ref = ref_of("roles", grant->namespace, name),
         .object = role,
         .field_manager = "sealift-cli",
         .force = true},
        {.verb = KUBE_APPLY,
         .ref = ref_of("rolebindings", grant->namespace, name),
         .object = binding,
         .field_manager = "sealift-cli",
         .force = true},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(requests); i++) {
        if (kube_do(client, &requests[i], NULL, err) < 0)
            return error_wrap(err, "let the receiver read Secret %s/%s", grant->namespace,
                              grant->secret);
    }
    return 0;
}

int grant_remove(struct kube_client *client, const char *namespace, const char *hook,
                 struct error *err)
{
    static const char *const plurals[] = {"rolebindings", "roles"};
    cleanup_free char *name = xasprintf("sealift-hook-%s", hook);
    for (size_t i = 0; i < ARRAY_LENGTH(plurals); i++) {
        const struct kube_request request = {.verb = KUBE_DELETE,
                                             .ref = ref_of(plurals[i], namespace, name)};
        cleanup_error struct error cause = {0};
        if (kube_do(client, &request, NULL, &cause) < 0 && cause.code != ERROR_NOT_FOUND) {
            error_wrap(&cause, "the Hook is gone, but not its %s %s/%s", plurals[i], namespace,
                       name);
            return error_move(err, &cause);
        }
    }
    return 0;
}
