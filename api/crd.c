// One definition: names, columns, and a schema that follows the rows of the kind's table.
#include "api/crd.h"

#include "api/crd_internal.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    // Where a row has no bound; the cost of expressions is estimated from these.
    MAX_ITEMS = 64,
    MAX_ENTRIES = 64,
    MAX_ENTRY_LENGTH = 253,
};

struct column {
    const char *name;
    const char *type;
    const char *path;
};

static const struct {
    const char *kind;
    const char *short_name;
    bool suspends; // the conditions of a suspended one are of before
    struct column columns[4];
} kinds[] = {
    {"Bundle", "slb", true, {{"Revision", "string", ".status.artifact.revision"}}},
    {"Sync", "sls", true, {{"Revision", "string", ".status.artifact.revision"}}},
    {"Hook",
     "slh",
     false,
     {{"Provider", "string", ".spec.provider"}, {"Delivered", "date", ".status.lastDelivery.at"}}},
    {"TrustPolicy", "slp", false, {{NULL, NULL, NULL}}},
};

static json_t *schema_of(const struct kind_table *table, const struct field *field);

static const char *type_of(enum field_type type)
{
    switch (type) {
    case FIELD_STRING:
    case FIELD_ENUM:
    case FIELD_DURATION:
    case FIELD_TIME:
        return "string";
    case FIELD_BOOL:
        return "boolean";
    case FIELD_INT:
        return "integer";
    case FIELD_LIST:
        return "array";
    case FIELD_OBJECT:
    case FIELD_TEXT_MAP:
    case FIELD_ANY:
        break;
    case FIELD_SCALAR:
        return NULL;
    }
    return "object";
}

static void keep_unknown(json_t *schema)
{
    jval_set_bool(schema, "x-kubernetes-preserve-unknown-fields", true);
}

static json_t *keep_all(void)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    keep_unknown(schema);
    return schema;
}

// What people read in `kubectl explain`.
static void describe(json_t *schema, const struct field *field)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 1 << 14);
    strbuf_addf(&text, "%s%s", field->required ? "Required. " : "", field->doc);
    if (field->choices != NULL) {
        strbuf_addstr(&text, strchr(field->choices, '|') != NULL ? " One of " : " Only ");
        for (const char *at = field->choices; *at != '\0'; at++)
            strbuf_add(&text, *at == '|' ? ", " : at, *at == '|' ? 2 : 1);
        strbuf_addch(&text, '.');
    }
    if (field->pending != NULL && field->pending_choices == NULL)
        strbuf_addf(&text, " Not built yet: %s.", field->pending);
    jval_set_string(schema, "description", text.data);
}

static void set_properties(json_t *schema, const struct kind_table *table, const char *path)
{
    json_t *properties = json_object();
    const char *name;
    for (size_t i = 0; i < table->n_fields; i++) {
        if (field_is_child(table->fields[i].path, path, &name))
            json_object_set_new(properties, name, schema_of(table, &table->fields[i]));
    }
    if (json_object_size(properties) == 0)
        keep_unknown(schema);
    json_object_set_new(schema, "properties", properties);
}

static void set_rules(json_t *schema, json_t *rules)
{
    if (json_array_size(rules) > 0)
        json_object_set_new(schema, "x-kubernetes-validations", rules);
    else
        json_decref(rules);
}

static void set_items(json_t *schema, const struct kind_table *table, const struct field *field)
{
    const struct field *item = field_child(table, field->path, "[]", 2);
    json_object_set_new(schema, "items", item != NULL ? schema_of(table, item) : keep_all());
    jval_set_int(schema, "maxItems", field->max > 0 ? field->max : MAX_ITEMS);
}

// For members that no expression sees, since they may be of several types.
static void set_any_of(json_t *schema, const char *names)
{
    json_t *all = json_array();
    while (*names != '\0') {
        size_t length = strcspn(names, "|");
        json_array_append_new(all, json_pack("{s:[s%]}", "required", names, length));
        names += length + (names[length] == '|');
    }
    json_object_set_new(schema, "anyOf", all);
}

