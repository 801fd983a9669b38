// Names of signers as trust policies write them: "x509.subject: C=US, ST=WA, O=acme, CN=release"
// matches every certificate whose subject has these parts, whatever else it has.
// Format: RFC 4514; notaryproject/specifications, trust-store-trust-policy.md.
#ifndef OCI_SIGN_NOTATION_NAME_H
#define OCI_SIGN_NOTATION_NAME_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

enum { NOTATION_MAX_NAME = 1024, NOTATION_MAX_PARTS = 32 };

// Part of a distinguished name.
struct notation_part {
    char *type; // "C", "ST", "O", …; upper case
    char *value;
};
struct notation_name {
    char *text;       // as written
    struct vec parts; // struct notation_part
};
void notation_name_release(void *name); // may be called twice

// The part behind "x509.subject:". C, ST (or S) and O must be there, nothing twice, no part of
// several values. ERROR_INVALID.
int notation_name_parse(const char *text, struct notation_name *ret_name, struct error *err)
    __attribute__((warn_unused_result));
// Whether every part of `inner` is in `outer`.
bool notation_name_within(const struct notation_name *inner, const struct notation_name *outer);
// A subject in which a part comes twice matches nothing: which of the two was meant?
bool notation_name_matches(const struct notation_name *name, const X509 *certificate);

#endif
