// Changes to objects in the API server.
#include "api/kubestore_internal.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

static const char field_manager[] = "sealift-cli"; // of people's commands
enum { PATCH_TRIES = 5 };

// The merge patch (RFC 7396) that makes `new_value` of `old`; both are objects. Owned.
static json_t *difference(const json_t *old, const json_t *new_value)
{
    json_t *patch = json_object();
    const char *name;
    json_t *value;
    jval_foreach (old, name, value) {
        if (json_object_get(new_value, name) == NULL)
            json_object_set_new(patch, name, json_null());
    }
    jval_foreach (new_value, name, value) {
        const json_t *before = json_object_get(old, name);
        if (before != NULL && json_equal(before, value) != 0)
            continue;
        if (json_is_object(before) && json_is_object(value))
            json_object_set_new(patch, name, difference(before, value));
        else
            json_object_set(patch, name, value);
    }
    return patch;
}

static int gone(const json_t *object, struct error *err)
{
    cleanup_free char *subject = object_text(object);
    return error_set(err, ERROR_NOT_FOUND, "%s is gone", subject);
}

// Sends a merge patch of an object; `subresource` may be NULL.
static int patch_object(struct store *store, const json_t *object, const char *subresource,
                        const json_t *patch, json_t **ret_new, struct error *err)
{
    const struct kind *kind = kind_find(object_kind(object));
    if (kind == NULL || !kind->has_status)
        return error_set(err, ERROR_INVALID, "a %s has no state to write", object_kind(object));
    struct kube_request request = {
        .verb = KUBE_MERGE,
        .ref = kubestore_ref(kind, object_namespace(object), object_name(object)),
        .object = patch};
    request.ref.subresource = subresource;
    cleanup_kube_result struct kube_result result = {0};
    kube_send(kubestore_of(store)->client, &request, &result);
    bool other_uid = strstr(error_message(&result.error), "metadata.uid") != NULL;
    if (result.error.code == ERROR_NOT_FOUND || (result.error.code == ERROR_INVALID && other_uid))
        return gone(object, err);
    if (result.error.code != ERROR_NONE) {
        cleanup_free char *subject = object_text(object);
        error_wrap(&result.error, "%s", subject);
        return error_move(err, &result.error);
    }
    if (ret_new != NULL)
        *ret_new = kubestore_object(kind, result.object);
    return 0;
}

// Only what differs goes over the wire: the resourceVersion says that the rest is as it was read.
int kubestore_put_status(struct store *store, const json_t *object, const json_t *status,
                         json_t **ret_new, struct error *err)
{
    const json_t *old = jval_object(object, "status");
    cleanup_json json_t *changes = difference(old, status);
    if (json_object_size(changes) == 0 && old != NULL) {
        if (ret_new != NULL)
            *ret_new = jval_ref(object);
        return 0;
    }
    cleanup_json json_t *patch =
        json_pack("{s:{s:s, s:s}, s:O}", "metadata", "uid", object_uid(object), "resourceVersion",
                  object_resource_version(object), "status", changes);
    if (patch_object(store, object, "status", patch, ret_new, err) == 0)
        return 0;
    if (err == NULL || err->code != ERROR_CONFLICT)
        return -1;
    cleanup_free char *subject = object_text(object);
    return error_set(err, ERROR_CONFLICT,
                     "%s was changed since it was read; read it again and decide again", subject);
}

// {metadata: …} for the object as it is in `now`; `patch` was made for it as it was in `read`.
static json_t *metadata_patch(const json_t *read, const json_t *now, const json_t *patch)
{
    json_t *metadata = json_pack("{s:s}", "uid", object_uid(read));
    static const char *const maps[] = {"annotations", "labels"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        json_t *value = json_object_get(patch, maps[i]);
        if (value != NULL)
            json_object_set(metadata, maps[i], value);
    }
    const json_t *finalizers = jval_array(patch, "finalizers");
    if (finalizers != NULL) {
        json_object_set_new(metadata, "finalizers",
                            store_merge_finalizers(jval_array(now, "metadata.finalizers"),
                                                   jval_array(read, "metadata.finalizers"),
                                                   finalizers));
        jval_set_string(metadata, "resourceVersion", object_resource_version(now));
    }
    return json_pack("{s:o}", "metadata", metadata);
}

