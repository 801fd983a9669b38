#include "base/kube/kube_discovery_internal.h"

#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { KINDS_MAX = 20000, SHORT_NAMES_MAX = 32 };

static unsigned verbs_of(const json_t *verbs)
{
    static const struct {
        const char *name;
        enum kube_can can;
    } table[] = {
        {"get", KUBE_CAN_GET},       {"list", KUBE_CAN_LIST},     {"watch", KUBE_CAN_WATCH},
        {"create", KUBE_CAN_CREATE}, {"update", KUBE_CAN_UPDATE}, {"patch", KUBE_CAN_PATCH},
        {"delete", KUBE_CAN_DELETE},
    };
    unsigned can = 0;
    for (size_t i = 0; i < json_array_size(verbs); i++) {
        const char *verb = json_string_value(json_array_get(verbs, i));
        for (size_t j = 0; verb != NULL && j < ARRAY_LENGTH(table); j++) {
            if (strcmp(verb, table[j].name) == 0)
                can |= (unsigned)table[j].can;
        }
    }
    return can;
}

// NULL and an error when there are too many.
static struct kube_kind *add_kind(struct kube_discovery *discovery, const char *group,
                                  const char *version, const char *kind, const char *plural,
                                  const json_t *resource, struct error *err)
{
    if (discovery->kinds.len >= KINDS_MAX) {
        error_set(err, ERROR_LIMIT, "the API server has more than %d kinds", KINDS_MAX);
        return NULL;
    }
    struct kube_kind *added = vec_push(&discovery->kinds);
    const json_t *short_names = jval_array(resource, "shortNames");
    added->group = xstrdup(group);
    added->version = xstrdup(version);
    added->kind = xstrdup(kind);
    added->plural = xstrdup(plural);
    added->can = verbs_of(jval_array(resource, "verbs"));
    added->short_names = VEC_OF(char *, vec_release_string);
    for (size_t i = 0; i < json_array_size(short_names) && i < SHORT_NAMES_MAX; i++) {
        const char *name = json_string_value(json_array_get(short_names, i));
        if (name != NULL)
            vec_push_string(&added->short_names, name);
    }
    return added;
}

static void set_subresource(struct kube_kind *kind, const char *name)
{
    kind->has_status = kind->has_status || strcmp(name, "status") == 0;
    kind->has_scale = kind->has_scale || strcmp(name, "scale") == 0;
}

static int add_version(struct kube_discovery *discovery, const char *group, const json_t *version,
                       struct error *err)
{
    const char *version_name = jval_string_or(version, "version", "");
    const json_t *resources = jval_array(version, "resources");
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        const char *plural = jval_string(resource, "resource");
        const char *kind = jval_string(resource, "responseKind.kind");
        if (plural == NULL || kind == NULL || *plural == '\0' || *kind == '\0')
            continue;
        struct kube_kind *added =
            add_kind(discovery, group, version_name, kind, plural, resource, err);
        if (added == NULL)
            return -1;
        added->singular = xstrdup(jval_string_or(resource, "singularResource", ""));
        added->namespaced = strcmp(jval_string_or(resource, "scope", ""), "Namespaced") == 0;
        const json_t *subresources = jval_array(resource, "subresources");
        for (size_t j = 0; j < json_array_size(subresources); j++)
            set_subresource(added,
                            jval_string_or(json_array_get(subresources, j), "subresource", ""));
    }
    return 0;
}

int kube_discovery_add_groups(struct kube_discovery *discovery,
                              const struct kube_discovery *previous, const json_t *list,
                              struct error *err)
{
    const json_t *items = jval_array(list, "items");
    if (strcmp(jval_string_or(list, "kind", ""), "APIGroupDiscoveryList") != 0 || items == NULL)
        return error_set(err, ERROR_UNAVAILABLE,
                         "the API server's list of groups is no APIGroupDiscoveryList");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        const char *group = jval_string_or(item, "metadata.name", "");
        const json_t *versions = jval_array(item, "versions");
        for (size_t j = 0; j < json_array_size(versions); j++) {
            const json_t *version = json_array_get(versions, j);
            bool stale = strcmp(jval_string_or(version, "freshness", ""), "Stale") == 0;
            if (stale)
                kube_discovery_keep_stale(discovery, previous, group,
                                          jval_string_or(version, "version", ""));
            else if (add_version(discovery, group, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

// "deployments/status" belongs to "deployments", which comes before it.
static void add_subresource(struct kube_discovery *discovery, size_t first, const char *name,
                            const char *slash)
{
    for (size_t i = first; i < discovery->kinds.len; i++) {
        struct kube_kind *kind = vec_at(&discovery->kinds, i);
        if (strlen(kind->plural) == (size_t)(slash - name) &&
            strncmp(kind->plural, name, (size_t)(slash - name)) == 0)
            set_subresource(kind, slash + 1);
    }
}

int kube_discovery_add_resources(struct kube_discovery *discovery, const char *group,
                                 const char *version, const json_t *list, struct error *err)
{
    const json_t *resources = jval_array(list, "resources");
    size_t first = discovery->kinds.len;
    if (strcmp(jval_string_or(list, "kind", ""), "APIResourceList") != 0)
        return error_set(err, ERROR_UNAVAILABLE, "the kinds of %s%s%s are no APIResourceList",
                         group, *group != '\0' ? "/" : "", version);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < json_array_size(resources); i++) {
            const json_t *resource = json_array_get(resources, i);
            const char *name = jval_string_or(resource, "name", "");
            const char *kind = jval_string_or(resource, "kind", "");
            const char *slash = strchr(name, '/');
            if (pass == 1 && slash != NULL)
                add_subresource(discovery, first, name, slash);
            if (pass == 1 || slash != NULL || *name == '\0' || *kind == '\0')
                continue;
            struct kube_kind *added =
                add_kind(discovery, group, version, kind, name, resource, err);
            if (added == NULL)
                return -1;
            added->singular = xstrdup(jval_string_or(resource, "singularName", ""));
            added->namespaced = jval_bool(resource, "namespaced", false);
        }
    }
    return 0;
}
