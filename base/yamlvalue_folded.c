// What becomes of a folded text (">") when go-yaml v3 writes a document and reads it again, which
// kustomize does with every object at its end. Its emitter (emitterc.go,
// yaml_emitter_write_folded_scalar) doubles every line end, for a reader that takes one of two away
// between lines that fold; but a reader takes none away before a line that begins with a space or
// a tab, and none at an end that is kept. And what becomes of U+0085, which go-yaml v2 takes for
// the end of a line where it reads what kustomize has written as JSON.
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_internal.h"

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

// In UTF-8, of the characters that go-yaml calls printable: a tab stands in a block, too.
static bool is_printable(const unsigned char *text)
{
    if (text[0] < 0x80)
        return text[0] == '\n' || text[0] == '\t' || (text[0] >= 0x20 && text[0] < 0x7F);
    if (text[0] == 0xC2)
        return text[1] >= 0xA0;
    if (text[0] == 0xEF)
        return !(text[1] == 0xBB && text[2] == 0xBF) &&
               !(text[1] == 0xBF && (text[2] == 0xBE || text[2] == 0xBF));
    return text[0] < 0xF0;
}

static size_t width_of(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

// Any other text is written in double quotes, which keep it.
static bool may_be_block(const char *text, size_t length)
{
    if (length == 0 || text[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i += width_of((unsigned char)text[i]))
        if (!is_printable((const unsigned char *)text + i) ||
            (text[i] == ' ' && text[i + 1] == '\n'))
            return false;
    return true;
}

struct value *yamlvalue_refolded(const char *text, size_t length)
{
    size_t first = strspn(text, "\n");
    if (!may_be_block(text, length) || first == length || is_blank(text[first]))
        return NULL;
    cleanup_free char *room = xmalloc(2 * length);
    size_t written = 0;
    bool blank_line = true; // begins with a blank, or nothing stands before it
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && text[i - 1] == '\n')
            blank_line = text[i] == '\n' || is_blank(text[i]);
        else if (i == 0)
            blank_line = text[i] == '\n';
        if (text[i] == '\n' && !blank_line) {
            size_t breaks = strspn(text + i, "\n");
            size_t next = i + breaks;
            if (next < length ? is_blank(text[next]) : breaks > 1)
                room[written++] = '\n';
        }
        room[written++] = text[i];
    }
    return written > length ? value_stringn_nocheck(room, written) : NULL;
}

static bool is_next_line(const char *text, size_t left)
{
    return left >= 2 && memcmp(text, "\xC2\x85", 2) == 0;
}

static struct value *next_lines_folded(const char *text, size_t length)
{
    cleanup_free char *room = xmalloc(length);
    size_t written = 0;
    for (size_t i = 0; i < length;) {
        if (!is_next_line(text + i, length - i)) {
            room[written++] = text[i++];
            continue;
        }
        while (written > 0 && room[written - 1] == ' ')
            written--;
        size_t lines = 0;
        while (i < length && (text[i] == ' ' || is_next_line(text + i, length - i))) {
            lines += text[i] != ' ';
            i += text[i] == ' ' ? 1 : 2;
        }
        if (lines == 1)
            room[written++] = ' ';
        for (; lines > 1; lines--)
            room[written++] = '\n';
    }
    return value_stringn_nocheck(room, written);
}

// NULL where the value stays as it is.
static struct value *fold_next_lines(struct value *value)
{
    if (!value_is_string(value)) {
        yamlvalue_fold_next_lines(value);
        return NULL;
    }
    const char *text = value_string_value(value);
    size_t length = value_string_length(value);
    return memmem(text, length, "\xC2\x85", 2) != NULL ? next_lines_folded(text, length) : NULL;
}

void yamlvalue_fold_next_lines(struct value *value)
{
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (value, key, member) {
        struct value *folded = fold_next_lines(member);
        if (folded != NULL)
            value_object_set_new(value, key, folded);
    }
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct value *folded = fold_next_lines(value_array_get(value, i));
        if (folded != NULL)
            value_array_set_new(value, i, folded);
    }
}
