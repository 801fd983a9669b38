// The short way through a YAML text, for the part of YAML that manifests are written in: block
// mappings and sequences, scalars on one line, literal blocks, JSON-like collections, comments.
// libyaml takes some 250 instructions for a byte, which is most of the time of a build. Here values
// are built without events in between. Whatever is uncommon (anchors, tags, folded and multi-line
// scalars, tabs, directives, "?", merge keys, keys that are no strings), wrong, or beyond a limit
// makes this reader give up, and libyaml reads the text from its start: so it alone decides what is
// an error, and this file holds no message.
//
// fuzz_yaml and unit_yamlvalue compare the two readers.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_internal.h"
#include "base/yamlvalue_quick_internal.h"
#include "base/yamlvalue_reader_internal.h"

enum {
    MAX_KEY_BYTES = 512, // libyaml ends simple keys at 1,024 characters
    MAX_KNOWN_BYTES = 48,
};

static struct value *node(struct quick *q, int column, int parent, bool block);
static struct value *flow(struct quick *q);

// Counts what libyaml's reader counts; true when a limit forbids it.
static bool too_many(struct quick *q)
{
    return ++q->nodes > q->limits->max_nodes;
}

// ---- scalars ----

static void resolve(const struct quick *q, const struct token *token, struct yamlvalue_scalar *ret)
{
    if (token->quoted)
        ret->kind = YAMLVALUE_STRING;
    else if (q->limits->yaml11)
        yamlvalue_resolve_11(token->text, token->length, ret);
    else
        yamlvalue_resolve(token->text, token->length, ret);
}

static struct value *empty(struct quick *q)
{
    if (too_many(q))
        return NULL;
    return q->limits->kustomize ? yamlvalue_empty_null() : value_null();
}

static struct value *resolved_value(const struct token *token,
                                    const struct yamlvalue_scalar *resolved)
{
    switch (resolved->kind) {
    case YAMLVALUE_STRING:
        return value_stringn_nocheck(token->text, token->length);
    case YAMLVALUE_BOOL:
        return value_boolean(resolved->truth);
    case YAMLVALUE_INTEGER:
        return value_integer(resolved->integer);
    case YAMLVALUE_NULL:
        return value_null();
    case YAMLVALUE_TIMESTAMP:
        return value_string(resolved->timestamp);
    case YAMLVALUE_UNSIGNED:
    case YAMLVALUE_FLOAT:
    case YAMLVALUE_NOT_FINITE:
    default:
        return NULL;
    }
}

// NULL for what is quoted or long, which is not kept.
static struct value **place_of_text(struct quick *q, const struct token *token)
{
    uint32_t hash = 2166136261u;
    if (token->quoted || token->length > MAX_KNOWN_BYTES)
        return NULL;
    for (size_t i = 0; i < token->length; i++)
        hash = (hash ^ (unsigned char)token->text[i]) * 16777619u;
    return &q->texts[(hash ^ hash >> 16) % QUICK_TEXTS];
}

static bool is_text(const struct value *known, const struct token *token)
{
    return known != NULL && value_string_length(known) == token->length &&
           memcmp(value_string_value(known), token->text, token->length) == 0;
}

// The token as a string, remembered for the next (`place` may be NULL).
static struct value *keep_text(struct value **place, const struct token *token)
{
    struct value *text = value_stringn_nocheck(token->text, token->length);
    if (place != NULL) {
        value_decref(*place);
        *place = value_incref(text);
    }
    return text;
}

static struct value *scalar(struct quick *q, const struct token *token, bool in_flow)
{
    struct yamlvalue_scalar resolved;
    struct value **place = place_of_text(q, token);
    if (too_many(q))
        return NULL;
    if (place != NULL && is_text(*place, token))
        return value_incref(*place);
    resolve(q, token, &resolved);
    // Most scalars say by themselves how they are written.
    if (!token->quoted && resolved.kind == YAMLVALUE_STRING)
        return keep_text(place, token);
    struct value *value = resolved_value(token, &resolved);
    if (value == NULL || !q->limits->written)
        return value;
    const char *text = token->text;
    if (text != q->scratch.data) {
        // A text of its own, with an end.
        strbuf_reset(&q->scratch);
        strbuf_add(&q->scratch, text, token->length);
        text = q->scratch.data;
    }
    value = yamlvalue_with_style(q->limits, in_flow, text, token->length,
                                 token->quoted ? NULL : &resolved, value);
    value_string_note(value, token->quote);
    return value;
}

