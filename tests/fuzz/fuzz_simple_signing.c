// The payload of a ".sig" layer: what parses is built again and parses to the same.
#include "oci/sign/simple_signing.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_simple_signing struct simple_signing payload = {0};
    cleanup_simple_signing struct simple_signing again = {0};
    cleanup_error struct error err = {0};
    if (simple_signing_parse((const char *)data, size, &payload, &err) < 0)
        return 0;
    cleanup_free char *text = simple_signing_build(payload.reference, payload.digest.text);
    if (simple_signing_parse(text, strlen(text), &again, NULL) < 0 ||
        strcmp(again.reference, payload.reference) != 0)
        abort();
    return 0;
}
