// Texts that begin with a byte order mark, as files written on Windows do. go-yaml v2 (emitterc.go,
// yaml_emitter_write_double_quoted) looks for the mark at the start of the text at each of its
// characters, and so escapes them all: "\uFEFF\x61\x62". libyaml cannot be told to, so such a text
// is written as an alias first, which nothing else is, with a name made of its digest.
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/yamlvalue_internal.h"

bool yamlvalue_is_marked(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0;
}

void yamlvalue_marked_name(const char *text, size_t length, char ret_name[YAMLVALUE_MARKED_SIZE])
{
    unsigned char hash[SHA256_SIZE];
    sha256_for_name(text, length, hash);
    struct digest digest = digest_from_hash(hash);
    snprintf(ret_name, YAMLVALUE_MARKED_SIZE, "marked-%s", digest_hex(digest.text));
}

static unsigned long decode(const unsigned char *text, size_t *ret_width)
{
    size_t width = *text < 0x80 ? 1 : *text < 0xE0 ? 2 : *text < 0xF0 ? 3 : 4;
    unsigned long code = width == 1 ? *text : *text & (0xFFU >> (width + 1));
    for (size_t i = 1; i < width; i++)
        code = code << 6 | (text[i] & 0x3F);
    *ret_width = width;
    return code;
}

static void add_escaped(struct strbuf *out, const char *text, size_t length)
{
    static const char from[] = "\a\b\t\n\v\f\r\033\"\\";
    static const char to[] = "abtnvfre\"\\";
    strbuf_addch(out, '"');
    for (size_t i = 0, width = 1; i < length; i += width) {
        unsigned long code = decode((const unsigned char *)text + i, &width);
        const char *known = code != 0 && code < 0x80 ? strchr(from, (int)code) : NULL;
        const char *unicode = code == 0x85     ? "N"
                              : code == 0xA0   ? "_"
                              : code == 0x2028 ? "L"
                              : code == 0x2029 ? "P"
                                               : NULL;
        if (known != NULL)
            strbuf_addf(out, "\\%c", to[known - from]);
        else if (unicode != NULL)
            strbuf_addf(out, "\\%s", unicode);
        else
            strbuf_addf(out,
                        code <= 0xFF     ? "\\x%02lX"
                        : code <= 0xFFFF ? "\\u%04lX"
                                         : "\\U%08lX",
                        code);
    }
    strbuf_addch(out, '"');
}

// Moves what stands before the next alias, and the text that it stands for, to `out`.
static const char *restore(const struct value *value, const char *at, struct strbuf *out)
{
    if (value_is_object(value)) {
        cleanup_members struct yamlvalue_members members;
        yamlvalue_members_open(&members, value);
        for (size_t i = 0; i < members.n; i++)
            at = restore(members.list[i].value, at, out);
        return at;
    }
    for (size_t i = 0; i < value_array_size(value); i++)
        at = restore(value_array_get(value, i), at, out);
    const char *text = value_string_value(value);
    if (text == NULL || !yamlvalue_is_marked(text, value_string_length(value)))
        return at;
    char alias[YAMLVALUE_MARKED_SIZE + 1] = "*";
    yamlvalue_marked_name(text, value_string_length(value), alias + 1);
    const char *found = strstr(at, alias);
    if (found == NULL)
        return at;
    strbuf_add(out, at, (size_t)(found - at));
    add_escaped(out, text, value_string_length(value));
    return found + strlen(alias);
}

void yamlvalue_marked_restore(const struct value *value, struct strbuf *out, size_t from)
{
    cleanup_free char *written = xstrndup(out->data + from, out->len - from);
    strbuf_truncate(out, from);
    const char *rest = restore(value, written, out);
    strbuf_addstr(out, rest);
}
