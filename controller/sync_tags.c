// What a refusal says of the tags that there are, and of a Bundle that there is not. A list of tags
// is only told to whom it is shown anyway: where the Sync's own login asks, or nobody's. By the
// login of the host a tenant would read what others push.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "oci/reference.h"
#include "oci/tag_words.h"

#include <string.h>

// On a plain host everything is one person's.
static bool may_name_tags(const struct sync_flow *flow)
{
    const struct role *role = flow->role;
    return object_spec(flow->object, "artifact.secretRef") != NULL || role->local_paths == NULL ||
           (role->docker_config == NULL && !role->cloud_login);
}

// How somebody else lists them, with their own login; owned, "" where there is no way.
static char *list_command(const struct sync_flow *flow)
{
    cleanup_oci_reference struct oci_reference reference = {0};
    if (oci_reference_parse(flow->source.reference, &reference, NULL) < 0 || reference.host == NULL)
        return xstrdup("");
    return xasprintf("; what is tagged there, by your own login: skopeo list-tags docker://%s/%s",
                     reference.host, reference.repository);
}

char *sync_tell_tags(const struct sync_flow *flow, const struct vec *tags, const char *wanted)
{
    return may_name_tags(flow) ? oci_tag_words(tags, wanted) : list_command(flow);
}

int sync_refuse_tag(struct sync_flow *flow, const char *tag, struct error *err)
{
    cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
    cleanup_free char *cause = xstrdup(error_message(err));
    if (err->code != ERROR_NOT_FOUND)
        return -1;
    // Of a repository that is not there either there is no list.
    bool listed = !may_name_tags(flow) || oci_list_tags(flow->repository, &tags, NULL) == 0;
    cleanup_free char *told = listed ? sync_tell_tags(flow, &tags, tag) : list_command(flow);
    return error_set(err, ERROR_NOT_FOUND, "%s%s; push it, or correct spec.artifact.tag", cause,
                     told);
}

// A name of the Sync's own namespace that is like it; owned, "" when none is.
static char *like_bundle(const struct sync_flow *flow, const char *name)
{
    cleanup_json json_t *bundles = NULL;
    struct nearest nearest = {.wanted = name};
    size_t index;
    json_t *bundle;
    if (store_list(flow->role->store, "Bundle", object_namespace(flow->object), &bundles, NULL) < 0)
        return xstrdup("");
    json_array_foreach (bundles, index, bundle)
        nearest_offer(&nearest, object_name(bundle));
    return nearest.best != NULL ? xasprintf(" (did you mean %s?)", nearest.best) : xstrdup("");
}

int sync_refuse_bundle(struct sync_flow *flow, const char *namespace, const char *name,
                       struct error *err)
{
    const char *own = object_namespace(flow->object);
    if (err->code != ERROR_NOT_FOUND)
        return error_wrap(err, "spec.bundleRef");
    // What another namespace has is its tenant's to tell.
    if (strcmp(namespace, own) != 0)
        return error_set(
            err, ERROR_NOT_FOUND,
            "spec.bundleRef: there is no Bundle %s/%s; ask who owns that namespace for "
            "its name, and to list %s in its spec.exportTo; those of this Sync's own "
            "namespace: sealift get bundles -n %s",
            namespace, name, own, own);
    cleanup_free char *like = like_bundle(flow, name);
    return error_set(err, ERROR_NOT_FOUND,
                     "spec.bundleRef: there is no Bundle %s/%s%s; those that there are: sealift "
                     "get bundles -n %s; how to create it: sealift create bundle --help",
                     namespace, name, like, own);
}
