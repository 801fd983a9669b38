// Notation's trust policy document.
#include "oci/sign/notation_policy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_notation_policy struct notation_policy policy = {0};
    cleanup_notation_trust struct notation_trust *trust = notation_trust_new();
    const struct notation_statement *statement = NULL;
    cleanup_error struct error err = {0};
    if (notation_policy_parse((const char *)data, size, "it", &policy, &err) < 0 ||
        notation_policy_find(&policy, "registry.example.com/acme/shop", &statement, &err) < 0)
        return 0;
    if (notation_statement_fill(statement, trust, &err) == 0 && !statement->skip &&
        !trust->anybody && trust->identities.len == 0)
        abort();
    return 0;
}
