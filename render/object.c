#include "render/object.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"

enum {
    MAX_DEPTH = 64,       // what our YAML reader takes
    MAX_NAME = 253,       // a DNS subdomain; names of other forms are no longer
    MAX_NAMESPACE = 63,   // a DNS label
    MAX_KIND = 63,        // a DNS label in lower case
    MAX_API_VERSION = 317 // group, '/', version
};

void object_identity_release(struct object_identity *identity)
{
    free(STEAL(identity->api_version));
    free(STEAL(identity->group));
    free(STEAL(identity->kind));
    free(STEAL(identity->ns));
    free(STEAL(identity->name));
}

char *object_identity_describe(const struct object_identity *identity)
{
    return xasprintf("%s%s%s \"%s%s%s\"", identity->kind, *identity->group != '\0' ? "." : "",
                     identity->group, identity->ns != NULL ? identity->ns : "",
                     identity->ns != NULL ? "/" : "", identity->name);
}

static bool is_lower_or_digit(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
}

static bool has_only(const char *text, size_t length, const char *also)
{
    for (size_t i = 0; i < length; i++)
        if (!is_lower_or_digit(text[i]) && strchr(also, text[i]) == NULL)
            return false;
    return true;
}

static bool is_namespace(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= MAX_NAMESPACE && has_only(text, length, "-") && *text != '-' &&
           text[length - 1] != '-';
}

// group/version or version.
static bool is_api_version(const char *text)
{
    const char *slash = strchr(text, '/');
    const char *version = slash != NULL ? slash + 1 : text;
    size_t group_length = slash != NULL ? (size_t)(slash - text) : 0;
    return strlen(text) <= MAX_API_VERSION && *version != '\0' && slash != text &&
           has_only(version, strlen(version), "-") && has_only(text, group_length, "-.") &&
           *text != '.';
}

static bool is_kind(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > MAX_KIND)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_lower_or_digit(text[i]) && !(text[i] >= 'A' && text[i] <= 'Z') && text[i] != '-')
            return false;
    return true;
}

// What an API server takes as one segment of a URL.
static bool is_name(const char *text)
{
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strlen(text) > MAX_NAME)
        return false;
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F || *at == '/' || *at == '%')
            return false;
    return *text != '\0';
}

static bool is_deeper_than(const struct value *value, unsigned levels)
{
    if (!value_is_object(value) && !value_is_array(value))
        return false;
    if (levels == 0)
        return true;
    for (size_t i = 0; i < value_array_size(value); i++)
        if (is_deeper_than(value_array_get(value, i), levels - 1))
            return true;
    if (value_is_object(value)) {
        const char *key = NULL;
        struct value *member = NULL;
        value_foreach ((struct value *)(uintptr_t)value, key, member)
            if (is_deeper_than(member, levels - 1))
                return true;
    }
    return false;
}

static const char *kind_or_object(const struct value *value)
{
    return value_text_or(value, "kind", "an object");
}

// apiVersion and kind: both strings, both of a form that a server can know.
static int read_type(const struct value *value, struct object_identity *identity,
                     const char **field, struct error *err)
{
    const char *api_version = value_text(value, "apiVersion");
    const char *kind = value_text(value, "kind");
    *field = "apiVersion";
    if (api_version == NULL || *api_version == '\0')
        return error_set(err, ERROR_INVALID,
                         "%s without apiVersion; write for example "
                         "\"apiVersion: apps/v1\" (is this a Kubernetes manifest?)",
                         kind_or_object(value));
    if (!is_api_version(api_version))
        return error_set(err, ERROR_INVALID,
                         "%s with apiVersion \"%.100s\"; write group/version, "
                         "or v1 for the core group",
                         kind_or_object(value), api_version);
    *field = "kind";
    if (kind == NULL || *kind == '\0')
        return error_set(err, ERROR_INVALID,
                         "an object (%.100s) without kind; write for example "
                         "\"kind: Deployment\"",
                         api_version);
    if (!is_kind(kind))
        return error_set(err, ERROR_INVALID,
                         "the kind \"%.100s\" is none; a kind is one word such "
                         "as Deployment",
                         kind);
    const char *slash = strchr(api_version, '/');
    identity->api_version = xstrdup(api_version);
    identity->group =
        slash != NULL ? xstrndup(api_version, (size_t)(slash - api_version)) : xstrdup("");
    identity->kind = xstrdup(kind);
    return 0;
}

