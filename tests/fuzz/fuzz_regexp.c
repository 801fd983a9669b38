// A regular expression (the first line) and a text: bounded, and nothing but a verdict.
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/regexp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    if (line_end == NULL)
        return 0;
    cleanup_free char *pattern = xstrndup((const char *)data, (size_t)(line_end - data));
    cleanup_free char *text =
        xstrndup((const char *)line_end + 1, size - (size_t)(line_end - data) - 1);
    for (int i = 0; i < 2; i++) {
        cleanup_regexp struct regexp *regexp = NULL;
        bool matches = false;
        if (regexp_compile(pattern, i == 0 ? REGEXP_WHOLE : REGEXP_ANYWHERE, &regexp, NULL) == 0 &&
            regexp_match(regexp, text, &matches, NULL) < 0)
            continue;
    }
    return 0;
}
