#include "render/kustomize/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "render/kustomize/schema_internal.h"

enum { MAX_REFERENCES = 64 }; // followed in a row; more is a circle

struct schema {
    bool set;        // by a kustomization
    bool table;      // the built-in kinds count
    bool table_used; // before a document could take their place
    struct value *document;
    struct value *kinds;  // "apiVersion kind" -> definition
    struct value *scopes; // "apiVersion kind" -> whether it has a namespace
};

struct schema *schema_new(void)
{
    struct schema *schema = xcalloc(1, sizeof *schema);
    schema->table = true;
    return schema;
}

void schema_free(struct schema *schema)
{
    if (schema == NULL)
        return;
    value_decref(schema->document);
    value_decref(schema->kinds);
    value_decref(schema->scopes);
    free(schema);
}

void cleanup_schema_pointer(struct schema **schema)
{
    schema_free(*schema);
    *schema = NULL;
}

static char *kind_key(const char *api_version, const char *kind)
{
    return xasprintf("%s %s", api_version, kind);
}

static void index_definition(struct value *kinds, struct value *definition)
{
    const struct value *names = value_object_get(definition, "x-kubernetes-group-version-kind");
    for (size_t i = 0; i < value_array_size(names); i++) {
        const struct value *name = value_array_get(names, i);
        const char *group = value_text_or(name, "group", "");
        const char *version = value_text(name, "version");
        const char *kind = value_text(name, "kind");
        if (version == NULL || kind == NULL)
            continue;
        cleanup_free char *api_version =
            xasprintf("%s%s%s", group, *group == '\0' ? "" : "/", version);
        cleanup_free char *key = kind_key(api_version, kind);
        value_object_set(kinds, key, definition);
    }
}

// findNamespaceability: any path with a namespace counts.
static void index_paths(struct value *scopes, const struct value *paths)
{
    const char *path = NULL;
    struct value *item = NULL;
    value_foreach (paths, path, item) {
        const struct value *get = value_object_get(item, "get");
        const struct value *name = value_object_get(get, "x-kubernetes-group-version-kind");
        const char *group = value_text_or(name, "group", "");
        const char *version = value_text(name, "version");
        const char *kind = value_text(name, "kind");
        if (version == NULL || kind == NULL)
            continue;
        cleanup_free char *api_version =
            xasprintf("%s%s%s", group, *group == '\0' ? "" : "/", version);
        cleanup_free char *key = kind_key(api_version, kind);
        bool namespaced = strstr(path, "namespaces/{namespace}") != NULL;
        if (namespaced || value_object_get(scopes, key) == NULL)
            value_object_set_new(scopes, key, value_boolean(namespaced));
    }
}

int schema_set_document(struct schema *schema, const char *text, size_t size, const char *name,
                        struct error *err)
{
    if (schema->set)
        return 0;
    cleanup_value struct value *document = NULL;
    if (yamlvalue_parse_first(text, size, name, &document, err) < 0)
        return error_wrap(err, "OpenAPI document");
    const struct value *definitions = value_object_get(document, "definitions");
    if (!value_is_object(document) || (definitions != NULL && !value_is_object(definitions)))
        return error_set(err, ERROR_INVALID,
                         "%s: not an OpenAPI v2 document: it has no object \"definitions\"", name);
    value_decref(schema->document);
    value_decref(schema->kinds);
    schema->kinds = value_object();
    const char *key = NULL;
    struct value *definition = NULL;
    value_foreach (definitions, key, definition)
        index_definition(schema->kinds, definition);
    value_decref(schema->scopes);
    schema->scopes = value_object();
    index_paths(schema->scopes, value_object_get(document, "paths"));
    schema->document = STEAL(document);
    schema->set = true;
    schema->table = schema->table_used;
    return 0;
}

int schema_set_version(struct schema *schema, const char *version, struct error *err)
{
    if (schema->set || *version == '\0')
        return 0;
    if (strcmp(version, "v1.21.2") != 0)
        return error_set(err, ERROR_INVALID,
                         "openapi.version \"%s\" is not built in; v1.21.2 is the only one (or name "
                         "a document in openapi.path)",
                         version);
    schema->set = true;
    return 0;
}

static int compare_roots(const void *a, const void *b)
{
    const struct schema_root *left = a;
    const struct schema_root *right = b;
    int order = strcmp(left->api_version, right->api_version);
    return order != 0 ? order : strcmp(left->kind, right->kind);
}

const struct value *schema_scopes(const struct schema *schema)
{
    return schema != NULL ? schema->scopes : NULL;
}

bool schema_says_cluster(const struct schema *schema, const char *api_version, const char *kind)
{
    if (schema_scopes(schema) == NULL)
        return false;
    cleanup_free char *key = kind_key(api_version, kind);
    return value_is_false(value_object_get(schema->scopes, key));
}

static const struct schema_root *find_root(const char *api_version, const char *kind)
{
    struct schema_root wanted = {.api_version = api_version, .kind = kind};
    return bsearch(&wanted, schema_roots, schema_root_count, sizeof *schema_roots, compare_roots);
}

void schema_ask_scope(struct schema *schema, const char *api_version, const char *kind)
{
    if (!schema->set && !schema->table_used && find_root(api_version, kind) == NULL)
        schema->table_used = true;
}

