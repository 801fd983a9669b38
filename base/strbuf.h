// A growing byte buffer that never grows past the maximum it was made with.
//
// Invariants: data is never NULL and data[len] is always NUL, so data can be used as a C string
// where the bytes hold none. len never exceeds max. Content past the maximum is not stored: the
// appending call fails and `overflowed` stays set, so that a run of appends can be checked once at
// its end.
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct strbuf {
    char *data; // owned, or a static empty string while nothing was stored
    size_t len;
    size_t cap;
    size_t max;
    bool overflowed;
};

void strbuf_init(struct strbuf *buf, size_t max_bytes);
void strbuf_release(struct strbuf *buf); // may be called twice, and on a zeroed struct
#define cleanup_strbuf __attribute__((cleanup(strbuf_release)))

// 0, or -1 when it would exceed the maximum; then nothing of this call was stored.
int strbuf_add(struct strbuf *buf, const void *data, size_t size);
int strbuf_addstr(struct strbuf *buf, const char *text);
int strbuf_addch(struct strbuf *buf, char ch);
int strbuf_addf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
int strbuf_vaddf(struct strbuf *buf, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

// Text that an outsider wrote, for a terminal: control characters other than line end and tab
// (C1 and DEL included) and those that turn the direction of writing appear as \xNN.
int strbuf_add_visible(struct strbuf *buf, const char *text, size_t size);

// Room for `size` more bytes at data + len, to be claimed with strbuf_grown. NULL when over the
// maximum.
char *strbuf_grow(struct strbuf *buf, size_t size);
void strbuf_grown(struct strbuf *buf, size_t size);

void strbuf_truncate(struct strbuf *buf, size_t len);
// Removes `size` bytes from the front.
void strbuf_consume(struct strbuf *buf, size_t size);
// Empties and forgets the overflow; keeps the memory.
void strbuf_reset(struct strbuf *buf);

// ERROR_LIMIT naming `what` and the maximum when an append was refused, else 0.
int strbuf_check(const struct strbuf *buf, const char *what, struct error *err)
    __attribute__((warn_unused_result));

// Hands the bytes over (owned, NUL-terminated) and leaves the buffer empty.
char *strbuf_steal(struct strbuf *buf);

// A jansson dump callback (json_dump_callback) that appends; `arg` is the strbuf.
int strbuf_dump_callback(const char *data, size_t size, void *arg);

#endif
