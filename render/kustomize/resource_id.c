// What an object is called, and whether two names mean the same one (kyaml/resid).
#include "render/kustomize/resource.h"

#include <string.h>

#include "base/memory.h"
#include "render/kustomize/schema.h"

size_t api_version_group_length(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    return slash != NULL ? (size_t)(slash - api_version) : 0;
}

const char *api_version_version(const char *api_version)
{
    const char *slash = strchr(api_version, '/');
    return slash != NULL ? slash + 1 : api_version;
}

static bool is_any(const char *text)
{
    return text == NULL || *text == '\0';
}

bool gvk_matches(const char *api_version, const char *object_kind, const char *group,
                 const char *version, const char *kind)
{
    if (!is_any(kind) && strcmp(kind, object_kind) != 0)
        return false;
    if (!is_any(version) && strcmp(version, api_version_version(api_version)) != 0)
        return false;
    if (is_any(group))
        return true;
    size_t length = api_version_group_length(api_version);
    return strlen(group) == length && memcmp(group, api_version, length) == 0;
}

// Sorted. openapi.IsCertainlyClusterScoped of kyaml v0.21.1, asked for every kind of its schema.
static const struct {
    const char *kind;
    const char *group;
    const char *versions; // each with a comma behind it
} cluster_scoped[] = {
    {"APIService", "apiregistration.k8s.io", "v1,v1beta1,"},
    {"CSIDriver", "storage.k8s.io", "v1,v1beta1,"},
    {"CSINode", "storage.k8s.io", "v1,v1beta1,"},
    {"CertificateSigningRequest", "certificates.k8s.io", "v1,v1beta1,"},
    {"ClusterRole", "rbac.authorization.k8s.io", "v1,v1beta1,"},
    {"ClusterRoleBinding", "rbac.authorization.k8s.io", "v1,v1beta1,"},
    {"ComponentStatus", "", "v1,"},
    {"CustomResourceDefinition", "apiextensions.k8s.io", "v1,v1beta1,"},
    {"FlowSchema", "flowcontrol.apiserver.k8s.io", "v1beta1,"},
    {"IngressClass", "networking.k8s.io", "v1,v1beta1,"},
    {"MutatingWebhookConfiguration", "admissionregistration.k8s.io", "v1,v1beta1,"},
    {"Namespace", "", "v1,"},
    {"Node", "", "v1,"},
    {"NodeProxyOptions", "", "v1,"},
    {"PersistentVolume", "", "v1,"},
    {"PodSecurityPolicy", "policy", "v1beta1,"},
    {"PriorityClass", "scheduling.k8s.io", "v1,v1beta1,"},
    {"PriorityLevelConfiguration", "flowcontrol.apiserver.k8s.io", "v1beta1,"},
    {"RuntimeClass", "node.k8s.io", "v1,v1beta1,"},
    {"StorageClass", "storage.k8s.io", "v1,v1beta1,"},
    {"ValidatingWebhookConfiguration", "admissionregistration.k8s.io", "v1,v1beta1,"},
    {"VolumeAttachment", "storage.k8s.io", "v1,v1beta1,"},
};

static bool has_version(const char *versions, const char *version)
{
    size_t length = strlen(version);
    for (const char *at = versions; *at != '\0'; at = strchr(at, ',') + 1)
        if (strncmp(at, version, length) == 0 && at[length] == ',')
            return true;
    return false;
}

bool scope_is_cluster(const char *api_version, const char *kind)
{
    size_t low = 0;
    size_t high = ARRAY_LENGTH(cluster_scoped);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int by_kind = strcmp(kind, cluster_scoped[middle].kind);
        if (by_kind == 0) {
            const char *group = cluster_scoped[middle].group;
            size_t length = api_version_group_length(api_version);
            return strlen(group) == length && memcmp(group, api_version, length) == 0 &&
                   has_version(cluster_scoped[middle].versions, api_version_version(api_version));
        }
        if (by_kind < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

bool resource_id_is_cluster_scoped(struct resource_id id)
{
    if (id.past)
        return strcmp(id.ns, RESOURCE_NO_NAMESPACE) == 0;
    return scope_is_cluster(id.api_version, id.kind) ||
           schema_says_cluster(id.schema, id.api_version, id.kind);
}

const char *resource_id_effective_namespace(struct resource_id id)
{
    if (!id.past && resource_id_is_cluster_scoped(id))
        return RESOURCE_NO_NAMESPACE;
    return *id.ns != '\0' ? id.ns : "default";
}

bool resource_id_equals(struct resource_id a, struct resource_id b)
{
    if (a.schema == NULL)
        a.schema = b.schema;
    b.schema = a.schema;
    return strcmp(a.name, b.name) == 0 && strcmp(a.kind, b.kind) == 0 &&
           strcmp(a.api_version, b.api_version) == 0 &&
           strcmp(resource_id_effective_namespace(a), resource_id_effective_namespace(b)) == 0;
}

char *resource_id_describe(struct resource_id id)
{
    size_t group_length = api_version_group_length(id.api_version);
    return xasprintf("%s%s%.*s \"%s%s%s\"", id.kind, group_length > 0 ? "." : "", (int)group_length,
                     id.api_version, id.ns, *id.ns != '\0' ? "/" : "", id.name);
}
