// An RFC 3161 token as Notation embeds it.
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_time.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = malloc(size + 1);
    unsigned char signature[] = "signature";
    const struct vec roots = VEC_OF(void *, NULL);
    cleanup_vec struct vec chain = NOTATION_CHAIN;
    cleanup_error struct error err = {0};
    int64_t earliest_ms;
    int64_t latest_ms;
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < size; i++)
        copy[i] = data[i];
    const struct bytes token = {copy, size};
    const struct bytes signed_bytes = {signature, sizeof signature - 1};
    // Nobody is trusted, so nothing may pass.
    if (notation_stamp_verify(&token, &signed_bytes, &roots, &earliest_ms, &latest_ms, &chain,
                              &err) == 0)
        abort();
    free(copy);
    return 0;
}
