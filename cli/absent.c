#include "cli/absent.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "cli/tell.h"

#include <stdlib.h>

static char *near_in(const json_t *objects, const char *name)
{
    struct nearest nearest = {.wanted = name};
    size_t index;
    json_t *object;
    json_array_foreach (objects, index, object) {
        if (!object_is_deleting(object))
            nearest_offer(&nearest, object_name(object));
    }
    return nearest.best != NULL ? xasprintf(" (did you mean %s?)", nearest.best) : xstrdup("");
}

char *absent_near(struct store *store, const char *kind, const char *namespace, const char *name)
{
    cleanup_json json_t *all = NULL;
    if (store_list(store, kind, namespace, &all, NULL) < 0)
        return xstrdup("");
    return near_in(all, name);
}

static void warn(const struct cli *cli, const struct object_key *key, const char *near,
                 const char *consequence)
{
    cleanup_free char *text = object_key_text(key);
    tell_warning(cli, "there is no %s yet%s: %s", text, near, consequence);
}

void absent_warn(const struct cli *cli, struct store *store, const char *kind,
                 const char *namespace, const char *name, const char *consequence)
{
    const struct object_key key = {kind, namespace, name};
    cleanup_json json_t *object = NULL;
    cleanup_error struct error cause = {0};
    if (name == NULL || store_get(store, kind, namespace, name, &object, &cause) == 0 ||
        cause.code != ERROR_NOT_FOUND)
        return;
    cleanup_free char *near = absent_near(store, kind, namespace, name);
    warn(cli, &key, near, consequence);
}

void absent_warn_kube(const struct cli *cli, struct kube_client *client, const char *kind,
                      const struct kube_ref *ref, const char *consequence)
{
    const struct object_key key = {kind, ref->namespace_ != NULL ? ref->namespace_ : "", ref->name};
    cleanup_json json_t *object = NULL;
    cleanup_json json_t *all = NULL;
    cleanup_error struct error cause = {0};
    struct kube_request request = {.ref = *ref};
    if (kube_get(client, ref, &object, &cause) == 0 || cause.code != ERROR_NOT_FOUND)
        return;
    request.ref.name = NULL;
    cleanup_free char *near =
        kube_list(client, &request, &all, NULL) == 0 ? near_in(all, ref->name) : xstrdup("");
    warn(cli, &key, near, consequence);
}
