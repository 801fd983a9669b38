// Where the value of a replacement comes from: one object, found by its exact name.
#include "render/kustomize/replacement_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/field_path.h"

void source_value_release(struct source_value *source)
{
    value_decref(source->value);
    free(source->text);
}

bool replacement_is_scalar(const struct value *value)
{
    return !value_is_object(value) && !value_is_array(value) && !yamlvalue_written_is_alias(value);
}

struct value *replacement_retype(const struct value *old, const char *text)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(old, &written);
    struct value *value = yamlvalue_written_new(text, strlen(text), written.tag, written.quoted);
    value_string_note(value, written.quote);
    return value;
}

int replacement_check_delimiter(const struct value *value, struct error *err)
{
    return replacement_is_scalar(value)
               ? 0
               : error_set(err, ERROR_INVALID,
                           "options.delimiter is for scalars, and there is a mapping or a list");
}

bool replacement_has_delimiter(const struct value *options)
{
    return *value_text_or(options, "delimiter", "") != '\0';
}

static const char *default_namespace(const char *ns)
{
    return *ns == '\0' ? "default" : ns;
}

static bool is_selected(const struct value *source, struct resource_id id)
{
    const char *name = value_text_or(source, "name", "");
    const char *ns = value_text_or(source, "namespace", "");
    return (*name == '\0' || strcmp(name, id.name) == 0) &&
           (*ns == '\0' || strcmp(default_namespace(ns), default_namespace(id.ns)) == 0) &&
           gvk_matches(id.api_version, id.kind, value_text(source, "group"),
                       value_text(source, "version"), value_text(source, "kind"));
}

static bool source_has(const struct value *source, const struct resource *resource)
{
    if (is_selected(source, resource_current_id(resource)))
        return true;
    for (size_t i = 0; i < resource_past_count(resource); i++)
        if (is_selected(source, resource_past_id(resource, i)))
            return true;
    return false;
}

static char *describe_source(const struct value *source)
{
    static const char *const fields[] = {"group", "version", "kind", "name", "namespace"};
    struct strbuf text;
    strbuf_init(&text, 4096);
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        const char *value = value_text_or(source, fields[i], "");
        if (*value != '\0')
            strbuf_addf(&text, "%s%s %s", text.len > 0 ? ", " : "", fields[i], value);
    }
    if (text.len == 0)
        strbuf_addstr(&text, "any object");
    return strbuf_steal(&text);
}

static int find_source(const struct resmap *map, const struct value *source,
                       struct resource **ret_found, struct error *err)
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
        cleanup_free char *hint =
            resmap_hint(map, value_text_or(source, "kind", ""), value_text_or(source, "name", ""));
        return error_set(err, ERROR_NOT_FOUND,
                         "no object is the source (%s)%s; check its kind and name (they are "
                         "compared as they are, without wildcards)",
                         wanted, hint);
    }
    *ret_found = found;
    return 0;
}

// The piece at options.index between delimiters; owned.
static int cut_piece(const struct value *options, const char *text, char **ret_piece,
                     struct error *err)
{
    const char *delimiter = value_text(options, "delimiter");
    int64_t index = value_int_at(options, "index", 0);
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

static struct source_value value_now(const struct value *value)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    bool scalar = replacement_is_scalar(value);
    return (struct source_value){.value = value_deep_copy(value),
                                 .text = xstrdup(scalar ? written.text : "")};
}

void source_value_refresh(struct source_value *source, const struct value *object)
{
    if (source->object == NULL || source->object != object)
        return;
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    struct value *value = NULL;
    if (field_path_split(source->path, &parts, NULL) < 0 ||
        field_path_get(source->object, &parts, &value, NULL) < 0 || value == NULL)
        return;
    struct source_value now = value_now(value);
    now.size = value_size(now.value) + strlen(now.text);
    now.written = source->written;
    now.object = source->object;
    now.path = source->path;
    source_value_release(source);
    *source = now;
}

static int take_value(const struct value *options, struct value *value,
                      struct source_value *ret_source, struct error *err)
{
    if (!replacement_has_delimiter(options)) {
        *ret_source = value_now(value);
        return 0;
    }
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    cleanup_free char *piece = NULL;
    if (replacement_check_delimiter(value, err) < 0 ||
        cut_piece(options, written.text, &piece, err) < 0)
        return -1;
    *ret_source =
        (struct source_value){.value = replacement_retype(value, piece), .text = STEAL(piece)};
    return 0;
}

static bool is_empty(const struct value *value)
{
    return value == NULL || value_is_null(value) ||
           (value_is_object(value) && value_object_size(value) == 0) ||
           (value_is_array(value) && value_array_size(value) == 0);
}

static int read_source(const struct resmap *map, const struct value *source,
                       struct source_value *ret_source, struct error *err)
{
    struct resource *resource = NULL;
    const char *path = value_text_or(source, "fieldPath", "");
    path = *path != '\0' ? path : REPLACEMENT_DEFAULT_PATH;
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    struct value *value = NULL;
    if (find_source(map, source, &resource, err) < 0)
        return -1;
    cleanup_free char *name = resource_id_describe(resource_current_id(resource));
    if (field_path_split(path, &parts, err) < 0 ||
        field_path_get(resource->value, &parts, &value, err) < 0)
        return error_wrap(err, "%s: fieldPath %s", name, path);
    if (is_empty(value))
        return error_set(err, ERROR_INVALID, "%s has nothing at the fieldPath %s", name, path);
    const struct value *options = value_object_get(source, "options");
    if (take_value(options, value, ret_source, err) < 0)
        return -1;
    if (!replacement_has_delimiter(options)) {
        ret_source->object = resource->value;
        ret_source->path = path;
    }
    return 0;
}

int source_value_read(const struct resmap *map, const struct value *replacement,
                      struct source_value *ret_source, struct error *err)
{
    const struct value *source = value_object_at(replacement, "source");
    const char *given = value_text(replacement, "sourceValue");
    if (source != NULL && given != NULL)
        return error_set(err, ERROR_INVALID,
                         "source and sourceValue are both set; keep one of them");
    if (source != NULL)
        return read_source(map, source, ret_source, err);
    *ret_source = (struct source_value){
        .value = yamlvalue_written_new(given, strlen(given), YAMLVALUE_TAG_NONE, false),
        .text = xstrdup(given),
    };
    return 0;
}
