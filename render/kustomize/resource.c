// Access to the fields of an object that name it, and its history.
#include "render/kustomize/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/alias.h"

static void release_past(void *element)
{
    struct resource_past *past = element;
    free(past->kind);
    free(past->name);
    free(past->ns);
}

struct resource *resource_new(struct value *value, const char *file, size_t line)
{
    struct resource *resource = xcalloc(1, sizeof *resource);
    *resource = (struct resource){
        .value = value,
        .past = VEC_OF(struct resource_past, release_past),
        .prefixes = VEC_OF(char *, vec_release_string),
        .suffixes = VEC_OF(char *, vec_release_string),
        .ref_vars = VEC_OF(char *, vec_release_string),
        .aliases = VEC_OF(struct alias_group, alias_group_release),
        .file = xstrdup_or_null(file),
        .line = line,
    };
    return resource;
}

static void copy_strings(struct vec *to, const struct vec *from)
{
    vec_foreach (char *, text, from)
        vec_push_string(to, *text);
}

struct resource *resource_copy(const struct resource *resource)
{
    struct resource *copy =
        resource_new(value_deep_copy(resource->value), resource->file, resource->line);
    vec_foreach (struct resource_past, past, &resource->past) {
        *(struct resource_past *)vec_push(&copy->past) = (struct resource_past){
            .kind = xstrdup(past->kind),
            .name = xstrdup(past->name),
            .ns = xstrdup(past->ns),
        };
    }
    copy->schema = resource->schema;
    copy_strings(&copy->prefixes, &resource->prefixes);
    copy_strings(&copy->suffixes, &resource->suffixes);
    copy_strings(&copy->ref_vars, &resource->ref_vars);
    copy->behavior = resource->behavior;
    copy->needs_hash = resource->needs_hash;
    copy->has_history = resource->has_history;
    copy->origin = value_deep_copy(resource->origin);
    copy->transformations = value_deep_copy(resource->transformations);
    copy->explained = value_deep_copy(resource->explained);
    return copy;
}

void resource_free(struct resource *resource)
{
    if (resource == NULL)
        return;
    value_decref(resource->value);
    vec_free(&resource->past);
    vec_free(&resource->prefixes);
    vec_free(&resource->suffixes);
    vec_free(&resource->ref_vars);
    vec_free(&resource->aliases);
    free(resource->file);
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

struct value *resource_make_annotations(struct resource *resource)
{
    struct value *metadata = make_object(resource->value, "metadata");
    return metadata != NULL ? make_object(metadata, "annotations") : NULL;
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

struct resource_id resource_past_id(const struct resource *resource, size_t index)
{
    const struct resource_past *past = vec_at(&resource->past, index);
    return (struct resource_id){
        .api_version = text_of(value_object_get(resource->value, "apiVersion")),
        .kind = past->kind,
        .name = past->name,
        .ns = past->ns,
        .schema = resource->schema,
    };
}

struct resource_id resource_original_id(const struct resource *resource)
{
    return resource->past.len > 0 ? resource_past_id(resource, 0) : resource_current_id(resource);
}

void resource_remember_id(struct resource *resource)
{
    struct resource_id id = resource_current_id(resource);
    *(struct resource_past *)vec_push(&resource->past) = (struct resource_past){
        .kind = xstrdup(id.kind),
        .name = xstrdup(id.name),
        .ns = xstrdup(resource_id_effective_namespace(id)),
    };
    resource->has_history = true;
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

void resource_forget_origin(struct resource *resource)
{
    value_decref(STEAL(resource->origin));
    value_decref(STEAL(resource->transformations));
}

void resource_forget_history(struct resource *resource)
{
    vec_clear(&resource->past);
    vec_clear(&resource->prefixes);
    vec_clear(&resource->suffixes);
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
