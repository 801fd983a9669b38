// Case, parts, replacements and patterns.
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "render/envsubst_internal.h"

char *envsubst_change_case(const char *value, const char *operator_name)
{
    char *changed = xstrdup(value);
    bool all = operator_name[1] == operator_name[0];
    bool known = all || operator_name[1] == '\0';
    for (size_t i = 0; changed[i] != '\0' && known && (all || i == 0); i++)
        changed[i] = (char)(operator_name[0] == '^' ? toupper((unsigned char)changed[i])
                                                    : tolower((unsigned char)changed[i]));
    return changed;
}

// strconv.Atoi: digits with a sign, nothing else.
static bool parse_number(const char *text, long *ret_number)
{
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)*text))
        return false;
    *ret_number = number;
    return true;
}

char *envsubst_part(const char *value, const char *position, const char *length)
{
    long size = (long)strlen(value);
    long start = 0;
    long count = size;
    if (!parse_number(position, &start) || (length != NULL && !parse_number(length, &count)))
        return xstrdup(value);
    if (start < 0)
        start = start < -size ? 0 : size + start;
    if (start >= size)
        return xstrdup("");
    long end = count < 0 ? (count < -size ? 0 : size + count)
                         : (count > size - start ? size : start + count);
    return end > start ? xstrndup(value + start, (size_t)(end - start)) : xstrdup("");
}

// old at `at` of value becomes new_text.
static char *splice(const char *value, size_t at, const char *old, const char *new_text)
{
    return xasprintf("%.*s%s%s", (int)at, value, new_text, value + at + strlen(old));
}

static char *replace_all(const char *value, const char *old, const char *new_text)
{
    size_t room = strlen(value) + 1;
    for (const char *found = value; (found = strstr(found, old)) != NULL; found += strlen(old))
        room += strlen(new_text);
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, room);
    for (const char *found; (found = strstr(value, old)) != NULL; value = found + strlen(old)) {
        strbuf_add(&out, value, (size_t)(found - value));
        strbuf_addstr(&out, new_text);
    }
    strbuf_addstr(&out, value);
    return strbuf_steal(&out);
}

// Nothing stands before each character and at the end.
static char *insert_everywhere(const char *value, const char *new_text)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, (strlen(value) + 1) * (strlen(new_text) + 1));
    for (; *value != '\0'; value++) {
        if (((unsigned char)*value & 0xC0) != 0x80)
            strbuf_addstr(&out, new_text);
        strbuf_addch(&out, *value);
    }
    strbuf_addstr(&out, new_text);
    return strbuf_steal(&out);
}

char *envsubst_replace(const char *value, const char *operator_name, const char *old,
                       const char *new_text)
{
    char mode = operator_name[1];
    size_t size = strlen(value);
    size_t old_size = strlen(old);
    bool at_an_end = mode == '#' || mode == '%';
    if (at_an_end && new_text == NULL)
        return xstrdup(value);
    if (new_text == NULL)
        new_text = "";
    if (old_size == 0 && mode == '/')
        return insert_everywhere(value, new_text);
    if (old_size == 0)
        return mode == '%' ? xasprintf("%s%s", value, new_text)
                           : xasprintf("%s%s", new_text, value);
    if (mode == '/')
        return replace_all(value, old, new_text);
    const char *found = strstr(value, old);
    if (mode == '%')
        found = size >= old_size && strcmp(value + size - old_size, old) == 0
                    ? value + size - old_size
                    : NULL;
    if (found == NULL || (mode == '#' && found != value))
        return xstrdup(value);
    return splice(value, (size_t)(found - value), old, new_text);
}

// One character of a class "[a-z]" at *pattern; moves behind it. False when the class is broken.
static bool class_character(const char **pattern, unsigned char *ret_ch)
{
    if (**pattern == '\\')
        (*pattern)++;
    else if (**pattern == '-' || **pattern == ']')
        return false;
    if (**pattern == '\0')
        return false;
    *ret_ch = (unsigned char)*(*pattern)++;
    return **pattern != '\0';
}

// Whether ch is in the class behind "["; *pattern moves behind "]". -1 when the class is broken.
static int match_class(const char **pattern, unsigned char ch)
{
    bool negated = **pattern == '^';
    bool found = false;
    *pattern += negated;
    for (bool first = true; first || **pattern != ']'; first = false) {
        unsigned char low = 0;
        if (!class_character(pattern, &low))
            return -1;
        unsigned char high = low;
        if (**pattern == '-') {
            (*pattern)++;
            if (!class_character(pattern, &high))
                return -1;
        }
        found = found || (low <= ch && ch <= high);
    }
    (*pattern)++;
    return found != negated;
}

// Whether the pattern matches exactly size bytes of text: 1, 0, or -1 when it is broken. '*'
// matches anything; a mismatch behind the last '*' lets that one take one more byte.
static int match(const char *pattern, const char *text, size_t size)
{
    const char *star = NULL;
    size_t star_at = 0;
    size_t at = 0;
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            star_at = at;
            continue;
        }
        if (*pattern == '\0' && at == size)
            return 1;
        int same = 0;
        const char *next = pattern + 1;
        if (*pattern != '\0' && at < size) {
            if (*pattern == '[')
                same = match_class(&next, (unsigned char)text[at]);
            else if (*pattern == '\\' && pattern[1] != '\0')
                same = *next++ == text[at];
            else
                same = *pattern == '?' || *pattern == text[at];
        }
        if (same < 0)
            return -1;
        if (same > 0) {
            pattern = next;
            at++;
        } else if (star != NULL && star_at < size) {
            pattern = star;
            at = ++star_at;
        } else {
            return 0;
        }
    }
}

// How many bytes the pattern takes from the start or the end; 0 = none.
static size_t matched_bytes(const char *value, size_t size, const char *pattern, bool from_end,
                            bool longest)
{
    size_t found = 0;
    for (size_t n = 1; n <= size; n++) {
        int result = match(pattern, from_end ? value + size - n : value, n);
        if (result < 0)
            return 0;
        if (result > 0) {
            found = n;
            if (!longest)
                break;
        }
    }
    return found;
}

char *envsubst_trim(const char *value, const char *operator_name, const char *pattern)
{
    bool from_end = operator_name[0] == '%';
    size_t size = strlen(value);
    size_t n = matched_bytes(value, size, pattern, from_end, operator_name[1] != '\0');
    return from_end ? xstrndup(value, size - n) : xstrdup(value + n);
}
