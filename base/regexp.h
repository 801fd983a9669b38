// Regular expressions in Go's syntax (RE2), for fields whose meaning other programs in Go have set.
// They only say whether a text matches; the time this takes is bounded by pattern and text alone,
// as all ways through a pattern are followed at once (PCRE2's DFA matcher, no backtracking).
//
// What RE2 does not know is refused although PCRE2 does: references to groups, looking ahead or
// behind, atomic and conditional groups, possessive repetition, repetition beyond 1000.
#ifndef BASE_REGEXP_H
#define BASE_REGEXP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct regexp;

enum regexp_extent {
    REGEXP_ANYWHERE, // in some part of the text
    REGEXP_WHOLE,    // the whole text: ^(?:pattern)$
};

// Owned. ERROR_INVALID names pattern and place; ERROR_LIMIT: more than 1024 bytes, or 16 KiB when
// compiled.
int regexp_compile(const char *pattern, enum regexp_extent extent, struct regexp **ret_regexp,
                   struct error *err) __attribute__((warn_unused_result));
void regexp_free(struct regexp *regexp); // NULL is fine
void cleanup_regexp_pointer(struct regexp **regexp);
#define cleanup_regexp __attribute__((cleanup(cleanup_regexp_pointer)))

// ERROR_LIMIT when the text (at most 64 KiB) is too long, or has too many ways to match.
int regexp_match(const struct regexp *regexp, const char *text, bool *ret_matches,
                 struct error *err) __attribute__((warn_unused_result));

#endif
