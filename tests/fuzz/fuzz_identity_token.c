// An identity token, as a person, a file or a CI system gives it.
#include "oci/sign/identity_token.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_identity_token struct identity_token token = {0};
    cleanup_error struct error err = {0};
    if (identity_token_parse((const char *)data, size, &token, &err) == 0)
        identity_token_shows(&token, (const char *)data, size / 2);
    return 0;
}
