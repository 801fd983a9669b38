#include "base/strbuf.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What an empty buffer points to; never written, because writing needs cap > 0.
static char strbuf_empty[1];

void strbuf_init(struct strbuf *buf, size_t max_bytes)
{
    *buf = (struct strbuf){.data = strbuf_empty, .max = max_bytes};
}

void strbuf_release(struct strbuf *buf)
{
    if (buf->cap > 0)
        free(buf->data);
    strbuf_init(buf, buf->max);
}

// Bytes at the start of text that a terminal would obey rather than show.
static size_t obeyed(const unsigned char *text, size_t size)
{
    if (*text == '\n' || *text == '\t')
        return 0;
    if (*text < 0x20 || *text == 0x7F)
        return 1;
    if (size >= 2 && text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F)
        return 2; // C1: U+0080 to U+009F
    if (size < 3 || text[0] != 0xE2)
        return 0;
    bool marks = text[1] == 0x80 && (text[2] == 0x8E || text[2] == 0x8F);
    bool overrides = text[1] == 0x80 && text[2] >= 0xA8 && text[2] <= 0xAE;
    bool isolates = text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9;
    return marks || overrides || isolates ? 3 : 0;
}

int strbuf_add_visible(struct strbuf *buf, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t length = obeyed((const unsigned char *)text + i, size - i);
        if (length == 0 && strbuf_addch(buf, text[i++]) < 0)
            return -1;
        for (; length > 0; length--)
            if (strbuf_addf(buf, "\\x%02X", (unsigned)(unsigned char)text[i++]) < 0)
                return -1;
    }
    return 0;
}

char *strbuf_grow(struct strbuf *buf, size_t size)
{
    assert(buf->data != NULL);
    if (size > buf->max - buf->len) {
        buf->overflowed = true;
        return NULL;
    }
    size_t needed = buf->len + size + 1;
    if (needed > buf->cap) {
        size_t cap = buf->cap + buf->cap / 2;
        if (cap < 64)
            cap = 64;
        if (cap > buf->max + 1)
            cap = buf->max + 1;
        if (cap < needed)
            cap = needed;
        char *old = buf->cap > 0 ? buf->data : NULL;
        buf->data = xrealloc(old, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void strbuf_grown(struct strbuf *buf, size_t size)
{
    if (size == 0 && buf->cap == 0)
        return;
    assert(buf->len + size < buf->cap);
    buf->len += size;
    buf->data[buf->len] = '\0';
}

int strbuf_add(struct strbuf *buf, const void *data, size_t size)
{
    if (size == 0)
        return 0;
    char *room = strbuf_grow(buf, size);
    if (room == NULL)
        return -1;
    memcpy(room, data, size);
    strbuf_grown(buf, size);
    return 0;
}

int strbuf_addstr(struct strbuf *buf, const char *text)
{
    return strbuf_add(buf, text, strlen(text));
}

int strbuf_addch(struct strbuf *buf, char ch)
{
    return strbuf_add(buf, &ch, 1);
}

int strbuf_vaddf(struct strbuf *buf, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    int result = -1;
    if (length >= 0 && (size_t)length < sizeof small) {
        result = strbuf_add(buf, small, (size_t)length);
    } else if (length >= 0) {
        char *room = strbuf_grow(buf, (size_t)length);
        if (room != NULL) {
            vsnprintf(room, (size_t)length + 1, format, again);
            strbuf_grown(buf, (size_t)length);
            result = 0;
        }
    }
    va_end(again);
    return result;
}

int strbuf_addf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int result = strbuf_vaddf(buf, format, args);
    va_end(args);
    return result;
}

void strbuf_truncate(struct strbuf *buf, size_t len)
{
    assert(len <= buf->len);
    if (buf->cap == 0)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

void strbuf_consume(struct strbuf *buf, size_t size)
{
    assert(size <= buf->len);
    if (size == 0)
        return;
    memmove(buf->data, buf->data + size, buf->len - size);
    strbuf_truncate(buf, buf->len - size);
}

void strbuf_reset(struct strbuf *buf)
{
    strbuf_truncate(buf, 0);
    buf->overflowed = false;
}

int strbuf_check(const struct strbuf *buf, const char *what, struct error *err)
{
    if (!buf->overflowed)
        return 0;
    return error_set(err, ERROR_LIMIT, "%s is larger than the limit of %zu bytes", what, buf->max);
}

char *strbuf_steal(struct strbuf *buf)
{
    char *data = buf->cap > 0 ? buf->data : xstrdup("");
    strbuf_init(buf, buf->max);
    return data;
}

int strbuf_dump_callback(const char *data, size_t size, void *arg)
{
    return strbuf_add(arg, data, size);
}
