// A Notation signature as JWS.
#include "oci/sign/notation_envelope.h"
#include "oci/sign/notation_verify.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_notation_envelope struct notation_envelope envelope = {.chain = NOTATION_CHAIN};
    cleanup_error struct error err = {0};
    if (notation_envelope_parse(NOTATION_JWS_MEDIA, data, size, &envelope, &err) < 0)
        return 0;
    if (envelope.chain.len == 0 || envelope.target.size < 0 || envelope.signed_ms <= 0)
        abort();
    if (notation_verify_integrity(&envelope, &err) < 0 && err.code == ERROR_NONE)
        abort();
    return 0;
}