// Bounds that only keep the cost of expressions within limits stand beside those that people asked
// for; no other keyword that refuses is used where an expression can, since the API server would
// use its own words.
static void set_shape(json_t *schema, const struct kind_table *table, const struct field *field)
{
    switch (field->type) {
    case FIELD_STRING:
    case FIELD_ENUM:
    case FIELD_DURATION:
    case FIELD_TIME:
        jval_set_int(schema, "maxLength", crd_max_length(field));
        break;
    case FIELD_INT:
        jval_set_string(schema, "format", "int64");
        break;
    case FIELD_OBJECT:
        set_properties(schema, table, field->path);
        if (field->any_of != NULL)
            set_any_of(schema, field->any_of);
        break;
    case FIELD_LIST:
        set_items(schema, table, field);
        break;
    case FIELD_TEXT_MAP:
        jval_set_int(schema, "maxProperties", field->max > 0 ? field->max : MAX_ENTRIES);
        json_object_set_new(
            schema, "additionalProperties",
            json_pack("{s:s, s:i}", "type", "string", "maxLength", MAX_ENTRY_LENGTH));
        break;
    case FIELD_ANY:
    case FIELD_SCALAR:
        keep_unknown(schema);
        break;
    case FIELD_BOOL:
        break;
    }
}

static json_t *schema_of(const struct kind_table *table, const struct field *field)
{
    json_t *schema = json_object();
    jval_set_string(schema, "type", type_of(field->type));
    describe(schema, field);
    set_shape(schema, table, field);
    if (field->fallback != NULL)
        json_object_set_new(schema, "default", json_loads(field->fallback, JSON_DECODE_ANY, NULL));
    json_t *rules = crd_field_rules(table, field);
    if (field->type == FIELD_OBJECT)
        crd_add_member_rules(table, field->path, rules);
    set_rules(schema, rules);
    return schema;
}

// metav1.Condition, with one entry per type.
static json_t *conditions_schema(const char *doc)
{
    json_t *properties = json_object();
    static const char *const names[] = {"type",   "status",  "lastTransitionTime",
                                        "reason", "message", NULL};
    for (size_t i = 0; names[i] != NULL; i++)
        json_object_set_new(properties, names[i], json_pack("{s:s}", "type", "string"));
    jval_set_string(properties, "lastTransitionTime.format", "date-time");
    json_object_set_new(properties, "observedGeneration",
                        json_pack("{s:s, s:s}", "type", "integer", "format", "int64"));
    return json_pack("{s:s, s:s, s:s, s:[s], s:{s:s, s:[s, s], s:o}}", "type", "array",
                     "description", doc, "x-kubernetes-list-type", "map",
                     "x-kubernetes-list-map-keys", "type", "items", "type", "object", "required",
                     "type", "status", "properties", properties);
}

static json_t *status_leaf(const struct field *field)
{
    if (strcmp(field->path, "status.conditions") == 0)
        return conditions_schema(field->doc);
    json_t *schema = json_object();
    jval_set_string(schema, "type", type_of(field->type));
    jval_set_string(schema, "description", field->doc);
    if (field->type == FIELD_INT) {
        jval_set_string(schema, "format", "int64");
    } else if (field->type == FIELD_LIST) {
        json_t *items = json_object();
        keep_unknown(items);
        json_object_set_new(schema, "items", items);
    } else if (field->type == FIELD_OBJECT) {
        keep_unknown(schema);
    }
    return schema;
}

// Only controllers write it, so the rows describe it and refuse nothing.
static json_t *status_schema(const struct kind_table *table)
{
    json_t *status = keep_all();
    jval_set_string(status, "description", "What is; written by sealift.");
    for (size_t i = 0; i < table->n_status_fields; i++) {
        const struct field *field = &table->status_fields[i];
        json_t *parent = status;
        const char *at = field->path + strlen("status.");
        for (const char *dot; (dot = strchr(at, '.')) != NULL; at = dot + 1) {
            cleanup_free char *name = xasprintf("properties.%.*s", (int)(dot - at), at);
            if (jval_get(parent, name) == NULL)
                jval_set(parent, name, keep_all());
            parent = jval_unconst(jval_get(parent, name));
        }
        cleanup_free char *name = xasprintf("properties.%s", at);
        jval_set(parent, name, status_leaf(field));
    }
    return status;
}

