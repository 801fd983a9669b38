// A bundle from a registry, and the statement inside it.
#include "oci/sign/sigstore_bundle.h"

#include "oci/sign/statement.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char digest[] =
        "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    cleanup_sigstore_bundle struct sigstore_bundle bundle = {0};
    cleanup_statement struct statement statement = {0};
    cleanup_error struct error err = {0};
    if (sigstore_bundle_parse((const char *)data, size, &bundle, &err) == 0 &&
        bundle.content == SIGSTORE_DSSE &&
        statement_parse(bundle.dsse.payload, bundle.dsse.payload_size, digest, &statement, &err) <
            0)
        return 0;
    return 0;
}
