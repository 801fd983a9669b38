// Widths first: every column as wide as its widest cell; where that is too much, the wide ones
// share what the narrow ones leave. Then line by line: each cell gives as many words as fit.
#include "base/columns.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 3, NARROWEST = 12 };

static void release_row(void *element)
{
    char **row = *(char ***)element;
    for (size_t i = 0; row[i] != NULL; i++)
        free(row[i]);
    free(row);
}

void columns_init(struct columns *columns, const char *const *header)
{
    *columns = (struct columns){.rows = VEC_OF(char **, release_row)};
    while (header[columns->count] != NULL)
        columns->count++;
    columns_add(columns, header);
}

void columns_release(void *columns)
{
    vec_free(&((struct columns *)columns)->rows);
}

static char *one_line(const char *text)
{
    size_t size = strlen(text);
    struct strbuf out;
    strbuf_init(&out, 4 * size + 1);
    strbuf_add_visible(&out, text, size);
    char *line = strbuf_steal(&out);
    for (char *ch = strpbrk(line, "\n\t"); ch != NULL; ch = strpbrk(ch, "\n\t"))
        *ch = ' ';
    return line;
}

void columns_add(struct columns *columns, const char *const *cells)
{
    char **row = xcalloc(columns->count + 1, sizeof *row);
    for (size_t i = 0; i < columns->count; i++)
        row[i] = one_line(cells[i]);
    *(char ***)vec_push(&columns->rows) = row;
}

// The end of the character that begins at `at`.
static const char *next_character(const char *at)
{
    do
        at++;
    while (((unsigned char)*at & 0xc0) == 0x80);
    return at;
}

static size_t width_of(const char *text, const char *end)
{
    size_t width = 0;
    for (; text < end; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

size_t columns_text_width(const char *text)
{
    return width_of(text, text + strlen(text));
}

static size_t natural_width(const struct columns *columns, size_t column)
{
    size_t widest = 0;
    vec_foreach (char **, row, &columns->rows) {
        size_t width = columns_text_width((*row)[column]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

// The share of each column that wants more than it: what is left, when the others have what they
// want. SIZE_MAX where all have room.
static size_t fair_share(const size_t *widths, size_t count, size_t room)
{
    size_t share = room / count;
    for (;;) {
        size_t wide = 0;
        size_t left = room;
        for (size_t i = 0; i < count; i++) {
            wide += widths[i] > share;
            left -= widths[i] > share ? 0 : widths[i];
        }
        if (wide == 0)
            return SIZE_MAX;
        if (left / wide <= share)
            return share;
        share = left / wide;
    }
}

// Whether any cell has to wrap.
static bool fit(const struct columns *columns, size_t width, size_t *widths)
{
    size_t gaps = GAP * (columns->count - 1);
    size_t room =
        width > gaps + NARROWEST * columns->count ? width - gaps : NARROWEST * columns->count;
    for (size_t i = 0; i < columns->count; i++)
        widths[i] = natural_width(columns, i);
    size_t share = width > 0 ? fair_share(widths, columns->count, room) : SIZE_MAX;
    for (size_t i = 0; i < columns->count; i++)
        widths[i] = widths[i] > share ? share : widths[i];
    return share != SIZE_MAX;
}

// The end of what fits from `text`: after whole words, or within the first.
static const char *line_end(const char *text, size_t width)
{
    const char *end = NULL;
    const char *at = text;
    for (size_t seen = 0; *at != '\0'; seen++) {
        if (*at == ' ')
            end = at;
        if (seen == width)
            return end != NULL ? end : at;
        at = next_character(at);
    }
    return at;
}

// One line of a row; every cell goes on behind what it gave.
static void write_line(const char **rest, const size_t *widths, size_t count, struct strbuf *out)
{
    size_t pending = 0;
    for (size_t i = 0; i < count; i++) {
        const char *end = line_end(rest[i], widths[i]);
        size_t width = width_of(rest[i], end);
        if (width > 0) {
            strbuf_addf(out, "%*s%.*s", (int)pending, "", (int)(end - rest[i]), rest[i]);
            pending = 0;
        }
        pending += widths[i] - width + GAP;
        rest[i] = end + strspn(end, " ");
    }
    strbuf_addstr(out, "\n");
}

static bool is_written(const char *const *rest, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (*rest[i] != '\0')
            return false;
    return true;
}

void columns_write(const struct columns *columns, size_t width, struct strbuf *out)
{
    cleanup_free size_t *widths = xcalloc(columns->count, sizeof *widths);
    cleanup_free const char **rest = xcalloc(columns->count, sizeof *rest);
    bool wraps = fit(columns, width, widths);
    for (size_t i = 0; i < columns->rows.len; i++) {
        char **row = *(char ***)vec_at(&columns->rows, i);
        for (size_t column = 0; column < columns->count; column++)
            rest[column] = row[column];
        if (wraps && i > 1)
            strbuf_addstr(out, "\n");
        do
            write_line(rest, widths, columns->count, out);
        while (!is_written(rest, columns->count));
    }
}