static json_t *root_schema(const struct kind_table *table)
{
    json_t *schema = json_object();
    jval_set_string(schema, "type", "object");
    jval_set_string(schema, "description", table->doc);
    json_t *properties = json_object();
    json_object_set_new(properties, "apiVersion", json_pack("{s:s}", "type", "string"));
    json_object_set_new(properties, "kind", json_pack("{s:s}", "type", "string"));
    json_object_set_new(properties, "metadata", json_pack("{s:s}", "type", "object"));
    json_object_set_new(properties, "spec", schema_of(table, field_child(table, "", "spec", 4)));
    json_object_set_new(properties, "status", status_schema(table));
    json_object_set_new(schema, "properties", properties);
    json_t *rules = json_array();
    crd_add_member_rules(table, "", rules);
    set_rules(schema, rules);
    return schema;
}

static void add_column(json_t *columns, const char *name, const char *type, const char *path)
{
    json_array_append_new(
        columns, json_pack("{s:s, s:s, s:s}", "name", name, "type", type, "jsonPath", path));
}

static json_t *columns_of(size_t which)
{
    json_t *columns = json_array();
    add_column(columns, "Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status");
    if (kinds[which].suspends)
        add_column(columns, "Suspended", "boolean", ".spec.suspend");
    add_column(columns, "Status", "string", ".status.conditions[?(@.type==\"Ready\")].message");
    for (size_t i = 0; i < ARRAY_LENGTH(kinds[which].columns); i++) {
        const struct column *column = &kinds[which].columns[i];
        if (column->name != NULL)
            add_column(columns, column->name, column->type, column->path);
    }
    add_column(columns, "Age", "date", ".metadata.creationTimestamp");
    return columns;
}

static json_t *names_of(const struct kind *kind, const char *short_name)
{
    cleanup_free char *singular = xstrdup(kind->name);
    for (char *at = singular; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    cleanup_free char *list = xasprintf("%sList", kind->name);
    return json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s]}", "kind", kind->name, "listKind", list,
                     "plural", kind->plural, "singular", singular, "shortNames", short_name,
                     "categories", "sealift");
}

json_t *api_crd(const char *kind)
{
    const struct kind_table *table = kind_table_find(kind);
    size_t which = 0;
    while (which < ARRAY_LENGTH(kinds) && strcmp(kinds[which].kind, kind) != 0)
        which++;
    if (table == NULL || which == ARRAY_LENGTH(kinds))
        return NULL;
    cleanup_free char *name = xasprintf("%s." API_GROUP, table->kind.plural);
    json_t *version =
        json_pack("{s:s, s:b, s:b, s:{s:{}}, s:o, s:{s:o}}", "name", strchr(API_VERSION, '/') + 1,
                  "served", 1, "storage", 1, "subresources", "status", "additionalPrinterColumns",
                  columns_of(which), "schema", "openAPIV3Schema", root_schema(table));
    return json_pack("{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:s, s:s, s:o, s:[o]}}", "apiVersion",
                     "apiextensions.k8s.io/v1", "kind", "CustomResourceDefinition", "metadata",
                     "name", name, "labels", "app.kubernetes.io/name", "sealift", "spec", "group",
                     API_GROUP, "scope", table->kind.namespaced ? "Namespaced" : "Cluster", "names",
                     names_of(&table->kind, kinds[which].short_name), "versions", version);
}

int api_crd_yaml(const char *kind, struct strbuf *out, struct error *err)
{
    cleanup_json json_t *crd = api_crd(kind);
    if (crd == NULL)
        return error_set(err, ERROR_INVALID,
                         "there is no definition for kind \"%.100s\"; there are those of Bundle, "
                         "Sync, Hook and TrustPolicy",
                         kind);
    return yamljson_write(crd, out, err);
}

char *api_crd_file(const char *kind)
{
    const struct kind *found = kind_find(kind);
    return found != NULL ? xasprintf(API_GROUP "_%s.yaml", found->plural) : NULL;
}
