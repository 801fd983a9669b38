// Whom a Notation trust policy trusts, and how strictly signatures are judged: trust stores, names
// of signers, revocation lists, levels. Filled from a trust policy document and folders, or from a
// TrustPolicy of the cluster.
//
// A filled one does not change; any thread may use it.
#ifndef OCI_SIGN_NOTATION_TRUST_H
#define OCI_SIGN_NOTATION_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"

enum {
    NOTATION_MAX_STORES = 32,
    NOTATION_MAX_CERTIFICATES = 256, // of one store
    NOTATION_MAX_IDENTITIES = 64,
    NOTATION_MAX_CRLS = 64,
    NOTATION_MAX_CRL_BYTES = 16 << 20, // of one file
};

enum notation_store_type { NOTATION_CA, NOTATION_AUTHORITY, NOTATION_TSA, NOTATION_STORE_TYPES };
// "ca", "signingAuthority", "tsa"; static.
const char *notation_store_type_name(enum notation_store_type type);

// What is checked, as trust policies name it; integrity is always.
enum notation_check {
    NOTATION_AUTHENTICITY,
    NOTATION_TIMESTAMP,
    NOTATION_EXPIRY,
    NOTATION_REVOCATION,
    NOTATION_CHECKS,
};
enum notation_action { NOTATION_ENFORCE, NOTATION_LOG, NOTATION_SKIP };
// "authenticity", "authenticTimestamp", "expiry", "revocation"; static.
const char *notation_check_name(enum notation_check check);

struct notation_store {
    enum notation_store_type type;
    char *name;
    struct vec certificates; // X509 *
};

struct notation_trust {
    struct vec stores;     // struct notation_store
    struct vec identities; // struct notation_name
    bool anybody;          // "*"
    enum notation_action actions[NOTATION_CHECKS];
    bool stamp_after_expiry; // a timestamp is needed only once certificates have expired
    struct vec crls;         // X509_CRL *
    struct digest digest;    // of all this, set by notation_trust_seal
};
// Strict; owned.
struct notation_trust *notation_trust_new(void);
void notation_trust_free(struct notation_trust *trust); // NULL is fine
void cleanup_notation_trust_pointer(struct notation_trust **trust);
#define cleanup_notation_trust __attribute__((cleanup(cleanup_notation_trust_pointer)))

// "ca:acme" to its two parts. *ret_name is borrowed from text. ERROR_INVALID.
int notation_store_name(const char *text, enum notation_store_type *ret_type, const char **ret_name,
                        struct error *err) __attribute__((warn_unused_result));
// Adds the certificates of a file (PEM, one or several, or one in DER) to the store, which is made
// when there is none of that name. Each must be an authority's or have signed itself; those of a
// tsa store must be roots. `what` names the file. ERROR_INVALID, ERROR_LIMIT.
int notation_trust_add_certificates(struct notation_trust *trust, enum notation_store_type type,
                                    const char *name, const char *data, size_t size,
                                    const char *what, struct error *err)
    __attribute__((warn_unused_result));
// "x509.subject: C=…" or "*"; none may include another, and "*" stands alone. ERROR_INVALID.
int notation_trust_add_identity(struct notation_trust *trust, const char *text, struct error *err)
    __attribute__((warn_unused_result));
// A full revocation list, PEM or DER; whether it is current is judged later. ERROR_INVALID.
int notation_trust_add_crl(struct notation_trust *trust, const char *data, size_t size,
                           const char *what, struct error *err) __attribute__((warn_unused_result));

// When all is added: whether signatures can be judged by it. ERROR_INVALID.
int notation_trust_seal(struct notation_trust *trust, struct error *err)
    __attribute__((warn_unused_result));

// "Notation signers x509.subject: C=…" for messages. Owned.
char *notation_trust_describe(const struct notation_trust *trust);

#endif
