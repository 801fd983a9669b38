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
#include "base/yamljson_reader_internal.h"

enum {
    MAX_KEY_BYTES = 512, // libyaml ends simple keys at 1,024 characters
    END = -1,            // the column where a document ends
};

struct quick {
    const char *text;
    const char *at;
    const char *end;
    const struct yamljson_limits *limits;
    size_t nodes;
    unsigned depth;
    int column;            // of the content that `at` stands on, at the start of a line; or END
    struct strbuf scratch; // a quoted scalar
};

struct token {
    const char *text; // borrowed from the text or from scratch
    size_t length;
    bool quoted;
};

static json_t *node(struct quick *q, int column, int parent, bool block);
static json_t *flow(struct quick *q);

static bool is_end_or(const struct quick *q, const char *at, const char *set)
{
    return at >= q->end || strchr(set, *at) != NULL;
}

// libyaml takes U+0085, U+2028 and U+2029 for line ends, and refuses what no text has.
static size_t simple_sequence(const unsigned char *at, size_t left)
{
    if (at[0] >= 0xC2 && at[0] <= 0xDF && left >= 2)
        return (at[1] & 0xC0) == 0x80 && (at[0] > 0xC2 || at[1] >= 0xA0) ? 2 : 0;
    if (at[0] < 0xE0 || at[0] > 0xEE || left < 3 || (at[1] & 0xC0) != 0x80 ||
        (at[2] & 0xC0) != 0x80)
        return 0;
    bool overlong = at[0] == 0xE0 && at[1] < 0xA0;
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool line_end = at[0] == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9);
    return overlong || surrogate || line_end ? 0 : 3;
}