static const struct value *follow(const struct value *definitions, const struct value *definition)
{
    for (int i = 0; definition != NULL && i < MAX_REFERENCES; i++) {
        const char *reference = value_string_value(value_object_get(definition, "$ref"));
        if (reference == NULL)
            return value_is_object(definition) ? definition : NULL;
        static const char prefix[] = "#/definitions/";
        if (strncmp(reference, prefix, sizeof prefix - 1) != 0)
            return NULL;
        definition = value_object_get(definitions, reference + sizeof prefix - 1);
    }
    return NULL;
}

static struct schema_place in_document(const struct value *definitions,
                                       const struct value *definition)
{
    definition = follow(definitions, definition);
    if (definition == NULL)
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    return (struct schema_place){
        .kind = SCHEMA_DOCUMENT, .definition = definition, .definitions = definitions};
}

// Kustomize's own kinds are known whatever document is named.
static bool is_kustomizes(const char *api_version)
{
    return strcmp(api_version, "kustomize.config.k8s.io/v1beta1") == 0;
}

struct schema_place schema_of_kind(struct schema *schema, const char *api_version, const char *kind)
{
    if (schema->table)
        schema->table_used = true;
    if (schema->kinds != NULL) {
        cleanup_free char *key = kind_key(api_version, kind);
        const struct value *definition = value_object_get(schema->kinds, key);
        if (definition != NULL)
            return (struct schema_place){.kind = SCHEMA_DOCUMENT,
                                         .definition = definition,
                                         .definitions =
                                             value_object_get(schema->document, "definitions")};
    }
    if (!schema->table && !is_kustomizes(api_version))
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    const struct schema_root *root = find_root(api_version, kind);
    if (root == NULL)
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    return (struct schema_place){.kind = SCHEMA_TABLE, .node = root->node};
}

static int compare_rows(const void *name, const void *row)
{
    return strcmp(name, ((const struct schema_row *)row)->field);
}

// A field that the table leaves out has no keyed list below it, so nothing is lost when it stays a
// place of the table that knows no field.
static struct schema_place table_field(unsigned node, const char *field)
{
    const struct schema_node *rows = &schema_nodes[node];
    const struct schema_row *row =
        bsearch(field, schema_rows + rows->first, rows->count, sizeof *schema_rows, compare_rows);
    if (row == NULL)
        return (struct schema_place){.kind = SCHEMA_TABLE};
    return (struct schema_place){.kind = SCHEMA_TABLE, .node = row->node, .keys = row->keys};
}

struct schema_place schema_field(struct schema_place place, const char *field)
{
    switch (place.kind) {
    case SCHEMA_TABLE:
        return table_field(place.node, field);
    case SCHEMA_DOCUMENT: {
        const struct value *properties = value_object_get(place.definition, "properties");
        const struct value *value = value_object_get(properties, field);
        if (value == NULL)
            value = value_object_get(place.definition, "additionalProperties");
        return in_document(place.definitions, value);
    }
    case SCHEMA_UNKNOWN:
    default:
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    }
}

static bool is_array_type(const struct value *type)
{
    if (value_is_array(type))
        return value_array_size(type) == 1 && is_array_type(value_array_get(type, 0));
    return value_is_string(type) && strcmp(value_string_value(type), "array") == 0;
}

struct schema_place schema_elements(struct schema_place place)
{
    switch (place.kind) {
    case SCHEMA_TABLE:
        return (struct schema_place){.kind = SCHEMA_TABLE, .node = place.node};
    case SCHEMA_DOCUMENT:
        if (!is_array_type(value_object_get(place.definition, "type")))
            return (struct schema_place){.kind = SCHEMA_UNKNOWN};
        return in_document(place.definitions, value_object_get(place.definition, "items"));
    case SCHEMA_UNKNOWN:
    default:
        return (struct schema_place){.kind = SCHEMA_UNKNOWN};
    }
}

// "merge", "merge,retainKeys": whether the word is among those between commas.
static bool says_merge(const char *strategy)
{
    while (strategy != NULL && *strategy != '\0') {
        size_t length = strcspn(strategy, ",");
        if (length == 5 && memcmp(strategy, "merge", 5) == 0)
            return true;
        strategy += length + (strategy[length] == ',');
    }
    return false;
}

static size_t document_keys(const struct value *definition, const char *keys[SCHEMA_MAX_KEYS])
{
    const struct value *list = value_object_get(definition, "x-kubernetes-list-map-keys");
    size_t count = 0;
    for (size_t i = 0; i < value_array_size(list) && count < SCHEMA_MAX_KEYS; i++) {
        const char *key = value_string_value(value_array_get(list, i));
        if (key != NULL)
            keys[count++] = key;
    }
    const char *one =
        value_string_value(value_object_get(definition, "x-kubernetes-patch-merge-key"));
    if (list == NULL && one != NULL)
        keys[count++] = one;
    return count;
}

bool schema_joins_list(struct schema_place place, const char *keys[SCHEMA_MAX_KEYS],
                       size_t *ret_count)
{
    if (place.kind == SCHEMA_DOCUMENT) {
        const struct value *strategy =
            value_object_get(place.definition, "x-kubernetes-patch-strategy");
        if (!says_merge(value_string_value(strategy)))
            return false;
        *ret_count = document_keys(place.definition, keys);
        return true;
    }
    if (place.kind != SCHEMA_TABLE || place.keys == NULL)
        return false;
    size_t count = 0;
    for (; place.keys[count] != NULL; count++)
        keys[count] = place.keys[count];
    *ret_count = count;
    return true;
}
