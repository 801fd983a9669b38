#include "oci/layer_internal.h"

struct layer_locale layer_locale_use(const char *name)
{
    // Where the system lacks the locale the thread keeps its own; libarchive then warns of the
    // first name it cannot convert, and a warning is an error here.
    struct layer_locale locale = {.own = newlocale(LC_CTYPE_MASK, name, (locale_t)0)};
    locale.before = uselocale(locale.own);
    return locale;
}

void layer_locale_leave(struct layer_locale *locale)
{
    uselocale(locale->before);
    if (locale->own != (locale_t)0)
        freelocale(locale->own);
}
