// What --registry-mirror takes.
#include "base/memory.h"
#include "oci/mirror.h"
#include "oci/reference.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    struct oci_mirror mirror;
    if (oci_mirror_parse(text, &mirror, NULL) < 0)
        return 0;
    // Whatever was taken makes repositories that can be asked for.
    cleanup_free char *there = xasprintf("oci://%s/%s%sx", mirror.mirror_host, mirror.prefix,
                                         *mirror.prefix != '\0' ? "/" : "");
    cleanup_oci_reference struct oci_reference reference = {0};
    if (oci_reference_parse(there, &reference, NULL) < 0 || *mirror.host == '\0')
        abort();
    oci_mirror_release(&mirror);
    return 0;
}
