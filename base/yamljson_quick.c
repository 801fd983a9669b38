// The short way through a YAML text, for the part of YAML that manifests are written in: block
// mappings and sequences, scalars on one line, literal blocks, JSON-like collections, comments.
// libyaml takes some 250 instructions for a byte, which is most of the time of a build. Here values
// are built without events in between. Whatever is uncommon (anchors, tags, folded and multi-line
// scalars, tabs, directives, "?", merge keys, keys that are no strings), wrong, or beyond a limit
// makes this reader give up, and libyaml reads the text from its start: so it alone decides what is
// an error, and this file holds no message.
//
// fuzz_yaml and unit_yamljson compare the two readers.
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson_internal.h"
#include "base/yamljson_quick_internal.h"
#include "base/yamljson_reader_internal.h"

enum {
    MAX_KEY_BYTES = 512, // libyaml ends simple keys at 1,024 characters
};

static json_t *node(struct quick *q, int column, int parent, bool block);
static json_t *flow(struct quick *q);

// Counts what libyaml's reader counts; true when a limit forbids it.
static bool too_many(struct quick *q)
{
    return ++q->nodes > q->limits->max_nodes;
}

// ---- scalars ----

static void resolve(const struct quick *q, const struct token *token, struct yamljson_scalar *ret)
{
    if (token->quoted)
        ret->kind = YAMLJSON_STRING;
    else if (q->limits->yaml11)
        yamljson_resolve_11(token->text, token->length, ret);
    else
        yamljson_resolve(token->text, token->length, ret);
}

static json_t *empty(struct quick *q)
{
    if (too_many(q))
        return NULL;
    return q->limits->kustomize ? yamljson_empty_null() : json_null();
}

static json_t *resolved_value(const struct token *token, const struct yamljson_scalar *resolved)
{
    switch (resolved->kind) {
    case YAMLJSON_STRING:
        return json_stringn_nocheck(token->text, token->length);
    case YAMLJSON_BOOL:
        return json_boolean(resolved->truth);
    case YAMLJSON_INTEGER:
        return json_integer(resolved->integer);
    case YAMLJSON_NULL:
        return json_null();
    case YAMLJSON_TIMESTAMP:
        return json_string_nocheck(resolved->timestamp);
    case YAMLJSON_UNSIGNED:
    case YAMLJSON_FLOAT:
    case YAMLJSON_NOT_FINITE:
    default:
        return NULL;
    }
}

static json_t *scalar(struct quick *q, const struct token *token, bool in_flow)
{
    struct yamljson_scalar resolved;
    if (too_many(q))
        return NULL;
    resolve(q, token, &resolved);
    // Most scalars say by themselves how they are written.
    if (!token->quoted && resolved.kind == YAMLJSON_STRING)
        return json_stringn_nocheck(token->text, token->length);
    json_t *value = resolved_value(token, &resolved);
    if (value == NULL || !q->limits->written)
        return value;
    const char *text = token->text;
    if (text != q->scratch.data) {
        // A text of its own, with an end.
        strbuf_reset(&q->scratch);
        strbuf_add(&q->scratch, text, token->length);
        text = q->scratch.data;
    }
    return yamljson_with_style(q->limits, in_flow, text, token->length,
                               token->quoted ? NULL : &resolved, value);
}

// `at` stands on the bar; `parent` is the column of the collection around.
static json_t *literal(struct quick *q, int parent)
{
    struct token token;
    return quick_scan_literal(q, parent, &token) && quick_to_content(q) ? scalar(q, &token, false)
                                                                        : NULL;
}

// ---- collections ----

struct key {
    const char *text;
    size_t length;
    char *owned; // when it stood in scratch, which the value overwrites
};

static void key_release(struct key *key)
{
    free(key->owned);
}
#define cleanup_key __attribute__((cleanup(key_release)))

static bool take_key(struct quick *q, const struct token *token, struct key *key)
{
    struct yamljson_scalar resolved;
    bool merges = !token->quoted && token->length == 2 && memcmp(token->text, "<<", 2) == 0;
    resolve(q, token, &resolved);
    if (merges || resolved.kind != YAMLJSON_STRING || token->length > MAX_KEY_BYTES || too_many(q))
        return false;
    if (token->text == q->scratch.data)
        key->owned = xstrndup(token->text, token->length);
    key->text = key->owned != NULL ? key->owned : token->text;
    key->length = token->length;
    return true;
}

