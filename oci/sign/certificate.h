// Certificates of keyless signers, as Fulcio issues them: a key that lived for minutes, bound to an
// identity that an OpenID issuer vouched for, and to what that issuer said about it.
// Formats: RFC 5280; RFC 6962 section 3 (SCT); sigstore/fulcio docs/oid-info.md
// (1.3.6.1.4.1.57264).
#ifndef OCI_SIGN_CERTIFICATE_H
#define OCI_SIGN_CERTIFICATE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct trusted_authority;
struct trusted_root;
struct verify_key;

enum { CERTIFICATE_MAX_BYTES = 64 << 10 };

// By the last arc of its OID. Those up to 6 hold plain text, the later ones a DER UTF8String.
enum certificate_claim {
    CLAIM_ISSUER_OLD = 1,
    CLAIM_TRIGGER_OLD = 2,
    CLAIM_SHA_OLD = 3,
    CLAIM_WORKFLOW_OLD = 4,
    CLAIM_REPOSITORY_OLD = 5,
    CLAIM_REF_OLD = 6,
    CLAIM_ISSUER = 8,
    CLAIM_BUILD_SIGNER_URI = 9,
    CLAIM_BUILD_SIGNER_DIGEST = 10,
    CLAIM_RUNNER_ENVIRONMENT = 11,
    CLAIM_SOURCE_REPOSITORY_URI = 12,
    CLAIM_SOURCE_REPOSITORY_DIGEST = 13,
    CLAIM_SOURCE_REPOSITORY_REF = 14,
    CLAIM_SOURCE_REPOSITORY_ID = 15,
    CLAIM_SOURCE_OWNER_URI = 16,
    CLAIM_SOURCE_OWNER_ID = 17,
    CLAIM_BUILD_CONFIG_URI = 18,
    CLAIM_BUILD_CONFIG_DIGEST = 19,
    CLAIM_BUILD_TRIGGER = 20,
    CLAIM_RUN_INVOCATION_URI = 21,
    CLAIM_VISIBILITY = 22,
    CLAIM_DEPLOYMENT_ENVIRONMENT = 23,
    CLAIM_TOKEN_SUBJECT = 24,
    CLAIM_COUNT,
};

struct certificate {
    X509 *x509;
    unsigned char *der;
    size_t der_size;
    struct verify_key *key;
    char *subject;             // the one subject alternative name: URI, e-mail or Fulcio's own kind
    const char *issuer;        // CLAIM_ISSUER, else CLAIM_ISSUER_OLD; NULL when neither is there
    char *claims[CLAIM_COUNT]; // NULL where absent
    char *serial;              // as certificate_serial_text writes it
    char *issuer_name;         // of its authority, as certificate_name_text writes it
};

// Takes the certificate apart and holds it to what a signer's must be: version 3, no authority,
// usage digitalSignature and code signing, exactly one name. Nothing is verified by that.
// ERROR_INVALID, ERROR_LIMIT.
int certificate_parse(const unsigned char *der, size_t size, struct certificate **ret_certificate,
                      struct error *err) __attribute__((warn_unused_result));
// A serial number in the one form that is compared: hex digits in lower case, without 0x, colons
// and leading zeros. NULL when text is none. Owned.
char *certificate_serial_text(const char *text);
// A distinguished name in the one form that is compared: its parts sorted, in lower case, without
// the spaces between them, whether it was written as RFC 2253 or as openssl shows it. Owned.
char *certificate_name_text(const char *text);

// Of a certificate, in those forms; owned.
char *certificate_serial_of(X509 *x509);
char *certificate_issuer_of(X509 *x509);

void certificate_free(struct certificate *certificate); // NULL is fine
void cleanup_certificate_pointer(struct certificate **certificate);
#define cleanup_certificate __attribute__((cleanup(cleanup_certificate_pointer)))

// Whether each certificate of the authority was issued by the next, whatever the time, and says
// nothing that limits more than these: a leaf may then be followed no further than to the first.
bool certificate_authority_is_linked(const struct trusted_authority *authority);

// Both ends inclusive.
bool certificate_is_valid_at(const struct certificate *certificate, int64_t wall_s);

// Whether an authority of the root issued it, with every certificate of the chain and the
// authority's own window valid at that time. Intermediates come from the root alone. *ret_issuer is
// the certificate that signed it; owned (X509_free). ERROR_UNVERIFIED.
int certificate_check_chain(const struct certificate *certificate, const struct trusted_root *root,
                            int64_t wall_ms, X509 **ret_issuer, struct error *err)
    __attribute__((warn_unused_result));

// Whether a log of the root promised to publish it: at least one of the timestamps embedded in the
// certificate verifies. ERROR_UNVERIFIED.
int certificate_check_sct(const struct certificate *certificate, X509 *issuer,
                          const struct trusted_root *root, struct error *err)
    __attribute__((warn_unused_result));

#endif
