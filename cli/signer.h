// The signing key that a person names with --key: a file, whose password comes from --password-file
// or $COSIGN_PASSWORD; "pkcs11:…", a key in a token, whose PIN comes from the URI, --password-file
// or $SEALIFT_PKCS11_PIN; or, with --signer PROGRAM, whatever that program calls its key.
#ifndef CLI_SIGNER_H
#define CLI_SIGNER_H

#include "cli/command.h"
#include "oci/sign/key.h"

#define SIGNER_PROGRAM_OPTION                                               \
    {                                                                       \
        "signer", 0, OPTION_STRING, "PROGRAM",                              \
            "ask this program, which keeps the key (docs/signers.md)", NULL \
    }
#define SIGNER_OPTIONS                                                                      \
    {"key",                                                                                 \
     0,                                                                                     \
     OPTION_STRING,                                                                         \
     "KEY",                                                                                 \
     "private key: a file (sealift keygen makes one), pkcs11:…, or what --signer calls it", \
     NULL},                                                                                 \
        {"password-file",                                                                   \
         0,                                                                                 \
         OPTION_STRING,                                                                     \
         "FILE",                                                                            \
         "its password (or $COSIGN_PASSWORD), or the PIN of its token",                     \
         NULL},                                                                             \
        SIGNER_PROGRAM_OPTION

int signer_load(const struct cli *cli, struct sign_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));

// The public half of `key` where it is not in a file: the --signer program's, or "pkcs11:…".
// *ret_key stays NULL where it is a file.
int signer_load_public(const struct cli *cli, const char *key, struct verify_key **ret_key,
                       struct error *err) __attribute__((warn_unused_result));

#endif
