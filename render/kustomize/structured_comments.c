// Comments of a YAML text that is read and written anew by libyaml, which knows none. go-yaml holds
// lines of comments with the node below, unless they stand deeper: then with the one above; a
// comment behind a value belongs to that value. Blank lines stay between such blocks, below the
// first of the text and above the last. Where more of its rules would be needed, the text is
// refused.
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

// Lines `from` to `to` of comments, joined behind what is there.
static void add_lines(const struct view *view, size_t from, size_t to, size_t skip, bool apart,
                      char **text)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_TEXT_BYTES);
    if (*text != NULL)
        strbuf_addf(&out, "%s\n%s", *text, apart ? "\n" : "");
    for (size_t line = from; line < to; line++) {
        const char *comment = line_at(view, line) + skip;
        strbuf_addf(&out, "%s%s", comment, line + 1 < to ? "\n" : "");
    }
    free(*text);
    *text = strbuf_steal(&out);
}

static size_t column_of(const struct view *view, size_t line)
{
    return strspn(line_at(view, line), " ");
}

static bool is_blank(const struct view *view, size_t line)
{
    const char *text = line_at(view, line);
    return text[strspn(text, " \t\r")] == '\0';
}

static bool is_comment(const struct view *view, size_t line)
{
    return line_at(view, line)[column_of(view, line)] == '#';
}

// Comments below the last content of what they belong to: as deep as its line, or as its key behind
// a dash.
static int add_foot(const struct view *view, size_t from, size_t to, struct error *err)
{
    size_t above = from;
    while (above > 0 && is_blank(view, above - 1))
        above--;
    if (above == 0 || is_comment(view, above - 1) || is_inside(view, above - 1))
        return refuse(from, err);
    size_t column = column_of(view, above - 1);
    bool dash = strncmp(line_at(view, above - 1) + column, "- ", 2) == 0;
    struct structured_node *node = last_on_line(view, above - 1);
    size_t own = column_of(view, from);
    if (node == NULL || (own != column && !(dash && own == column + 2)))
        return refuse(from, err);
    add_lines(view, from, to, column, false, &node->foot_comment);
    return 0;
}

// A block of comment lines from `from` to `to`; `next` is the line of the content behind it.
static int add_block(const struct view *view, struct structured_node *root, size_t from, size_t to,
                     size_t next, bool first_of_run, struct error *err)
{
    for (size_t line = from; line < to; line++)
        if (column_of(view, line) != column_of(view, from))
            return refuse(line, err);
    bool at_end = next == view->lines.len;
    bool apart = from > 0 && is_blank(view, from - 1);
    if (at_end && column_of(view, from) == 0 && apart) {
        add_lines(view, from, to, 0, true, &root->last_comment);
        return 0;
    }
    struct structured_node *node = at_end ? NULL : first_on_line(view, next);
    if (node == NULL || column_of(view, from) > column_of(view, next))
        return first_of_run ? add_foot(view, from, to, err) : refuse(from, err);
    add_lines(view, from, to, column_of(view, from), true, &node->head_comment);
    // Below what stands above all content a blank line stays.
    bool above_all = node == root || node->start.line == root->start.line;
    if (above_all && to == next - 1)
        add_lines(view, to, to, 0, false, &node->head_comment);
    return 0;
}

// All comments from `line` to the next content, which is *ret_next.
static int read_run(const struct view *view, struct structured_node *root, size_t line,
                    size_t *ret_next, struct error *err)
{
    size_t next = line;
    while (next < view->lines.len && (is_blank(view, next) || is_comment(view, next)))
        next++;
    *ret_next = next;
    for (size_t from = line; from < next;) {
        size_t to = from;
        while (to < next && is_comment(view, to))
            to++;
        if (to > from && add_block(view, root, from, to, next, from == line, err) < 0)
            return -1;
        from = to > from ? to : from + 1;
    }
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
    last->line_comment = xstrdup(comment + 1);
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
            if (read_run(&view, root, line, &next, err) < 0)
                return -1;
            line = next;
        }
        if (line < view.lines.len && read_tail(&view, line, err) < 0)
            return -1;
    }
    return 0;
}

static void put_lines(const char *lines, size_t indent, struct strbuf *out)
{
    for (;;) {
        size_t length = strcspn(lines, "\n");
        strbuf_addf(out, "%*s%.*s\n", length > 0 ? (int)indent : 0, "", (int)length, lines);
        if (lines[length] == '\0')
            return;
        lines += length + 1;
    }
}

static void add_line(const struct view *view, const struct vec *nodes, size_t line,
                     struct strbuf *out)
{
    size_t indent = column_of(view, line);
    const char *foot = NULL;
    for (size_t i = 0; i < nodes->len; i++) {
        const struct structured_node *place = *(struct structured_node **)vec_at(&view->nodes, i);
        const struct structured_node *node = *(struct structured_node **)vec_at(nodes, i);
        if (place->start.line == line && node->head_comment != NULL)
            put_lines(node->head_comment, indent, out);
    }
    strbuf_addstr(out, line_at(view, line));
    for (size_t i = 0; i < nodes->len; i++) {
        const struct structured_node *place = *(struct structured_node **)vec_at(&view->nodes, i);
        const struct structured_node *node = *(struct structured_node **)vec_at(nodes, i);
        if (place->end.line == line && node->line_comment != NULL)
            strbuf_addf(out, " %s", node->line_comment);
        if (place->end.line == line && node->foot_comment != NULL)
            foot = node->foot_comment;
    }
    strbuf_addch(out, '\n');
    if (foot != NULL)
        put_lines(foot, indent, out);
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
    if (root->last_comment != NULL)
        strbuf_addf(&out, "\n%s\n", root->last_comment);
    while (out.len > 0 && strchr(" \t\r\n", out.data[out.len - 1]) != NULL)
        strbuf_truncate(&out, out.len - 1);
    if (strbuf_check(&out, "the YAML text", err) < 0)
        return -1;
    *ret_text = strbuf_steal(&out);
    return 0;
}
