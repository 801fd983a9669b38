// How a value is written: at each place that a path names, or inside text that is JSON or YAML.
#include "render/kustomize/replacement_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/field_path.h"
#include "render/kustomize/structured_text.h"

enum { MAX_WRITTEN_BYTES = 16 << 20, MAX_VALUE_BYTES = 4 << 20 };

// `old` with the new text put between its delimiters; owned.
static int join_piece(const struct value *options, const char *old, const char *text,
                      char **ret_joined, struct error *err)
{
    const char *delimiter = value_text(options, "delimiter");
    int64_t index = value_int_at(options, "index", 0);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_VALUE_BYTES);
    if (index < 0)
        strbuf_addf(&out, "%s%s", text, delimiter);
    bool replaced = index < 0;
    for (int64_t i = 0;; i++) {
        const char *end = strstr(old, delimiter);
        size_t length = end != NULL ? (size_t)(end - old) : strlen(old);
        if (i == index)
            strbuf_addstr(&out, text);
        else
            strbuf_add(&out, old, length);
        replaced |= i == index;
        if (end == NULL)
            break;
        strbuf_addstr(&out, delimiter);
        old = end + strlen(delimiter);
    }
    if (!replaced)
        strbuf_addf(&out, "%s%s", delimiter, text);
    if (strbuf_check(&out, "the field", err) < 0)
        return -1;
    *ret_joined = strbuf_steal(&out);
    return 0;
}

// A source may be a place that was written before, and so grow with every replacement.
static int count_copies(const struct source_value *source, size_t places, struct error *err)
{
    if (places > 0 && source->size > (MAX_WRITTEN_BYTES - *source->written) / places)
        return error_set(err, ERROR_LIMIT, "the replacements write more than %d bytes in all",
                         MAX_WRITTEN_BYTES);
    *source->written += source->size * places;
    return 0;
}

static int write_match(struct value *object, const struct value *options,
                       const struct field_match *match, struct source_value *source,
                       struct error *err)
{
    struct value *old = slot_get(&match->slot);
    cleanup_free char *text = xstrdup(source->text);
    if (replacement_has_delimiter(options)) {
        struct yamlvalue_written written;
        yamlvalue_written_of(old, &written);
        char *joined = NULL;
        if (replacement_check_delimiter(old, err) < 0 ||
            join_piece(options, match->created ? "" : written.text, source->text, &joined, err) < 0)
            return -1;
        free(text);
        text = joined;
    }
    struct value *value = NULL;
    if (!replacement_is_scalar(old))
        value = value_deep_copy(source->value);
    else if (match->created)
        value = yamlvalue_written_new(text, strlen(text), YAMLVALUE_TAG_NONE, false);
    else
        value = replacement_retype(old, text);
    slot_set(&match->slot, value);
    source_value_refresh(source, object);
    return 0;
}

static enum field_create create_kind(const struct value *options, const struct source_value *source)
{
    if (!value_bool_at(options, "create", false))
        return FIELD_FIND;
    if (value_is_object(source->value))
        return FIELD_CREATE_OBJECT;
    return value_is_array(source->value) ? FIELD_CREATE_ARRAY : FIELD_CREATE_SCALAR;
}

// The first part of the path at which text stands that is JSON or YAML itself. *ret_count is the
// number of parts up to it, 0 when there is none; *ret_document is owned.
static struct value *find_structured(struct value *object, const struct vec *parts,
                                     size_t *ret_count, struct value **ret_scalar)
{
    for (size_t count = 1; count < parts->len; count++) {
        struct vec head = *parts;
        head.len = count;
        struct value *scalar = NULL;
        if (field_path_get(object, &head, &scalar, NULL) < 0 || scalar == NULL ||
            !value_is_string(scalar))
            continue;
        const char *text = value_string_value(scalar);
        cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
        struct yamlvalue_limits limits = {.kustomize = true, .written = true, .as_nodes = true};
        if (yamlvalue_parse_all(text, strlen(text), "text", &limits, &documents, NULL) < 0 ||
            documents.len == 0)
            continue;
        struct yamlvalue_document *document = vec_at(&documents, 0);
        *ret_count = count;
        *ret_scalar = scalar;
        return STEAL(document->value);
    }
    return NULL;
}