static int read_name(const struct value *metadata, struct object_identity *identity,
                     const char **field, struct error *err)
{
    const struct value *name = value_object_get(metadata, "name");
    const struct value *generate = value_object_get(metadata, "generateName");
    const char *kind = identity->kind;
    *field = "metadata";
    if (name == NULL && generate != NULL)
        return error_set(err, ERROR_INVALID,
                         "%s with generateName: it would be a new object on "
                         "every apply; give it a metadata.name",
                         kind);
    if (name == NULL)
        return error_set(err, ERROR_INVALID, "%s without metadata.name; give it one", kind);
    *field = "metadata.name";
    if (!value_is_string(name))
        return error_set(err, ERROR_INVALID,
                         "%s with a metadata.name that is no text; write it in "
                         "quotes",
                         kind);
    if (!is_name(value_string_value(name)))
        return error_set(err, ERROR_INVALID,
                         "%s with the metadata.name \"%.100s\"; a name has 1 to "
                         "%d characters and no '/' or '%%'",
                         kind, value_string_value(name), MAX_NAME);
    identity->name = xstrdup(value_string_value(name));
    return 0;
}

static int read_namespace(const struct value *metadata, struct object_identity *identity,
                          const char **field, struct error *err)
{
    const struct value *ns = value_object_get(metadata, "namespace");
    *field = "metadata.namespace";
    if (ns == NULL || value_is_null(ns) || (value_is_string(ns) && value_string_length(ns) == 0))
        return 0;
    if (!value_is_string(ns) || !is_namespace(value_string_value(ns)))
        return error_set(err, ERROR_INVALID,
                         "%s \"%s\" with a metadata.namespace that is none; "
                         "a namespace has at most %d of a-z, 0-9 and '-'",
                         identity->kind, identity->name, MAX_NAMESPACE);
    identity->ns = xstrdup(value_string_value(ns));
    return 0;
}

static int check_string_map(const struct value *metadata, const char *member,
                            const struct object_identity *identity, struct error *err)
{
    struct value *map = value_object_get(metadata, member);
    if (map == NULL || value_is_null(map))
        return 0;
    if (!value_is_object(map))
        return error_set(err, ERROR_INVALID, "%s \"%s\": metadata.%s is no mapping", identity->kind,
                         identity->name, member);
    const char *key = NULL;
    struct value *value = NULL;
    value_foreach (map, key, value)
        if (!value_is_string(value))
            return error_set(err, ERROR_INVALID,
                             "%s \"%s\": the value of \"%.100s\" in metadata.%s "
                             "is no text; write it in quotes",
                             identity->kind, identity->name, key, member);
    return 0;
}

static int read_identity(const struct value *value, struct object_identity *identity,
                         const char **field, struct error *err)
{
    *field = NULL;
    if (!value_is_object(value))
        return error_set(err, ERROR_INVALID,
                         "this is no Kubernetes object: a mapping with "
                         "apiVersion, kind and metadata is expected");
    if (is_deeper_than(value, MAX_DEPTH))
        return error_set(err, ERROR_LIMIT, "%s is nested deeper than %d levels",
                         kind_or_object(value), MAX_DEPTH);
    if (read_type(value, identity, field, err) < 0)
        return -1;
    const struct value *metadata = value_object_get(value, "metadata");
    *field = "metadata";
    if (metadata != NULL && !value_is_object(metadata))
        return error_set(err, ERROR_INVALID, "%s with a metadata that is no mapping",
                         identity->kind);
    if (read_name(metadata, identity, field, err) < 0 ||
        read_namespace(metadata, identity, field, err) < 0)
        return -1;
    *field = "metadata.labels";
    if (check_string_map(metadata, "labels", identity, err) < 0)
        return -1;
    *field = "metadata.annotations";
    return check_string_map(metadata, "annotations", identity, err);
}

int object_identity_read(const struct value *value, struct object_identity *ret_identity,
                         const char **ret_field, struct error *err)
{
    cleanup_object_identity struct object_identity identity = {0};
    const char *field = NULL;
    if (read_identity(value, &identity, &field, err) < 0) {
        if (ret_field != NULL)
            *ret_field = field;
        return -1;
    }
    *ret_identity = identity;
    identity = (struct object_identity){0};
    return 0;
}

bool object_is_secret_with_data(const struct object_identity *identity, const struct value *value)
{
    if (*identity->group != '\0' || strcmp(identity->kind, "Secret") != 0)
        return false;
    static const char *const members[] = {"data", "stringData"};
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        const struct value *data = value_object_get(value, members[i]);
        // Of a wrong type it still is what the author meant to keep secret.
        if (data != NULL && !value_is_null(data) &&
            !(value_is_object(data) && value_object_size(data) == 0))
            return true;
    }
    return false;
}
