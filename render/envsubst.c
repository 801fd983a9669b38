// The grammar: text, "${", a name, an operator, its arguments, "}".
#include "render/envsubst.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "render/envsubst_internal.h"

enum {
    MAX_DEPTH = 16,          // of references in defaults of references
    MAX_PATTERN_BYTES = 4096 // trimming tries every end of the value
};

struct expansion {
    const char *at;
    const char *end;
    const struct value *values;
    bool strict;
    unsigned depth;
    unsigned unused; // how many defaults around this one do not count
    char **ret_name;
};

// One reference: what stands between the braces.
struct reference {
    char *name;            // owned
    char operator_name[3]; // "" = none
};

static int expand_reference(struct expansion *expansion, struct strbuf *out, struct error *err);

static bool is_name_byte(char ch)
{
    return isalnum((unsigned char)ch) != 0 || ch == '_' || ((unsigned char)ch & 0x80) != 0;
}

bool envsubst_is_name(const char *text)
{
    if (isalpha((unsigned char)*text) == 0 && *text != '_')
        return false;
    for (; *text != '\0'; text++)
        if (isalnum((unsigned char)*text) == 0 && *text != '_')
            return false;
    return true;
}

static char peek(const struct expansion *expansion, size_t ahead)
{
    return (size_t)(expansion->end - expansion->at) > ahead ? expansion->at[ahead] : '\0';
}

static bool at_reference(const struct expansion *expansion)
{
    return peek(expansion, 0) == '$' && peek(expansion, 1) == '{';
}

static int bad(const char *what, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s; \"$${\" writes a brace that is none of ours", what);
}

static int close_brace(struct expansion *expansion, struct error *err)
{
    if (peek(expansion, 0) != '}')
        return bad("a reference ${…} does not end with a brace", err);
    expansion->at++;
    return 0;
}

static int read_name(struct expansion *expansion, char **ret_name, struct error *err)
{
    const char *start = expansion->at;
    while (expansion->at < expansion->end && is_name_byte(*expansion->at))
        expansion->at++;
    if (expansion->at == start)
        return bad("\"${\" is followed by no name of a variable", err);
    *ret_name = xstrndup(start, (size_t)(expansion->at - start));
    return 0;
}

// The value, or NULL when it is unset. Borrowed.
static const char *value_of(const struct expansion *expansion, const char *name)
{
    return value_string_value(value_object_get(expansion->values, name));
}

static int refuse_unset(const struct expansion *expansion, const char *name, struct error *err)
{
    if (expansion->ret_name != NULL && *expansion->ret_name == NULL)
        *expansion->ret_name = xstrdup(name);
    return error_set(err, ERROR_INVALID,
                     "the variable %s is not set; give it a value in substitute.vars (or with "
                     "--substitute %s=…), or write ${%s:=default}",
                     name, name, name);
}

// An argument up to one of `ends`: text, or one reference. `escapes`: "\/", "\\" and "$$" stand for
// their second character. Owned.
static int read_argument(struct expansion *expansion, const char *ends, bool escapes,
                         char **ret_text, struct error *err)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, (size_t)4 << 20);
    if (at_reference(expansion)) {
        expansion->at += 2;
        if (expand_reference(expansion, &text, err) < 0 ||
            strbuf_check(&text, "what a reference makes", err) < 0)
            return -1;
        *ret_text = strbuf_steal(&text);
        return 0;
    }
    while (expansion->at < expansion->end && strchr(ends, *expansion->at) == NULL &&
           !at_reference(expansion)) {
        char next = peek(expansion, 1);
        bool escaped = (*expansion->at == '\\' && (next == '/' || next == '\\')) ||
                       (*expansion->at == '$' && next == '$');
        if (escapes && escaped)
            expansion->at++;
        strbuf_addch(&text, *expansion->at++);
    }
    if (strbuf_check(&text, "the argument of a reference", err) < 0)
        return -1;
    if (text.len == 0)
        return bad("a reference ${…} lacks an argument", err);
    *ret_text = strbuf_steal(&text);
    return 0;
}

// ${v:-text}, where the text may hold references. They are read even where they do not count.
static int expand_default(struct expansion *expansion, const struct reference *reference,
                          struct strbuf *out, struct error *err)
{
    cleanup_strbuf struct strbuf fallback;
    strbuf_init(&fallback, (size_t)4 << 20);
    const char *value = value_of(expansion, reference->name);
    bool has_value = value != NULL && *value != '\0';
    expansion->unused += has_value;
    while (expansion->at < expansion->end && *expansion->at != '}') {
        cleanup_free char *piece = NULL;
        if (read_argument(expansion, "}", false, &piece, err) < 0)
            return -1;
        strbuf_addstr(&fallback, piece);
    }
    expansion->unused -= has_value;
    if (strbuf_check(&fallback, "a default", err) < 0 || close_brace(expansion, err) < 0)
        return -1;
    if (has_value)
        return strbuf_addstr(out, value);
    if (strcmp(reference->operator_name, ":?") != 0 || expansion->unused > 0)
        return strbuf_addstr(out, fallback.data);
    refuse_unset(expansion, reference->name, err);
    return fallback.len == 0 ? -1
                             : error_set(err, ERROR_INVALID, "the variable %s is not set: %s",
                                         reference->name, fallback.data);
}

static int add_owned(struct strbuf *out, char *text)
{
    int result = strbuf_addstr(out, text);
    free(text);
    return result;
}

