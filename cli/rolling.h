// The way back that a person asks for: where artifacts are, which one the tag points to, which one
// it is to point to, and the sequence that a statement about that needs. Nothing is written.
#ifndef CLI_ROLLING_H
#define CLI_ROLLING_H

#include <jansson.h>
#include <stdint.h>

#include "cli/hand.h"
#include "oci/sign/evidence.h"
#include "oci/sign/policy.h"

struct store;

#define ROLLING_OPTIONS                                                                           \
    {"to", 0, OPTION_STRING, "previous|TAG|DIGEST", "where to (default: previous)", NULL},        \
        {"verify-key",                                                                            \
         0,                                                                                       \
         OPTION_LIST,                                                                             \
         "FILE",                                                                                  \
         "public key of who releases otherwise, if that is another; may be repeated",             \
         NULL},                                                                                   \
        {"certificate-identity",                                                                  \
         0,                                                                                       \
         OPTION_STRING,                                                                           \
         "NAME",                                                                                  \
         "or the identity that releases otherwise; * and ** match as in policies",                \
         NULL},                                                                                   \
    {                                                                                             \
        "certificate-oidc-issuer", 0, OPTION_STRING, "URL", "who vouches for that identity", NULL \
    }

// An artifact of the channel, and what is known of its release there.
struct candidate {
    struct oci_descriptor artifact;
    struct oci_manifest manifest;
    struct evidence_set evidence;
    const struct release *release; // borrowed from evidence; NULL: none by a key that is known
};

struct rolling {
    struct cli *cli;
    struct store *store; // where objects are, if the argument names one
    json_t *object;      // a Sync or a Bundle; NULL for a reference
    json_t *bundle;      // the Bundle that makes it, where that is known
    char *reference;     // "oci://host/path:channel"
    char *channel;
    struct registry registry;
    struct hand hand;
    struct trust_policy known; // whose releases are known
    struct candidate from;
    struct candidate to;
    int64_t sequence;
};

// Opens what the arguments name and who signs, finds both artifacts, and the sequence. Release it
// even when it failed.
int rolling_begin(struct cli *cli, struct rolling *rolling, struct error *err)
    __attribute__((warn_unused_result));
void rolling_release(struct rolling *rolling);

#endif
