#include "render/kustomize/resource_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char byte_order_mark[] = {'\xEF', '\xBB', '\xBF'};

static bool starts_with(const char *text, size_t size, const char *with, size_t length)
{
    return size >= length && memcmp(text, with, length) == 0;
}

static size_t line_length(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size);
    return end != NULL ? (size_t)(end - text) + 1 : size;
}

static size_t blanks(const char *line, size_t length)
{
    size_t n = 0;
    while (n < length && (line[n] == ' ' || line[n] == '\t' || line[n] == '\r' || line[n] == '\n'))
        n++;
    return n;
}

static bool says_nothing(const char *line, size_t length)
{
    size_t n = blanks(line, length);
    return n == length || line[n] == '#';
}

struct scan {
    const char *file;
    size_t line;   // from 1
    bool in_head;  // nothing but comments since the document began
    bool at_start; // of a document
};

static int look_at_line(struct scan *scan, const char *line, size_t length, struct error *err)
{
    bool ended = length > 0 && line[length - 1] == '\n';
    // The last line ends no document without a line end.
    if (scan->line > 1 && ended && starts_with(line, length, "---", 3)) {
        if (!says_nothing(line + 3, length - 3))
            return error_set(err, ERROR_INVALID,
                             "%s:%zu: more than a comment stands behind ---; begin the document on "
                             "the next line",
                             scan->file, scan->line);
        scan->in_head = true;
        scan->at_start = true;
        return 0;
    }
    scan->at_start = false;
    if (!scan->in_head)
        return 0;
    if (length > 0 && *line == '%')
        return error_set(err, ERROR_INVALID,
                         "%s:%zu: a YAML directive, which kustomize does not read; remove the line",
                         scan->file, scan->line);
    scan->in_head = says_nothing(line, length);
    return 0;
}

// Whether there is anything to find, at a fraction of the cost of a look at every line.
static bool is_plain(const char *text, size_t size)
{
    const char *end = text + size;
    if (memmem(text, size, byte_order_mark, sizeof byte_order_mark) != NULL ||
        (size > 0 && *text == '%') || memmem(text, size, "\n%", 2) != NULL)
        return false;
    for (const char *at = text; (at = memmem(at, (size_t)(end - at), "\n---", 4)) != NULL; at += 4)
        if (!says_nothing(at + 4, line_length(at + 4, (size_t)(end - at) - 4)))
            return false;
    return true;
}

int resource_text_clean(const char *text, size_t size, const char *file, char **ret_clean,
                        size_t *ret_size, struct error *err)
{
    cleanup_free char *clean = NULL;
    *ret_clean = NULL;
    *ret_size = size;
    if (is_plain(text, size))
        return 0;
    clean = xmalloc(size + 1);
    struct scan scan = {.file = file, .line = 1, .in_head = true, .at_start = true};
    size_t kept = 0;
    for (size_t at = 0; at < size; scan.line++) {
        size_t length = line_length(text + at, size - at);
        bool drop = scan.at_start &&
                    starts_with(text + at, length, byte_order_mark, sizeof byte_order_mark);
        size_t skipped = drop ? sizeof byte_order_mark : 0;
        if (look_at_line(&scan, text + at + skipped, length - skipped, err) < 0)
            return -1;
        memcpy(clean + kept, text + at + skipped, length - skipped);
        kept += length - skipped;
        at += length;
    }
    clean[kept] = '\0';
    *ret_clean = STEAL(clean);
    *ret_size = kept;
    return 0;
}
