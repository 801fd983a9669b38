// Text in columns side by side, each cell wrapped within its own: for terminals of any width.
#ifndef BASE_COLUMNS_H
#define BASE_COLUMNS_H

#include <stddef.h>

#include "base/strbuf.h"
#include "base/vec.h"

struct columns {
    struct vec rows; // of char **; the first is the header
    size_t count;
};
// `header` ends with NULL and is the first row.
void columns_init(struct columns *columns, const char *const *header);
// As many cells as the header has. They are copied, as strbuf_add_visible writes them, on one line.
void columns_add(struct columns *columns, const char *const *cells);
void columns_release(void *columns); // may be called twice
#define cleanup_columns __attribute__((cleanup(columns_release)))

// Appends all rows, none wider than `width` characters as far as the narrowest readable columns
// allow; 0 wraps nothing. A cell wraps between words, and a word that is longer than its column is
// cut in pieces. Where anything wraps, an empty line parts the rows. No line ends with a space.
void columns_write(const struct columns *columns, size_t width, struct strbuf *out);

// Characters as a terminal shows them: the bytes that go on with a character of UTF-8 take no
// place.
size_t columns_text_width(const char *text);

#endif
