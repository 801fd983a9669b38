// Patterns over names with slashes: `*` matches any run of bytes within a segment, `**` also across
// segments; every other byte stands for itself. Takes time of pattern length times text length at
// most, whatever the pattern.
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

// The whole text must match.
bool glob_match(const char *pattern, const char *text);

#endif
