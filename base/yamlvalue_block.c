// The short way to YAML text: what libyaml's emitter writes for block collections whose strings are
// printable ASCII, a fifth of its instructions. Any other value is left to libyaml as a whole.
// The rules for scalars are those of libyaml 0.2.5, emitter.c (analyze_scalar, write_*_scalar);
// fuzz_yaml and unit_yamlvalue compare the two writers.
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue_internal.h"

enum {
    WIDTH = 80,
    MAX_KEY_BYTES = 100, // libyaml writes longer keys behind "? "
};

struct block {
    struct strbuf *out;
    size_t line; // where the present line starts in `out`
};

static bool write_value(struct block *block, const struct value *value, int indent);

static void put(const struct block *block, const char *text, size_t length)
{
    strbuf_add(block->out, text, length);
}

static void new_line(struct block *block, int indent)
{
    static const char spaces[] = "\n                                                            ";
    int known = (int)sizeof spaces - 2;
    int first = indent < known ? indent : known;
    put(block, spaces, (size_t)first + 1);
    block->line = block->out->len - (size_t)first;
    for (int i = known; i < indent; i++)
        put(block, " ", 1);
}

// ---- scalars ----

// What analyze_scalar finds out about a text.
struct look {
    bool simple;     // printable ASCII and line ends only
    bool plain;      // may stand without quotes
    bool multi_line; // holds a line end
    bool space_ends; // holds a space at the end of a line
    bool escapes;    // holds what double quotes escape
    bool spaces;
};

static bool is_blank_or_end(const char *text, size_t length, size_t at)
{
    return at >= length || text[at] == ' ' || text[at] == '\n';
}

static bool starts_plain(const char *text, size_t length)
{
    if (length == 0 || strchr(" #,[]{}&*!|>'\"%@`\n", text[0]) != NULL)
        return false;
    if (strchr("?:-", text[0]) != NULL && is_blank_or_end(text, length, 1))
        return false;
    return length < 3 || (memcmp(text, "---", 3) != 0 && memcmp(text, "...", 3) != 0);
}

static struct look look_at(const char *text, size_t length)
{
    struct look look = {.simple = true, .plain = starts_plain(text, length)};
    for (size_t i = 0; i < length; i++) {
        char ch = text[i];
        if (ch == ' ') {
            look.spaces = true;
            look.space_ends |=
                is_blank_or_end(text, length, i + 1) && (i + 1 == length || text[i + 1] == '\n');
        } else if (ch == '\n') {
            look.multi_line = true;
        } else if (ch < 0x21 || ch > 0x7E) {
            look.simple = false;
            return look;
        } else if (ch == ':') {
            look.plain &= !is_blank_or_end(text, length, i + 1);
        } else if (ch == '#') {
            look.plain &= i == 0 || text[i - 1] != ' ';
        } else if (ch == '"' || ch == '\\') {
            look.escapes = true;
        }
    }
    look.plain &= !look.multi_line && length > 0 && text[length - 1] != ' ';
    return look;
}

// Text on one line, folded at the first lone space behind the width.
static void put_folded(struct block *block, const char *text, size_t length, int indent,
                       bool quoted)
{
    for (size_t i = 0; i < length; i++) {
        bool lone =
            text[i] == ' ' && i > 0 && text[i - 1] != ' ' && i + 1 < length && text[i + 1] != ' ';
        if (lone && block->out->len - block->line > WIDTH)
            new_line(block, indent);
        else
            put(block, text + i, 1);
        if (quoted && text[i] == '\'')
            put(block, "'", 1);
    }
}

static void put_single(struct block *block, const char *text, size_t length, int indent)
{
    put(block, "'", 1);
    put_folded(block, text, length, indent, true);
    put(block, "'", 1);
}

static bool put_double(const struct block *block, const char *text, size_t length,
                       const struct look *look)
{
    bool may_fold = look->spaces && block->out->len - block->line + length >= WIDTH;
    if (look->escapes || may_fold)
        return false;
    put(block, "\"", 1);
    put(block, text, length);
    put(block, "\"", 1);
    return true;
}

// With kept line ends, or blanks in front, libyaml writes more of a head.
static bool put_literal(struct block *block, const char *text, size_t length,
                        const struct look *look, int indent)
{
    bool ends = text[length - 1] == '\n';
    if (look->space_ends || text[0] == ' ' || text[0] == '\n' ||
        (ends && length > 1 && text[length - 2] == '\n'))
        return false;
    put(block, ends ? "|" : "|-", ends ? 1 : 2);
    for (size_t i = 0; i < length;) {
        const char *found = memchr(text + i, '\n', length - i);
        size_t stop = found != NULL ? (size_t)(found - text) : length;
        if (stop > i) {
            new_line(block, indent);
            put(block, text + i, stop - i);
        } else {
            put(block, "\n", 1);
        }
        i = stop + 1;
    }
    return true;
}

