// What was found about an artifact and verified with a listed key: the input of a policy.
#ifndef OCI_SIGN_EVIDENCE_H
#define OCI_SIGN_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/vec.h"
#include "oci/sign/statement.h"

enum evidence_form {
    EVIDENCE_SIMPLE,   // a layer under the tag "sha256-<hex>.sig", or of a referrer
    EVIDENCE_BUNDLE,   // a Sigstore bundle that is a referrer
    EVIDENCE_NOTATION, // a Notation signature that is a referrer
};
// ".sig", "bundle" or "Notation"; static.
const char *evidence_form_name(enum evidence_form form);

struct evidence {
    enum evidence_form form;
    struct digest signer; // fingerprint of the key that verified it
    // Of a keyless signer, as the certificate says; all owned, NULL of a listed key's signature. A
    // Notation signature's subject is its certificate's, and its issuer NOTATION_ISSUER.
    char *subject;
    char *issuer;
    char *source_repository; // what the issuer said it ran for; NULL when it said nothing
    char *source_ref;
    // The certificate that it was signed with, in the form of certificate_name_text and
    // certificate_serial_text; NULL of a bare key's signature; owned.
    char *certificate_issuer;
    char *certificate_serial;
    // The trusted root that vouched for it; of a Notation signature the trust that it was judged
    // by. Empty for a listed key.
    struct digest root;
    // Of a Notation signature: when it counts, both inclusive, and what ends that; else 0 and NULL.
    int64_t from_ms;
    int64_t until_ms;
    const char *limit; // "its expiry"; static
    // The signature itself, in base64, and what it is (static), so that it can be judged again by
    // another trust; owned. NULL of other forms.
    char *envelope;
    const char *media_type;
    enum statement_kind kind;   // STATEMENT_SIGN for EVIDENCE_SIMPLE
    char *repository;           // identity the signature names; NULL when it names none; owned
    struct statement statement; // with EVIDENCE_BUNDLE; else zero
    struct digest manifest;     // where it was found
};
// Who signs by Notation is one signer under one name, whatever certificate vouches for it.
#define NOTATION_ISSUER "Notation"
void evidence_release(void *evidence);

struct evidence_set {
    struct vec items; // struct evidence
    struct vec notes; // char *: what was looked at and why it does not count, for people
    // char *: fingerprints that signatures name and nobody lists, each once. Nothing proves them:
    // they are for people, who find a key by them. Up to EVIDENCE_MAX_STRANGERS.
    struct vec strangers;
    size_t looked_at; // layers and referrers
    bool cut;         // there was more than the limits allow
};
void evidence_set_init(struct evidence_set *set);
void evidence_set_release(struct evidence_set *set); // may be called twice
#define cleanup_evidence_set __attribute__((cleanup(evidence_set_release)))

enum { EVIDENCE_MAX_STRANGERS = 3 };
void evidence_stranger(struct evidence_set *set, const char *fingerprint);

// A sentence for people; kept up to EVIDENCE_MAX_NOTES, then counted only.
enum { EVIDENCE_MAX_NOTES = 32 };
void evidence_note(struct evidence_set *set, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
