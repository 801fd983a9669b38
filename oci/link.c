#include "oci/link.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

// Whether the parameters from `text` up to `end` hold rel=next (quoted or not, among others).
static bool is_next(const char *text, const char *end)
{
    for (; text < end; text++) {
        if (strncasecmp(text, "rel", 3) != 0)
            continue;
        const char *value = text + 3;
        value += strspn(value, " \t");
        if (*value != '=')
            continue;
        value += 1 + strspn(value + 1, " \t");
        value += *value == '"';
        size_t length = strcspn(value, "\",; \t");
        if (length == 4 && strncasecmp(value, "next", 4) == 0)
            return true;
    }
    return false;
}

// The end of the parameters of one link: a comma outside quotes, or the end of all.
static const char *end_of_link(const char *text)
{
    bool quoted = false;
    for (; *text != '\0' && (quoted || *text != ','); text++)
        if (*text == '"')
            quoted = !quoted;
    return text;
}

char *oci_link_next(const char *value)
{
    for (const char *cursor = value; (cursor = strchr(cursor, '<')) != NULL;) {
        const char *target = cursor + 1;
        const char *close = strchr(target, '>');
        if (close == NULL)
            return NULL;
        const char *end = end_of_link(close + 1);
        if (is_next(close + 1, end))
            return xstrndup(target, (size_t)(close - target));
        cursor = end;
    }
    return NULL;
}