static bool write_string(struct block *block, const char *text, size_t length, int indent)
{
    struct look look = look_at(text, length);
    if (!look.simple)
        return false;
    if (look.multi_line)
        return put_literal(block, text, length, &look, indent);
    if (yamlvalue_looks_typed(text, length))
        return put_double(block, text, length, &look);
    bool may_fold = look.spaces && block->out->len - block->line + length >= WIDTH;
    if (!look.plain)
        put_single(block, text, length, indent);
    else if (may_fold)
        put_folded(block, text, length, indent, false);
    else
        put(block, text, length);
    return true;
}

static bool write_key(const struct block *block, const char *key, size_t length)
{
    struct look look = look_at(key, length);
    if (!look.simple || look.multi_line || length > MAX_KEY_BYTES)
        return false;
    if (strcmp(key, "<<") == 0 || yamlvalue_looks_typed(key, length))
        return !look.escapes && put_double(block, key, length, &(struct look){0});
    if (!look.plain && memchr(key, '\'', length) != NULL)
        return false;
    const char *quote = look.plain ? "" : "'";
    put(block, quote, !look.plain);
    put(block, key, length);
    put(block, quote, !look.plain);
    return true;
}

// ---- collections ----

static bool is_empty(const struct value *value)
{
    return value_is_object(value) ? value_object_size(value) == 0 : value_array_size(value) == 0;
}

// The first member stands where the line is; the others on lines of their own.
static bool write_object(struct block *block, const struct value *object, int indent)
{
    cleanup_members struct yamlvalue_members members;
    yamlvalue_members_open(&members, object);
    for (size_t i = 0; i < members.n; i++) {
        const struct yamlvalue_member *member = &members.list[i];
        if (i > 0)
            new_line(block, indent);
        if (!write_key(block, member->name, member->length))
            return false;
        put(block, ":", 1);
        bool nested = value_is_object(member->value) || value_is_array(member->value);
        // A list stands below its key without more spaces.
        if (nested && !is_empty(member->value)) {
            int inner = value_is_object(member->value) ? indent + 2 : indent;
            new_line(block, inner);
            if (!write_value(block, member->value, inner))
                return false;
        } else {
            put(block, " ", 1);
            if (!write_value(block, member->value, indent))
                return false;
        }
    }
    return true;
}

static bool write_array(struct block *block, const struct value *array, int indent)
{
    for (size_t i = 0; i < value_array_size(array); i++) {
        const struct value *item = value_array_get(array, i);
        bool nested = value_is_object(item) || value_is_array(item);
        if (i > 0)
            new_line(block, indent);
        put(block, "- ", 2);
        if (!write_value(block, item, nested ? indent + 2 : indent))
            return false;
    }
    return true;
}

// `indent` is that of the collection around a scalar, and a collection's own.
static bool write_value(struct block *block, const struct value *value, int indent)
{
    switch (value_typeof(value)) {
    case VALUE_OBJECT:
        if (!is_empty(value))
            return write_object(block, value, indent);
        put(block, "{}", 2);
        return true;
    case VALUE_ARRAY:
        if (!is_empty(value))
            return write_array(block, value, indent);
        put(block, "[]", 2);
        return true;
    case VALUE_STRING:
        return write_string(block, value_string_value(value), value_string_length(value),
                            indent + 2);
    case VALUE_INTEGER:
        strbuf_addf(block->out, "%" PRId64, value_integer_value(value));
        return true;
    case VALUE_REAL:
        yamlvalue_add_real(block->out, value);
        return true;
    case VALUE_TRUE:
        put(block, "true", 4);
        return true;
    case VALUE_FALSE:
        put(block, "false", 5);
        return true;
    case VALUE_NULL:
    default:
        put(block, "null", 4);
        return true;
    }
}

bool yamlvalue_write_quickly(const struct value *value, struct strbuf *out)
{
    size_t from = out->len;
    struct block block = {out, from};
    if ((value_is_object(value) || value_is_array(value)) && write_value(&block, value, 0)) {
        put(&block, "\n", 1);
        return true;
    }
    strbuf_truncate(out, from);
    return false;
}
