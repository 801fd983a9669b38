#include "controller/reach.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/vec.h"
#include "controller/roster.h"

#include <string.h>

bool reach_writes_to(const json_t *sync, const char *namespace)
{
    const char *target = object_spec_string(sync, "targetNamespace");
    size_t index;
    json_t *allowed;
    if (strcmp(object_namespace(sync), namespace) == 0 ||
        (target != NULL && strcmp(target, namespace) == 0))
        return true;
    json_array_foreach (object_spec(sync, "allowNamespaces"), index, allowed) {
        if (json_is_string(allowed) && strcmp(json_string_value(allowed), namespace) == 0)
            return true;
    }
    return false;
}

// Labels of a namespace that nobody watches are not known.
static bool is_known(const struct roster *namespaces, const char *name)
{
    vec_foreach (struct roster_entry, entry, &namespaces->entries) {
        if (strcmp(object_name(entry->object), name) == 0)
            return true;
    }
    return false;
}

static bool knows_all(const json_t *sync, const struct roster *namespaces)
{
    const char *target = object_spec_string(sync, "targetNamespace");
    size_t index;
    json_t *allowed;
    json_array_foreach (object_spec(sync, "allowNamespaces"), index, allowed) {
        if (!json_is_string(allowed) || !is_known(namespaces, json_string_value(allowed)))
            return false;
    }
    return is_known(namespaces, object_namespace(sync)) &&
           (target == NULL || is_known(namespaces, target));
}

// As the API server labels it, whatever the file says.
static bool selects(const json_t *selector, const json_t *namespace)
{
    const json_t *labels = object_labels(namespace);
    cleanup_json json_t *all = labels != NULL ? json_copy(jval_unconst(labels)) : json_object();
    json_object_set_new(all, "kubernetes.io/metadata.name", json_string(object_name(namespace)));
    return selector_matches(selector, all);
}

bool reach_governs(const json_t *policy, const json_t *sync, const struct roster *namespaces)
{
    const json_t *match = object_spec(policy, "match");
    const json_t *selector = object_spec(policy, "match.namespaces");
    if (selector == NULL || (match != NULL && !json_is_object(match)) ||
        !selector_is_valid(selector) || !knows_all(sync, namespaces))
        return true;
    vec_foreach (struct roster_entry, entry, &namespaces->entries) {
        if (reach_writes_to(sync, object_name(entry->object)) && selects(selector, entry->object))
            return true;
    }
    return false;
}
