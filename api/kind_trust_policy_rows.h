// Rows of a TrustPolicy's table that stand in it several times or are a format of their own. `at`
// is a string literal: the path of the field that they are about.
#ifndef API_KIND_TRUST_POLICY_ROWS_H
#define API_KIND_TRUST_POLICY_ROWS_H

#include "api/fields.h"

// An identity as Sigstore's certificates name it.
#define IDENTITY_FIELDS(at, about_subject, of_subject)                              \
    {.path = at ".issuer",                                                          \
     .type = FIELD_STRING,                                                          \
     .required = true,                                                              \
     .max = 1024,                                                                   \
     .check = check_issuer,                                                         \
     .doc = "The OpenID issuer that vouches for the identity, written out.",        \
     .example = "https://accounts.example.com"},                                    \
    {                                                                               \
        .path = at ".subject", .type = FIELD_STRING, .required = true, .max = 1024, \
        .check = check_subject_pattern, .doc = about_subject, .example = of_subject \
    }

#define REASON_FIELD(at, why)                                         \
    {                                                                 \
        .path = at ".reason", .type = FIELD_STRING, .max = 512,       \
        .doc = "Why, for people: messages repeat it.", .example = why \
    }

// Signers by Notation, as its trust policy document has them.
#define NOTATION_FIELDS(at)                                                                        \
    {.path = at,                                                                                   \
     .type = FIELD_OBJECT,                                                                         \
     .doc = "Its signers by Notation, as a statement of Notation's trust policy document with "    \
            "the level strict names them. A Notation signature names neither repository nor "      \
            "channel, so another entry must attest, or this one say `anyRepository`.",             \
     .example = "{trustStores: [{name: \"ca:acme\", secretRef: {name: acme-ca}}], "                \
                "trustedIdentities: [\"x509.subject: C=US, ST=WA, O=acme\"]}"},                    \
        {.path = at ".trustStores",                                                                \
         .type = FIELD_LIST,                                                                       \
         .required = true,                                                                         \
         .min = 1,                                                                                 \
         .max = 16,                                                                                \
         .unique = true,                                                                           \
         .doc = "Who certifies signers and stamps signatures.",                                    \
         .example = "[{name: \"ca:acme\", secretRef: {name: acme-ca}}]"},                          \
        {.path = at ".trustStores[]",                                                              \
         .type = FIELD_OBJECT,                                                                     \
         .doc = "A trust store.",                                                                  \
         .example = "{name: \"ca:acme\", secretRef: {name: acme-ca}}"},                            \
        {.path = at ".trustStores[].name",                                                         \
         .type = FIELD_STRING,                                                                     \
         .required = true,                                                                         \
         .max = 270,                                                                               \
         .check = check_trust_store,                                                               \
         .doc = "Type and name: `ca:`, `signingAuthority:` or `tsa:` (timestamps), and a name. "   \
                "Where a tsa store is given, signatures must be stamped.",                         \
         .example = "\"ca:acme\""},                                                                \
        {.path = at ".trustStores[].pem",                                                          \
         .type = FIELD_STRING,                                                                     \
         .max = 8192,                                                                              \
         .secret = true,                                                                           \
         .check = check_pem,                                                                       \
         .doc = "The certificates themselves.",                                                    \
         .example = "\"-----BEGIN CERTIFICATE-----\\n…\""},                                        \
        SECRET_REF_FIELDS(at ".trustStores[].secretRef", false,                                    \
                          "The Secret, in the controller's namespace, that holds them under keys " \
                          "that end in `.crt`, `.cer` or `.pem`."),                                \
        {.path = at ".trustedIdentities",                                                          \
         .type = FIELD_LIST,                                                                       \
         .required = true,                                                                         \
         .min = 1,                                                                                 \
         .max = 32,                                                                                \
         .unique = true,                                                                           \
         .doc = "Whose certificates count: those whose subject has all of the parts named, or "    \
                "`*` for every one that the trust stores vouch for. Each subject is a signer of "  \
                "its own.",                                                                        \
         .example = "[\"x509.subject: C=US, ST=WA, O=acme, CN=release\"]"},                        \
        {.path = at ".trustedIdentities[]",                                                        \
         .type = FIELD_STRING,                                                                     \
         .max = 1024,                                                                              \
         .check = check_notation_identity,                                                         \
         .doc = "A distinguished name with C, ST and O at least, after `x509.subject:`, or `*`.",  \
         .example = "\"x509.subject: C=US, ST=WA, O=acme, CN=release\""},                          \
        {.path = at ".verifyTimestamp",                                                            \
         .type = FIELD_ENUM,                                                                       \
         .choices = "always|afterCertExpiry",                                                      \
         .fallback = "\"always\"",                                                                 \
         .doc = "When a signature must be stamped, where a tsa store is given.",                   \
         .example = "afterCertExpiry"},                                                            \
        {.path = at ".revocation",                                                                 \
         .type = FIELD_ENUM,                                                                       \
         .choices = "enforce|log|skip",                                                            \
         .fallback = "\"enforce\"",                                                                \
         .doc =                                                                                    \
             "What a revoked certificate means, and one of which it cannot be told: `log` only "   \
             "says it in `verify --explain`. Nothing is asked over the network; give `crls`.",     \
         .example = "enforce"},                                                                    \
        {.path = at ".crls",                                                                       \
         .type = FIELD_OBJECT,                                                                     \
         .doc = "Revocation lists of the issuers.",                                                \
         .example = "{secretRef: {name: acme-crls}}"},                                             \
        SECRET_REF_FIELDS(at ".crls.secretRef", true,                                              \
                          "The Secret, in the controller's namespace, that holds them (PEM or "    \
                          "DER) under keys that end in `.crl`.")

