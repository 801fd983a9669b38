#include "cli/clean.h"

#include "api/kind.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

void clean_metadata(json_t *object)
{
    static const char *const counted[] = {"managedFields", "resourceVersion",   "generation",
                                          "uid",           "creationTimestamp", "selfLink"};
    json_t *metadata = json_object_get(object, "metadata");
    for (size_t i = 0; i < ARRAY_LENGTH(counted); i++)
        json_object_del(metadata, counted[i]);
}

// Which set an object is or belongs to (KEP-3659) is written by whoever applies it.
static bool is_of_a_set(const char *name)
{
    static const char prefix[] = "applyset.kubernetes.io/";
    return strncmp(name, prefix, sizeof prefix - 1) == 0;
}

// What commands leave behind, once it was heard.
static bool is_of_a_command(const char *name)
{
    static const char *const names[] = {ANNOTATION_REQUESTED_AT, ANNOTATION_ACCEPT_HISTORY,
                                        ANNOTATION_CONFIRM_PRUNE,
                                        "kubectl.kubernetes.io/last-applied-configuration"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

// `which` is "labels" or "annotations".
static void clean_marks(json_t *metadata, const char *which)
{
    json_t *marks = json_object_get(metadata, which);
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe (marks, next, name, value) {
        if (is_of_a_set(name) || is_of_a_command(name))
            json_object_del(marks, name);
    }
    if (json_is_object(marks) && json_object_size(marks) == 0)
        json_object_del(metadata, which);
}

// How the object came to be, and how it ends, is the cluster's.
static void clean_life(json_t *metadata)
{
    static const char *const fields[] = {"finalizers", "ownerReferences", "generateName",
                                         "deletionTimestamp", "deletionGracePeriodSeconds"};
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
        json_object_del(metadata, fields[i]);
}

static bool means_the_same(const json_t *object, const json_t *full)
{
    cleanup_json json_t *filled = api_with_defaults(object);
    return json_equal(object_spec(filled, ""), object_spec(full, "")) != 0;
}

// Takes members out of `part`, somewhere in object, as long as the defaults put them back.
static void drop_defaults(json_t *object, json_t *part, const json_t *full)
{
    cleanup_json json_t *names = json_array();
    const char *name;
    json_t *value;
    size_t index;
    size_t item_index;
    json_t *text;
    json_t *item;
    jval_foreach (part, name, value)
        json_array_append_new(names, json_string(name));
    json_array_foreach (names, index, text) {
        name = json_string_value(text);
        cleanup_json json_t *taken = jval_ref(json_object_get(part, name));
        if (json_is_object(taken))
            drop_defaults(object, taken, full);
        json_array_foreach (taken, item_index, item)
            drop_defaults(object, item, full);
        json_object_del(part, name);
        if (!means_the_same(object, full))
            json_object_set(part, name, taken);
    }
}

json_t *clean_object(const json_t *object)
{
    json_t *clean = json_deep_copy(object);
    json_object_del(clean, "status");
    json_object_del(clean, "problem");
    clean_metadata(clean);
    clean_marks(json_object_get(clean, "metadata"), "labels");
    clean_marks(json_object_get(clean, "metadata"), "annotations");
    clean_life(json_object_get(clean, "metadata"));
    cleanup_json json_t *full = api_with_defaults(clean);
    // What breaks a rule is shown as it stands.
    if (object_problem(object) == OBJECT_FINE && means_the_same(clean, full))
        drop_defaults(clean, json_object_get(clean, "spec"), full);
    return clean;
}
