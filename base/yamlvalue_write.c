// Values to YAML text through libyaml's emitter, with the choices of style that go-yaml v2
// makes (encode.go): the bytes are those of kustomize.
#include <inttypes.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_internal.h"

// libyaml's emitter consumes the event, also when it fails.
static bool emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    return yaml_emitter_emit(emitter, event) != 0;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t length,
                        yaml_scalar_style_t style)
{
    yaml_event_t event;
    // libyaml copies the text and takes no const.
    unsigned char *bytes = (unsigned char *)(uintptr_t)text;
    return yaml_scalar_event_initialize(&event, NULL, NULL, bytes, (int)length, 1, 1, style) != 0 &&
           emit(emitter, &event);
}

static bool emit_string(yaml_emitter_t *emitter, const char *text, size_t length)
{
    yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text, '\n', length) != NULL)
        style = YAML_LITERAL_SCALAR_STYLE;
    else if (yamlvalue_looks_typed(text, length))
        style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    return emit_scalar(emitter, text, length, style);
}

// As a key "<<" would be read as a merge, which Go overlooks.
static bool emit_key(yaml_emitter_t *emitter, const char *key)
{
    if (strcmp(key, "<<") == 0)
        return emit_scalar(emitter, key, 2, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
    return emit_string(emitter, key, strlen(key));
}

// The text follows when all is written.
static bool emit_marked(yaml_emitter_t *emitter, const char *text, size_t length)
{
    yaml_event_t event;
    char name[YAMLVALUE_MARKED_SIZE];
    yamlvalue_marked_name(text, length, name);
    return yaml_alias_event_initialize(&event, (unsigned char *)name) != 0 && emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const struct value *value);

static bool emit_object(yaml_emitter_t *emitter, const struct value *object)
{
    yaml_event_t event;
    if (yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) == 0 ||
        !emit(emitter, &event))
        return false;
    cleanup_members struct yamlvalue_members members;
    yamlvalue_members_open(&members, object);
    for (size_t i = 0; i < members.n; i++)
        if (!emit_key(emitter, members.list[i].name) || !emit_value(emitter, members.list[i].value))
            return false;
    return yaml_mapping_end_event_initialize(&event) != 0 && emit(emitter, &event);
}

static bool emit_array(yaml_emitter_t *emitter, const struct value *array)
{
    yaml_event_t event;
    if (yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) ==
            0 ||
        !emit(emitter, &event))
        return false;
    for (size_t i = 0; i < value_array_size(array); i++)
        if (!emit_value(emitter, value_array_get(array, i)))
            return false;
    return yaml_sequence_end_event_initialize(&event) != 0 && emit(emitter, &event);
}

static bool emit_number(yaml_emitter_t *emitter, const struct value *value)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, 64);
    if (value_is_integer(value))
        strbuf_addf(&text, "%" PRId64, value_integer_value(value));
    else
        yamlvalue_add_real(&text, value);
    return emit_scalar(emitter, text.data, text.len, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_value(yaml_emitter_t *emitter, const struct value *value)
{
    switch (value_typeof(value)) {
    case VALUE_OBJECT:
        return emit_object(emitter, value);
    case VALUE_ARRAY:
        return emit_array(emitter, value);
    case VALUE_STRING:
        if (yamlvalue_is_marked(value_string_value(value), value_string_length(value)))
            return emit_marked(emitter, value_string_value(value), value_string_length(value));
        return emit_string(emitter, value_string_value(value), value_string_length(value));
    case VALUE_INTEGER:
    case VALUE_REAL:
        return emit_number(emitter, value);
    case VALUE_TRUE:
        return emit_scalar(emitter, "true", 4, YAML_PLAIN_SCALAR_STYLE);
    case VALUE_FALSE:
        return emit_scalar(emitter, "false", 5, YAML_PLAIN_SCALAR_STYLE);
    case VALUE_NULL:
        break;
    }
    return emit_scalar(emitter, "null", 4, YAML_PLAIN_SCALAR_STYLE);
}

static int append(void *arg, unsigned char *data, size_t size)
{
    return strbuf_add(arg, data, size) == 0;
}

static bool emit_stream(yaml_emitter_t *emitter, const struct value *value)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) != 0 &&
           emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) != 0 &&
           emit(emitter, &event) && emit_value(emitter, value) &&
           yaml_document_end_event_initialize(&event, 1) != 0 && emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) != 0 && emit(emitter, &event) &&
           yaml_emitter_flush(emitter) != 0;
}

// libyaml closes a stream that ends with kept blank lines by "..."; go-yaml v2 does not. No
// content can look like that: it is indented or quoted.
static void drop_stream_end(struct strbuf *out, size_t from)
{
    static const char mark[] = "\n...\n";
    size_t length = sizeof mark - 1;
    if (out->len - from >= length && memcmp(out->data + out->len - length, mark, length) == 0)
        strbuf_truncate(out, out->len - length + 1);
}

int yamlvalue_write(const struct value *value, struct strbuf *out, struct error *err)
{
    if (yamlvalue_write_quickly(value, out))
        return strbuf_check(out, "the YAML text", err);
    return yamlvalue_write_events(value, out, err);
}

int yamlvalue_write_events(const struct value *value, struct strbuf *out, struct error *err)
{
    yaml_emitter_t emitter;
    size_t from = out->len;
    if (yaml_emitter_initialize(&emitter) == 0)
        return error_set(err, ERROR_INTERNAL, "no memory for a YAML emitter");
    yaml_emitter_set_output(&emitter, append, out);
    yaml_emitter_set_unicode(&emitter, 1);
    bool written = emit_stream(&emitter, value);
    cleanup_free char *problem = xstrdup_or_null(written ? NULL : emitter.problem);
    yaml_emitter_delete(&emitter);
    if (strbuf_check(out, "the YAML text", err) < 0)
        return -1;
    if (!written)
        return error_set(err, ERROR_INVALID, "the value cannot be written as YAML: %s",
                         problem != NULL ? problem : "no reason given");
    drop_stream_end(out, from);
    if (strstr(out->data + from, "*marked-") != NULL)
        yamlvalue_marked_restore(value, out, from);
    return strbuf_check(out, "the YAML text", err);
}
