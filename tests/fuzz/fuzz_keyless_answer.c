// What Fulcio and Rekor v1 answer; Rekor v2's and a timestamp authority's answers are in bundles.
#include "oci/sign/keyless_internal.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    cleanup_bytes struct bytes der = {0};
    struct rekor_entry entry = {0};
    cleanup_error struct error err = {0};
    if (keyless_read_certificate(text, size, &der, &err) < 0)
        error_release(&err);
    if (keyless_read_v1_entry(text, size, &entry, &err) == 0)
        rekor_entry_release(&entry);
    return 0;
}
