// Where the value of a replacement comes from: one object, found by its exact name.
#include "render/kustomize/replacement_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson.h"
#include "base/yamljson_written.h"
#include "render/kustomize/field_path.h"

void source_value_release(struct source_value *source)
{
    json_decref(source->value);
    free(source->text);
}

bool replacement_is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value) && !yamljson_written_is_alias(value);
}

json_t *replacement_retype(const json_t *old, const char *text)
{
    struct yamljson_written written;
    yamljson_written_of(old, &written);
    return yamljson_written_new(text, strlen(text), written.tag, written.quoted);
}

int replacement_check_delimiter(const json_t *value, struct error *err)
{
    return replacement_is_scalar(value)
               ? 0
               : error_set(err, ERROR_INVALID,
                           "options.delimiter is for scalars, and there is a mapping or a list");
}

bool replacement_has_delimiter(const json_t *options)
{
    return *jval_string_or(options, "delimiter", "") != '\0';
}

static const char *default_namespace(const char *ns)
{
    return *ns == '\0' ? "default" : ns;
}

static bool is_selected(const json_t *source, struct resource_id id)
{
    const char *name = jval_string_or(source, "name", "");
    const char *ns = jval_string_or(source, "namespace", "");
    return (*name == '\0' || strcmp(name, id.name) == 0) &&
           (*ns == '\0' || strcmp(default_namespace(ns), default_namespace(id.ns)) == 0) &&
           gvk_matches(id.api_version, id.kind, jval_string(source, "group"),
                       jval_string(source, "version"), jval_string(source, "kind"));
}

static bool source_has(const json_t *source, const struct resource *resource)
{
    if (is_selected(source, resource_current_id(resource)))
        return true;
    for (size_t i = 0; i < resource->past.len; i++)
        if (is_selected(source, resource_past_id(resource, i)))
            return true;
    return false;
}

static char *describe_source(const json_t *source)
{
    static const char *const fields[] = {"group", "version", "kind", "name", "namespace"};
    struct strbuf text;
    strbuf_init(&text, 4096);
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const char *value = jval_string_or(source, fields[i], "");
        if (*value != '\0')
            strbuf_addf(&text, "%s%s %s", text.len > 0 ? ", " : "", fields[i], value);
    }
    if (text.len == 0)
        strbuf_addstr(&text, "any object");
    return strbuf_steal(&text);
}

static int find_source(const struct resmap *map, const json_t *source, struct resource **ret_found,
                       struct error *err)
{
    struct resource *found = NULL;
    cleanup_free char *wanted = describe_source(source);
    resmap_foreach (resource, map) {
        if (!source_has(source, resource))
            continue;
        if (found != NULL) {
            cleanup_free char *one = resource_id_describe(resource_current_id(found));
            cleanup_free char *other = resource_id_describe(resource_current_id(resource));
            return error_set(err, ERROR_INVALID,
                             "more than one object is the source (%s): %s and %s; name it more "
                             "exactly",
                             wanted, one, other);
        }
        found = resource;
    }
    if (found == NULL) {
        cleanup_free char *hint = resmap_hint(map, jval_string_or(source, "kind", ""),
                                              jval_string_or(source, "name", ""));
        return error_set(err, ERROR_NOT_FOUND,
                         "no object is the source (%s)%s; check its kind and name (they are "
                         "compared as they are, without wildcards)",
                         wanted, hint);
    }
    *ret_found = found;
    return 0;
}

// The piece at options.index between delimiters; owned.
static int cut_piece(const json_t *options, const char *text, char **ret_piece, struct error *err)
{
    const char *delimiter = jval_string(options, "delimiter");
    int64_t index = jval_int(options, "index", 0);
    const char *start = text;
    for (int64_t i = 0; i < index && start != NULL; i++) {
        start = strstr(start, delimiter);
        start = start != NULL ? start + strlen(delimiter) : NULL;
    }
    if (index < 0 || start == NULL)
        return error_set(err, ERROR_INVALID,
                         "options.index %lld is out of bounds for \"%s\" cut at \"%s\"",
                         (long long)index, text, delimiter);
    const char *end = strstr(start, delimiter);
    *ret_piece = end != NULL ? xstrndup(start, (size_t)(end - start)) : xstrdup(start);
    return 0;
}

static struct source_value value_now(const json_t *value)
{
    struct yamljson_written written;
    yamljson_written_of(value, &written);
    bool scalar = replacement_is_scalar(value);
    return (struct source_value){.value = json_deep_copy(value),
                                 .text = xstrdup(scalar ? written.text : "")};
}

void source_value_refresh(struct source_value *source, const json_t *object)
{
    if (source->object == NULL || source->object != object)
        return;
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    json_t *value = NULL;
    if (field_path_split(source->path, &parts, NULL) < 0 ||
        field_path_get(source->object, &parts, &value, NULL) < 0 || value == NULL)
        return;
    struct source_value now = value_now(value);
    now.size = jval_size(now.value) + strlen(now.text);
    now.written = source->written;
    now.object = source->object;
    now.path = source->path;
    source_value_release(source);
    *source = now;
}

static int take_value(const json_t *options, json_t *value, struct source_value *ret_source,
                      struct error *err)
{
    if (!replacement_has_delimiter(options)) {
        *ret_source = value_now(value);
        return 0;
    }
    struct yamljson_written written;
    yamljson_written_of(value, &written);
    cleanup_free char *piece = NULL;
    if (replacement_check_delimiter(value, err) < 0 ||
        cut_piece(options, written.text, &piece, err) < 0)
        return -1;
    *ret_source =
        (struct source_value){.value = replacement_retype(value, piece), .text = STEAL(piece)};
    return 0;
}

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static int read_source(const struct resmap *map, const json_t *source,
                       struct source_value *ret_source, struct error *err)
{
    struct resource *resource = NULL;
    const char *path = jval_string_or(source, "fieldPath", "");
    path = *path != '\0' ? path : REPLACEMENT_DEFAULT_PATH;
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    json_t *value = NULL;
    if (find_source(map, source, &resource, err) < 0)
        return -1;
    cleanup_free char *name = resource_id_describe(resource_current_id(resource));
    if (field_path_split(path, &parts, err) < 0 ||
        field_path_get(resource->value, &parts, &value, err) < 0)
        return error_wrap(err, "%s: fieldPath %s", name, path);
    if (is_empty(value))
        return error_set(err, ERROR_INVALID, "%s has nothing at the fieldPath %s", name, path);
    const json_t *options = json_object_get(source, "options");
    if (take_value(options, value, ret_source, err) < 0)
        return -1;
    if (!replacement_has_delimiter(options)) {
        ret_source->object = resource->value;
        ret_source->path = path;
    }
    return 0;
}

int source_value_read(const struct resmap *map, const json_t *replacement,
                      struct source_value *ret_source, struct error *err)
{
    const json_t *source = jval_object(replacement, "source");
    const char *given = jval_string(replacement, "sourceValue");
    if (source != NULL && given != NULL)
        return error_set(err, ERROR_INVALID,
                         "source and sourceValue are both set; keep one of them");
    if (source != NULL)
        return read_source(map, source, ret_source, err);
    *ret_source = (struct source_value){
        .value = yamljson_written_new(given, strlen(given), YAMLJSON_TAG_NONE, false),
        .text = xstrdup(given),
    };
    return 0;
}