static int expand_part(struct expansion *expansion, const char *value, struct strbuf *out,
                       struct error *err)
{
    cleanup_free char *position = NULL;
    cleanup_free char *length = NULL;
    expansion->at++;
    if (read_argument(expansion, ":}", false, &position, err) < 0)
        return -1;
    if (peek(expansion, 0) == ':') {
        expansion->at++;
        if (read_argument(expansion, "}", false, &length, err) < 0)
            return -1;
    }
    if (close_brace(expansion, err) < 0)
        return -1;
    return add_owned(out, envsubst_part(value, position, length));
}

static int expand_trim(struct expansion *expansion, const char *operator_name, const char *value,
                       struct strbuf *out, struct error *err)
{
    cleanup_free char *pattern = NULL;
    if (read_argument(expansion, "}", false, &pattern, err) < 0 || close_brace(expansion, err) < 0)
        return -1;
    if (strlen(value) > MAX_PATTERN_BYTES || strlen(pattern) > MAX_PATTERN_BYTES)
        return error_set(err, ERROR_LIMIT, "only values up to %d bytes can be trimmed by patterns",
                         MAX_PATTERN_BYTES);
    return add_owned(out, envsubst_trim(value, operator_name, pattern));
}

static int expand_replace(struct expansion *expansion, const char *operator_name, const char *value,
                          struct strbuf *out, struct error *err)
{
    cleanup_free char *old = NULL;
    cleanup_free char *new_text = NULL;
    if (read_argument(expansion, "/", true, &old, err) < 0)
        return -1;
    if (peek(expansion, 0) != '/')
        return bad("${v/old/new} lacks its second '/'", err);
    while (peek(expansion, 0) == '/')
        expansion->at++;
    if (peek(expansion, 0) != '}' && read_argument(expansion, "}", true, &new_text, err) < 0)
        return -1;
    if (close_brace(expansion, err) < 0)
        return -1;
    return add_owned(out, envsubst_replace(value, operator_name, old, new_text));
}

static bool is_default(const struct expansion *expansion)
{
    char next = peek(expansion, 1);
    return peek(expansion, 0) == '=' ||
           (peek(expansion, 0) == ':' && next != '\0' && strchr("=-?+", next) != NULL);
}

// Takes an operator of one character or two, the second one of `seconds`.
static void read_operator(struct expansion *expansion, struct reference *reference,
                          const char *seconds)
{
    reference->operator_name[0] = *expansion->at++;
    if (peek(expansion, 0) != '\0' && strchr(seconds, peek(expansion, 0)) != NULL)
        reference->operator_name[1] = *expansion->at++;
}

static int expand_operator(struct expansion *expansion, struct reference *reference,
                           struct strbuf *out, struct error *err)
{
    char first = peek(expansion, 0);
    if (is_default(expansion)) {
        read_operator(expansion, reference, first == ':' ? "=-?+" : "");
        return expand_default(expansion, reference, out, err);
    }
    const char *value = value_of(expansion, reference->name);
    if (value == NULL && expansion->strict)
        return refuse_unset(expansion, reference->name, err);
    if (value == NULL)
        value = "";
    switch (first) {
    case ':':
        return expand_part(expansion, value, out, err);
    case ',':
    case '^':
        read_operator(expansion, reference, ",^");
        return close_brace(expansion, err) < 0
                   ? -1
                   : add_owned(out, envsubst_change_case(value, reference->operator_name));
    case '#':
    case '%':
        read_operator(expansion, reference, first == '#' ? "#" : "%");
        return expand_trim(expansion, reference->operator_name, value, out, err);
    case '/':
        read_operator(expansion, reference, "/#%");
        return expand_replace(expansion, reference->operator_name, value, out, err);
    default:
        return close_brace(expansion, err) < 0 ? -1 : strbuf_addstr(out, value);
    }
}

// Behind "${".
static int expand_reference(struct expansion *expansion, struct strbuf *out, struct error *err)
{
    if (++expansion->depth > MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "more than %d references in one another", MAX_DEPTH);
    bool length = peek(expansion, 0) == '#';
    if (length)
        expansion->at++;
    cleanup_free char *name = NULL;
    if (read_name(expansion, &name, err) < 0)
        return -1;
    struct reference reference = {.name = name};
    int result = 0;
    if (!length) {
        result = expand_operator(expansion, &reference, out, err);
    } else {
        const char *value = value_of(expansion, name);
        if (value == NULL && expansion->strict)
            return refuse_unset(expansion, name, err);
        result = close_brace(expansion, err);
        strbuf_addf(out, "%zu", value != NULL ? strlen(value) : 0);
    }
    expansion->depth--;
    return result < 0 && !out->overflowed ? -1 : 0;
}

int envsubst_expand(const char *text, size_t size, const struct value *values, bool strict,
                    struct strbuf *out, char **ret_name, struct error *err)
{
    struct expansion expansion = {
        .at = text,
        .end = text + size,
        .values = values,
        .strict = strict,
        .ret_name = ret_name,
    };
    while (expansion.at < expansion.end) {
        if (at_reference(&expansion)) {
            expansion.at += 2;
            if (expand_reference(&expansion, out, err) < 0)
                return -1;
            continue;
        }
        if (peek(&expansion, 0) == '$' && peek(&expansion, 1) == '$')
            expansion.at++;
        strbuf_addch(out, *expansion.at++);
    }
    return strbuf_check(out, "what variables make of an object", err);
}
