// YAML is read into nodes that know their style, brought in line with the new value, and written by
// libyaml's emitter, of which go-yaml's is a port.
#include "render/kustomize/structured_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "base/yamljson.h"
#include "render/kustomize/structured_json_internal.h"

enum { MAX_TEXT_BYTES = 4 << 20, MAX_DEPTH = 64 };

struct node {
    enum { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING } kind;
    bool flow;                 // of a collection
    yaml_scalar_style_t style; // of a scalar
    char *text;                // of a scalar
    struct vec children;       // struct node *; of a mapping keys and values in turn
};

static void node_free(struct node *node)
{
    if (node == NULL)
        return;
    free(node->text);
    vec_free(&node->children);
    free(node);
}

static void release_node(void *element)
{
    node_free(*(struct node **)element);
}

static void cleanup_node_pointer(struct node **node)
{
    node_free(*node);
}
#define cleanup_node __attribute__((cleanup(cleanup_node_pointer)))

static struct node *node_new(void)
{
    struct node *node = xcalloc(1, sizeof *node);
    node->children = VEC_OF(struct node *, release_node);
    return node;
}

static struct node *child(const struct node *node, size_t index)
{
    return *(struct node **)vec_at(&node->children, index);
}

// ---- reading ----

struct reader {
    yaml_parser_t parser;
    yaml_event_t event;
    unsigned depth;
};

static int advance(struct reader *reader, struct error *err)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return 0;
    return error_set(err, ERROR_INVALID, "the text is no YAML: %s",
                     reader->parser.problem != NULL ? reader->parser.problem : "unreadable");
}

static int refuse_marks(const yaml_char_t *anchor, const yaml_char_t *tag, struct error *err)
{
    if (anchor == NULL && tag == NULL)
        return 0;
    return error_set(
        err, ERROR_INVALID,
        "a text with anchors or tags cannot be changed in part; write it without them");
}

static int read_node(struct reader *reader, struct node **ret_node, struct error *err);

static int read_children(struct reader *reader, yaml_event_type_t end, struct node *node,
                         struct error *err)
{
    if (reader->depth >= MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "the text is nested deeper than %d levels", MAX_DEPTH);
    reader->depth++;
    if (advance(reader, err) < 0)
        return -1;
    while (reader->event.type != end) {
        struct node *inner = NULL;
        if (read_node(reader, &inner, err) < 0)
            return -1;
        *(struct node **)vec_push(&node->children) = inner;
        if (advance(reader, err) < 0)
            return -1;
    }
    reader->depth--;
    return 0;
}

// The node that the current event begins; leaves the reader on its last event.
static int read_node(struct reader *reader, struct node **ret_node, struct error *err)
{
    cleanup_node struct node *node = node_new();
    yaml_event_t *event = &reader->event;
    if (event->type == YAML_SCALAR_EVENT) {
        node->kind = NODE_SCALAR;
        node->style = event->data.scalar.style;
        node->text = xstrndup((char *)event->data.scalar.value, event->data.scalar.length);
        if (refuse_marks(event->data.scalar.anchor, event->data.scalar.tag, err) < 0)
            return -1;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        node->kind = NODE_SEQUENCE;
        node->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        if (refuse_marks(event->data.sequence_start.anchor, event->data.sequence_start.tag, err) <
                0 ||
            read_children(reader, YAML_SEQUENCE_END_EVENT, node, err) < 0)
            return -1;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        node->kind = NODE_MAPPING;
        node->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        if (refuse_marks(event->data.mapping_start.anchor, event->data.mapping_start.tag, err) <
                0 ||
            read_children(reader, YAML_MAPPING_END_EVENT, node, err) < 0)
            return -1;
    } else {
        return refuse_marks((const yaml_char_t *)"", NULL, err);
    }
    *ret_node = STEAL(node);
    return 0;
}

static int read_text(const char *text, struct node **ret_node, struct error *err)
{
    struct reader reader = {0};
    if (!yaml_parser_initialize(&reader.parser))
        return error_set(err, ERROR_INTERNAL, "no memory for a YAML parser");
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, strlen(text));
    int status = 0;
    // Stream start, document start, and the first event of the document.
    for (int i = 0; i < 3 && status == 0; i++)
        status = advance(&reader, err);
    if (status == 0)
        status = read_node(&reader, ret_node, err);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return status;
}

// ---- bringing in line ----

static bool needs_quotes(const char *text)
{
    cleanup_json json_t *plain = yamljson_scalar(text, strlen(text));
    return !json_is_string(plain) || strcmp(json_string_value(plain), text) != 0;
}

static struct node *node_from_json(const json_t *value)
{
    struct node *node = node_new();
    if (json_is_object(value)) {
        node->kind = NODE_MAPPING;
        const char *name = NULL;
        json_t *member = NULL;
        jval_foreach (value, name, member) {
            cleanup_json json_t *key = json_string(name);
            *(struct node **)vec_push(&node->children) = node_from_json(key);
            *(struct node **)vec_push(&node->children) = node_from_json(member);
        }
        return node;
    }
    if (json_is_array(value)) {
        node->kind = NODE_SEQUENCE;
        for (size_t i = 0; i < json_array_size(value); i++)
            *(struct node **)vec_push(&node->children) = node_from_json(json_array_get(value, i));
        return node;
    }
    node->style = YAML_PLAIN_SCALAR_STYLE;
    node->text = json_is_null(value) ? xstrdup("null") : yamljson_scalar_text(value);
    if (json_is_string(value) && needs_quotes(node->text))
        node->style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (json_is_string(value) && strchr(node->text, '\n') != NULL)
        node->style = YAML_LITERAL_SCALAR_STYLE;
    return node;
}

