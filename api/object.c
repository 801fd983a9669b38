#include "api/object.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

struct object_key object_key(const json_t *object)
{
    return (struct object_key){.kind = object_kind(object),
                               .namespace = object_namespace(object),
                               .name = object_name(object)};
}

bool object_key_equal(const struct object_key *a, const struct object_key *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->namespace, b->namespace) == 0 &&
           strcmp(a->kind, b->kind) == 0;
}

char *object_key_text(const struct object_key *key)
{
    const char *kind = *key->kind != '\0' ? key->kind : "object";
    const char *name = *key->name != '\0' ? key->name : "without name";
    if (*key->namespace == '\0')
        return xasprintf("%s %s", kind, name);
    return xasprintf("%s %s/%s", kind, key->namespace, name);
}

char *object_text(const json_t *object)
{
    struct object_key key = object_key(object);
    return object_key_text(&key);
}

const char *object_kind(const json_t *object)
{
    return text_or_empty(jval_string(object, "kind"));
}

const char *object_namespace(const json_t *object)
{
    return text_or_empty(jval_string(object, "metadata.namespace"));
}

const char *object_name(const json_t *object)
{
    return text_or_empty(jval_string(object, "metadata.name"));
}

const char *object_uid(const json_t *object)
{
    return text_or_empty(jval_string(object, "metadata.uid"));
}

const char *object_resource_version(const json_t *object)
{
    return text_or_empty(jval_string(object, "metadata.resourceVersion"));
}

int64_t object_generation(const json_t *object)
{
    return jval_int(object, "metadata.generation", 0);
}

// Names of annotations and labels hold dots, so they are no jval paths.
const char *object_annotation(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(jval_object(object, "metadata.annotations"), name));
}

const json_t *object_labels(const json_t *object)
{
    return jval_object(object, "metadata.labels");
}

const char *object_label(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object_labels(object), name));
}

const json_t *object_spec(const json_t *object, const char *path)
{
    return jval_get(jval_get(object, "spec"), path);
}

const json_t *object_status(const json_t *object, const char *path)
{
    return jval_get(jval_get(object, "status"), path);
}

const char *object_spec_string(const json_t *object, const char *path)
{
    return json_string_value(object_spec(object, path));
}

const char *object_bundle_namespace(const json_t *sync)
{
    const char *namespace = object_spec_string(sync, "bundleRef.namespace");
    return namespace != NULL ? namespace : object_namespace(sync);
}

bool object_follows(const json_t *sync, const json_t *bundle)
{
    const char *name = object_spec_string(sync, "bundleRef.name");
    return name != NULL && strcmp(name, object_name(bundle)) == 0 &&
           strcmp(object_bundle_namespace(sync), object_namespace(bundle)) == 0;
}

const char *object_status_string(const json_t *object, const char *path)
{
    return json_string_value(object_status(object, path));
}

int64_t object_spec_duration_ms(const json_t *object, const char *path, int64_t fallback)
{
    const char *text = object_spec_string(object, path);
    int64_t ms;
    return text != NULL && duration_parse(text, &ms, NULL) == 0 ? ms : fallback;
}

bool object_is_suspended(const json_t *object)
{
    return json_is_true(object_spec(object, "suspend"));
}

bool object_is_deleting(const json_t *object)
{
    return jval_string(object, "metadata.deletionTimestamp") != NULL;
}

bool object_has_finalizer(const json_t *object, const char *finalizer)
{
    size_t i;
    json_t *value;
    json_array_foreach (jval_array(object, "metadata.finalizers"), i, value) {
        const char *text = json_string_value(value);
        if (text != NULL && strcmp(text, finalizer) == 0)
            return true;
    }
    return false;
}

enum object_problem object_problem(const json_t *object)
{
    const char *reason = jval_string(object, "problem.reason");
    if (reason == NULL)
        return OBJECT_FINE;
    return strcmp(reason, "Unreadable") == 0 ? OBJECT_UNREADABLE : OBJECT_INVALID;
}

const char *object_problem_message(const json_t *object)
{
    return text_or_empty(jval_string(object, "problem.message"));
}
