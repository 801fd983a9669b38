// internal/builtins/SortOrderTransformer.go.
#include "render/kustomize/sort.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"

// kyaml/resid/gvk.go: what others refer to comes first, what intercepts requests last; everything
// else stands between, by its type.
static const char *const default_first[] = {
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
};
static const char *const default_last[] = {
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
};

// What an object is sorted by, made once.
struct sort_key {
    struct resource *resource;
    long rank;
    char *type; // group_version_kind
    char *name; // namespace|name
    bool core_namespace;
};

static void release_key(void *element)
{
    struct sort_key *key = element;
    free(key->type);
    free(key->name);
}

int sort_rank(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(default_first); i++)
        if (strcmp(kind, default_first[i]) == 0)
            return (int)i - (int)ARRAY_LENGTH(default_first);
    for (size_t i = 0; i < ARRAY_LENGTH(default_last); i++)
        if (strcmp(kind, default_last[i]) == 0)
            return (int)i + 1;
    return 0;
}

// kind -> rank, as the options have it.
static struct value *ranks_of(const struct value *options)
{
    const struct value *first = value_object_get(options, "orderFirst");
    const struct value *last = value_object_get(options, "orderLast");
    struct value *ranks = value_object();
    for (size_t i = 0; i < value_array_size(first); i++)
        value_object_set_new(ranks, value_string_value(value_array_get(first, i)),
                             value_integer((int64_t)i - (int64_t)value_array_size(first)));
    for (size_t i = 0; i < value_array_size(last); i++)
        value_object_set_new(ranks, value_string_value(value_array_get(last, i)),
                             value_integer((int64_t)i + 1));
    return ranks;
}

static const char *or_mark(const char *text, const char *mark)
{
    return *text != '\0' ? text : mark;
}

static struct sort_key key_of(struct resource *resource, const struct value *ranks)
{
    struct resource_id id = resource_current_id(resource);
    cleanup_free char *group = xstrndup(id.api_version, api_version_group_length(id.api_version));
    const char *version = api_version_version(id.api_version);
    return (struct sort_key){
        .resource = resource,
        .rank = ranks != NULL ? (long)value_integer_value(value_object_get(ranks, id.kind))
                              : sort_rank(id.kind),
        .type = xasprintf("%s_%s_%s", or_mark(group, "~G"), or_mark(version, "~V"),
                          or_mark(id.kind, "~K")),
        .name = xasprintf("%s|%s", or_mark(id.ns, "~X"), or_mark(id.name, "~N")),
        .core_namespace = strcmp(id.kind, "Namespace") == 0 && *group == '\0',
    };
}

static int compare(const void *a, const void *b)
{
    const struct sort_key *left = a;
    const struct sort_key *right = b;
    if (left->rank != right->rank)
        return left->rank < right->rank ? -1 : 1;
    int by_type = strcmp(left->type, right->type);
    // Kubernetes' own Namespaces go before kinds of the same name.
    if (by_type != 0 && (left->core_namespace || right->core_namespace) &&
        strcmp(resource_kind(left->resource), resource_kind(right->resource)) == 0)
        return -by_type;
    return by_type != 0 ? by_type : strcmp(left->name, right->name);
}

static void sort_by(struct resmap *map, const struct value *ranks)
{
    cleanup_vec struct vec keys = VEC_OF(struct sort_key, release_key);
    resmap_foreach (resource, map)
        *(struct sort_key *)vec_push(&keys) = key_of(resource, ranks);
    vec_sort(&keys, compare);
    struct resource **list = map->list.data;
    vec_foreach (const struct sort_key, key, &keys)
        *list++ = key->resource;
    resmap_renamed(map);
}

int sort_resources(struct resmap *map, const struct value *sort_options, enum kustomize_order order,
                   struct error *err)
{
    const struct value *legacy = value_object_get(sort_options, "legacySortOptions");
    const char *wanted = value_text_or(sort_options, "order", "");
    if (sort_options != NULL) {
        if (strcmp(wanted, "legacy") != 0 && strcmp(wanted, "fifo") != 0)
            return error_set(err, ERROR_INVALID, "order is \"%.100s\"; write legacy or fifo",
                             wanted);
        order = strcmp(wanted, "fifo") == 0 ? KUSTOMIZE_ORDER_FIFO : KUSTOMIZE_ORDER_LEGACY;
        if (order == KUSTOMIZE_ORDER_FIFO && legacy != NULL)
            return error_set(err, ERROR_INVALID,
                             "legacySortOptions say nothing with order fifo; remove them, or write "
                             "order: legacy");
    }
    if (order == KUSTOMIZE_ORDER_FIFO)
        return 0;
    cleanup_value struct value *ranks = legacy != NULL ? ranks_of(legacy) : NULL;
    sort_by(map, ranks);
    return 0;
}
