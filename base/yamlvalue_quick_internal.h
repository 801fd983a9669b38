// The two halves of the quick YAML reader: where things stand in the text (yamlvalue_quick_scan.c),
// and the values that are made of them (yamlvalue_quick.c). Nothing here reports an error: false
// means that the text is left to libyaml.
#ifndef BASE_YAMLVALUE_QUICK_INTERNAL_H
#define BASE_YAMLVALUE_QUICK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/yamlvalue.h"

enum {
    QUICK_END = -1,    // the column where a document ends
    QUICK_TEXTS = 512, // a power of two
};

struct quick {
    const char *text;
    const char *at;
    const char *end;
    const struct yamlvalue_limits *limits;
    size_t nodes;
    unsigned depth;
    int column; // of the content that `at` stands on, at the start of a line; or QUICK_END
    struct strbuf scratch; // a quoted scalar
    // Texts without quotes that were read lately, by their hash: most are names of fields, or stand
    // in many objects. Owned.
    struct value *texts[QUICK_TEXTS];
};

struct token {
    const char *text; // borrowed from the text or from scratch
    size_t length;
    bool quoted;
    char quote; // ', " or |; 0 without
};

static inline bool quick_is_end_or(const struct quick *q, const char *at, const char *set)
{
    return at >= q->end || strchr(set, *at) != NULL;
}

static inline bool quick_at_item(const struct quick *q)
{
    return q->at < q->end && *q->at == '-' && quick_is_end_or(q, q->at + 1, " \n");
}

// Whether the text holds only characters that both readers take in the same way.
bool quick_is_simple(const char *text, size_t size);

// From the start of a line to the next content: sets `at` and `column`.
bool quick_to_content(struct quick *q);
// Behind a value: nothing but a comment may follow on its line. Then as quick_to_content.
bool quick_finish_line(struct quick *q);
// Skips spaces; whether the colon behind a key follows.
bool quick_at_colon(struct quick *q, bool in_flow, bool quoted);
// Skips spaces and line ends inside of brackets; false also at the end of the text.
bool quick_skip_in_flow(struct quick *q);

// A plain or quoted scalar that ends on its line. The token is valid until the next scan.
bool quick_scan(struct quick *q, bool in_flow, struct token *token);
// `at` stands on the bar of a literal block; `parent` is the column of the collection around.
bool quick_scan_literal(struct quick *q, int parent, struct token *token);

#endif
