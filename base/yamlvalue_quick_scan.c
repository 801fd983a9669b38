// Where what stands in a text begins and ends (yamlvalue_quick.c makes values of it).
#include <string.h>

#include "base/yamlvalue_quick_internal.h"

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

bool quick_is_simple(const char *text, size_t size)
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
           quick_is_end_or(q, at + 3, " \t\n");
}

static const char *line_end(const struct quick *q, const char *at)
{
    const char *found = memchr(at, '\n', (size_t)(q->end - at));
    return found != NULL ? found : q->end;
}

bool quick_to_content(struct quick *q)
{
    for (;;) {
        const char *start = q->at;
        while (q->at < q->end && *q->at == ' ')
            q->at++;
        if (q->at < q->end && *q->at == '#')
            q->at = line_end(q, q->at);
        q->column = QUICK_END;
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

bool quick_finish_line(struct quick *q)
{
    const char *at = q->at;
    while (at < q->end && *at == ' ')
        at++;
    if (at < q->end && *at == '#' && at[-1] == ' ')
        at = line_end(q, at);
    if (at < q->end && *at != '\n')
        return false;
    q->at = at < q->end ? at + 1 : at;
    return quick_to_content(q);
}

// ---- scalars on one line ----

static bool scan_double(struct quick *q, struct token *token)
{
    static const char escapes[] = "n\nt\t\"\"\\\\//";
    const char *at = q->at + 1;
    const char *stop = at;
    while (stop < q->end && *stop != '"' && *stop != '\\' && *stop != '\n' && *stop != '\t')
        stop++;
    if (stop < q->end && *stop == '"') {
        *token = (struct token){at, (size_t)(stop - at), true, '"'};
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
    *token = (struct token){q->scratch.data, q->scratch.len, true, '"'};
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
            *token = (struct token){q->scratch.data, q->scratch.len, true, '\''};
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
    if (quick_is_end_or(q, at, "?:,[]{}#&*!|>'\"%@` \t\n") ||
        (*at == '-' && quick_is_end_or(q, at + 1, " \t\n,[]{}")))
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
        if (quick_is_end_or(q, at + 1, " \n"))
            break;
        if (at[1] == '\t' || (in_flow && strchr(",?[]{}", at[1]) != NULL))
            return false;
    }
    q->at = at;
    while (at[-1] == ' ')
        at--;
    *token = (struct token){start, (size_t)(at - start), false, '\0'};
    return true;
}

bool quick_scan(struct quick *q, bool in_flow, struct token *token)
{
    if (q->at < q->end && *q->at == '"')
        return scan_double(q, token);
    if (q->at < q->end && *q->at == '\'')
        return scan_single(q, token);
    return scan_plain(q, in_flow, token);
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

bool quick_scan_literal(struct quick *q, int parent, struct token *token)
{
    char chomping = q->end - q->at > 1 ? q->at[1] : '\0';
    bool chomps = chomping == '-' || chomping == '+';
    q->at += chomps ? 2 : 1;
    const char *end = line_end(q, q->at);
    if (end == q->end || parent < 0)
        return false;
    const char *rest = q->at;
    while (*rest == ' ')
        rest++;
    if (rest != end && (*rest != '#' || rest == q->at))
        return false;
    q->at = end + 1;
    size_t indent = literal_indent(q, parent);
    if (indent == 0)
        return false;
    strbuf_reset(&q->scratch);
    size_t kept = 0; // up to the end of the last line with content
    while (q->at < q->end) {
        bool blank = false;
        size_t spaces = measure(q, q->at, &blank);
        if (!blank && spaces < indent)
            break;
        end = line_end(q, q->at);
        if (end == q->end)
            return false;
        size_t length = (size_t)(end - q->at);
        if (length > indent && strbuf_add(&q->scratch, q->at + indent, length - indent) < 0)
            return false;
        if (length > indent)
            kept = q->scratch.len + 1;
        if (strbuf_addch(&q->scratch, '\n') < 0)
            return false;
        q->at = end + 1;
    }
    size_t length = chomping == '+' ? q->scratch.len : chomping == '-' ? kept - 1 : kept;
    strbuf_truncate(&q->scratch, length);
    *token = (struct token){q->scratch.data, length, true, '|'};
    return true;
}

// ---- between the scalars ----

bool quick_at_colon(struct quick *q, bool in_flow, bool quoted)
{
    while (q->at < q->end && *q->at == ' ')
        q->at++;
    return q->at < q->end && *q->at == ':' &&
           ((in_flow && quoted) || quick_is_end_or(q, q->at + 1, " \n"));
}

bool quick_skip_in_flow(struct quick *q)
{
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\n')) {
        q->at++;
        if (q->at[-1] == '\n' && (is_marker(q, q->at, '-') || is_marker(q, q->at, '.')))
            return false;
    }
    return q->at < q->end;
}
