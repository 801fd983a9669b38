#include "render/order.h"

#include <string.h>

#include "base/memory.h"
#include "render/kustomize/sort.h"
#include "render/render.h"

static const char *version_of(const struct render_object *object)
{
    const char *slash = strrchr(object->api_version, '/');
    return slash != NULL ? slash + 1 : object->api_version;
}

// kustomize compares these strings, with marks where a part is empty.
static char *sort_key(const struct render_object *object, bool with_name)
{
    const char *group = *object->group != '\0' ? object->group : "~G";
    if (!with_name)
        return xasprintf("%s_%s_%s", group, version_of(object), object->kind);
    return xasprintf("%s|%s", object->ns != NULL ? object->ns : "~X", object->name);
}

int render_order_compare(const void *a, const void *b)
{
    const struct render_object *left = a;
    const struct render_object *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    int by_rank = sort_rank(left->kind) - sort_rank(right->kind);
    for (int with_name = 0; by_rank == 0 && with_name < 2; with_name++) {
        cleanup_free char *left_key = sort_key(left, with_name == 1);
        cleanup_free char *right_key = sort_key(right, with_name == 1);
        by_rank = strcmp(left_key, right_key);
    }
    return by_rank;
}
