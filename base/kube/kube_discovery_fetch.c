// Two requests where the server aggregates; else one per group and version.
#include "base/jval.h"
#include "base/kube/kube_discovery_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

// The order of the parameters matters to servers.
static const char ACCEPT[] =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json";

enum { VERSIONS_MAX = 2000, CORE = 0, GROUPS = 1 };

// One group and version of the older form.
struct wanted {
    char *group;
    char *version;
    char *path;
};

static void wanted_release(void *element)
{
    struct wanted *wanted = element;
    free(wanted->group);
    free(wanted->version);
    free(wanted->path);
}

static int add_wanted(struct vec *all, const char *group, const char *version, struct error *err)
{
    if (all->len >= VERSIONS_MAX)
        return error_set(err, ERROR_LIMIT, "the API server has more than %d versions of groups",
                         VERSIONS_MAX);
    struct kube_ref ref = {.group = group, .version = version};
    struct wanted *wanted = vec_push(all);
    wanted->group = xstrdup(group);
    wanted->version = xstrdup(version);
    wanted->path = kube_ref_path(&ref);
    wanted->path[strlen(wanted->path) - 1] = '\0'; // the slash before a plural
    return 0;
}

static int want_core(const json_t *versions, struct vec *all, struct error *err)
{
    const json_t *names = jval_array(versions, "versions");
    if (names == NULL)
        return error_set(err, ERROR_UNAVAILABLE,
                         "what answers at /api is no list of versions; is this the address of an "
                         "API server?");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (name != NULL && *name != '\0' && add_wanted(all, "", name, err) < 0)
            return -1;
    }
    return 0;
}

// The preferred version first.
static int want_group(const json_t *group, struct vec *all, struct error *err)
{
    const char *name = jval_string_or(group, "name", "");
    const char *preferred = jval_string_or(group, "preferredVersion.version", "");
    const json_t *versions = jval_array(group, "versions");
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < json_array_size(versions); i++) {
            const char *version = jval_string_or(json_array_get(versions, i), "version", "");
            bool first = strcmp(version, preferred) == 0;
            if (*name != '\0' && *version != '\0' && first == (pass == 0) &&
                add_wanted(all, name, version, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int want_groups(const json_t *list, struct vec *all, struct error *err)
{
    const json_t *groups = jval_array(list, "groups");
    if (groups == NULL)
        return error_set(err, ERROR_UNAVAILABLE,
                         "what answers at /apis is no list of groups; is this the address of an "
                         "API server?");
    for (size_t i = 0; i < json_array_size(groups); i++) {
        if (want_group(json_array_get(groups, i), all, err) < 0)
            return -1;
    }
    return 0;
}

static int fetch_versions(struct kube_client *client, const struct kube_discovery *previous,
                          const struct vec *all, struct cancel *cancel,
                          struct kube_discovery *discovery, struct error *err)
{
    struct kube_request *requests = xcalloc(all->len > 0 ? all->len : 1, sizeof *requests);
    struct kube_result *results = xcalloc(all->len > 0 ? all->len : 1, sizeof *results);
    for (size_t i = 0; i < all->len; i++)
        requests[i] = (struct kube_request){
            .verb = KUBE_GET, .path = ((struct wanted *)vec_at(all, i))->path, .cancel = cancel};
    kube_do_all(client, requests, all->len, results, NULL, NULL);
    int result = 0;
    for (size_t i = 0; i < all->len; i++) {
        const struct wanted *wanted = vec_at(all, i);
        if (results[i].error.code == ERROR_CANCELED)
            result = result < 0 ? result : error_move(err, &results[i].error);
        else if (results[i].error.code != ERROR_NONE)
            kube_discovery_keep_stale(discovery, previous, wanted->group, wanted->version);
        else if (result == 0)
            result = kube_discovery_add_resources(discovery, wanted->group, wanted->version,
                                                  results[i].object, err);
        kube_result_release(&results[i]);
    }
    free(requests);
    free(results);
    return result;
}

static int take_half(struct kube_client *client, const struct kube_discovery *previous, int half,
                     struct kube_result *answer, struct cancel *cancel,
                     struct kube_discovery *discovery, struct error *err)
{
    if (answer->error.code != ERROR_NONE)
        return error_move(err, &answer->error);
    if (answer->http_status == 304 && previous != NULL) {
        kube_discovery_keep_half(discovery, previous, half == CORE);
        discovery->etags[half] = xstrdup_or_null(previous->etags[half]);
        return 0;
    }
    discovery->etags[half] = STEAL(answer->etag);
    if (strcmp(jval_string_or(answer->object, "kind", ""), "APIGroupDiscoveryList") == 0)
        return kube_discovery_add_groups(discovery, previous, answer->object, err);
    cleanup_vec struct vec all = VEC_OF(struct wanted, wanted_release);
    if ((half == CORE ? want_core(answer->object, &all, err)
                      : want_groups(answer->object, &all, err)) < 0)
        return -1;
    // What it says about groups says nothing about their kinds.
    free(STEAL(discovery->etags[half]));
    return fetch_versions(client, previous, &all, cancel, discovery, err);
}

int kube_discovery_fetch(struct kube_client *client, const struct kube_discovery *previous,
                         struct cancel *cancel, struct kube_discovery **ret_discovery,
                         struct error *err)
{
    static const char *const paths[] = {"/api", "/apis"};
    struct kube_request requests[2];
    struct kube_result answers[2];
    for (int i = 0; i < 2; i++)
        requests[i] = (struct kube_request){
            .verb = KUBE_GET,
            .path = paths[i],
            .accept_header = ACCEPT,
            .if_none_match = previous != NULL ? previous->etags[i] : NULL,
            .cancel = cancel,
        };
    kube_do_all(client, requests, 2, answers, NULL, NULL);
    int result = 0;
    if (previous != NULL && answers[CORE].http_status == 304 &&
        answers[GROUPS].http_status == 304) {
        *ret_discovery = kube_discovery_ref(previous);
    } else {
        cleanup_kube_discovery struct kube_discovery *discovery = kube_discovery_new();
        result = take_half(client, previous, CORE, &answers[CORE], cancel, discovery, err);
        if (result == 0)
            result = take_half(client, previous, GROUPS, &answers[GROUPS], cancel, discovery, err);
        if (result == 0)
            *ret_discovery = STEAL(discovery);
        else
            error_wrap(err, "which kinds the API server %s has", kube_client_server(client));
    }
    kube_result_release(&answers[CORE]);
    kube_result_release(&answers[GROUPS]);
    return result;
}
