// From the bytes of the artifact to what is sent: the kind is looked up, a missing namespace filled
// in, the label of the set added. Nothing else may differ from what was signed.
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"
#include "controller/kube_target_internal.h"

void planned_release(void *element)
{
    struct planned *planned = element;
    free(planned->version);
    free(planned->ns);
    free(planned->name);
    free(planned->bytes);
}

static void split_api_version(const char *api_version, char **ret_group, char **ret_version)
{
    const char *slash = strchr(api_version, '/');
    *ret_group = slash != NULL ? xstrndup(api_version, (size_t)(slash - api_version)) : xstrdup("");
    *ret_version = xstrdup(slash != NULL ? slash + 1 : api_version);
}

// ---- kinds that the artifact defines ----

void kube_desire_definition(struct kube_run *run, const struct target_object *object)
{
    cleanup_json json_t *crd = NULL;
    // What is wrong with it is said when it is sent.
    if (yamljson_parse(object->bytes, object->size, object->path, &crd, NULL) < 0)
        return;
    const char *group = jval_string(crd, "spec.group");
    const char *kind = jval_string(crd, "spec.names.kind");
    const char *plural = jval_string(crd, "spec.names.plural");
    const json_t *version = NULL;
    size_t index;
    json_t *at;
    json_array_foreach (jval_array(crd, "spec.versions"), index, at) {
        if (version == NULL && jval_bool(at, "served", false))
            version = at;
    }
    const char *name = jval_string(version, "name");
    if (group == NULL || kind == NULL || plural == NULL || name == NULL)
        return;
    const struct cluster_type type = {
        .group = (char *)(uintptr_t)group,
        .kind = (char *)(uintptr_t)kind,
        .plural = (char *)(uintptr_t)plural,
        .version = (char *)(uintptr_t)name,
        .namespaced = strcmp(jval_string_or(crd, "spec.scope", ""), "Namespaced") == 0,
        .has_status = jval_object(version, "subresources.status") != NULL,
    };
    cluster_note_type(run->target->cluster, &type);
}

// The kind, asking the cluster once more in this run when it is not known.
static int find_type(struct kube_run *run, const char *group, const char *version, const char *kind,
                     struct cluster_type **ret_type, struct error *err)
{
    struct cluster *cluster = run->target->cluster;
    *ret_type = cluster_type_of(cluster, group, "", kind);
    if (*ret_type == NULL && !run->discovered) {
        run->discovered = true;
        if (cluster_discover(cluster, 0, run->request->cancel, err) < 0)
            return error_wrap(err, "ask the cluster for its kinds");
        *ret_type = cluster_type_of(cluster, group, "", kind);
    }
    if (*ret_type == NULL)
        return error_set(err, ERROR_NOT_FOUND,
                         "the cluster has no kind %s in %s%s%s; install its "
                         "CustomResourceDefinition first, or put it into the artifact",
                         kind, group, *group != '\0' ? "/" : "", version);
    return 0;
}

// ---- the object ----

bool kube_target_names(const struct kube_target *target, const char *ns)
{
    if (strcmp(ns, target->ns) == 0 || strcmp(ns, target->default_ns) == 0)
        return true;
    vec_foreach (char *, allowed, &target->allowed) {
        if (strcmp(*allowed, ns) == 0)
            return true;
    }
    return false;
}

static int place(const struct kube_target *target, struct planned *planned, json_t *value,
                 struct error *err)
{
    const char *ns = jval_string(value, "metadata.namespace");
    if (!planned->type->namespaced) {
        planned->ns = xstrdup("");
        jval_remove(value, "metadata.namespace");
        return 0;
    }
    if (ns != NULL && *ns != '\0' && !kube_target_names(target, ns))
        return error_set(err, ERROR_DENIED,
                         "it names the namespace %s, which this Sync may not write to; list it in "
                         "spec.allowNamespaces",
                         ns);
    planned->ns = xstrdup(ns != NULL && *ns != '\0' ? ns : target->default_ns);
    jval_set_string(value, "metadata.namespace", planned->ns);
    return 0;
}

static int label(const struct kube_target *target, json_t *value, struct error *err)
{
    json_t *metadata = json_object_get(value, "metadata");
    json_t *labels = json_object_get(metadata, "labels");
    if (labels != NULL && !json_is_object(labels) && !json_is_null(labels))
        return error_set(err, ERROR_INVALID, "its metadata.labels is no map");
    if (!json_is_object(labels)) {
        labels = json_object();
        json_object_set_new(metadata, "labels", labels);
    }
    if (json_object_get(labels, APPLYSET_PART_OF) != NULL)
        return error_set(err, ERROR_INVALID,
                         "it has the label " APPLYSET_PART_OF
                         ", which sealift sets itself; take it out");
    json_object_set_new(labels, APPLYSET_PART_OF, json_string(target->set_id));
    return 0;
}

int kube_desire(struct kube_run *run, const struct target_object *object, struct planned *planned,
                struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (yamljson_parse(object->bytes, object->size, object->path, &value, err) < 0)
        return -1;
    const char *kind = jval_string(value, "kind");
    const char *api_version = jval_string(value, "apiVersion");
    const char *name = jval_string(value, "metadata.name");
    if (kind == NULL || api_version == NULL || name == NULL || *name == '\0')
        return error_set(err, ERROR_INVALID,
                         "%s is no object: it needs apiVersion, kind and metadata.name, one object "
                         "in a file",
                         object->path);
    cleanup_free char *group = NULL;
    split_api_version(api_version, &group, &planned->version);
    planned->name = xstrdup(name);
    if (find_type(run, group, planned->version, kind, &planned->type, err) < 0 ||
        apply_order_of(group, kind, value, &planned->order, err) < 0 ||
        place(run->target, planned, value, err) < 0 || label(run->target, value, err) < 0)
        return -1;
    // Whose fields are whose is the server's to say.
    jval_remove(value, "metadata.managedFields");
    planned->bytes = jval_compact(value);
    planned->size = strlen(planned->bytes);
    planned->fresh_type =
        cluster_type_of(run->target->cluster, group, planned->version, kind) == NULL;
    return 0;
}
