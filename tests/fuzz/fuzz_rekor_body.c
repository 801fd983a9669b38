// The body of a log entry, held against a bundle.
#include "oci/sign/rekor.h"

#include "oci/sign/dsse.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char kinds[][16] = {"hashedrekord", "dsse", "intoto"};
    static char versions[][8] = {"0.0.1", "0.0.2"};
    static unsigned char signature[] = "signature";
    static char type[] = DSSE_IN_TOTO;
    const struct dsse_envelope dsse = {.payload_type = type,
                                       .payload = signature,
                                       .payload_size = 9,
                                       .signature = signature,
                                       .signature_size = 9};
    const struct signed_data bytes = {.data = "x", .size = 1};
    const struct rekor_claim claim = {.signature = signature,
                                      .signature_size = 9,
                                      .signer = "der",
                                      .signer_size = 3,
                                      .data = &bytes,
                                      .dsse = &dsse};
    unsigned char *body;
    memcpy(&body, &data, sizeof body);
    for (size_t i = 0; i < 6; i++) {
        const struct rekor_entry entry = {
            .kind = kinds[i / 2], .version = versions[i % 2], .body = {body, size}};
        cleanup_error struct error err = {0};
        if (rekor_body_check(&entry, &claim, &err) == 0)
            return 0;
    }
    return 0;
}
