// What `sealift verify` needs of a person's Notation: the trust policy document, the folder of
// trust stores, revocation lists.
#ifndef CLI_NOTATION_H
#define CLI_NOTATION_H

#include "base/vec.h"
#include "cli/command.h"

struct notation_trust;

#define NOTATION_OPTIONS                                                                     \
    {"notation-policy",                                                                      \
     0,                                                                                      \
     OPTION_STRING,                                                                          \
     "FILE",                                                                                 \
     "Notation's trustpolicy.json: count the signers of its statement for REF",              \
     NULL},                                                                                  \
        {"trust-store",                                                                      \
         0,                                                                                  \
         OPTION_STRING,                                                                      \
         "DIR",                                                                              \
         "its trust stores, DIR/x509/TYPE/NAME/* (default: truststore beside the document)", \
         NULL},                                                                              \
    {                                                                                        \
        "crl", 0, OPTION_LIST, "FILE", "revocation list of an issuer; may be repeated", NULL \
    }

// "truststore" beside a trust policy document, as in notation's own folder. Owned.
char *notation_default_store(const char *document);
// The certificates of a store like "ca:acme" in such a folder, appended to a NOTATION_CHAIN.
// ERROR_NOT_FOUND when there are none.
int notation_store_read(const char *folder, const char *store, struct vec *certificates,
                        struct error *err) __attribute__((warn_unused_result));

// The trust of the statement that is for a repository by its identity, sealed; owned. NULL without
// --notation-policy.
int notation_of_flags(const struct cli *cli, const char *identity,
                      struct notation_trust **ret_trust, struct error *err)
    __attribute__((warn_unused_result));

#endif
