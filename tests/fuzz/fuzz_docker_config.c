// A docker config from a Secret.
#include "base/memory.h"
#include "oci/credentials.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_oci_credentials struct oci_credentials found = {0};
    cleanup_error struct error err = {0};
    if (oci_credentials_find(text, "index.docker.io", "acme/shop", NULL, &found, &err) == 0 &&
        found.username != NULL && found.password == NULL)
        abort();
    return 0;
}
