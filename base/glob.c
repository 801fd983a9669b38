#include "base/glob.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool glob_match(const char *pattern, const char *text)
{
    size_t size = strlen(text);
    // reached[i]: the pattern so far matches the first i bytes of text.
    cleanup_free bool *reached = xcalloc(size + 1, sizeof *reached);
    reached[0] = true;
    for (; *pattern != '\0'; pattern++) {
        bool star = *pattern == '*';
        bool across = star && pattern[1] == '*';
        if (across)
            pattern++;
        if (star) {
            for (size_t i = 1; i <= size; i++)
                reached[i] = reached[i] || (reached[i - 1] && (across || text[i - 1] != '/'));
        } else {
            for (size_t i = size; i > 0; i--)
                reached[i] = reached[i - 1] && text[i - 1] == *pattern;
            reached[0] = false;
        }
    }
    return reached[size];
}
