// Notation's part of `sealift create policy`: who signs by Notation, field by field or as a trust
// policy document of Notation says it.
#ifndef CLI_CREATE_NOTATION_H
#define CLI_CREATE_NOTATION_H

#include <jansson.h>

#include "cli/command.h"

#define CREATE_NOTATION_OPTIONS                                                               \
    {"notation-policy",                                                                       \
     0,                                                                                       \
     OPTION_STRING,                                                                           \
     "FILE",                                                                                  \
     "signers by Notation, as its trustpolicy.json and the truststore beside it have them",   \
     NULL},                                                                                   \
        {"trust-store",                                                                       \
         0,                                                                                   \
         OPTION_LIST,                                                                         \
         "TYPE:NAME=FILE",                                                                    \
         "or field by field: who certifies them, like ca:acme=root.pem; may be repeated",     \
         NULL},                                                                               \
        {"trust-store-secret",                                                                \
         0,                                                                                   \
         OPTION_LIST,                                                                         \
         "TYPE:NAME=SECRET",                                                                  \
         "the same, in a Secret of the controller's namespace",                               \
         NULL},                                                                               \
        {"trusted-identity",                                                                  \
         0,                                                                                   \
         OPTION_LIST,                                                                         \
         "IDENTITY",                                                                          \
         "whose certificates count: x509.subject: C=…, ST=…, O=…, or *; may be repeated",     \
         NULL},                                                                               \
        {"verify-timestamp",      0, OPTION_STRING, "WHEN", "when they must be stamped",      \
         "always|afterCertExpiry"},                                                           \
        {"revocation",      0, OPTION_STRING, "ACTION", "what a revoked certificate means",   \
         "enforce|log|skip"},                                                                 \
        {"crls-secret",                                                                       \
         0,                                                                                   \
         OPTION_STRING,                                                                       \
         "NAME",                                                                              \
         "Secret with revocation lists, under keys that end in .crl",                         \
         NULL},                                                                               \
    {                                                                                         \
        "any-repository", 0, OPTION_FLAG, NULL,                                               \
            "signatures that name no repository count, as Notation's never do; needed where " \
            "nobody attests",                                                                 \
            NULL                                                                              \
    }

// What the flags say; *ret_notation is owned, and NULL where none of them is given.
int create_notation(const struct cli *cli, json_t **ret_notation, struct error *err)
    __attribute__((warn_unused_result));

#endif