static void update(struct node **place, const json_t *before, const json_t *after);

static void update_mapping(struct node *node, const json_t *before, const json_t *after)
{
    const char *name = NULL;
    json_t *member = NULL;
    jval_foreach (after, name, member) {
        size_t at = 0;
        while (at < node->children.len && strcmp(child(node, at)->text, name) != 0)
            at += 2;
        if (at < node->children.len) {
            update(vec_at(&node->children, at + 1), json_object_get(before, name), member);
            continue;
        }
        cleanup_json json_t *key = json_string(name);
        *(struct node **)vec_push(&node->children) = node_from_json(key);
        *(struct node **)vec_push(&node->children) = node_from_json(member);
    }
}

static void update_sequence(struct node *node, const json_t *before, const json_t *after)
{
    for (size_t i = 0; i < json_array_size(after); i++) {
        json_t *element = json_array_get(after, i);
        if (i < node->children.len)
            update(vec_at(&node->children, i), json_array_get(before, i), element);
        else
            *(struct node **)vec_push(&node->children) = node_from_json(element);
    }
}

static void update(struct node **place, const json_t *before, const json_t *after)
{
    struct node *node = *place;
    if (before != NULL && json_equal(before, after))
        return;
    if (node->kind == NODE_MAPPING && json_is_object(after)) {
        update_mapping(node, before, after);
    } else if (node->kind == NODE_SEQUENCE && json_is_array(after)) {
        update_sequence(node, before, after);
    } else if (node->kind == NODE_SCALAR && !json_is_object(after) && !json_is_array(after)) {
        struct node *fresh = node_from_json(after);
        free(node->text);
        node->text = STEAL(fresh->text);
        if (node->style == YAML_PLAIN_SCALAR_STYLE)
            node->style = fresh->style;
        node_free(fresh);
    } else {
        *place = node_from_json(after);
        node_free(node);
    }
}

// ---- writing ----

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    return yaml_emitter_emit(emitter, event) != 0;
}

static bool emit_node(yaml_emitter_t *emitter, const struct node *node)
{
    yaml_event_t event;
    if (node->kind == NODE_SCALAR) {
        cleanup_free unsigned char *text = (unsigned char *)xstrdup(node->text);
        return yaml_scalar_event_initialize(&event, NULL, NULL, text, (int)strlen(node->text), 1, 1,
                                            node->style) != 0 &&
               emit(emitter, &event);
    }
    bool sequence = node->kind == NODE_SEQUENCE;
    int made = sequence
                   ? yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                          node->flow ? YAML_FLOW_SEQUENCE_STYLE
                                                                     : YAML_BLOCK_SEQUENCE_STYLE)
                   : yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                         node->flow ? YAML_FLOW_MAPPING_STYLE
                                                                    : YAML_BLOCK_MAPPING_STYLE);
    if (made == 0 || !emit(emitter, &event))
        return false;
    for (size_t i = 0; i < node->children.len; i++)
        if (!emit_node(emitter, child(node, i)))
            return false;
    made = sequence ? yaml_sequence_end_event_initialize(&event)
                    : yaml_mapping_end_event_initialize(&event);
    return made != 0 && emit(emitter, &event);
}

static int write_bytes(void *out, unsigned char *data, size_t size)
{
    return strbuf_add(out, data, size) == 0;
}

static bool emit_document(yaml_emitter_t *emitter, const struct node *node)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) != 0 &&
           emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) != 0 &&
           emit(emitter, &event) && emit_node(emitter, node) &&
           yaml_document_end_event_initialize(&event, 1) != 0 && emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) != 0 && emit(emitter, &event);
}

static int write_text(const struct node *node, char **ret_text, struct error *err)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_TEXT_BYTES);
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return error_set(err, ERROR_INTERNAL, "no memory for a YAML emitter");
    yaml_emitter_set_output(&emitter, write_bytes, &out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_indent(&emitter, 2);
    bool written = emit_document(&emitter, node);
    yaml_emitter_delete(&emitter);
    if (!written)
        return error_set(err, ERROR_LIMIT, "the text grows beyond %d bytes", MAX_TEXT_BYTES);
    const char *start = out.data + strspn(out.data, " \t\r\n");
    size_t length = strlen(start);
    while (length > 0 && strchr(" \t\r\n", start[length - 1]) != NULL)
        length--;
    *ret_text = xstrndup(start, length);
    return 0;
}

// A '#' where a comment can begin. One inside quotes counts too: then nothing is risked.
static bool may_have_comments(const char *text)
{
    for (const char *at = strchr(text, '#'); at != NULL; at = strchr(at + 1, '#'))
        if (at == text || strchr(" \t\n", at[-1]) != NULL)
            return true;
    return false;
}

int structured_text_update(const char *text, const json_t *before, const json_t *after,
                           char **ret_text, struct error *err)
{
    const char *start = text + strspn(text, " \t\r\n");
    if (*start == '{' || *start == '[') {
        bool pretty = strchr(text, '\n') != NULL && strstr(text, "  ") != NULL;
        cleanup_strbuf struct strbuf out;
        strbuf_init(&out, MAX_TEXT_BYTES);
        go_json_add(&out, after, pretty, 0);
        if (strbuf_check(&out, "the text", err) < 0)
            return -1;
        *ret_text = strbuf_steal(&out);
        return 0;
    }
    if (may_have_comments(text))
        return error_set(err, ERROR_INVALID,
                         "a YAML text with comments cannot be changed in part without losing them; "
                         "take the comments out, or replace the whole text");
    cleanup_node struct node *node = NULL;
    if (read_text(text, &node, err) < 0)
        return -1;
    update(&node, before, after);
    return write_text(node, ret_text, err);
}