// Whole numbers that every JSON reader keeps exact.
#define MAX_COMPARED ((INT64_C(1) << 53) - 1)

#define BOUND_FIELD(at, where)                                                    \
    {                                                                             \
        .path = at, .type = FIELD_INT, .min = -MAX_COMPARED, .max = MAX_COMPARED, \
        .doc = "It must be a number " where ".", .example = "0"                   \
    }

// What must hold of one value of a predicate.
#define CONDITION_FIELDS(at)                                                                      \
    {.path = at,                                                                                  \
     .type = FIELD_OBJECT,                                                                        \
     .any_of = "exists|equals|notEquals|in|notIn|lessThan|atMost|greaterThan|atLeast",            \
     .doc = "A condition: a path and one or more comparisons.",                                   \
     .example = "{path: /scanner/result/critical, atMost: 0}"},                                   \
        {.path = at ".path",                                                                      \
         .type = FIELD_STRING,                                                                    \
         .required = true,                                                                        \
         .max = 1024,                                                                             \
         .check = check_value_path,                                                               \
         .doc = "A JSON pointer into the predicate. `*` as a step is every member or element, "   \
                "and the comparison must hold for each; a text that holds JSON is read as that.", \
         .example = "/scanner/result/Results/*/Vulnerabilities/*/Severity"},                      \
        {.path = at ".exists",                                                                    \
         .type = FIELD_BOOL,                                                                      \
         .doc = "Whether there must be something, or must not.",                                  \
         .example = "true"},                                                                      \
        {.path = at ".equals",                                                                    \
         .type = FIELD_SCALAR,                                                                    \
         .max = 1024,                                                                             \
         .doc = "It must be this text, number or boolean.",                                       \
         .example = "passed"},                                                                    \
        {.path = at ".notEquals",                                                                 \
         .type = FIELD_SCALAR,                                                                    \
         .max = 1024,                                                                             \
         .doc = "It must be there, and something else.",                                          \
         .example = "failed"},                                                                    \
        {.path = at ".in",                                                                        \
         .type = FIELD_LIST,                                                                      \
         .max = 64,                                                                               \
         .doc = "It must be one of these.",                                                       \
         .example = "[passed, skipped]"},                                                         \
        {.path = at ".in[]",                                                                      \
         .type = FIELD_SCALAR,                                                                    \
         .max = 1024,                                                                             \
         .doc = "A value.",                                                                       \
         .example = "passed"},                                                                    \
        {.path = at ".notIn",                                                                     \
         .type = FIELD_LIST,                                                                      \
         .max = 64,                                                                               \
         .doc = "It must be none of these.",                                                      \
         .example = "[CRITICAL, HIGH]"},                                                          \
        {.path = at ".notIn[]",                                                                   \
         .type = FIELD_SCALAR,                                                                    \
         .max = 1024,                                                                             \
         .doc = "A value.",                                                                       \
         .example = "CRITICAL"},                                                                  \
        BOUND_FIELD(at ".lessThan", "below this one"),                                            \
        BOUND_FIELD(at ".atMost", "no higher than this one"),                                     \
        BOUND_FIELD(at ".greaterThan", "above this one"),                                         \
        BOUND_FIELD(at ".atLeast", "no lower than this one")

#endif
