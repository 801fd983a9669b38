// The values of scalars, tags included, and where in the text a message points to.
#include <math.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamlvalue_internal.h"
#include "base/yamlvalue_reader_internal.h"
#include "base/yamlvalue_written.h"

int yamlvalue_fail(const struct yamlvalue_reader *reader, yaml_mark_t mark, enum error_code code,
                   struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *message = xvasprintf(format, args);
    va_end(args);
    return error_set(err, code, "%s:%zu:%zu: %s", reader->name, mark.line + 1, mark.column + 1,
                     message);
}

size_t yamlvalue_offset(struct yamlvalue_reader *reader, size_t characters)
{
    if (characters < reader->seen_characters) {
        reader->seen_characters = 0;
        reader->seen_bytes = 0;
    }
    while (reader->seen_characters < characters && reader->seen_bytes < reader->size) {
        reader->seen_bytes++;
        while (reader->seen_bytes < reader->size &&
               ((unsigned char)reader->text[reader->seen_bytes] & 0xC0) == 0x80)
            reader->seen_bytes++;
        reader->seen_characters++;
    }
    return reader->seen_bytes;
}

static yaml_mark_t mark_of_byte(const struct yamlvalue_reader *reader, size_t offset)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < offset && i < reader->size; i++) {
        if (reader->text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)reader->text[i] & 0xC0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

int yamlvalue_fail_by_parser(struct yamlvalue_reader *reader, struct error *err)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        yaml_mark_t mark = mark_of_byte(reader, parser->problem_offset);
        if (parser->problem_value == 0)
            return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                                  "a NUL byte; this is no text file");
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err, "%s (0x%02X)", problem,
                              (unsigned)parser->problem_value);
    }
    size_t offset = yamlvalue_offset(reader, parser->problem_mark.index);
    if (offset < reader->size && reader->text[offset] == '\t')
        return yamlvalue_fail(reader, parser->problem_mark, ERROR_INVALID, err,
                              "a tab where YAML allows only spaces; indent with spaces");
    if (parser->context != NULL)
        return yamlvalue_fail(reader, parser->problem_mark, ERROR_INVALID, err,
                              "%s %s (from line %zu)", problem, parser->context,
                              parser->context_mark.line + 1);
    return yamlvalue_fail(reader, parser->problem_mark, ERROR_INVALID, err, "%s", problem);
}

static struct value *string_value(struct yamlvalue_reader *reader, const char *text, size_t length)
{
    reader->bytes += length;
    return value_stringn_nocheck(text, length);
}

static int binary_value(struct yamlvalue_reader *reader, const char *text, size_t length,
                        struct value **ret_value, struct error *err)
{
    cleanup_strbuf struct strbuf packed;
    strbuf_init(&packed, length + 1);
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n", text[i]) == NULL)
            strbuf_addch(&packed, text[i]);
    cleanup_free unsigned char *data = NULL;
    size_t size = 0;
    if (base64_decode(packed.data, packed.len, &data, &size, NULL) < 0)
        return yamlvalue_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                              "!!binary that is no base64");
    struct value *value = value_stringn((const char *)data, size);
    if (value == NULL || memchr(data, '\0', size) != NULL) {
        value_decref(value);
        return yamlvalue_fail(
            reader, reader->event.start_mark, ERROR_INVALID, err,
            "!!binary that holds no text; Kubernetes objects hold text only (a Secret's "
            "data or a ConfigMap's binaryData is base64 without the tag)");
    }
    reader->bytes += size;
    *ret_value = value;
    return 0;
}

struct value *yamlvalue_empty_null(void)
{
    static const struct value empty_null = VALUE_STATIC(VALUE_NULL);
    return value_unconst(&empty_null);
}

