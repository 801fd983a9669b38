// metadata.managedFields as others left it: entries that would keep what we drop, and entries of a
// version that no longer fits the object.
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_target_internal.h"

// Under the resourceVersion that was read. *ret_object: the object after it.
static int put_entries(struct kube_run *run, const struct planned *planned, const json_t *live,
                       json_t *entries, json_t **ret_object)
{
    const struct kube_impersonation as = kube_target_as(run->target);
    cleanup_json json_t *patch = json_pack("[{s:s,s:s,s:O},{s:s,s:s,s:s}]", "op", "replace", "path",
                                           "/metadata/managedFields", "value", entries, "op",
                                           "replace", "path", "/metadata/resourceVersion", "value",
                                           jval_string_or(live, "metadata.resourceVersion", ""));
    const struct kube_request request = {
        .verb = KUBE_JSON_PATCH,
        .ref = cluster_type_ref(planned->type, planned->version, planned->ns, planned->name),
        .object = patch,
        .field_manager = FIELD_MANAGER,
        .accept = KUBE_METADATA,
        .as = as.user != NULL ? &as : NULL,
        .cancel = run->request->cancel,
    };
    return kube_do(cluster_client(run->target->cluster), &request, ret_object, NULL);
}

// Entries of clients that are replaced by us: what they own would stay after we drop it.
static bool is_left_over(const json_t *entry)
{
    const char *manager = jval_string_or(entry, "manager", "");
    return strcmp(jval_string_or(entry, "operation", ""), "Update") == 0 &&
           *jval_string_or(entry, "subresource", "") == '\0' &&
           (strcmp(manager, "before-first-apply") == 0 ||
            strcmp(manager, "kubectl-client-side-apply") == 0);
}

void kube_entries_drop_others(struct kube_run *run, const struct planned *planned, json_t **answer)
{
    const json_t *entries = jval_array(*answer, "metadata.managedFields");
    cleanup_json json_t *kept = json_array();
    size_t index;
    json_t *entry;
    json_array_foreach (entries, index, entry) {
        if (!is_left_over(entry))
            json_array_append(kept, entry);
    }
    json_t *fresh = NULL;
    // Where it fails, the next apply of the object tries again.
    if (json_array_size(kept) == json_array_size(entries) ||
        put_entries(run, planned, *answer, kept, &fresh) < 0)
        return;
    json_decref(*answer);
    *answer = fresh;
}

bool kube_entries_are_stale(const struct kube_result *answer)
{
    const char *message = error_message(&answer->error);
    return answer->http_status == 500 && strstr(message, "field not declared in schema") != NULL &&
           strstr(message, "typed patch object") == NULL;
}

bool kube_entries_renew(struct kube_run *run, const struct planned *planned)
{
    cleanup_json json_t *live = NULL;
    cleanup_json json_t *fresh = NULL;
    if (kube_run_get(run, planned, &live, NULL) < 0)
        return false;
    const char *version = jval_string_or(live, "apiVersion", "");
    bool changed = false;
    size_t index;
    json_t *entry;
    json_array_foreach (jval_array(live, "metadata.managedFields"), index, entry) {
        changed |= strcmp(jval_string_or(entry, "apiVersion", ""), version) != 0;
        json_object_set_new(entry, "apiVersion", json_string(version));
    }
    json_t *entries = json_object_get(json_object_get(live, "metadata"), "managedFields");
    return changed && put_entries(run, planned, live, entries, &fresh) == 0;
}
