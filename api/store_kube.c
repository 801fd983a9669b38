// The store on Kubernetes: opening it, and reading. kubestore_internal.h is the map.
#include "api/store_kube.h"

#include "api/kubestore_internal.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void kubestore_free(struct store *store)
{
    struct kube_store *kube = kubestore_of(store);
    kubestore_detach(kube);
    vec_free(&kube->watches);
    vec_free(&kube->leases);
    kube_client_free(kube->client);
    pthread_mutex_destroy(&kube->lock);
    free(kube->own_namespace);
    free(kube->reporter);
    free(kube);
}

static int kubestore_get(struct store *store, const char *kind_name, const char *namespace,
                         const char *name, json_t **ret_object, struct error *err)
{
    const struct kind *kind = kind_find(kind_name);
    namespace = kubestore_namespace(kind, namespace);
    struct kube_request request = {.verb = KUBE_GET,
                                   .ref = kubestore_ref(kind, namespace, name),
                                   .accept = kubestore_accept(kind)};
    cleanup_json json_t *object = NULL;
    if (kube_do(kubestore_of(store)->client, &request, &object, err) < 0)
        return kubestore_explain(err, kind, namespace, name);
    *ret_object = kubestore_object(kind, object);
    return 0;
}

static int compare_objects(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a;
    const json_t *right = *(json_t *const *)b;
    int order = strcmp(object_namespace(left), object_namespace(right));
    return order != 0 ? order : strcmp(object_name(left), object_name(right));
}

// By namespace and name; the server sorts "a-b/x" before "a/x".
static json_t *sorted(const struct kind *kind, const json_t *items)
{
    cleanup_vec struct vec objects = VEC_OF(json_t *, NULL);
    json_t *array = json_array();
    size_t index;
    json_t *item;
    json_array_foreach (items, index, item)
        *(json_t **)vec_push(&objects) = kubestore_object(kind, item);
    vec_sort(&objects, compare_objects);
    vec_foreach (json_t *, object, &objects)
        json_array_append_new(array, *object);
    return array;
}

static int kubestore_list(struct store *store, const char *kind_name, const char *namespace,
                          json_t **ret_array, struct error *err)
{
    const struct kind *kind = kind_find(kind_name);
    struct kube_request request = {.ref = kubestore_ref(kind, namespace, NULL),
                                   .accept = kubestore_accept(kind)};
    cleanup_json json_t *items = NULL;
    if (kube_list(kubestore_of(store)->client, &request, &items, err) < 0)
        return kubestore_explain(err, kind, namespace, NULL);
    *ret_array = sorted(kind, items);
    return 0;
}

static int explain_secret(struct error *err, const char *namespace, const char *name)
{
    // store_secret says what a denied reader needs.
    if (err == NULL || err->code == ERROR_DENIED)
        return -1;
    return error_wrap(err, "Secret %s/%s", namespace, name);
}

static int kubestore_secret(struct store *store, const char *namespace, const char *name,
                            struct secret_data **ret_secret, struct error *err)
{
    const struct kind *kind = kind_find("Secret");
    namespace = kubestore_namespace(kind, namespace);
    struct kube_request request = {.verb = KUBE_GET, .ref = kubestore_ref(kind, namespace, name)};
    cleanup_json json_t *object = NULL;
    if (kube_do(kubestore_of(store)->client, &request, &object, err) < 0)
        return explain_secret(err, namespace, name);
    return secret_data_new(object, object_resource_version(object), ret_secret, err);
}

static int kubestore_namespace_labels(struct store *store, const char *namespace,
                                      json_t **ret_labels, struct error *err)
{
    cleanup_json json_t *object = NULL;
    cleanup_error struct error cause = {0};
    if (kubestore_get(store, "Namespace", "", namespace, &object, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    *ret_labels = store_labels_of_namespace(object, namespace);
    return 0;
}

static const struct store_ops kubestore_ops = {
    .free = kubestore_free,
    .get = kubestore_get,
    .list = kubestore_list,
    .put_status = kubestore_put_status,
    .patch_metadata = kubestore_patch_metadata,
    .suspend = kubestore_suspend,
    .apply = kubestore_apply,
    .remove = kubestore_remove,
    .secret = kubestore_secret,
    .namespace_labels = kubestore_namespace_labels,
    .event = kubestore_event,
    .list_events = kubestore_list_events,
    .record_get = kubestore_record_get,
    .record_put = kubestore_record_put,
    .record_delete = kubestore_record_delete,
    .record_list = kubestore_record_list,
    .watch = kubestore_watch,
    .watch_free = kubestore_watch_free,
    .lease_new = kubestore_lease_new,
    .lease_held = kubestore_lease_held,
    .lease_known = kubestore_lease_known,
    .lease_free = kubestore_lease_free,
};

int store_kube_open(const struct store_kube_options *options, struct store **ret_store,
                    struct error *err)
{
    const struct kube_client_options client = {.clock = options->clock};
    struct kube_store *kube = xcalloc(1, sizeof *kube);
    kube->store.ops = &kubestore_ops;
    kube->clock = options->clock != NULL ? options->clock : clock_system();
    kube->watches = VEC_OF(struct kubestore_watch *, NULL);
    kube->leases = VEC_OF(struct kubestore_lease *, NULL);
    pthread_mutex_init(&kube->lock, NULL);
    if (kube_client_new(options->config, &client, &kube->client, err) < 0) {
        kubestore_free(&kube->store);
        return -1;
    }
    const char *own = options->own_namespace;
    kube->own_namespace = xstrdup(own != NULL ? own : kube_client_namespace(kube->client));
    kube->reporter = xasprintf(API_GROUP "/%s", options->role != NULL ? options->role : "sealift");
    *ret_store = &kube->store;
    return 0;
}

struct kube_client *store_kube_client(struct store *store)
{
    return store->ops == &kubestore_ops ? kubestore_of(store)->client : NULL;
}