static int resolved_value(struct yamlvalue_reader *reader, const struct yamlvalue_scalar *scalar,
                          const char *text, size_t length, struct value **ret_value,
                          struct error *err)
{
    switch (scalar->kind) {
    case YAMLVALUE_NULL:
        *ret_value =
            length == 0 && reader->limits.kustomize ? yamlvalue_empty_null() : value_null();
        return 0;
    case YAMLVALUE_BOOL:
        *ret_value = value_boolean(scalar->truth);
        return 0;
    case YAMLVALUE_INTEGER:
        *ret_value = value_integer(scalar->integer);
        return 0;
    case YAMLVALUE_UNSIGNED:
        *ret_value = value_unsigned(scalar->unsigned_integer);
        return 0;
    case YAMLVALUE_FLOAT:
        *ret_value = yamlvalue_of_real(scalar->real);
        return 0;
    case YAMLVALUE_NOT_FINITE:
        return yamlvalue_fail(
            reader, reader->event.start_mark, ERROR_INVALID, err,
            "%s is a number that JSON, and so Kubernetes, does not have; write it in "
            "quotes if it is text",
            text);
    case YAMLVALUE_TIMESTAMP:
        if (reader->in_key)
            break;
        *ret_value = string_value(reader, scalar->timestamp, strlen(scalar->timestamp));
        return 0;
    case YAMLVALUE_STRING:
        break;
    }
    *ret_value = string_value(reader, text, length);
    return 0;
}

static enum yamlvalue_tag tag_called(const char *type)
{
    static const struct {
        const char *type;
        enum yamlvalue_tag tag;
    } tags[] = {
        {"int", YAMLVALUE_TAG_INT},
        {"float", YAMLVALUE_TAG_FLOAT},
        {"bool", YAMLVALUE_TAG_BOOL},
        {"null", YAMLVALUE_TAG_NULL},
        {"timestamp", YAMLVALUE_TAG_TIMESTAMP},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(tags); i++)
        if (strcmp(tags[i].type, type) == 0)
            return tags[i].tag;
    return YAMLVALUE_TAG_STR;
}

static bool is_known_type(const char *type)
{
    return strcmp(type, "str") == 0 || strcmp(type, "binary") == 0 ||
           tag_called(type) != YAMLVALUE_TAG_STR;
}

// A tag written out says what the scalar must be; what resolves to another type is refused.
static int tagged_value(struct yamlvalue_reader *reader, const char *tag, const char *text,
                        size_t length, struct value **ret_value, struct error *err)
{
    static const char core[] = "tag:yaml.org,2002:";
    yaml_mark_t mark = reader->event.start_mark;
    bool own = strncmp(tag, core, sizeof core - 1) == 0;
    const char *type = own ? tag + sizeof core - 1 : "";
    if (reader->limits.any_tag && !is_known_type(type)) {
        *ret_value = string_value(reader, text, length);
        return 0;
    }
    if (!own)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err,
                              "the tag %s; only YAML's own tags (!!str, !!int, …) can be rendered",
                              tag);
    if (reader->limits.as_nodes) {
        *ret_value =
            yamlvalue_written_new(text, length, tag_called(type),
                                  reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
        return 0;
    }
    if (strcmp(type, "str") == 0) {
        *ret_value = string_value(reader, text, length);
        return 0;
    }
    if (strcmp(type, "binary") == 0)
        return binary_value(reader, text, length, ret_value, err);
    struct yamlvalue_scalar scalar;
    yamlvalue_resolve(text, length, &scalar);
    bool fits = false;
    if (strcmp(type, "null") == 0)
        fits = scalar.kind == YAMLVALUE_NULL;
    else if (strcmp(type, "bool") == 0)
        fits = scalar.kind == YAMLVALUE_BOOL;
    else if (strcmp(type, "int") == 0)
        fits = scalar.kind == YAMLVALUE_INTEGER || scalar.kind == YAMLVALUE_UNSIGNED;
    else if (strcmp(type, "float") == 0)
        fits = scalar.kind == YAMLVALUE_INTEGER || scalar.kind == YAMLVALUE_UNSIGNED ||
               scalar.kind == YAMLVALUE_FLOAT || scalar.kind == YAMLVALUE_NOT_FINITE;
    else if (strcmp(type, "timestamp") == 0)
        fits = scalar.kind == YAMLVALUE_TIMESTAMP;
    if (!fits)
        return yamlvalue_fail(reader, mark, ERROR_INVALID, err, "\"%s\" cannot be read as !!%s",
                              text, type);
    return resolved_value(reader, &scalar, text, length, ret_value, err);
}

