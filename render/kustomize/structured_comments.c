// Comments of a YAML text that is read and written anew by libyaml, which knows none. go-yaml holds
// a comment on lines of its own with the node below, and one behind a value with that value, and
// writes them there again; what is below the last node or apart by a blank line has rules of its
// own, and is refused.
//
// Reading goes by the lines of the nodes; writing reads the new text and finds the same nodes
// again.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/kustomize/structured_node_internal.h"

enum { MAX_TEXT_BYTES = 4 << 20 };

// The nodes in the order in which they begin, and the lines of the text.
struct view {
    struct vec nodes; // struct structured_node *, borrowed
    struct vec lines; // char *, owned
};

static void view_release(struct view *view)
{
    vec_free(&view->nodes);
    vec_free(&view->lines);
}
#define cleanup_view __attribute__((cleanup(view_release)))

static void add_nodes(struct vec *nodes, struct structured_node *node)
{
    *(struct structured_node **)vec_push(nodes) = node;
    vec_foreach (struct structured_node *, child, &node->children)
        add_nodes(nodes, *child);
}

static struct view view_of(const char *text, struct structured_node *root)
{
    struct view view = {VEC_OF(struct structured_node *, NULL), VEC_OF(char *, vec_release_string)};
    add_nodes(&view.nodes, root);
    for (;;) {
        size_t length = strcspn(text, "\n");
        *(char **)vec_push(&view.lines) = xstrndup(text, length);
        if (text[length] == '\0')
            return view;
        text += length + 1;
    }
}

static const char *line_at(const struct view *view, size_t line)
{
    return *(char **)vec_at(&view->lines, line);
}

static bool is_block_scalar(const struct structured_node *node)
{
    return node->kind == STRUCTURED_SCALAR &&
           (node->style == YAML_LITERAL_SCALAR_STYLE || node->style == YAML_FOLDED_SCALAR_STYLE);
}

// Columns count characters.
static const char *at_column(const char *line, size_t column)
{
    while (column > 0 && *line != '\0') {
        line++;
        while (((unsigned char)*line & 0xC0) == 0x80)
            line++;
        column--;
    }
    return line;
}

static int refuse(size_t line, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     "line %zu of the YAML text holds a comment that is not directly above or "
                     "behind a value, and would be lost; move it, or replace the whole text",
                     line + 1);
}

// Whether a line is inside a scalar of several lines, or between brackets.
static bool is_inside(const struct view *view, size_t line)
{
    vec_foreach (struct structured_node *, place, &view->nodes) {
        const struct structured_node *node = *place;
        bool leaf = node->kind == STRUCTURED_SCALAR || node->flow;
        size_t end = node->end.line + (node->end.column > 0);
        if (leaf && node->start.line < line && line < end)
            return true;
    }
    return false;
}

// The node whose line of text begins with it (or with the dash before it).
static struct structured_node *first_on_line(const struct view *view, size_t line)
{
    vec_foreach (struct structured_node *, node, &view->nodes)
        if ((*node)->start.line == line)
            return *node;
    return NULL;
}

// The last node without children that ends on the line.
static struct structured_node *last_on_line(const struct view *view, size_t line)
{
    struct structured_node *last = NULL;
    vec_foreach (struct structured_node *, place, &view->nodes) {
        struct structured_node *node = *place;
        bool leaf = node->children.len == 0 && !is_block_scalar(node);
        if (leaf && node->end.line == line && node->end.index > node->start.index)
            last = node;
    }
    return last;
}

static void add_head(struct structured_node *node, const char *comment)
{
    char *joined = node->head_comment == NULL ? xstrdup(comment)
                                              : xasprintf("%s\n%s", node->head_comment, comment);
    free(node->head_comment);
    node->head_comment = joined;
}

static char *without_blanks_behind(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        length--;
    return xstrndup(text, length);
}

