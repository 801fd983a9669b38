// Judges an artifact for a person: by keys and rules given as flags, or by what governs a Sync.
#ifndef CLI_JUDGE_H
#define CLI_JUDGE_H

#include "cli/command.h"
#include "cli/notation.h"
#include "cli/registry.h"
#include "cli/signer.h"
#include "oci/sign/evidence.h"
#include "oci/sign/policy.h"

#define JUDGE_OPTIONS                                                                              \
    {"sync",                                                                                       \
     0,                                                                                            \
     OPTION_STRING,                                                                                \
     "NAME",                                                                                       \
     "judge by the TrustPolicies that govern this Sync, and by its own keys",                      \
     NULL},                                                                                        \
        {"key",                                                                                    \
         0,                                                                                        \
         OPTION_LIST,                                                                              \
         "KEY",                                                                                    \
         "public key of a signer: a file, pkcs11:…, or what --signer calls it; may be repeated",   \
         NULL},                                                                                    \
        SIGNER_PROGRAM_OPTION,                                                                     \
        {"certificate-identity",                                                                   \
         0,                                                                                        \
         OPTION_STRING,                                                                            \
         "NAME",                                                                                   \
         "a keyless signer; * and ** match as in policies",                                        \
         NULL},                                                                                    \
        {"certificate-oidc-issuer", 0, OPTION_STRING, "URL", "who vouches for that signer", NULL}, \
        {"trusted-root",                                                                           \
         0,                                                                                        \
         OPTION_STRING,                                                                            \
         "FILE",                                                                                   \
         "who certifies and logs keyless signers (default: Sigstore's public instance)",           \
         NULL},                                                                                    \
        {"threshold", 0, OPTION_NUMBER, "N", "how many of them must have signed (default: 1)",     \
         NULL},                                                                                    \
        {"channel",                                                                                \
         0,                                                                                        \
         OPTION_STRING,                                                                            \
         "NAME",                                                                                   \
         "channel that a release statement must name (default: the tag)",                          \
         NULL},                                                                                    \
        {"no-attest", 0, OPTION_FLAG, NULL, "signatures are enough: ask for no release statement", \
         NULL},                                                                                    \
        {"max-age", 0, OPTION_DURATION, "DURATION", "refuse older release statements", NULL},      \
        {"source", 0, OPTION_STRING, "URL", "Git repository that it must come from", NULL},        \
        NOTATION_OPTIONS

struct judgement {
    struct oci_descriptor artifact;
    struct evidence_set evidence;
    struct trust_verdict verdict;
};
void judgement_release(struct judgement *judgement); // may be called twice
#define cleanup_judgement __attribute__((cleanup(judgement_release)))

// Resolves, collects and evaluates. 0 when it could be judged, whatever the verdict.
int judge(const struct cli *cli, struct registry *registry, struct judgement *ret_judgement,
          struct error *err) __attribute__((warn_unused_result));

#endif