static void release_value(void *element)
{
    value_decref(*(struct value **)element);
}

static struct value *put_copy(const struct value *value, struct vec *put)
{
    struct value *copy = value_deep_copy(value);
    if (value_is_object(copy) || value_is_array(copy))
        *(struct value **)vec_push(put) = value_incref(copy);
    return copy;
}

// Pushes to `put` what stands in the place of a mapping or list.
static void write_inside(const struct field_matches *matches, const struct source_value *source,
                         struct vec *put)
{
    vec_foreach (struct field_match, match, &matches->found) {
        const struct value *old = slot_get(&match->slot);
        struct value *value = NULL;
        if (!replacement_is_scalar(old))
            value = put_copy(source->value, put);
        else if (match->created)
            value = yamlvalue_written_new(source->text, strlen(source->text), YAMLVALUE_TAG_NONE,
                                          false);
        else
            value = replacement_retype(old, source->text);
        slot_set(&match->slot, value);
    }
}

// 1 when the path led into such a text and all is done, 0 when it is a path like any other.
static int write_structured(struct value *object, const struct vec *parts, enum field_create create,
                            const struct source_value *source, struct error *err)
{
    size_t count = 0;
    struct value *scalar = NULL;
    cleanup_value struct value *document = find_structured(object, parts, &count, &scalar);
    if (document == NULL)
        return 0;
    struct vec tail = *parts;
    tail.data = (char **)parts->data + count;
    tail.len -= count;
    cleanup_value struct value *before = value_deep_copy(document);
    cleanup_field_matches struct field_matches matches = {0};
    if (field_path_match(document, &tail, create, &matches, NULL) < 0 || matches.found.len == 0)
        return 0;
    if (count_copies(source, matches.found.len, err) < 0)
        return -1;
    cleanup_vec struct vec put = VEC_OF(struct value *, release_value);
    write_inside(&matches, source, &put);
    const char *start = value_string_value(scalar);
    start += strspn(start, " \t\r\n");
    // Where a value does not fit into JSON, kustomize changes nothing and says nothing.
    if ((*start == '{' || *start == '[') && yamlvalue_settle(document, NULL) < 0)
        return 1;
    struct vec head = *parts;
    head.len = count;
    cleanup_field_matches struct field_matches place = {0};
    char *text = NULL;
    if (structured_text_update(value_string_value(scalar), before, document, &put, &text, err) < 0)
        return -1;
    cleanup_free char *held = text;
    if (field_path_match(object, &head, FIELD_FIND, &place, err) < 0)
        return -1;
    vec_foreach (struct field_match, match, &place.found)
        if (slot_get(&match->slot) == scalar) {
            slot_set(&match->slot, replacement_retype(scalar, held));
            break;
        }
    return 1;
}

int source_value_write(struct value *object, const char *path, const struct value *options,
                       struct source_value *source, struct error *err)
{
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    enum field_create create = create_kind(options, source);
    if (field_path_split(path, &parts, err) < 0)
        return -1;
    int inside = write_structured(object, &parts, create, source, err);
    source_value_refresh(source, object);
    if (inside != 0)
        return inside < 0 ? -1 : 0;
    cleanup_field_matches struct field_matches matches = {0};
    if (field_path_match(object, &parts, create, &matches, err) < 0)
        return -1;
    if (matches.found.len == 0)
        return error_set(err, ERROR_INVALID, "there is no such field%s",
                         create == FIELD_FIND ? "; options.create makes it" : "");
    vec_foreach (struct field_match, match, &matches.found)
        if (count_copies(source, 1, err) < 0 ||
            write_match(object, options, match, source, err) < 0)
            return -1;
    return 0;
}
