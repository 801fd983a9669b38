// What Notation asks of the certificates of a signer and of a timestamping authority.
// Format: notaryproject/specifications, signature-specification.md, "Certificate requirements".
#ifndef OCI_SIGN_NOTATION_CHAIN_H
#define OCI_SIGN_NOTATION_CHAIN_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

enum { NOTATION_MAX_PEM_BYTES = 1 << 20 };

// The certificates of a file, appended to `certificates` (NOTATION_CHAIN): PEM, one or several and
// nothing but certificates, or one in DER. `what` names the file. ERROR_INVALID, ERROR_LIMIT.
int notation_certificates_read(const char *data, size_t size, const char *what,
                               struct vec *certificates, struct error *err)
    __attribute__((warn_unused_result));

enum notation_purpose { NOTATION_FOR_CODE, NOTATION_FOR_TIME };

// The chain (X509 *) must be ordered from the leaf to a root that signed itself, each issued by the
// next; a single certificate must have signed itself. Key usage, extended key usage, basic
// constraints, path lengths, sizes of keys, hashes (no SHA-1) and unknown critical extensions are
// looked at, windows of validity are not. The sentence names the certificate. ERROR_UNVERIFIED.
int notation_chain_check(const struct vec *chain, enum notation_purpose purpose, struct error *err)
    __attribute__((warn_unused_result));

// From when until when all of the chain is valid, in milliseconds, both inclusive. ERROR_INVALID
// when a time cannot be read.
int notation_chain_window(const struct vec *chain, int64_t *ret_from_ms, int64_t *ret_until_ms,
                          struct error *err) __attribute__((warn_unused_result));
int notation_time_ms(const ASN1_TIME *time, int64_t *ret_ms);

// The subject as RFC 4514 writes it, the most specific part first. Owned.
char *notation_subject(const X509 *certificate);
// Whether it signed itself.
bool notation_is_self_signed(X509 *certificate);

#endif
