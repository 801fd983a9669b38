// Collections, page by page.
#include "base/jval.h"
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES_MAX = 10000 };

struct pages {
    struct kube_client *client;
    struct kube_request request;
    const struct kube_list_events *events;
    void *arg;
    char *continue_token;
    unsigned restarts;
    unsigned asked;
};

int kube_list_check(const json_t *list, const char *sent, struct error *err)
{
    const json_t *items = json_object_get(list, "items");
    const char *next = jval_string_or(list, "metadata.continue", "");
    // A server says so when there are none; nothing at all is something else's answer.
    if (!json_is_array(items) && !json_is_null(items))
        return error_set(err, ERROR_UNAVAILABLE, "the server answered a list without items");
    if (sent != NULL && *next != '\0' && strcmp(sent, next) == 0)
        return error_set(err, ERROR_UNAVAILABLE,
                         "the server answered the same page of a list again");
    return 0;
}

void kube_list_name_items(json_t *list)
{
    static const char suffix[] = "List";
    const char *kind = jval_string_or(list, "kind", "");
    const char *api_version = jval_string_or(list, "apiVersion", "v1");
    size_t length = strlen(kind);
    if (length <= sizeof suffix - 1 || strcmp(kind + length - (sizeof suffix - 1), suffix) != 0)
        return;
    cleanup_free char *item_kind = xstrndup(kind, length - (sizeof suffix - 1));
    size_t i;
    json_t *item;
    json_array_foreach (json_object_get(list, "items"), i, item) {
        if (json_is_object(item) && json_object_get(item, "kind") == NULL) {
            jval_set_string(item, "apiVersion", api_version);
            jval_set_string(item, "kind", item_kind);
        }
    }
}

// One page. 1: there are more.
static int page(struct pages *pages, char **ret_resource_version, struct error *err)
{
    cleanup_kube_result struct kube_result result = {0};
    if (pages->asked++ == PAGES_MAX)
        return error_set(err, ERROR_LIMIT, "a list has more than %d pages", PAGES_MAX);
    pages->request.continue_token = pages->continue_token;
    kube_send(pages->client, &pages->request, &result);
    bool later = pages->continue_token != NULL;
    if (later && result.http_status == 410 && pages->events->on_restart != NULL &&
        pages->restarts++ < KUBE_RESTARTS_MAX) {
        free(STEAL(pages->continue_token));
        pages->events->on_restart(pages->arg);
        return 1;
    }
    // Objects larger than usual: fewer at a time.
    if (result.error.code == ERROR_LIMIT && result.http_status == 0 && pages->request.limit > 1) {
        pages->request.limit = pages->request.limit > 4 ? pages->request.limit / 4 : 1;
        return 1;
    }
    if (result.error.code != ERROR_NONE)
        return error_move(err, &result.error);
    if (kube_list_check(result.object, pages->continue_token, err) < 0)
        return error_wrap(err, "%s", pages->client->config.server);
    kube_list_name_items(result.object);
    const json_t *items = jval_array(result.object, "items");
    if (items != NULL && pages->events->on_page(pages->arg, items, err) < 0)
        return -1;
    free(STEAL(pages->continue_token));
    const char *next = jval_string_or(result.object, "metadata.continue", "");
    if (*next != '\0') {
        pages->continue_token = xstrdup(next);
        return 1;
    }
    *ret_resource_version = xstrdup(jval_string_or(result.object, "metadata.resourceVersion", ""));
    return 0;
}

int kube_list_pages(struct kube_client *client, const struct kube_request *request,
                    const struct kube_list_events *events, void *arg, char **ret_resource_version,
                    struct error *err)
{
    struct pages pages = {.client = client, .request = *request, .events = events, .arg = arg};
    pages.request.verb = KUBE_LIST;
    if (pages.request.limit == 0)
        pages.request.limit = KUBE_PAGE_DEFAULT;
    char *resource_version = NULL;
    int result;
    while ((result = page(&pages, &resource_version, err)) > 0)
        continue;
    free(pages.continue_token);
    if (result == 0 && ret_resource_version != NULL)
        *ret_resource_version = STEAL(resource_version);
    free(resource_version);
    return result;
}

struct gathered {
    json_t *items;
};

static int gather(void *arg, const json_t *items, struct error *err)
{
    (void)err;
    struct gathered *gathered = arg;
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append(gathered->items, json_array_get(items, i));
    return 0;
}

static void gather_again(void *arg)
{
    struct gathered *gathered = arg;
    json_array_clear(gathered->items);
}

int kube_list(struct kube_client *client, const struct kube_request *request, json_t **ret_items,
              struct error *err)
{
    static const struct kube_list_events events = {gather, gather_again};
    struct gathered gathered = {json_array()};
    if (kube_list_pages(client, request, &events, &gathered, NULL, err) < 0) {
        json_decref(gathered.items);
        return -1;
    }
    *ret_items = gathered.items;
    return 0;
}
