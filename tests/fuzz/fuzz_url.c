// URLs from specs, Location and Link headers; form bodies. Properties: what parses stays parseable
// without its credentials and then has none.
#include "base/memory.h"
#include "base/url.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_url struct url url = {0};
    if (url_parse(text, &url, NULL) == 0) {
        cleanup_free char *bare = url_without_credentials(text);
        cleanup_url struct url again = {0};
        if (url_parse(bare, &again, NULL) < 0 || again.user != NULL || again.password != NULL ||
            !url_same_origin(&url, &again))
            abort();
    }
    cleanup_free char *resolved = NULL;
    cleanup_url struct url target = {0};
    if (url_resolve("https://example.com/v2/x?y", text, &resolved, NULL) == 0 &&
        url_parse(resolved, &target, NULL) < 0)
        abort();
    cleanup_free char *decoded = NULL;
    size_t length = 0;
    if (url_form_decode((const char *)data, size, &decoded, &length, NULL) == 0 && length > size)
        abort();
    return 0;
}
