// YAML is read into nodes that know their style, brought in line with the new value, and written by
// libyaml's emitter, of which go-yaml's is a port.
#include "render/kustomize/structured_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/structured_json_internal.h"
#include "render/kustomize/structured_node_internal.h"

enum { MAX_TEXT_BYTES = 4 << 20 };

// ---- bringing in line ----

static struct structured_node *child(const struct structured_node *node, size_t index)
{
    return *(struct structured_node **)vec_at(&node->children, index);
}

static bool needs_quotes(const char *text)
{
    cleanup_value struct value *plain = yamlvalue_scalar(text, strlen(text));
    return !value_is_string(plain) || strcmp(value_string_value(plain), text) != 0;
}

// As go-yaml's encoder writes a node without a style of its own (encode.go, node): text that looks
// like something else in quotes, and a tag where the text is not of its type.
static void set_scalar(struct structured_node *node, const struct value *value)
{
    static const char *const tags[] = {
        [YAMLVALUE_TAG_INT] = YAML_INT_TAG,
        [YAMLVALUE_TAG_FLOAT] = YAML_FLOAT_TAG,
        [YAMLVALUE_TAG_BOOL] = YAML_BOOL_TAG,
        [YAMLVALUE_TAG_NULL] = YAML_NULL_TAG,
        [YAMLVALUE_TAG_TIMESTAMP] = YAML_TIMESTAMP_TAG,
        [YAMLVALUE_TAG_ALIAS] = NULL,
    };
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    free(node->text);
    node->text = xstrdup(written.text);
    bool typed = written.tag != YAMLVALUE_TAG_NONE && written.tag != YAMLVALUE_TAG_STR;
    if (typed && node->tag == NULL) {
        cleanup_value struct value *as_tagged =
            yamlvalue_written_new(written.text, written.length, written.tag, false);
        cleanup_value struct value *resolved = yamlvalue_settled(as_tagged);
        bool as_float = written.tag == YAMLVALUE_TAG_FLOAT &&
                        strspn(written.text, "+-0123456789_") == written.length;
        if (resolved == NULL || as_float)
            node->tag = xstrdup_or_null(tags[written.tag]);
    }
    if (node->style != YAML_PLAIN_SCALAR_STYLE)
        return;
    if (strchr(node->text, '\n') != NULL)
        node->style = YAML_LITERAL_SCALAR_STYLE;
    else if (written.tag == YAMLVALUE_TAG_STR && needs_quotes(node->text))
        node->style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

// Quotes stay, also where nothing asks for them.
static yaml_scalar_style_t style_of(const struct value *value)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    if (!written.quoted)
        return YAML_PLAIN_SCALAR_STYLE;
    switch (written.quote) {
    case '\'':
        return YAML_SINGLE_QUOTED_SCALAR_STYLE;
    case '|':
        return YAML_LITERAL_SCALAR_STYLE;
    case '>':
        return YAML_FOLDED_SCALAR_STYLE;
    case '"':
        return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    default:
        return YAML_PLAIN_SCALAR_STYLE;
    }
}

static struct structured_node *node_from_json(const struct value *value)
{
    struct structured_node *node = structured_node_new();
    if (value_is_object(value)) {
        node->kind = STRUCTURED_MAPPING;
        const char *name = NULL;
        struct value *member = NULL;
        value_foreach (value, name, member) {
            cleanup_value struct value *key = value_string(name);
            *(struct structured_node **)vec_push(&node->children) = node_from_json(key);
            *(struct structured_node **)vec_push(&node->children) = node_from_json(member);
        }
        return node;
    }
    if (value_is_array(value)) {
        node->kind = STRUCTURED_SEQUENCE;
        for (size_t i = 0; i < value_array_size(value); i++)
            *(struct structured_node **)vec_push(&node->children) =
                node_from_json(value_array_get(value, i));
        return node;
    }
    node->style = style_of(value);
    set_scalar(node, value);
    return node;
}

// What a text held, what it shall hold, and what of it was put there as a whole.
struct change {
    const struct value *before;
    const struct value *after;
    const struct vec *put; // struct value *; NULL for none
};

static struct change change_of(const struct change *whole, const struct value *before,
                               const struct value *after)
{
    return (struct change){before, after, whole->put};
}

static bool was_put(const struct change *change)
{
    if (change->put == NULL)
        return false;
    vec_foreach (struct value *, put, change->put)
        if (*put == change->after)
            return true;
    return false;
}

