// The nodes of a YAML text by libyaml's events.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/structured_node_internal.h"

enum { MAX_DEPTH = 64 };

void structured_node_free(struct structured_node *node)
{
    if (node == NULL)
        return;
    free(node->text);
    free(node->anchor);
    free(node->tag);
    free(node->head_comment);
    free(node->line_comment);
    free(node->foot_comment);
    free(node->last_comment);
    vec_free(&node->children);
    free(node);
}

static void release_node(void *element)
{
    structured_node_free(*(struct structured_node **)element);
}

void cleanup_structured_node_pointer(struct structured_node **node)
{
    structured_node_free(*node);
}

struct structured_node *structured_node_new(void)
{
    struct structured_node *node = xcalloc(1, sizeof *node);
    node->children = VEC_OF(struct structured_node *, release_node);
    return node;
}

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

static int read_node(struct reader *reader, struct structured_node **ret_node, struct error *err);

static int read_children(struct reader *reader, yaml_event_type_t end, struct structured_node *node,
                         struct error *err)
{
    if (reader->depth >= MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "the text is nested deeper than %d levels", MAX_DEPTH);
    reader->depth++;
    if (advance(reader, err) < 0)
        return -1;
    while (reader->event.type != end) {
        struct structured_node *inner = NULL;
        if (read_node(reader, &inner, err) < 0)
            return -1;
        *(struct structured_node **)vec_push(&node->children) = inner;
        if (advance(reader, err) < 0)
            return -1;
    }
    reader->depth--;
    return 0;
}

static void take_marks(struct structured_node *node, const yaml_char_t *anchor,
                       const yaml_char_t *tag)
{
    node->anchor = xstrdup_or_null((const char *)anchor);
    node->tag = xstrdup_or_null((const char *)tag);
}

// The node that the current event begins; leaves the reader on its last event.
static int read_node(struct reader *reader, struct structured_node **ret_node, struct error *err)
{
    cleanup_structured_node struct structured_node *node = structured_node_new();
    const yaml_event_t *event = &reader->event;
    int status = 0;
    node->start = event->start_mark;
    if (event->type == YAML_SCALAR_EVENT) {
        node->kind = STRUCTURED_SCALAR;
        node->style = event->data.scalar.style;
        node->text = xstrndup((const char *)event->data.scalar.value, event->data.scalar.length);
        take_marks(node, event->data.scalar.anchor, event->data.scalar.tag);
        // go-yaml writes the tag of what it reads as a merge.
        if (strcmp(node->text, "<<") == 0 && node->style == YAML_PLAIN_SCALAR_STYLE &&
            node->tag == NULL)
            node->tag = xstrdup("tag:yaml.org,2002:merge");
    } else if (event->type == YAML_ALIAS_EVENT) {
        node->kind = STRUCTURED_ALIAS;
        node->text = xstrdup((const char *)event->data.alias.anchor);
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        node->kind = STRUCTURED_SEQUENCE;
        node->flow = event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
        take_marks(node, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        status = read_children(reader, YAML_SEQUENCE_END_EVENT, node, err);
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        node->kind = STRUCTURED_MAPPING;
        node->flow = event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
        take_marks(node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        status = read_children(reader, YAML_MAPPING_END_EVENT, node, err);
    } else {
        status = error_set(err, ERROR_INVALID, "the text holds no value");
    }
    if (status < 0)
        return -1;
    node->end = reader->event.end_mark;
    *ret_node = STEAL(node);
    return 0;
}

int structured_node_read(const char *text, struct structured_node **ret_node, struct error *err)
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