// `at` stands on the bar; `parent` is the column of the collection around.
static struct value *literal(struct quick *q, int parent)
{
    struct token token;
    return quick_scan_literal(q, parent, &token) && quick_to_content(q) ? scalar(q, &token, false)
                                                                        : NULL;
}

// ---- collections ----

// Owned; NULL where this reader gives up.
static struct value *take_key(struct quick *q, const struct token *token)
{
    struct yamlvalue_scalar resolved;
    struct value **place = place_of_text(q, token);
    bool merges = !token->quoted && token->length == 2 && memcmp(token->text, "<<", 2) == 0;
    if (merges || token->length > MAX_KEY_BYTES || too_many(q))
        return NULL;
    if (place != NULL && is_text(*place, token))
        return value_incref(*place);
    resolve(q, token, &resolved);
    return resolved.kind == YAMLVALUE_STRING ? keep_text(place, token) : NULL;
}

// Consumes both.
static bool add_member(const struct quick *q, struct value_builder *members, struct value *key,
                       struct value *value)
{
    if (value == NULL || (!q->limits->last_wins && value_builder_has(members, key))) {
        value_decref(key);
        value_decref(value);
        return false;
    }
    value_builder_add(members, key, value);
    return true;
}

// The items of a sequence that is read; few are gathered first, so that the array has their size.
struct items {
    struct value *array; // owned; once they are many
    size_t n;
    struct value *few[VALUE_FEW]; // owned
};

static void items_release(struct items *items)
{
    value_decref(items->array);
    for (size_t i = 0; i < items->n; i++)
        value_decref(items->few[i]);
}
#define cleanup_items __attribute__((cleanup(items_release)))

static struct value *finish_items(struct items *items)
{
    struct value *array = STEAL(items->array);
    if (array == NULL)
        array = value_array_of(items->few, items->n);
    items->n = 0;
    return array;
}

// Consumes item; false for NULL.
static bool add_item(struct items *items, struct value *item)
{
    if (item == NULL)
        return false;
    if (items->array == NULL && items->n < VALUE_FEW) {
        items->few[items->n++] = item;
        return true;
    }
    if (items->array == NULL)
        items->array = finish_items(items);
    return value_array_append_new(items->array, item) == 0;
}

static struct value *sequence(struct quick *q, int column)
{
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_items struct items items = {0};
    do {
        q->at++;
        int inside = column + 1;
        for (; q->at < q->end && *q->at == ' '; q->at++)
            inside++;
        struct value *item = NULL;
        if (!quick_is_end_or(q, q->at, "#\n"))
            item = node(q, inside, column, true);
        else if (!quick_finish_line(q))
            return NULL;
        else
            item = q->column > column ? node(q, q->column, column, true) : empty(q);
        if (!add_item(&items, item) || q->column > column)
            return NULL;
    } while (q->column == column && quick_at_item(q));
    q->depth--;
    return finish_items(&items);
}

static struct value *member_value(struct quick *q, int column)
{
    while (q->at < q->end && *q->at == ' ')
        q->at++;
    if (!quick_is_end_or(q, q->at, "#\n"))
        return node(q, column, column, false);
    if (!quick_finish_line(q))
        return NULL;
    if (q->column > column)
        return node(q, q->column, column, true);
    return q->column == column && quick_at_item(q) ? sequence(q, column) : empty(q);
}

// `first` is the first key; `at` stands on its colon.
static struct value *mapping(struct quick *q, int column, const struct token *first)
{
    struct token token = *first;
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_value_builder struct value_builder members = {0};
    for (;;) {
        struct value *key = take_key(q, &token);
        if (key == NULL)
            return NULL;
        q->at++;
        if (!add_member(q, &members, key, member_value(q, column)) || q->column > column)
            return NULL;
        if (q->column < column)
            break;
        if (!quick_scan(q, false, &token) || !quick_at_colon(q, false, token.quoted))
            return NULL;
    }
    q->depth--;
    return value_builder_finish(&members);
}