static void update(struct structured_node **place, const struct change *change);

static bool changes_nothing(const struct change *change)
{
    return change->before != NULL && value_equal(change->before, change->after) && !was_put(change);
}

static void update_mapping(struct structured_node *node, const struct change *change)
{
    const char *name = NULL;
    struct value *member = NULL;
    value_foreach (change->after, name, member) {
        size_t at = 0;
        struct change inner = change_of(change, value_object_get(change->before, name), member);
        while (at < node->children.len && strcmp(child(node, at)->text, name) != 0)
            at += 2;
        if (at < node->children.len) {
            update(vec_at(&node->children, at + 1), &inner);
            continue;
        }
        if (inner.before != NULL && value_equal(inner.before, member))
            continue;
        cleanup_value struct value *key = value_string(name);
        *(struct structured_node **)vec_push(&node->children) = node_from_json(key);
        *(struct structured_node **)vec_push(&node->children) = node_from_json(member);
    }
}

static void update_sequence(struct structured_node *node, const struct change *change)
{
    for (size_t i = 0; i < value_array_size(change->after); i++) {
        struct change inner = change_of(change, value_array_get(change->before, i),
                                        value_array_get(change->after, i));
        if (i < node->children.len)
            update(vec_at(&node->children, i), &inner);
        else
            *(struct structured_node **)vec_push(&node->children) = node_from_json(inner.after);
    }
}

static void update(struct structured_node **place, const struct change *change)
{
    struct structured_node *node = *place;
    const struct value *after = change->after;
    bool stays = !was_put(change);
    if (changes_nothing(change))
        return;
    if (stays && node->kind == STRUCTURED_MAPPING && value_is_object(after)) {
        update_mapping(node, change);
    } else if (stays && node->kind == STRUCTURED_SEQUENCE && value_is_array(after)) {
        update_sequence(node, change);
    } else if (stays && node->kind == STRUCTURED_SCALAR && !value_is_object(after) &&
               !value_is_array(after) && change->before != NULL) {
        set_scalar(node, after);
    } else {
        *place = node_from_json(after);
        structured_node_free(node);
    }
}

// ---- writing ----

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    return yaml_emitter_emit(emitter, event) != 0;
}

// go-yaml leaves a line empty behind a folded text that ends with one line break, where libyaml
// does not. A last line of this character (for private use) makes libyaml do it, and is taken out
// again.
static const char folded_end[] = "\xEE\x80\x80";

static bool is_blank_or_break(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n';
}

static bool ends_folded(const struct structured_node *node)
{
    size_t length = strlen(node->text);
    if (node->style != YAML_FOLDED_SCALAR_STYLE || length < 2 || is_blank_or_break(node->text[0]) ||
        node->text[length - 1] != '\n' || node->text[length - 2] == '\n')
        return false;
    size_t line = length - 1;
    while (line > 0 && node->text[line - 1] != '\n')
        line--;
    return !is_blank_or_break(node->text[line]);
}

// Takes the lines of folded_end out; false where one is not alone on its line.
static bool remove_folded_ends(char *text)
{
    for (char *found; (found = strstr(text, folded_end)) != NULL;) {
        char *start = found;
        while (start > text && start[-1] == ' ')
            start--;
        char *end = found + strlen(folded_end);
        if (*end != '\n' || start == text || start[-1] != '\n')
            return false;
        memmove(start, end + 1, strlen(end + 1) + 1);
    }
    return true;
}

static bool emit_scalar(yaml_emitter_t *emitter, const struct structured_node *node, bool ends)
{
    yaml_event_t event;
    bool bare = node->tag == NULL;
    cleanup_free char *text =
        xasprintf("%s%s%s", node->text, ends && ends_folded(node) ? folded_end : "",
                  ends && ends_folded(node) ? "\n" : "");
    return yaml_scalar_event_initialize(&event, (unsigned char *)node->anchor,
                                        (unsigned char *)node->tag, (unsigned char *)text,
                                        (int)strlen(text), bare, bare, node->style) != 0 &&
           emit(emitter, &event);
}

