// From the bytes of a file to its objects, as kustomize's resource factory makes them
// (api/resource/factory.go): empty documents dropped, kinds that end in List taken apart, their
// items put behind the rest of the file.
#include "render/kustomize/resource.h"

#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/resource_text.h"
#include "render/kustomize/schema.h"

enum {
    MAX_OBJECTS = 200000, // of one file; Lists in Lists included
};

static const struct yamlvalue_limits limits = {
    .max_depth = 64,
    .max_nodes = 20000000,
    .max_documents = MAX_OBJECTS,
    .kustomize = true,
    .any_tag = true,
    .written = true,
};

struct item {
    struct value *value; // owned
    size_t line;
};

static void release_item(void *element)
{
    value_decref(((struct item *)element)->value);
}

static bool is_list(const char *kind)
{
    size_t length = strlen(kind);
    return length >= 4 && strcmp(kind + length - 4, "List") == 0;
}

static int check(struct value *value, struct error *err)
{
    if (!value_is_object(value))
        return error_set(err, ERROR_INVALID,
                         "this is no Kubernetes object: a mapping with "
                         "apiVersion, kind and metadata is expected");
    const char *kind = value_text_or(value, "kind", "");
    struct value *metadata = value_object_get(value, "metadata");
    if (*kind == '\0')
        return error_set(err, ERROR_INVALID,
                         "an object without kind; write for example \"kind: Deployment\"");
    if (metadata != NULL && !value_is_null(metadata) && !value_is_object(metadata))
        return error_set(err, ERROR_INVALID, "%s with a metadata that is no mapping", kind);
    if (is_list(kind))
        return 0;
    resource_keep_readable(metadata, "name");
    resource_keep_readable(metadata, "namespace");
    const char *name = value_text_or(metadata, "name", "");
    if (*name == '\0')
        return error_set(err, ERROR_INVALID, "%s without metadata.name%s; give it one", kind,
                         value_object_get(metadata, "generateName") != NULL
                             ? " (generateName would make a new object on every apply)"
                             : "");
    return 0;
}

static bool is_empty(const struct value *value)
{
    return value_is_null(value) || (value_is_object(value) && value_object_size(value) == 0) ||
           (value_is_array(value) && value_array_size(value) == 0);
}

static int add_item(struct vec *items, struct value *value, size_t line, const char *file,
                    struct error *err)
{
    if (is_empty(value))
        return 0;
    if (check(value, err) < 0)
        return error_wrap(err, "%s:%zu", file, line);
    if (items->len >= MAX_OBJECTS)
        return error_set(err, ERROR_LIMIT, "%s: more than %d objects; split the file", file,
                         MAX_OBJECTS);
    *(struct item *)vec_push(items) = (struct item){.value = value_ref(value), .line = line};
    return 0;
}

// The reader takes the only document of a file apart as it stands where it is a plain List; other
// lists go through Go's JSON.
static bool is_read_apart(const struct value *value)
{
    const char *kind = value_text_or(value, "kind", "");
    return strcmp(kind, "ResourceList") == 0 || strcmp(kind, "List") == 0;
}

// What functions of kustomize print, and a List of one document, may hold a functionConfig beside
// or instead of their items, which is no object (kyaml/kio/byteio_reader.go).
static bool has_function_only(const struct value *value)
{
    return is_read_apart(value) && value_object_get(value, "items") == NULL &&
           value_object_get(value, "functionConfig") != NULL;
}

// Whether there is no line "---" in it but the first, behind which more might come.
static bool is_one_document(const char *text, size_t size)
{
    const char *end = text + size;
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), "\n---", 4)) != NULL; at += 4)
        if (memchr(at + 4, '\n', (size_t)(end - at) - 4) != NULL)
            return false;
    return true;
}

// 1 when value is a List and its items were queued, 0 when it is an object of its own.
static int expand(struct vec *queue, struct value *value, size_t line, bool read_apart,
                  const char *file, struct error *err)
{
    const struct value *items = value_object_get(value, "items");
    if (!is_list(value_text_or(value, "kind", "")) || items == NULL)
        return 0;
    if (!value_is_array(items) && !value_is_null(items))
        return error_set(err, ERROR_INVALID, "%s:%zu: the items of %s are no list", file, line,
                         value_text_or(value, "kind", ""));
    if (!read_apart && items != NULL && yamlvalue_written_as_json(value_unconst(items), err) < 0)
        return error_wrap(err, "%s:%zu", file, line);
    for (size_t i = 0; i < value_array_size(items); i++)
        if (add_item(queue, value_array_get(items, i), line, file, err) < 0)
            return -1;
    return 1;
}

// As an object says that was kept while kustomize worked on it.
static bool asks_for_hash(const struct resource *resource)
{
    const struct value *asks = value_object_get(resource_annotations(resource),
                                                "internal.config.kubernetes.io/needsHashSuffix");
    return value_is_string(asks) && strcmp(value_string_value(asks), "enabled") == 0;
}

int resource_parse(const char *text, size_t size, const char *file, struct schema *schema,
                   struct vec *resources, struct error *err)
{
    cleanup_value struct value *name = value_stringn_nocheck(file, strlen(file));
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    cleanup_vec struct vec queue = VEC_OF(struct item, release_item);
    cleanup_vec struct vec result = RESOURCES;
    cleanup_free char *clean = NULL;
    size_t clean_size = 0;
    if (resource_text_clean(text, size, file, &clean, &clean_size, err) < 0 ||
        yamlvalue_parse_all(clean != NULL ? clean : text, clean_size, file, &limits, &documents,
                            err) < 0)
        return -1;
    bool alone = is_one_document(text, size);
    vec_foreach (struct yamlvalue_document, document, &documents) {
        if (!(alone && has_function_only(document->value)) &&
            add_item(&queue, document->value, document->line, file, err) < 0)
            return -1;
        value_decref(STEAL(document->value));
    }
    for (size_t i = 0; i < queue.len; i++) {
        struct item item = *(struct item *)vec_at(&queue, i);
        bool read_apart = alone && i == 0 && is_read_apart(item.value);
        int expanded = expand(&queue, item.value, item.line, read_apart, file, err);
        if (expanded < 0)
            return -1;
        if (expanded == 0)
            *(struct resource **)vec_push(&result) =
                resource_new_of(value_ref(item.value), name, item.line);
    }
    vec_foreach (struct resource *, resource, &result) {
        struct resource_id id = resource_current_id(*resource);
        if (schema != NULL)
            schema_ask_scope(schema, id.api_version, id.kind);
        (*resource)->schema = schema;
        (*resource)->needs_hash = asks_for_hash(*resource);
        *(struct resource **)vec_push(resources) = STEAL(*resource);
    }
    return 0;
}
