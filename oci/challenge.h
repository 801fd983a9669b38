// WWW-Authenticate: what a server wants to see. Format: RFC 9110, section 11.6.1 (several
// challenges in one header or in several).
#ifndef OCI_CHALLENGE_H
#define OCI_CHALLENGE_H

#include "base/error.h"
#include "base/vec.h"

struct oci_challenge {
    char *scheme;      // lower case: "bearer", "basic"
    struct vec params; // struct http_header, names in lower case, values without their quotes
};
void oci_challenge_release(void *challenge);
#define OCI_CHALLENGES VEC_OF(struct oci_challenge, oci_challenge_release)

// Appends the challenges of one header's value. At most 8 KiB, 16 challenges, 32 parameters each.
// ERROR_INVALID; what was appended before stays.
int oci_challenges_parse(const char *value, struct vec *challenges, struct error *err)
    __attribute__((warn_unused_result));
// The first one of this scheme (lower case), or NULL. Borrowed.
const struct oci_challenge *oci_challenge_find(const struct vec *challenges, const char *scheme);
// NULL when absent; borrowed. A name that is there twice is refused by the parser.
const char *oci_challenge_param(const struct oci_challenge *challenge, const char *name);

#endif
