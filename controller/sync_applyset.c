// What the Sync itself says of its set (KEP-3659): of which kinds its objects are, and where. It is
// more than there is while something changes, and exact after a complete apply. Others read it, and
// so does a controller that removes what an earlier process applied.
#include "controller/sync_internal.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/kube_member.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SET_ID "applyset.kubernetes.io/id"
#define SET_TOOLING "applyset.kubernetes.io/tooling"
static const char tooling[] = "sealift/v" SEALIFT_VERSION;
// An annotation is no place for thousands of namespaces; what is cut here is a hint that is lost.
enum { LIST_MAX_BYTES = 64 * 1024 };

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct vec *names, const char *start, size_t length)
{
    cleanup_free char *name = xstrndup(start, length);
    if (length > 0 && vec_find(names, &name, compare_names) == NULL) {
        vec_push_string(names, name);
        vec_sort(names, compare_names);
    }
}

static void add_list(struct vec *names, const char *list)
{
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        add(names, list, length);
        list += length + (list[length] == ',');
    }
}

static char *list_of(const struct vec *names)
{
    struct strbuf text;
    strbuf_init(&text, LIST_MAX_BYTES);
    vec_foreach (char *, name, names) {
        if (text.len + strlen(*name) + 2 < LIST_MAX_BYTES)
            strbuf_addf(&text, "%s%s", text.len > 0 ? "," : "", *name);
    }
    char *list = strbuf_steal(&text);
    return list != NULL ? list : xstrdup("");
}

struct contents {
    struct vec kinds;      // char *: "Kind.group", sorted
    struct vec namespaces; // char *, without the Sync's
};

// "<namespace or _>/<Kind>.<group>/<name>.yaml". Of other files nothing can be told.
static void add_file(const struct sync_flow *flow, const char *path, struct contents *contents)
{
    const char *own = object_namespace(flow->object);
    const char *target = object_spec_string(flow->object, "targetNamespace");
    const char *kind = strchr(path, '/');
    const char *name = kind != NULL ? strchr(kind + 1, '/') : NULL;
    if (name == NULL || strchr(name + 1, '/') != NULL || !isupper((unsigned char)kind[1]))
        return;
    add(&contents->kinds, kind + 1, (size_t)(name - kind - 1));
    cleanup_free char *written = xstrndup(path, (size_t)(kind - path));
    const char *ns = strcmp(written, "_") != 0 ? written : target;
    if (ns != NULL && strcmp(ns, own) != 0)
        add(&contents->namespaces, ns, strlen(ns));
}

static void read_contents(const struct sync_flow *flow, bool recorded_too, struct contents *ret)
{
    *ret = (struct contents){.kinds = VEC_OF(char *, vec_release_string),
                             .namespaces = VEC_OF(char *, vec_release_string)};
    vec_foreach (struct oci_file, file, &flow->files)
        add_file(flow, file->path, ret);
    if (recorded_too) {
        add_list(&ret->kinds, object_annotation(flow->object, APPLYSET_KINDS));
        add_list(&ret->namespaces, object_annotation(flow->object, APPLYSET_NAMESPACES));
    }
}

static void write_contents(const struct contents *contents, json_t *patch)
{
    cleanup_free char *kinds = list_of(&contents->kinds);
    cleanup_free char *namespaces = list_of(&contents->namespaces);
    json_t *annotations = json_object();
    json_object_set_new(annotations, APPLYSET_KINDS, json_string(kinds));
    json_object_set_new(annotations, APPLYSET_NAMESPACES, json_string(namespaces));
    json_object_set_new(annotations, SET_TOOLING, json_string(tooling));
    json_object_set_new(patch, "annotations", annotations);
}

static void release_contents(struct contents *contents)
{
    vec_free(&contents->kinds);
    vec_free(&contents->namespaces);
}

static bool is_parent(const struct sync_flow *flow)
{
    return flow->role->cluster != NULL && object_spec(flow->object, "target.directory") == NULL;
}

static bool says(const struct sync_flow *flow, const json_t *patch)
{
    static const char *const names[] = {APPLYSET_KINDS, APPLYSET_NAMESPACES, SET_TOOLING};
    const json_t *wanted = json_object_get(patch, "annotations");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *value = object_annotation(flow->object, names[i]);
        if (value == NULL ||
            strcmp(value, json_string_value(json_object_get(wanted, names[i]))) != 0)
            return false;
    }
    return true;
}

bool sync_applyset_extend(const struct sync_flow *flow, json_t *patch)
{
    if (!is_parent(flow))
        return false;
    cleanup_json json_t *wanted = json_object();
    struct contents contents;
    read_contents(flow, true, &contents);
    write_contents(&contents, wanted);
    release_contents(&contents);
    cleanup_free char *id = applyset_id(object_name(flow->object), object_namespace(flow->object),
                                        "Sync", "sealift.dev");
    const char *known = json_string_value(json_object_get(object_labels(flow->object), SET_ID));
    if (known != NULL && strcmp(known, id) == 0 && says(flow, wanted))
        return false;
    json_t *labels = json_object();
    json_object_set_new(labels, SET_ID, json_string(id));
    json_object_set_new(patch, "labels", labels);
    json_object_update(patch, wanted);
    return true;
}

bool sync_says_applied(const json_t *object)
{
    const char *kinds = object_annotation(object, APPLYSET_KINDS);
    return (kinds != NULL && *kinds != '\0') ||
           jval_int(object_status(object, "inventory"), "objects", 0) > 0;
}

void sync_applyset_settle(const struct sync_flow *flow)
{
    bool complete = is_parent(flow) && !flow->held && !flow->memory->target->partial;
    vec_foreach (const struct target_result, result, &flow->results)
        complete &= result->error.code == ERROR_NONE && result->action != TARGET_KEEP;
    if (!complete || !jval_bool(object_spec(flow->object, ""), "prune", true))
        return;
    cleanup_json json_t *before = json_object();
    cleanup_json json_t *after = json_object();
    cleanup_error struct error err = {0};
    struct contents contents;
    read_contents(flow, true, &contents);
    write_contents(&contents, before);
    release_contents(&contents);
    read_contents(flow, false, &contents);
    write_contents(&contents, after);
    release_contents(&contents);
    // More than there is does no harm; the next apply tries again.
    if (!json_equal(before, after) &&
        store_patch_metadata(flow->role->store, flow->object, after, NULL, &err) < 0)
        log_debug("the kinds of a Sync were not noted", "name", object_name(flow->object), "error",
                  error_message(&err));
}