static bool emit_node(yaml_emitter_t *emitter, const struct structured_node *node, bool ends)
{
    yaml_event_t event;
    unsigned char *anchor = (unsigned char *)node->anchor;
    unsigned char *tag = (unsigned char *)node->tag;
    bool bare = node->tag == NULL;
    if (node->kind == STRUCTURED_ALIAS)
        return yaml_alias_event_initialize(&event, (unsigned char *)node->text) != 0 &&
               emit(emitter, &event);
    if (node->kind == STRUCTURED_SCALAR)
        return emit_scalar(emitter, node, ends);
    bool sequence = node->kind == STRUCTURED_SEQUENCE;
    int made = sequence
                   ? yaml_sequence_start_event_initialize(&event, anchor, tag, bare,
                                                          node->flow ? YAML_FLOW_SEQUENCE_STYLE
                                                                     : YAML_BLOCK_SEQUENCE_STYLE)
                   : yaml_mapping_start_event_initialize(&event, anchor, tag, bare,
                                                         node->flow ? YAML_FLOW_MAPPING_STYLE
                                                                    : YAML_BLOCK_MAPPING_STYLE);
    if (made == 0 || !emit(emitter, &event))
        return false;
    for (size_t i = 0; i < node->children.len; i++)
        if (!emit_node(emitter, child(node, i), ends))
            return false;
    made = sequence ? yaml_sequence_end_event_initialize(&event)
                    : yaml_mapping_end_event_initialize(&event);
    return made != 0 && emit(emitter, &event);
}

static int write_bytes(void *out, unsigned char *data, size_t size)
{
    return strbuf_add(out, data, size) == 0;
}

static bool emit_document(yaml_emitter_t *emitter, const struct structured_node *node, bool ends)
{
    yaml_event_t event;
    return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) != 0 &&
           emit(emitter, &event) &&
           yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) != 0 &&
           emit(emitter, &event) && emit_node(emitter, node, ends) &&
           yaml_document_end_event_initialize(&event, 1) != 0 && emit(emitter, &event) &&
           yaml_stream_end_event_initialize(&event) != 0 && emit(emitter, &event);
}

static int emit_text(const struct structured_node *node, bool ends, struct strbuf *out,
                     struct error *err)
{
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return error_set(err, ERROR_INTERNAL, "no memory for a YAML emitter");
    yaml_emitter_set_output(&emitter, write_bytes, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_indent(&emitter, 2);
    bool written = emit_document(&emitter, node, ends);
    yaml_emitter_delete(&emitter);
    return written ? 0
                   : error_set(err, ERROR_LIMIT, "the text grows beyond %d bytes", MAX_TEXT_BYTES);
}

// Without blanks around it and without the end of the document, which libyaml writes where a text
// keeps its line breaks. Owned.
static char *trimmed(const char *text)
{
    static const char end[] = "\n...";
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strlen(start);
    for (;;) {
        while (length > 0 && strchr(" \t\r\n", start[length - 1]) != NULL)
            length--;
        if (length < strlen(end) || strncmp(start + length - strlen(end), end, strlen(end)) != 0)
            return xstrndup(start, length);
        length -= strlen(end);
    }
}

static int write_text(const struct structured_node *node, char **ret_text, struct error *err)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_TEXT_BYTES);
    if (emit_text(node, false, &out, err) < 0)
        return -1;
    // Nothing is folded in most texts, and one may hold that character itself.
    cleanup_strbuf struct strbuf ended;
    strbuf_init(&ended, MAX_TEXT_BYTES);
    if (strchr(out.data, '>') != NULL && strstr(out.data, folded_end) == NULL) {
        if (emit_text(node, true, &ended, err) < 0)
            return -1;
        if (remove_folded_ends(ended.data)) {
            strbuf_reset(&out);
            strbuf_addstr(&out, ended.data);
        }
    }
    *ret_text = trimmed(out.data);
    return 0;
}

int structured_text_update(const char *text, const struct value *before, const struct value *after,
                           const struct vec *put, char **ret_text, struct error *err)
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
    cleanup_structured_node struct structured_node *node = NULL;
    if (structured_node_read(text, &node, err) < 0)
        return -1;
    bool comments = strchr(text, '#') != NULL;
    if (comments && structured_comments_read(text, node, err) < 0)
        return -1;
    update(&node, &(struct change){before, after, put});
    if (!comments)
        return write_text(node, ret_text, err);
    cleanup_free char *written = NULL;
    char *bare = NULL;
    if (write_text(node, &bare, err) < 0)
        return -1;
    written = bare;
    return structured_comments_write(written, node, ret_text, err);
}
