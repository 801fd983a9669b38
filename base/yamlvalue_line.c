// Finds the line of a field by walking the events again: messages are rare, positions for every
// value would cost memory on every parse.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/yamlvalue.h"

enum { MAX_DEPTH = 64 };

struct walk {
    yaml_parser_t parser;
    yaml_event_t event;
    unsigned depth;
    size_t found;      // line from 1 in the text walked; 0 = not yet
    struct vec *items; // borrowed; where the lines of the items of the node found go, or NULL
};

static bool next(struct walk *walk)
{
    yaml_event_delete(&walk->event);
    return yaml_parser_parse(&walk->parser, &walk->event) != 0;
}

// What is left of path after `key`, or NULL when it does not start with it.
static const char *path_after(const char *path, const char *key, size_t length)
{
    if (path == NULL || strncmp(path, key, length) != 0)
        return NULL;
    path += length;
    if (*path == '.')
        return path + 1;
    return *path == '[' || *path == '\0' ? path : NULL;
}

static const char *path_after_index(const char *path, size_t index)
{
    if (path == NULL || *path != '[')
        return NULL;
    char *end = NULL;
    unsigned long wanted = strtoul(path + 1, &end, 10);
    if (wanted != index || end == path + 1 || *end != ']')
        return NULL;
    return path_after(end + 1, "", 0);
}

static bool visit(struct walk *walk, const char *path);

// Whether the search ends at this node (a key's line is its value's). A search for items goes on
// to the value.
static bool reached(struct walk *walk, const char *path, size_t line)
{
    if (walk->items == NULL && path != NULL && *path == '\0' && walk->found == 0)
        walk->found = line;
    return walk->found != 0;
}

static bool visit_mapping(struct walk *walk, const char *path)
{
    while (next(walk) && walk->event.type != YAML_MAPPING_END_EVENT) {
        const char *rest = NULL;
        size_t line = walk->event.start_mark.line + 1;
        if (walk->event.type == YAML_SCALAR_EVENT)
            rest = path_after(path, (const char *)walk->event.data.scalar.value,
                              walk->event.data.scalar.length);
        else if (!visit(walk, NULL))
            return false;
        if (reached(walk, rest, line) || !next(walk) || !visit(walk, rest))
            return false;
    }
    return walk->event.type == YAML_MAPPING_END_EVENT;
}

static bool visit_sequence(struct walk *walk, const char *path)
{
    bool collect = walk->items != NULL && path != NULL && *path == '\0';
    for (size_t i = 0; next(walk) && walk->event.type != YAML_SEQUENCE_END_EVENT; i++) {
        const char *rest = path_after_index(path, i);
        if (collect)
            *(size_t *)vec_push(walk->items) = walk->event.start_mark.line + 1;
        if (reached(walk, rest, walk->event.start_mark.line + 1) || !visit(walk, rest))
            return false;
    }
    if (collect)
        walk->found = 1;
    return !collect && walk->event.type == YAML_SEQUENCE_END_EVENT;
}

// The parser stands on the node's first event; true when it then stands on its last, false when
// the search is over.
static bool visit(struct walk *walk, const char *path)
{
    bool go_on = true;
    if (++walk->depth > MAX_DEPTH)
        return false;
    if (walk->event.type == YAML_MAPPING_START_EVENT)
        go_on = visit_mapping(walk, path);
    else if (walk->event.type == YAML_SEQUENCE_START_EVENT)
        go_on = visit_sequence(walk, path);
    walk->depth--;
    return go_on;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 0;
    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))) != NULL; at++)
        lines++;
    return lines;
}

static size_t search(struct walk *walk, const char *text, size_t size, size_t document_start,
                     const char *path)
{
    if (document_start > size || yaml_parser_initialize(&walk->parser) == 0)
        return 0;
    yaml_parser_set_encoding(&walk->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&walk->parser, (const unsigned char *)text + document_start,
                                 size - document_start);
    while (next(walk) && walk->event.type != YAML_DOCUMENT_START_EVENT &&
           walk->event.type != YAML_STREAM_END_EVENT)
        continue;
    if (walk->event.type == YAML_DOCUMENT_START_EVENT && next(walk) &&
        !reached(walk, path, walk->event.start_mark.line + 1))
        visit(walk, path);
    yaml_event_delete(&walk->event);
    yaml_parser_delete(&walk->parser);
    return walk->found;
}

size_t yamlvalue_line_of(const char *text, size_t size, size_t document_start, const char *path)
{
    struct walk walk = {0};
    size_t found = search(&walk, text, size, document_start, path);
    return found == 0 ? 0 : found + count_lines(text, document_start);
}

void yamlvalue_lines_of_items(const char *text, size_t size, size_t document_start,
                              const char *path, struct vec *lines)
{
    struct walk walk = {.items = lines};
    size_t first = lines->len;
    search(&walk, text, size, document_start, path);
    size_t before = document_start <= size ? count_lines(text, document_start) : 0;
    for (size_t i = first; i < lines->len; i++)
        *(size_t *)vec_at(lines, i) += before;
}
