// Access to the fields of an object that name it, and its history.
#include "render/kustomize/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"

// Of an earlier name: kind, name, namespace (null for the default one, false where there is none).
enum { PAST_PARTS = 3 };

struct resource *resource_new_of(struct value *value, struct value *file, size_t line)
{
    struct resource *resource = xcalloc(1, sizeof *resource);
    *resource = (struct resource){
        .value = value,
        .file = value_incref(file),
        .line = line,
    };
    return resource;
}

struct resource *resource_new(struct value *value, const char *file, size_t line)
{
    // Names of files need not be UTF-8.
    cleanup_value struct value *name =
        file != NULL ? value_stringn_nocheck(file, strlen(file)) : NULL;
    return resource_new_of(value, name, line);
}

const char *resource_file(const struct resource *resource)
{
    return value_string_value(resource->file);
}

static struct value *copy_or_null(const struct value *value)
{
    return value != NULL ? value_deep_copy(value) : NULL;
}

struct resource *resource_copy(const struct resource *resource)
{
    struct resource *copy =
        resource_new_of(value_deep_copy(resource->value), resource->file, resource->line);
    copy->past = copy_or_null(resource->past);
    copy->schema = resource->schema;
    copy->prefixes = copy_or_null(resource->prefixes);
    copy->suffixes = copy_or_null(resource->suffixes);
    copy->ref_vars = copy_or_null(resource->ref_vars);
    copy->behavior = resource->behavior;
    copy->needs_hash = resource->needs_hash;
    copy->has_history = resource->has_history;
    copy->origin = copy_or_null(resource->origin);
    copy->transformations = copy_or_null(resource->transformations);
    copy->explained = copy_or_null(resource->explained);
    return copy;
}

void resource_free(struct resource *resource)
{
    if (resource == NULL)
        return;
    value_decref(resource->value);
    value_decref(resource->past);
    value_decref(resource->prefixes);
    value_decref(resource->suffixes);
    value_decref(resource->ref_vars);
    alias_forget(resource, NULL);
    value_decref(resource->file);
    value_decref(resource->origin);
    value_decref(resource->transformations);
    value_decref(resource->explained);
    free(resource);
}

void cleanup_resource_pointer(struct resource **resource)
{
    resource_free(*resource);
}

void resource_release_element(void *element)
{
    resource_free(*(struct resource **)element);
}

static const char *text_of(const struct value *value)
{
    const char *text = value_string_value(value);
    return text != NULL ? text : "";
}

const char *resource_kind(const struct resource *resource)
{
    return text_of(value_object_get(resource->value, "kind"));
}

const char *resource_name(const struct resource *resource)
{
    return text_of(value_object_get(value_object_get(resource->value, "metadata"), "name"));
}

const char *resource_namespace(const struct resource *resource)
{
    return text_of(value_object_get(value_object_get(resource->value, "metadata"), "namespace"));
}

// The type is what the text looks like, unless quotes stood there.
static void put_text(struct value *parent, const char *key, const char *text)
{
    struct value *value =
        yamlvalue_written_put(value_object_get(parent, key), text, YAMLVALUE_TAG_NONE);
    value_object_set_new(parent, key, value);
}

void resource_set_kind(struct resource *resource, const char *kind)
{
    put_text(resource->value, "kind", kind);
}

static struct value *make_object(struct value *parent, const char *key)
{
    struct value *value = value_object_get(parent, key);
    if (value == NULL || value_is_null(value)) {
        value_object_set_new(parent, key, value_object());
        value = value_object_get(parent, key);
    }
    return value_is_object(value) ? value : NULL;
}

void resource_set_name(struct resource *resource, const char *name)
{
    put_text(make_object(resource->value, "metadata"), "name", name);
}

void resource_set_namespace(struct resource *resource, const char *ns)
{
    if (*ns == '\0')
        value_object_del(value_object_get(resource->value, "metadata"), "namespace");
    else
        put_text(make_object(resource->value, "metadata"), "namespace", ns);
}

static struct value *metadata_object(const struct resource *resource, const char *key)
{
    struct value *value = value_object_get(value_object_get(resource->value, "metadata"), key);
    return value_is_object(value) ? value : NULL;
}

struct value *resource_labels(const struct resource *resource)
{
    return metadata_object(resource, "labels");
}

struct value *resource_annotations(const struct resource *resource)
{
    return metadata_object(resource, "annotations");
}

void resource_keep_readable(struct value *metadata, const char *field)
{
    struct value *old = value_object_get(metadata, field);
    if (!value_is_number(old) && !value_is_boolean(old))
        return;
    struct yamlvalue_written written;
    yamlvalue_written_of(old, &written);
    value_object_set_new(
        metadata, field,
        yamlvalue_written_marked(written.text, written.length, written.tag, false));
}