static bool is_common_integer(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < (i == 0 ? '1' : '0') || text[i] > '9')
            return false;
    return length > 0;
}

struct value *yamlvalue_with_style(const struct yamlvalue_limits *limits, bool in_flow,
                                   const char *text, size_t length,
                                   const struct yamlvalue_scalar *scalar, struct value *value)
{
    static const enum yamlvalue_tag tags[] = {
        [YAMLVALUE_STRING] = YAMLVALUE_TAG_STR,
        [YAMLVALUE_NULL] = YAMLVALUE_TAG_NULL,
        [YAMLVALUE_BOOL] = YAMLVALUE_TAG_BOOL,
        [YAMLVALUE_INTEGER] = YAMLVALUE_TAG_INT,
        [YAMLVALUE_UNSIGNED] = YAMLVALUE_TAG_INT,
        [YAMLVALUE_FLOAT] = YAMLVALUE_TAG_FLOAT,
        [YAMLVALUE_NOT_FINITE] = YAMLVALUE_TAG_FLOAT,
        [YAMLVALUE_TIMESTAMP] = YAMLVALUE_TAG_TIMESTAMP,
    };
    bool quoted = scalar == NULL;
    bool common_null = value_is_null(value) && (length == 0 || *text == 'n');
    if (!limits->written || common_null || (!quoted && scalar->kind == YAMLVALUE_STRING) ||
        (!quoted && scalar->kind == YAMLVALUE_INTEGER && is_common_integer(text, length)))
        return value;
    value_decref(value);
    // Of nodes; elsewhere yamlvalue_settle sees to it.
    quoted = quoted || (limits->as_nodes && scalar->kind == YAMLVALUE_TIMESTAMP && in_flow &&
                        memchr(text, ':', length) != NULL);
    return yamlvalue_written_new(text, length, quoted ? YAMLVALUE_TAG_STR : tags[scalar->kind],
                                 quoted);
}

static char quote_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return '\'';
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return '"';
    case YAML_LITERAL_SCALAR_STYLE:
        return '|';
    case YAML_FOLDED_SCALAR_STYLE:
        return '>';
    case YAML_ANY_SCALAR_STYLE:
    case YAML_PLAIN_SCALAR_STYLE:
        break;
    }
    return '\0';
}

static struct value *with_style(const struct yamlvalue_reader *reader, const char *text,
                                size_t length, const struct yamlvalue_scalar *scalar,
                                struct value *value)
{
    if (reader->in_key || !reader->limits.written)
        return value;
    value = yamlvalue_with_style(&reader->limits, reader->in_flow, text, length, scalar, value);
    value_string_note(value, quote_of(reader->event.data.scalar.style));
    return value;
}

int yamlvalue_scalar_value(struct yamlvalue_reader *reader, struct value **ret_value,
                           struct error *err)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    const char *tag = (const char *)reader->event.data.scalar.tag;
    if (memchr(text, '\0', length) != NULL)
        return yamlvalue_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                              "a string with a NUL in it; Kubernetes objects cannot hold one");
    if (tag != NULL && strcmp(tag, "!") != 0)
        return tagged_value(reader, tag, text, length, ret_value, err);
    bool settled = !reader->limits.written || reader->limits.as_nodes;
    bool empty_in_flow = reader->limits.kustomize && reader->in_flow && length == 0 && settled;
    if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || empty_in_flow) {
        *ret_value = with_style(reader, text, length, NULL, string_value(reader, text, length));
        return 0;
    }
    struct yamlvalue_scalar scalar;
    if (reader->limits.yaml11)
        yamlvalue_resolve_11(text, length, &scalar);
    else
        yamlvalue_resolve(text, length, &scalar);
    if (scalar.kind == YAMLVALUE_TIMESTAMP && reader->in_key && reader->limits.kustomize)
        return yamlvalue_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                              "a mapping key that is a date; write it in quotes");
    struct value *value = NULL;
    if (resolved_value(reader, &scalar, text, length, &value, err) < 0)
        return -1;
    *ret_value = with_style(reader, text, length, &scalar, value);
    return 0;
}
