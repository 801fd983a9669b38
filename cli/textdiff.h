// A unified diff of two texts, by libgit2.
#ifndef CLI_TEXTDIFF_H
#define CLI_TEXTDIFF_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct textdiff_side {
    const char *name; // shown in the header; NULL: there is no such file on this side
    const char *data;
    size_t size;
};

// Appends nothing when the sides are equal.
int textdiff(const struct textdiff_side *before, const struct textdiff_side *after,
             struct strbuf *out, struct error *err) __attribute__((warn_unused_result));

#endif