void resource_make_texts(struct value *metadata, const char *field)
{
    const struct value *map = value_object_get(metadata, field);
    struct value *texts = value_object();
    const char *key = NULL;
    struct value *value = NULL;
    value_foreach (map, key, value) {
        struct yamlvalue_written written;
        yamlvalue_written_of(value, &written);
        value_object_set_new(texts, key, yamlvalue_written_anew(written.text));
    }
    if (value_object_size(texts) == 0)
        value_object_del(metadata, field);
    else
        value_object_set(metadata, field, texts);
    value_decref(texts);
}

struct value *resource_make_annotations(struct resource *resource)
{
    struct value *metadata = make_object(resource->value, "metadata");
    return metadata != NULL ? make_object(metadata, "annotations") : NULL;
}

// The value itself where it is a text, so that it is held once.
static struct value *text_value(const struct value *value)
{
    return value_is_string(value) ? value_ref(value) : value_string("");
}

struct resource_id resource_current_id(const struct resource *resource)
{
    const struct value *metadata = value_object_get(resource->value, "metadata");
    return (struct resource_id){
        .api_version = text_of(value_object_get(resource->value, "apiVersion")),
        .kind = text_of(value_object_get(resource->value, "kind")),
        .name = text_of(value_object_get(metadata, "name")),
        .ns = text_of(value_object_get(metadata, "namespace")),
        .schema = resource->schema,
    };
}

size_t resource_past_count(const struct resource *resource)
{
    return value_array_size(resource->past) / PAST_PARTS;
}

struct resource_id resource_past_id(const struct resource *resource, size_t index)
{
    size_t at = PAST_PARTS * index;
    const struct value *ns = value_array_get(resource->past, at + 2);
    return (struct resource_id){
        .api_version = text_of(value_object_get(resource->value, "apiVersion")),
        .kind = text_of(value_array_get(resource->past, at)),
        .name = text_of(value_array_get(resource->past, at + 1)),
        .ns = value_is_false(ns)  ? RESOURCE_NO_NAMESPACE
              : value_is_null(ns) ? "default"
                                  : text_of(ns),
        .past = true,
    };
}

struct resource_id resource_original_id(const struct resource *resource)
{
    return resource->past != NULL ? resource_past_id(resource, 0) : resource_current_id(resource);
}

void resource_remember_id(struct resource *resource)
{
    struct resource_id id = resource_current_id(resource);
    const struct value *metadata = value_object_get(resource->value, "metadata");
    const struct value *own = value_object_get(metadata, "namespace");
    resource_note(&resource->past, text_value(value_object_get(resource->value, "kind")));
    resource_note(&resource->past, text_value(value_object_get(metadata, "name")));
    if (resource_id_is_cluster_scoped(id))
        resource_note(&resource->past, value_false());
    else
        resource_note(&resource->past, *id.ns != '\0' ? value_ref(own) : value_null());
    resource->has_history = true;
    // Where kustomize's notes are, there is a mapping.
    if (value_is_null(value_object_get(metadata, "annotations")))
        (void)resource_make_annotations(resource);
}

void resource_note(struct value **list, struct value *item)
{
    if (*list == NULL)
        *list = value_array();
    value_array_append_new(*list, item);
}

static const char HISTORY_MARK[] = "internal.config.kubernetes.io/history";

static bool has_history(const struct resource *resource)
{
    return resource->has_history || resource->origin != NULL;
}

void resource_lend_history(struct resource *resource)
{
    struct value *annotations = has_history(resource) ? resource_make_annotations(resource) : NULL;
    if (annotations != NULL)
        value_object_set_new(annotations, HISTORY_MARK, value_string(""));
}

void resource_drop_marks(struct value *value)
{
    const char *key = NULL;
    struct value *member = NULL;
    (void)value_object_del(value, HISTORY_MARK);
    value_foreach (value, key, member)
        resource_drop_marks(member);
    for (size_t i = 0; i < value_array_size(value); i++)
        resource_drop_marks(value_array_get(value, i));
}

void resource_forget_origin(struct resource *resource)
{
    value_decref(STEAL(resource->origin));
    value_decref(STEAL(resource->transformations));
}

void resource_forget_history(struct resource *resource)
{
    value_decref(STEAL(resource->past));
    value_decref(STEAL(resource->prefixes));
    value_decref(STEAL(resource->suffixes));
    resource->behavior = BEHAVIOR_UNSPECIFIED;
    resource->needs_hash = false;
    resource->has_history = false;
    resource_forget_origin(resource);
}

bool resource_take_history(struct resource *resource)
{
    struct value *annotations = resource_annotations(resource);
    if (!has_history(resource))
        return false;
    if (value_object_del(annotations, HISTORY_MARK) < 0)
        return true;
    if (value_object_size(annotations) == 0)
        value_object_del(value_object_get(resource->value, "metadata"), "annotations");
    return false;
}