// Lines from `line` on that are comments alone; *ret_next is the line behind them.
static int read_heads(const struct view *view, size_t line, size_t *ret_next, struct error *err)
{
    size_t column = strspn(line_at(view, line), " ");
    size_t next = line;
    while (next < view->lines.len && line_at(view, next)[strspn(line_at(view, next), " ")] == '#') {
        if (strspn(line_at(view, next), " ") != column)
            return refuse(next, err);
        next++;
    }
    struct structured_node *node = next < view->lines.len ? first_on_line(view, next) : NULL;
    if (node == NULL || strspn(line_at(view, next), " ") != column)
        return refuse(line, err);
    for (size_t i = line; i < next; i++) {
        cleanup_free char *comment = without_blanks_behind(line_at(view, i) + column);
        add_head(node, comment);
    }
    *ret_next = next;
    return 0;
}

static int read_tail(const struct view *view, size_t line, struct error *err)
{
    struct structured_node *last = last_on_line(view, line);
    const char *text = line_at(view, line);
    const char *rest = last != NULL ? at_column(text, last->end.column) : text;
    const char *comment = strstr(rest, " #");
    if (comment == NULL)
        return 0;
    vec_foreach (struct structured_node *, node, &view->nodes)
        if ((*node)->start.line == line && (*node)->end.line > line &&
            ((*node)->kind == STRUCTURED_SCALAR || (*node)->flow)) {
            // What follows is the scalar's own, unless it is the header of a block.
            const char *start = at_column(text, (*node)->start.column);
            return is_block_scalar(*node) || (*node)->flow || start > comment ? refuse(line, err)
                                                                              : 0;
        }
    if (last == NULL)
        return refuse(line, err);
    last->line_comment = without_blanks_behind(comment + 1);
    return 0;
}

int structured_comments_read(const char *text, struct structured_node *root, struct error *err)
{
    cleanup_view struct view view = view_of(text, root);
    for (size_t line = 0; line < view.lines.len; line++) {
        const char *start = line_at(&view, line) + strspn(line_at(&view, line), " ");
        bool inside = is_inside(&view, line);
        size_t next = line;
        if (inside && *start == '#' && root->flow)
            return refuse(line, err);
        if (inside)
            continue;
        if (*start == '#') {
            if (read_heads(&view, line, &next, err) < 0)
                return -1;
            line = next;
        }
        if (read_tail(&view, line, err) < 0)
            return -1;
    }
    return 0;
}

static void add_line(const struct view *view, const struct vec *nodes, size_t line,
                     struct strbuf *out)
{
    size_t indent = strspn(line_at(view, line), " ");
    for (size_t i = 0; i < nodes->len; i++) {
        const struct structured_node *place = *(struct structured_node **)vec_at(&view->nodes, i);
        const struct structured_node *node = *(struct structured_node **)vec_at(nodes, i);
        if (place->start.line != line || node->head_comment == NULL)
            continue;
        const char *comment = node->head_comment;
        while (*comment != '\0') {
            size_t length = strcspn(comment, "\n");
            strbuf_addf(out, "%*s%.*s\n", (int)indent, "", (int)length, comment);
            comment += length + (comment[length] == '\n');
        }
    }
    strbuf_addstr(out, line_at(view, line));
    for (size_t i = 0; i < nodes->len; i++) {
        const struct structured_node *place = *(struct structured_node **)vec_at(&view->nodes, i);
        const struct structured_node *node = *(struct structured_node **)vec_at(nodes, i);
        if (place->end.line == line && node->line_comment != NULL)
            strbuf_addf(out, " %s", node->line_comment);
    }
    if (line + 1 < view->lines.len)
        strbuf_addch(out, '\n');
}

int structured_comments_write(const char *written, const struct structured_node *root,
                              char **ret_text, struct error *err)
{
    cleanup_structured_node struct structured_node *again = NULL;
    cleanup_vec struct vec nodes = VEC_OF(struct structured_node *, NULL);
    if (structured_node_read(written, &again, err) < 0)
        return -1;
    cleanup_view struct view view = view_of(written, again);
    add_nodes(&nodes, (struct structured_node *)(uintptr_t)root);
    if (nodes.len != view.nodes.len)
        return error_set(err, ERROR_INVALID, "the YAML text does not read as it was written");
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_TEXT_BYTES);
    for (size_t line = 0; line < view.lines.len; line++)
        add_line(&view, &nodes, line, &out);
    if (strbuf_check(&out, "the YAML text", err) < 0)
        return -1;
    *ret_text = strbuf_steal(&out);
    return 0;
}
