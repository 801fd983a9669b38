// The values of scalars, tags included, and where in the text a message points to.
#include <math.h>
#include <string.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/yamljson_internal.h"
#include "base/yamljson_reader_internal.h"
#include "base/yamljson_written.h"

int yamljson_fail(const struct yamljson_reader *reader, yaml_mark_t mark, enum error_code code,
                  struct error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    cleanup_free char *message = xvasprintf(format, args);
    va_end(args);
    return error_set(err, code, "%s:%zu:%zu: %s", reader->name, mark.line + 1, mark.column + 1,
                     message);
}

size_t yamljson_offset(struct yamljson_reader *reader, size_t characters)
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

static yaml_mark_t mark_of_byte(const struct yamljson_reader *reader, size_t offset)
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

int yamljson_fail_by_parser(struct yamljson_reader *reader, struct error *err)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        yaml_mark_t mark = mark_of_byte(reader, parser->problem_offset);
        if (parser->problem_value == 0)
            return yamljson_fail(reader, mark, ERROR_INVALID, err,
                                 "a NUL byte; this is no text file");
        return yamljson_fail(reader, mark, ERROR_INVALID, err, "%s (0x%02X)", problem,
                             (unsigned)parser->problem_value);
    }
    size_t offset = yamljson_offset(reader, parser->problem_mark.index);
    if (offset < reader->size && reader->text[offset] == '\t')
        return yamljson_fail(reader, parser->problem_mark, ERROR_INVALID, err,
                             "a tab where YAML allows only spaces; indent with spaces");
    if (parser->context != NULL)
        return yamljson_fail(reader, parser->problem_mark, ERROR_INVALID, err,
                             "%s %s (from line %zu)", problem, parser->context,
                             parser->context_mark.line + 1);
    return yamljson_fail(reader, parser->problem_mark, ERROR_INVALID, err, "%s", problem);
}

static json_t *string_value(struct yamljson_reader *reader, const char *text, size_t length)
{
    reader->bytes += length;
    return json_stringn_nocheck(text, length);
}

static int unsigned_value(const struct yamljson_reader *reader, uint64_t number, json_t **ret_value,
                          struct error *err)
{
    double real = (double)number;
    if (real >= 0x1p64 || (uint64_t)real != number)
        return yamljson_fail(
            reader, reader->event.start_mark, ERROR_INVALID, err,
            "the integer %llu needs more than 63 bits and would lose digits; write it "
            "in quotes",
            (unsigned long long)number);
    *ret_value = json_real(real);
    return 0;
}

static json_t *real_value(double real)
{
    if (real == trunc(real) && real >= -0x1p63 && real < 0x1p63)
        return json_integer((json_int_t)real);
    return json_real(real);
}

static int binary_value(struct yamljson_reader *reader, const char *text, size_t length,
                        json_t **ret_value, struct error *err)
{
    cleanup_strbuf struct strbuf packed;
    strbuf_init(&packed, length + 1);
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n", text[i]) == NULL)
            strbuf_addch(&packed, text[i]);
    cleanup_free unsigned char *data = NULL;
    size_t size = 0;
    if (base64_decode(packed.data, packed.len, &data, &size, NULL) < 0)
        return yamljson_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                             "!!binary that is no base64");
    json_t *value = json_stringn((const char *)data, size);
    if (value == NULL || memchr(data, '\0', size) != NULL) {
        json_decref(value);
        return yamljson_fail(
            reader, reader->event.start_mark, ERROR_INVALID, err,
            "!!binary that holds no text; Kubernetes objects hold text only (a Secret's "
            "data or a ConfigMap's binaryData is base64 without the tag)");
    }
    reader->bytes += size;
    *ret_value = value;
    return 0;
}

// jansson's own null is one object that is never freed; so is this one.
static json_t empty_null = {JSON_NULL, (size_t)-1};

json_t *yamljson_empty_null(void)
{
    return &empty_null;
}

static int resolved_value(struct yamljson_reader *reader, const struct yamljson_scalar *scalar,
                          const char *text, size_t length, json_t **ret_value, struct error *err)
{
    switch (scalar->kind) {
    case YAMLJSON_NULL:
        *ret_value = length == 0 && reader->limits.kustomize ? yamljson_empty_null() : json_null();
        return 0;
    case YAMLJSON_BOOL:
        *ret_value = json_boolean(scalar->truth);
        return 0;
    case YAMLJSON_INTEGER:
        *ret_value = json_integer(scalar->integer);
        return 0;
    case YAMLJSON_UNSIGNED:
        return unsigned_value(reader, scalar->unsigned_integer, ret_value, err);
    case YAMLJSON_FLOAT:
        *ret_value = real_value(scalar->real);
        return 0;
    case YAMLJSON_NOT_FINITE:
        return yamljson_fail(
            reader, reader->event.start_mark, ERROR_INVALID, err,
            "%s is a number that JSON, and so Kubernetes, does not have; write it in "
            "quotes if it is text",
            text);
    case YAMLJSON_TIMESTAMP:
        if (reader->in_key)
            break;
        *ret_value = string_value(reader, scalar->timestamp, strlen(scalar->timestamp));
        return 0;
    case YAMLJSON_STRING:
        break;
    }
    *ret_value = string_value(reader, text, length);
    return 0;
}

static enum yamljson_tag tag_called(const char *type)
{
    static const struct {
        const char *type;
        enum yamljson_tag tag;
    } tags[] = {
        {"int", YAMLJSON_TAG_INT},
        {"float", YAMLJSON_TAG_FLOAT},
        {"bool", YAMLJSON_TAG_BOOL},
        {"null", YAMLJSON_TAG_NULL},
        {"timestamp", YAMLJSON_TAG_TIMESTAMP},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(tags); i++)
        if (strcmp(tags[i].type, type) == 0)
            return tags[i].tag;
    return YAMLJSON_TAG_STR;
}

