// Objects on their way from the API server to readers.
#include "api/kubestore_internal.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

struct kube_ref kubestore_ref(const struct kind *kind, const char *namespace, const char *name)
{
    bool ours = strcmp(kind->api_version, API_VERSION) == 0;
    return (struct kube_ref){.group = ours ? API_GROUP : "",
                             .version = ours ? strchr(API_VERSION, '/') + 1 : kind->api_version,
                             .plural = kind->plural,
                             .namespace_ = kind->namespaced ? namespace : NULL,
                             .name = name};
}

enum kube_accept kubestore_accept(const struct kind *kind)
{
    bool names_only = strcmp(kind->name, "Secret") == 0 || strcmp(kind->name, "Namespace") == 0;
    return names_only ? KUBE_METADATA : KUBE_WHOLE;
}

const char *kubestore_namespace(const struct kind *kind, const char *namespace)
{
    if (!kind->namespaced)
        return "";
    return namespace != NULL && *namespace != '\0' ? namespace : NAMESPACE_DEFAULT;
}

// Definitions on the server may be older than this program, or somebody switched them off.
static void set_problem(json_t *object)
{
    cleanup_json json_t *judged = json_copy(object);
    cleanup_error struct error err = {0};
    json_object_del(judged, "status");
    if (api_check(judged, &err) < 0)
        json_object_set_new(
            object, "problem",
            json_pack("{s:s, s:s}", "reason", "Invalid", "message", error_message(&err)));
}

json_t *kubestore_object(const struct kind *kind, const json_t *object)
{
    cleanup_json json_t *bare = json_copy(jval_unconst(object));
    cleanup_json json_t *metadata = json_copy(json_object_get(bare, "metadata"));
    if (metadata == NULL)
        metadata = json_object();
    json_object_del(metadata, "managedFields");
    json_object_set(bare, "metadata", metadata);
    json_object_del(bare, "problem");
    if (kubestore_accept(kind) == KUBE_METADATA) {
        json_object_del(bare, "data");
        json_object_del(bare, "stringData");
    }
    jval_set_string(bare, "apiVersion", kind->api_version);
    jval_set_string(bare, "kind", kind->name);
    json_t *result = api_with_defaults(bare);
    if (kind->has_status)
        set_problem(result);
    return result;
}

int kubestore_explain(struct error *err, const struct kind *kind, const char *namespace,
                      const char *name)
{
    if (err == NULL)
        return -1;
    const struct object_key key = {.kind = kind->name, .namespace = namespace, .name = name};
    cleanup_free char *subject = name != NULL ? object_key_text(&key) : xstrdup(kind->plural);
    bool ours = strcmp(kind->api_version, API_VERSION) == 0;
    // "the server could not find the requested resource": the kind, not the object.
    bool no_kind = err->code == ERROR_NOT_FOUND &&
                   (name == NULL || strstr(error_message(err), "requested resource") != NULL);
    if (ours && no_kind)
        return error_set(
            err, ERROR_NOT_FOUND,
            "the API server does not know the kind %s: sealift, or a part of it, is not installed "
            "there; run: sealift install (or, for the definitions alone, sealift export crds)",
            kind->name);
    if (err->code == ERROR_NOT_FOUND && name != NULL)
        return error_set(err, ERROR_NOT_FOUND, "there is no %s", subject);
    return error_wrap(err, "%s", subject);
}
