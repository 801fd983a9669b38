// What a credential helper prints.
#include "oci/credential_helper.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_oci_credentials struct oci_credentials found = {0};
    if (credential_helper_parse((const char *)data, size, &found, NULL) == 0 &&
        (found.username == NULL) != (found.password == NULL))
        abort();
    return 0;
}
