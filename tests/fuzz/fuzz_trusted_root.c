// A trusted root from a Secret or a file.
#include "oci/sign/trusted_root.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_trusted_root struct trusted_root *root = NULL;
    cleanup_error struct error err = {0};
    if (trusted_root_parse((const char *)data, size, "the root", &root, &err) == 0)
        trusted_root_log(&root->logs, "x", 1);
    return 0;
}
