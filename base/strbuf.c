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