// A merge patch replaces a list as a whole: one of finalizers goes out under the resourceVersion
// that it was made for.
int kubestore_patch_metadata(struct store *store, const json_t *object, const json_t *patch,
                             json_t **ret_new, struct error *err)
{
    cleanup_json json_t *now = jval_ref(object);
    for (int try = 1;; try++) {
        cleanup_error struct error cause = {0};
        cleanup_json json_t *whole = metadata_patch(object, now, patch);
        json_t *again = NULL;
        if (patch_object(store, object, NULL, whole, ret_new, &cause) == 0)
            return 0;
        if (cause.code != ERROR_CONFLICT || try == PATCH_TRIES)
            return error_move(err, &cause);
        if (store_get(store, object_kind(object), object_namespace(object), object_name(object),
                      &again, err) < 0)
            return -1;
        json_decref(now);
        now = again;
    }
}

int kubestore_suspend(struct store *store, const json_t *object, bool suspend, json_t **ret_new,
                      struct error *err)
{
    cleanup_json json_t *patch = json_pack("{s:{s:s}, s:{s:b}}", "metadata", "uid",
                                           object_uid(object), "spec", "suspend", (int)suspend);
    return patch_object(store, object, NULL, patch, ret_new, err);
}

// stringData is written as data: under server-side apply nobody owns what it became.
static void encode_strings(json_t *secret)
{
    const json_t *strings = jval_object(secret, "stringData");
    if (strings == NULL)
        return;
    json_t *data = json_copy(json_object_get(secret, "data"));
    if (data == NULL)
        data = json_object();
    const char *key;
    json_t *value;
    jval_foreach (strings, key, value) {
        cleanup_free char *text =
            base64_encode(json_string_value(value), json_string_length(value));
        json_object_set_new(data, key, json_string(text));
    }
    json_object_set_new(secret, "data", data);
    json_object_del(secret, "stringData");
}

// What of an object people decide. Owned.
static json_t *wanted(const struct kind *kind, const json_t *object)
{
    json_t *body = json_copy(jval_unconst(object));
    json_object_del(body, "status");
    json_object_del(body, "problem");
    json_t *metadata = json_object();
    jval_set_string(metadata, "name", object_name(object));
    if (kind->namespaced)
        jval_set_string(metadata, "namespace", kubestore_namespace(kind, object_namespace(object)));
    static const char *const maps[] = {"labels", "annotations"};
    for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
        const json_t *map = jval_object(jval_get(object, "metadata"), maps[i]);
        if (map != NULL)
            json_object_set_new(metadata, maps[i], jval_ref(map));
    }
    json_object_set_new(body, "metadata", metadata);
    encode_strings(body);
    return body;
}

int kubestore_apply(struct store *store, const json_t *object, struct error *err)
{
    const struct kind *kind = kind_find(object_kind(object));
    const char *namespace = kubestore_namespace(kind, object_namespace(object));
    const struct object_key key = {
        .kind = kind->name, .namespace = namespace, .name = object_name(object)};
    cleanup_free char *subject = object_key_text(&key);
    cleanup_json json_t *body = wanted(kind, object);
    cleanup_json json_t *applied = NULL;
    struct kube_request request = {.verb = KUBE_APPLY,
                                   .ref = kubestore_ref(kind, namespace, key.name),
                                   .object = body,
                                   .field_manager = field_manager,
                                   .field_validation = "Strict",
                                   .force = true};
    cleanup_error struct error cause = {0};
    if (kube_do(kubestore_of(store)->client, &request, &applied, &cause) < 0) {
        if (cause.code == ERROR_NOT_FOUND && strstr(cause.message, "namespaces") != NULL)
            return error_set(err, ERROR_NOT_FOUND,
                             "%s: there is no namespace %s; run: kubectl create namespace %s",
                             subject, namespace, namespace);
        kubestore_explain(&cause, kind, namespace, cause.code == ERROR_NOT_FOUND ? NULL : key.name);
        return error_move(err, &cause);
    }
    if (object_is_deleting(applied))
        return error_set(err, ERROR_CONFLICT,
                         "%s is being deleted; create it again when it is gone", subject);
    return 0;
}

int kubestore_remove(struct store *store, const char *kind_name, const char *namespace,
                     const char *name, struct error *err)
{
    const struct kind *kind = kind_find(kind_name);
    namespace = kubestore_namespace(kind, namespace);
    struct kube_request request = {.verb = KUBE_DELETE,
                                   .ref = kubestore_ref(kind, namespace, name)};
    if (kube_do(kubestore_of(store)->client, &request, NULL, err) < 0)
        return kubestore_explain(err, kind, namespace, name);
    return 0;
}
