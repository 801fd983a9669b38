// Events (events.k8s.io/v1). Commands have no loop and so no recorder: what they do shows in the
// API server's own audit, and they write none.
#include "api/kubestore_internal.h"

#include "base/jval.h"
#include "base/kube/kube_event.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void kubestore_event(struct store *store, const json_t *regarding, enum store_event_type type,
                     const char *reason, const char *note)
{
    struct kube_store *kube = kubestore_of(store);
    pthread_mutex_lock(&kube->lock);
    if (kube->recorder != NULL)
        kube_recorder_event(kube->recorder, regarding,
                            type == STORE_EVENT_WARNING ? KUBE_EVENT_WARNING : KUBE_EVENT_NORMAL,
                            reason, "Reconcile", note);
    pthread_mutex_unlock(&kube->lock);
}

static const char *first_string(const json_t *event, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        const char *text = jval_string(event, *paths);
        if (text != NULL)
            return text;
    }
    return "";
}

// {type, reason, note, at, regarding}. Owned.
static json_t *as_listed(const json_t *event)
{
    static const char *const times[] = {"series.lastObservedTime", "eventTime",
                                        "deprecatedLastTimestamp", "metadata.creationTimestamp",
                                        NULL};
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "at",
                     first_string(event, times), "type", jval_string_or(event, "type", ""),
                     "reason", jval_string_or(event, "reason", ""), "note",
                     jval_string_or(event, "note", ""), "regarding", "kind",
                     jval_string_or(event, "regarding.kind", ""), "namespace",
                     jval_string_or(event, "regarding.namespace", ""), "name",
                     jval_string_or(event, "regarding.name", ""), "uid",
                     jval_string_or(event, "regarding.uid", ""));
}

// Others have events in the same namespaces.
static bool is_wanted(const json_t *event, const struct object_key *regarding)
{
    const char *version = jval_string_or(event, "regarding.apiVersion", "");
    bool ours = strncmp(version, API_GROUP "/", sizeof API_GROUP) == 0;
    return ours && store_event_concerns(event, regarding);
}

static int compare_times(const void *a, const void *b)
{
    return strcmp(jval_string_or(*(json_t *const *)a, "at", ""),
                  jval_string_or(*(json_t *const *)b, "at", ""));
}

int kubestore_list_events(struct store *store, const struct object_key *regarding,
                          json_t **ret_array, struct error *err)
{
    struct kube_request request = {
        .ref = {.group = "events.k8s.io", .version = "v1", .plural = "events"}};
    cleanup_free char *selector = NULL;
    if (regarding != NULL) {
        bool placed = *regarding->namespace != '\0';
        request.ref.namespace_ = placed ? regarding->namespace : NAMESPACE_DEFAULT;
        if (*regarding->name != '\0')
            selector =
                xasprintf("regarding.kind=%s,regarding.name=%s", regarding->kind, regarding->name);
        request.field_selector = selector;
    }
    cleanup_json json_t *items = NULL;
    if (kube_list(kubestore_of(store)->client, &request, &items, err) < 0)
        return error_wrap(err, "read the events");
    cleanup_vec struct vec events = VEC_OF(json_t *, NULL);
    size_t index;
    json_t *item;
    json_array_foreach (items, index, item) {
        if (is_wanted(item, regarding))
            *(json_t **)vec_push(&events) = as_listed(item);
    }
    vec_sort(&events, compare_times);
    json_t *array = json_array();
    vec_foreach (json_t *, event, &events)
        json_array_append_new(array, *event);
    *ret_array = array;
    return 0;
}
