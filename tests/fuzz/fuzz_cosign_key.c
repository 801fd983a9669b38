// A key file that a person or a Secret hands in: any PEM as private and as public key. Inputs that
// reach scrypt take a tenth of a second and 64 MiB each; few do.
#include "oci/sign/key.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_verify_key struct verify_key *public_half = NULL;
    cleanup_error struct error err = {0};
    if (sign_key_load((const char *)data, size, "", "input", &key, &err) < 0 &&
        verify_key_load((const char *)data, size, "input", &public_half, &err) < 0)
        return 0;
    return 0;
}
