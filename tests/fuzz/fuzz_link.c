// The Link header of a list's page, and the addresses that registries send on to.
#include "base/memory.h"
#include "base/url.h"
#include "oci/link.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char page[] = "https://registry.example.com/v2/acme/shop/tags/list?n=10";
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_free char *next = oci_link_next(text);
    if (next == NULL)
        return 0;
    if (strchr(next, '>') != NULL || strstr(text, next) == NULL)
        abort();
    cleanup_free char *absolute = NULL;
    cleanup_url struct url parsed = {0};
    if (url_resolve(page, next, &absolute, NULL) == 0 && url_parse(absolute, &parsed, NULL) == 0 &&
        (parsed.host == NULL || *parsed.host == '\0'))
        abort();
    return 0;
}
