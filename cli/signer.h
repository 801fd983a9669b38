// The signing key that a person names: --key FILE, its password from --password-file or
// $COSIGN_PASSWORD.
#ifndef CLI_SIGNER_H
#define CLI_SIGNER_H

#include "cli/command.h"
#include "oci/sign/key.h"

#define SIGNER_OPTIONS                                                                        \
    {"key", 0, OPTION_STRING, "FILE", "private key (sealift keygen makes one)", NULL},        \
    {                                                                                         \
        "password-file", 0, OPTION_STRING, "FILE", "its password (or $COSIGN_PASSWORD)", NULL \
    }

int signer_load(const struct cli *cli, struct sign_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));

#endif
