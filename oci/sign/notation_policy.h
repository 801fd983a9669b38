// Notation's trust policy document, as `notation policy import` takes it: which statement is for
// which repositories, and what it asks for.
// Format: notaryproject/specifications, trust-store-trust-policy.md, "Trust policy", version 1.0.
#ifndef OCI_SIGN_NOTATION_POLICY_H
#define OCI_SIGN_NOTATION_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/notation_trust.h"

enum {
    NOTATION_MAX_POLICY_BYTES = 1 << 20,
    NOTATION_MAX_STATEMENTS = 256,
    NOTATION_MAX_SCOPES = 256, // of one statement
};

struct notation_statement {
    char *name;
    struct vec scopes; // char *: identities of repositories, or "*" alone
    bool skip;         // nothing is verified
    enum notation_action actions[NOTATION_CHECKS];
    bool stamp_after_expiry;
    struct vec stores;     // char *: "ca:acme", checked
    struct vec identities; // char *: checked when the trust is filled
};

struct notation_policy {
    struct vec statements; // struct notation_statement
};
void notation_policy_release(struct notation_policy *policy); // may be called twice
#define cleanup_notation_policy __attribute__((cleanup(notation_policy_release)))

// Strict: no unknown member, no scope in two statements. `what` names the file. ERROR_INVALID,
// ERROR_LIMIT.
int notation_policy_parse(const char *data, size_t size, const char *what,
                          struct notation_policy *ret_policy, struct error *err)
    __attribute__((warn_unused_result));

// The statement for a repository by its identity: the one that names it, else the one with "*".
// ERROR_NOT_FOUND when there is neither. Borrowed from policy.
int notation_policy_find(const struct notation_policy *policy, const char *identity,
                         const struct notation_statement **ret_statement, struct error *err)
    __attribute__((warn_unused_result));

// Levels and identities of the statement; the trust stores are the caller's to fill. ERROR_INVALID.
int notation_statement_fill(const struct notation_statement *statement,
                            struct notation_trust *trust, struct error *err)
    __attribute__((warn_unused_result));

#endif
