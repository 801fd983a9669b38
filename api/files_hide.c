// Passwords that people wrote into URLs. Validation refuses such a URL; what is kept of it, shown
// and told must not hold the password either. "https://ada:***@host/" is refused in the same words.
#include "api/files_internal.h"

#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

static void hide_in_string(json_t *string)
{
    const char *text = json_string_value(string);
    const char *authority = strstr(text, "://");
    if (authority == NULL)
        return;
    authority += strlen("://");
    size_t size = strcspn(authority, "/");
    const char *at = memrchr(authority, '@', size);
    const char *colon = at != NULL ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon == NULL)
        return;
    cleanup_free char *hidden = xasprintf("%.*s:***%s", (int)(colon - text), text, at);
    json_string_set(string, hidden);
}

void files_hide_passwords(json_t *value)
{
    const char *name;
    json_t *member;
    size_t index;
    if (json_is_string(value))
        hide_in_string(value);
    jval_foreach (value, name, member)
        files_hide_passwords(member);
    json_array_foreach (value, index, member)
        files_hide_passwords(member);
}