// `at` stands on the node, at `column` of its line; what is inside of it stands right of `parent`.
// Without `block` it begins behind a key. Afterwards `at` is at the start of the next content.
static struct value *node(struct quick *q, int column, int parent, bool block)
{
    struct token token;
    if (quick_at_item(q))
        return block ? sequence(q, column) : NULL;
    if (*q->at == '|')
        return literal(q, parent);
    cleanup_value struct value *value = NULL;
    if (*q->at == '{' || *q->at == '[') {
        value = flow(q);
    } else {
        if (!quick_scan(q, false, &token))
            return NULL;
        const char *behind = q->at;
        if (quick_at_colon(q, false, token.quoted))
            return block ? mapping(q, column, &token) : NULL;
        q->at = behind;
        value = scalar(q, &token, false);
    }
    // A line that stands deeper would continue the scalar.
    return value != NULL && quick_finish_line(q) && q->column <= parent ? STEAL(value) : NULL;
}

// ---- JSON-like collections ----

static struct value *flow_value(struct quick *q)
{
    struct token token;
    if (!quick_skip_in_flow(q))
        return NULL;
    if (*q->at == '{' || *q->at == '[')
        return flow(q);
    if (!quick_scan(q, true, &token))
        return NULL;
    return scalar(q, &token, true);
}

static bool flow_member(struct quick *q, struct value_builder *members)
{
    struct token token;
    if (!quick_scan(q, true, &token) || !quick_at_colon(q, true, token.quoted))
        return false;
    struct value *key = take_key(q, &token);
    if (key == NULL)
        return false;
    q->at++;
    return add_member(q, members, key, flow_value(q));
}

static struct value *flow(struct quick *q)
{
    bool is_mapping = *q->at == '{';
    char close = is_mapping ? '}' : ']';
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_value_builder struct value_builder members = {0};
    cleanup_items struct items items = {0};
    q->at++;
    if (!quick_skip_in_flow(q))
        return NULL;
    bool more = *q->at != close;
    while (more) {
        if (!quick_skip_in_flow(q) ||
            !(is_mapping ? flow_member(q, &members) : add_item(&items, flow_value(q))))
            return NULL;
        if (!quick_skip_in_flow(q) || (*q->at != ',' && *q->at != close))
            return NULL;
        more = *q->at == ',';
        q->at += more;
    }
    q->at++;
    q->depth--;
    struct value *value = is_mapping ? value_builder_finish(&members) : finish_items(&items);
    value_container_mark(value, q->limits->written);
    return value;
}

// ---- documents ----

static size_t count_lines(const char *from, const char *to)
{
    size_t lines = 0;
    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        from++;
        lines++;
    }
    return lines;
}

// `at` stands on the content, on a separator, or at the end behind one.
static bool read_document(struct quick *q, struct yamlvalue_document *document)
{
    document->start = (size_t)(q->at - q->text);
    if (q->column == QUICK_END) {
        q->at += 3;
        document->start += 3;
        while (q->at < q->end && *q->at == ' ')
            q->at++;
        if (!quick_is_end_or(q, q->at, "\n"))
            return false;
        if (q->at < q->end)
            document->start = (size_t)(++q->at - q->text);
        if (!quick_to_content(q))
            return false;
    }
    document->line = (size_t)(q->at - q->text); // a place until all are counted
    document->value = q->column == QUICK_END ? empty(q) : node(q, q->column, QUICK_END, true);
    document->end = (size_t)(q->at - q->text);
    return document->value != NULL && q->column == QUICK_END;
}

bool yamlvalue_read_quickly(const char *text, size_t size, const struct yamlvalue_limits *limits,
                            struct vec *documents)
{
    struct quick q = {.text = text, .at = text, .end = text + size, .limits = limits};
    if (size == 0 || !quick_is_simple(text, size) || !quick_to_content(&q))
        return false;
    strbuf_init(&q.scratch, size);
    bool read = true;
    while (read && q.at < q.end && !(limits->first_only && documents->len > 0)) {
        read = documents->len < limits->max_documents;
        q.depth = 0;
        read = read && read_document(&q, vec_push(documents));
    }
    strbuf_release(&q.scratch);
    for (size_t i = 0; i < QUICK_TEXTS; i++)
        value_decref(q.texts[i]);
    if (!read) {
        vec_clear(documents);
        return false;
    }
    size_t line = 1;
    const char *counted = text;
    vec_foreach (struct yamlvalue_document, document, documents) {
        const char *place = text + document->line;
        line += count_lines(counted, place);
        // To libyaml a stream ends on a line of its own.
        document->line = line + (place == q.end && place[-1] != '\n');
        counted = place;
    }
    return true;
}