// A tag written out says what the scalar must be; what resolves to another type is refused.
static int tagged_value(struct yamljson_reader *reader, const char *tag, const char *text,
                        size_t length, json_t **ret_value, struct error *err)
{
    static const char core[] = "tag:yaml.org,2002:";
    yaml_mark_t mark = reader->event.start_mark;
    if (strncmp(tag, core, sizeof core - 1) != 0)
        return yamljson_fail(reader, mark, ERROR_INVALID, err,
                             "the tag %s; only YAML's own tags (!!str, !!int, …) can be rendered",
                             tag);
    const char *type = tag + sizeof core - 1;
    if (reader->limits.as_nodes) {
        *ret_value =
            yamljson_written_new(text, length, tag_called(type),
                                 reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
        return 0;
    }
    if (strcmp(type, "str") == 0) {
        *ret_value = string_value(reader, text, length);
        return 0;
    }
    if (strcmp(type, "binary") == 0)
        return binary_value(reader, text, length, ret_value, err);
    struct yamljson_scalar scalar;
    yamljson_resolve(text, length, &scalar);
    bool fits = false;
    if (strcmp(type, "null") == 0)
        fits = scalar.kind == YAMLJSON_NULL;
    else if (strcmp(type, "bool") == 0)
        fits = scalar.kind == YAMLJSON_BOOL;
    else if (strcmp(type, "int") == 0)
        fits = scalar.kind == YAMLJSON_INTEGER || scalar.kind == YAMLJSON_UNSIGNED;
    else if (strcmp(type, "float") == 0)
        fits = scalar.kind == YAMLJSON_INTEGER || scalar.kind == YAMLJSON_UNSIGNED ||
               scalar.kind == YAMLJSON_FLOAT || scalar.kind == YAMLJSON_NOT_FINITE;
    else if (strcmp(type, "timestamp") == 0)
        fits = scalar.kind == YAMLJSON_TIMESTAMP;
    if (!fits)
        return yamljson_fail(reader, mark, ERROR_INVALID, err, "\"%s\" cannot be read as !!%s",
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

json_t *yamljson_with_style(const struct yamljson_limits *limits, bool in_flow, const char *text,
                            size_t length, const struct yamljson_scalar *scalar, json_t *value)
{
    static const enum yamljson_tag tags[] = {
        [YAMLJSON_STRING] = YAMLJSON_TAG_STR,       [YAMLJSON_NULL] = YAMLJSON_TAG_NULL,
        [YAMLJSON_BOOL] = YAMLJSON_TAG_BOOL,        [YAMLJSON_INTEGER] = YAMLJSON_TAG_INT,
        [YAMLJSON_UNSIGNED] = YAMLJSON_TAG_INT,     [YAMLJSON_FLOAT] = YAMLJSON_TAG_FLOAT,
        [YAMLJSON_NOT_FINITE] = YAMLJSON_TAG_FLOAT, [YAMLJSON_TIMESTAMP] = YAMLJSON_TAG_TIMESTAMP,
    };
    bool quoted = scalar == NULL;
    bool common_null = json_is_null(value) && (length == 0 || *text == 'n');
    if (!limits->written || common_null || (!quoted && scalar->kind == YAMLJSON_STRING) ||
        (!quoted && scalar->kind == YAMLJSON_INTEGER && is_common_integer(text, length)))
        return value;
    json_decref(value);
    // go-yaml writes what has a colon in quotes between brackets, and so a date becomes text.
    quoted = quoted ||
             (scalar->kind == YAMLJSON_TIMESTAMP && in_flow && memchr(text, ':', length) != NULL);
    return yamljson_written_new(text, length, quoted ? YAMLJSON_TAG_STR : tags[scalar->kind],
                                quoted);
}

static json_t *with_style(const struct yamljson_reader *reader, const char *text, size_t length,
                          const struct yamljson_scalar *scalar, json_t *value)
{
    return reader->in_key
               ? value
               : yamljson_with_style(&reader->limits, reader->in_flow, text, length, scalar, value);
}

int yamljson_scalar_value(struct yamljson_reader *reader, json_t **ret_value, struct error *err)
{
    const char *text = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;
    const char *tag = (const char *)reader->event.data.scalar.tag;
    if (memchr(text, '\0', length) != NULL)
        return yamljson_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                             "a string with a NUL in it; Kubernetes objects cannot hold one");
    if (tag != NULL && strcmp(tag, "!") != 0)
        return tagged_value(reader, tag, text, length, ret_value, err);
    bool empty_in_flow = reader->limits.kustomize && reader->in_flow && length == 0;
    if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE || empty_in_flow) {
        *ret_value = with_style(reader, text, length, NULL, string_value(reader, text, length));
        return 0;
    }
    struct yamljson_scalar scalar;
    if (reader->limits.yaml11)
        yamljson_resolve_11(text, length, &scalar);
    else
        yamljson_resolve(text, length, &scalar);
    if (scalar.kind == YAMLJSON_TIMESTAMP && reader->in_key && reader->limits.kustomize)
        return yamljson_fail(reader, reader->event.start_mark, ERROR_INVALID, err,
                             "a mapping key that is a date; write it in quotes");
    json_t *value = NULL;
    if (resolved_value(reader, &scalar, text, length, &value, err) < 0)
        return -1;
    *ret_value = with_style(reader, text, length, &scalar, value);
    return 0;
}