static bool is_simple(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < size;) {
        if ((bytes[i] >= 0x20 && bytes[i] < 0x7F) || bytes[i] == '\n' || bytes[i] == '\t') {
            i++;
            continue;
        }
        size_t length = bytes[i] < 0x80 ? 0 : simple_sequence(bytes + i, size - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static bool is_marker(const struct quick *q, const char *at, char ch)
{
    return q->end - at >= 3 && at[0] == ch && at[1] == ch && at[2] == ch &&
           is_end_or(q, at + 3, " \t\n");
}

static const char *line_end(const struct quick *q, const char *at)
{
    const char *found = memchr(at, '\n', (size_t)(q->end - at));
    return found != NULL ? found : q->end;
}

// From the start of a line to the next content: sets `at` and `column`.
static bool to_content(struct quick *q)
{
    for (;;) {
        const char *start = q->at;
        while (q->at < q->end && *q->at == ' ')
            q->at++;
        if (q->at < q->end && *q->at == '#')
            q->at = line_end(q, q->at);
        q->column = END;
        if (q->at == q->end)
            return true;
        if (*q->at == '\n') {
            q->at++;
            continue;
        }
        if (q->at == start && is_marker(q, start, '-'))
            return true;
        q->column = (int)(q->at - start);
        return q->column > 0 || (*q->at != '%' && !is_marker(q, start, '.'));
    }
}

// Behind a value: nothing but a comment may follow on its line.
static bool finish_line(struct quick *q)
{
    const char *at = q->at;
    while (at < q->end && *at == ' ')
        at++;
    if (at < q->end && *at == '#' && at[-1] == ' ')
        at = line_end(q, at);
    if (at < q->end && *at != '\n')
        return false;
    q->at = at < q->end ? at + 1 : at;
    return to_content(q);
}

static bool at_item(const struct quick *q)
{
    return q->at < q->end && *q->at == '-' && is_end_or(q, q->at + 1, " \n");
}

// Counts what libyaml's reader counts; true when a limit forbids it.
static bool too_many(struct quick *q)
{
    return ++q->nodes > q->limits->max_nodes;
}

// ---- scalars ----

static bool scan_double(struct quick *q, struct token *token)
{
    static const char escapes[] = "n\nt\t\"\"\\\\//";
    const char *at = q->at + 1;
    const char *stop = at;
    while (stop < q->end && *stop != '"' && *stop != '\\' && *stop != '\n' && *stop != '\t')
        stop++;
    if (stop < q->end && *stop == '"') {
        *token = (struct token){at, (size_t)(stop - at), true};
        q->at = stop + 1;
        return true;
    }
    strbuf_reset(&q->scratch);
    for (; at < q->end && *at != '"'; at++) {
        char ch = *at;
        if (ch == '\\') {
            const char *found = ++at < q->end && *at != '\0' ? strchr(escapes, *at) : NULL;
            // Every name stands before its value.
            if (found == NULL || (found - escapes) % 2 != 0)
                return false;
            ch = found[1];
        } else if (ch == '\n' || ch == '\t') {
            return false;
        }
        if (strbuf_addch(&q->scratch, ch) < 0)
            return false;
    }
    if (at >= q->end)
        return false;
    *token = (struct token){q->scratch.data, q->scratch.len, true};
    q->at = at + 1;
    return true;
}

static bool scan_single(struct quick *q, struct token *token)
{
    strbuf_reset(&q->scratch);
    for (const char *at = q->at + 1; at < q->end; at++) {
        if (*at == '\n' || *at == '\t')
            return false;
        if (*at == '\'' && (at + 1 == q->end || *++at != '\'')) {
            *token = (struct token){q->scratch.data, q->scratch.len, true};
            q->at = at + (*at == '\'');
            return true;
        }
        if (strbuf_addch(&q->scratch, *at) < 0)
            return false;
    }
    return false;
}

static bool scan_plain(struct quick *q, bool in_flow, struct token *token)
{
    const char *start = q->at;
    const char *at = start;
    if (is_end_or(q, at, "?:,[]{}#&*!|>'\"%@` \t\n") ||
        (*at == '-' && is_end_or(q, at + 1, " \t\n,[]{}")))
        return false;
    for (; at < q->end && *at != '\n'; at++) {
        if (*at == '\t' || (in_flow && *at == '?'))
            return false;
        if (*at == '#' && at[-1] == ' ')
            break;
        if (in_flow && strchr(",[]{}", *at) != NULL)
            break;
        if (*at != ':')
            continue;
        if (is_end_or(q, at + 1, " \n"))
            break;
        if (at[1] == '\t' || (in_flow && strchr(",?[]{}", at[1]) != NULL))
            return false;
    }
    q->at = at;
    while (at[-1] == ' ')
        at--;
    *token = (struct token){start, (size_t)(at - start), false};
    return true;
}

static bool scan(struct quick *q, bool in_flow, struct token *token)
{
    if (q->at < q->end && *q->at == '"')
        return scan_double(q, token);
    if (q->at < q->end && *q->at == '\'')
        return scan_single(q, token);
    return scan_plain(q, in_flow, token);
}

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

// ---- literal blocks ----

// Spaces at the start of the line, and whether nothing else is on it.
static size_t measure(const struct quick *q, const char *at, bool *ret_blank)
{
    const char *start = at;
    while (at < q->end && *at == ' ')
        at++;
    *ret_blank = at == q->end || *at == '\n';
    return (size_t)(at - start);
}

// The indentation of the first line that is not blank; 0 when this reader cannot tell.
static size_t literal_indent(const struct quick *q, int parent)
{
    size_t widest = 0;
    for (const char *at = q->at; at < q->end; at = line_end(q, at) + 1) {
        bool blank = false;
        size_t spaces = measure(q, at, &blank);
        if (blank) {
            widest = spaces > widest ? spaces : widest;
            continue;
        }
        bool usable = spaces >= widest && (int)spaces > parent && at[spaces] != '\t';
        return usable ? spaces : 0;
    }
    return 0;
}

// `at` stands on the bar; `parent` is the column of the collection around.
static json_t *literal(struct quick *q, int parent)
{
    char chomping = q->end - q->at > 1 ? q->at[1] : '\0';
    bool chomps = chomping == '-' || chomping == '+';
    q->at += chomps ? 2 : 1;
    const char *end = line_end(q, q->at);
    if (end == q->end || parent < 0)
        return NULL;
    const char *rest = q->at;
    while (*rest == ' ')
        rest++;
    if (rest != end && (*rest != '#' || rest == q->at))
        return NULL;
    q->at = end + 1;
    size_t indent = literal_indent(q, parent);
    if (indent == 0)
        return NULL;
    strbuf_reset(&q->scratch);
    size_t kept = 0; // up to the end of the last line with content
    while (q->at < q->end) {
        bool blank = false;
        size_t spaces = measure(q, q->at, &blank);
        if (!blank && spaces < indent)
            break;
        end = line_end(q, q->at);
        if (end == q->end)
            return NULL;
        size_t length = (size_t)(end - q->at);
        if (length > indent && strbuf_add(&q->scratch, q->at + indent, length - indent) < 0)
            return NULL;
        if (length > indent)
            kept = q->scratch.len + 1;
        if (strbuf_addch(&q->scratch, '\n') < 0)
            return NULL;
        q->at = end + 1;
    }
    size_t length = chomping == '+' ? q->scratch.len : chomping == '-' ? kept - 1 : kept;
    strbuf_truncate(&q->scratch, length);
    const struct token token = {q->scratch.data, length, true};
    return to_content(q) ? scalar(q, &token, false) : NULL;
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

static bool at_colon(struct quick *q, bool in_flow, bool quoted)
{
    while (q->at < q->end && *q->at == ' ')
        q->at++;
    return q->at < q->end && *q->at == ':' &&
           ((in_flow && quoted) || is_end_or(q, q->at + 1, " \n"));
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
        if (!is_end_or(q, q->at, "#\n"))
            item = node(q, inside, column, true);
        else if (!finish_line(q))
            return NULL;
        else
            item = q->column > column ? node(q, q->column, column, true) : empty(q);
        if (item == NULL || json_array_append_new(items, item) < 0 || q->column > column)
            return NULL;
    } while (q->column == column && at_item(q));
    q->depth--;
    return STEAL(items);
}

static json_t *member_value(struct quick *q, int column)
{
    while (q->at < q->end && *q->at == ' ')
        q->at++;
    if (!is_end_or(q, q->at, "#\n"))
        return node(q, column, column, false);
    if (!finish_line(q))
        return NULL;
    if (q->column > column)
        return node(q, q->column, column, true);
    return q->column == column && at_item(q) ? sequence(q, column) : empty(q);
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
        if (!scan(q, false, &token) || !at_colon(q, false, token.quoted))
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
    if (at_item(q))
        return block ? sequence(q, column) : NULL;
    if (*q->at == '|')
        return literal(q, parent);
    cleanup_json json_t *value = NULL;
    if (*q->at == '{' || *q->at == '[') {
        value = flow(q);
    } else {
        if (!scan(q, false, &token))
            return NULL;
        const char *behind = q->at;
        if (at_colon(q, false, token.quoted))
            return block ? mapping(q, column, &token) : NULL;
        q->at = behind;
        value = scalar(q, &token, false);
    }
    // A line that stands deeper would continue the scalar.
    return value != NULL && finish_line(q) && q->column <= parent ? STEAL(value) : NULL;
}

// ---- JSON-like collections ----

static bool skip_in_flow(struct quick *q)
{
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\n')) {
        q->at++;
        if (q->at[-1] == '\n' && (is_marker(q, q->at, '-') || is_marker(q, q->at, '.')))
            return false;
    }
    return q->at < q->end;
}

static json_t *flow_value(struct quick *q)
{
    struct token token;
    if (!skip_in_flow(q))
        return NULL;
    if (*q->at == '{' || *q->at == '[')
        return flow(q);
    if (!scan(q, true, &token))
        return NULL;
    return scalar(q, &token, true);
}

static bool flow_member(struct quick *q, json_t *members)
{
    struct token token;
    if (!scan(q, true, &token) || !at_colon(q, true, token.quoted))
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
    if (!skip_in_flow(q))
        return NULL;
    bool more = *q->at != close;
    while (more) {
        if (!skip_in_flow(q) ||
            (is_mapping ? !flow_member(q, value) : json_array_append_new(value, flow_value(q)) < 0))
            return NULL;
        if (!skip_in_flow(q) || (*q->at != ',' && *q->at != close))
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
    if (q->column == END) {
        q->at += 3;
        document->start += 3;
        while (q->at < q->end && *q->at == ' ')
            q->at++;
        if (!is_end_or(q, q->at, "\n"))
            return false;
        if (q->at < q->end)
            document->start = (size_t)(++q->at - q->text);
        if (!to_content(q))
            return false;
    }
    document->line = (size_t)(q->at - q->text); // a place until all are counted
    document->value = q->column == END ? empty(q) : node(q, q->column, END, true);
    document->end = (size_t)(q->at - q->text);
    return document->value != NULL && q->column == END;
}

bool yamljson_read_quickly(const char *text, size_t size, const struct yamljson_limits *limits,
                           struct vec *documents)
{
    struct quick q = {.text = text, .at = text, .end = text + size, .limits = limits};
    if (size == 0 || !is_simple(text, size) || !to_content(&q))
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