static bool add_member(const struct quick *q, json_t *members, const struct key *key, json_t *value)
{
    if (value == NULL)
        return false;
    if (!q->limits->last_wins && json_object_getn(members, key->text, key->length) != NULL) {
        json_decref(value);
        return false;
    }
    return json_object_setn_new_nocheck(members, key->text, key->length, value) == 0;
}

static json_t *sequence(struct quick *q, int column)
{
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_json json_t *items = json_array();
    do {
        q->at++;
        int inside = column + 1;
        for (; q->at < q->end && *q->at == ' '; q->at++)
            inside++;
        json_t *item = NULL;
        if (!quick_is_end_or(q, q->at, "#\n"))
            item = node(q, inside, column, true);
        else if (!quick_finish_line(q))
            return NULL;
        else
            item = q->column > column ? node(q, q->column, column, true) : empty(q);
        if (item == NULL || json_array_append_new(items, item) < 0 || q->column > column)
            return NULL;
    } while (q->column == column && quick_at_item(q));
    q->depth--;
    return STEAL(items);
}

static json_t *member_value(struct quick *q, int column)
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
static json_t *mapping(struct quick *q, int column, const struct token *first)
{
    struct token token = *first;
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_json json_t *members = json_object();
    for (;;) {
        cleanup_key struct key key = {0};
        if (!take_key(q, &token, &key))
            return NULL;
        q->at++;
        if (!add_member(q, members, &key, member_value(q, column)) || q->column > column)
            return NULL;
        if (q->column < column)
            break;
        if (!quick_scan(q, false, &token) || !quick_at_colon(q, false, token.quoted))
            return NULL;
    }
    q->depth--;
    return STEAL(members);
}

// `at` stands on the node, at `column` of its line; what is inside of it stands right of `parent`.
// Without `block` it begins behind a key. Afterwards `at` is at the start of the next content.
static json_t *node(struct quick *q, int column, int parent, bool block)
{
    struct token token;
    if (quick_at_item(q))
        return block ? sequence(q, column) : NULL;
    if (*q->at == '|')
        return literal(q, parent);
    cleanup_json json_t *value = NULL;
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

static json_t *flow_value(struct quick *q)
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

static bool flow_member(struct quick *q, json_t *members)
{
    struct token token;
    if (!quick_scan(q, true, &token) || !quick_at_colon(q, true, token.quoted))
        return false;
    cleanup_key struct key key = {0};
    if (!take_key(q, &token, &key))
        return false;
    q->at++;
    return add_member(q, members, &key, flow_value(q));
}

static json_t *flow(struct quick *q)
{
    bool is_mapping = *q->at == '{';
    char close = is_mapping ? '}' : ']';
    if (++q->depth > q->limits->max_depth || too_many(q))
        return NULL;
    cleanup_json json_t *value = is_mapping ? json_object() : json_array();
    q->at++;
    if (!quick_skip_in_flow(q))
        return NULL;
    bool more = *q->at != close;
    while (more) {
        if (!quick_skip_in_flow(q) ||
            (is_mapping ? !flow_member(q, value) : json_array_append_new(value, flow_value(q)) < 0))
            return NULL;
        if (!quick_skip_in_flow(q) || (*q->at != ',' && *q->at != close))
            return NULL;
        more = *q->at == ',';
        q->at += more;
    }
    q->at++;
    q->depth--;
    return STEAL(value);
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
static bool read_document(struct quick *q, struct yamljson_document *document)
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

bool yamljson_read_quickly(const char *text, size_t size, const struct yamljson_limits *limits,
                           struct vec *documents)
{
    struct quick q = {.text = text, .at = text, .end = text + size, .limits = limits};
    if (size == 0 || !quick_is_simple(text, size) || !quick_to_content(&q))
        return false;
    strbuf_init(&q.scratch, size);
    bool read = true;
    while (read && q.at < q.end) {
        read = documents->len < limits->max_documents;
        q.depth = 0;
        read = read && read_document(&q, vec_push(documents));
    }
    strbuf_release(&q.scratch);
    if (!read) {
        vec_clear(documents);
        return false;
    }
    size_t line = 1;
    const char *counted = text;
    vec_foreach (struct yamljson_document, document, documents) {
        const char *place = text + document->line;
        line += count_lines(counted, place);
        // To libyaml a stream ends on a line of its own.
        document->line = line + (place == q.end && place[-1] != '\n');
        counted = place;
    }
    return true;
}
