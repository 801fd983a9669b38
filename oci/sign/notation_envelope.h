// A Notation signature taken apart, whichever of the two envelopes it came in: what was signed, by
// which certificates, and what the signer said about time.
// Formats: notaryproject/specifications, signature-specification.md, signature-envelope-jws.md,
// signature-envelope-cose.md (v1.0).
#ifndef OCI_SIGN_NOTATION_ENVELOPE_H
#define OCI_SIGN_NOTATION_ENVELOPE_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/json_proto.h"

#define NOTATION_SIGNATURE_TYPE "application/vnd.cncf.notary.signature"
#define NOTATION_PAYLOAD_TYPE "application/vnd.cncf.notary.payload.v1+json"
#define NOTATION_JWS_MEDIA "application/jose+json"
#define NOTATION_COSE_MEDIA "application/cose"
#define NOTATION_THUMBPRINTS "io.cncf.notary.x509chain.thumbprint#S256"

enum {
    NOTATION_MAX_BYTES = 1 << 20, // of an envelope
    NOTATION_MAX_CHAIN = 10,      // certificates
};

// By the leaf's key: RSA of 2048, 3072 and 4096 bits, then P-256, P-384 and P-521.
enum notation_algorithm {
    NOTATION_PS256,
    NOTATION_PS384,
    NOTATION_PS512,
    NOTATION_ES256,
    NOTATION_ES384,
    NOTATION_ES512,
    NOTATION_ALGORITHMS,
};
// "PS256", …; static.
const char *notation_algorithm_name(enum notation_algorithm algorithm);
// The one algorithm that goes with the key. ERROR_INVALID for any other kind or size of key.
int notation_algorithm_of(const EVP_PKEY *key, enum notation_algorithm *ret_algorithm,
                          struct error *err) __attribute__((warn_unused_result));
const EVP_MD *notation_algorithm_hash(enum notation_algorithm algorithm);

enum notation_scheme {
    NOTATION_X509,              // the signer tells a time that proves nothing
    NOTATION_SIGNING_AUTHORITY, // an authority signs, and vouches for the time
};

// The descriptor that was signed.
struct notation_target {
    char *media_type; // owned
    struct digest digest;
    int64_t size;
};

struct notation_envelope {
    enum notation_algorithm algorithm;
    enum notation_scheme scheme;
    int64_t signed_ms;  // as the envelope says; whether that proves anything depends on scheme
    int64_t expires_ms; // 0: never
    struct notation_target target;
    struct vec chain;           // X509 *, the leaf first
    struct bytes signed_bytes;  // what the signature is over
    struct bytes signature;     // ECDSA: r and s, each as wide as the curve
    struct bytes timestamp;     // an RFC 3161 token over the signature; none when size is 0
    struct digest content_hash; // of the whole envelope
};
#define NOTATION_CHAIN VEC_OF(X509 *, notation_release_certificate)
void notation_release_certificate(void *element);
void notation_envelope_release(struct notation_envelope *envelope); // may be called twice
#define cleanup_notation_envelope __attribute__((cleanup(notation_envelope_release)))

X509 *notation_certificate(const struct vec *chain, size_t index);

// By the media type of the layer. Nothing is verified by that but the form: a known algorithm,
// exactly the critical headers that are understood here, times that fit the scheme, a payload of
// Notation's type. ERROR_INVALID, ERROR_LIMIT.
int notation_envelope_parse(const char *media_type, const void *data, size_t size,
                            struct notation_envelope *ret_envelope, struct error *err)
    __attribute__((warn_unused_result));

// Whether the leaf's key made the signature. ERROR_UNVERIFIED.
int notation_envelope_verify(const struct notation_envelope *envelope, struct error *err)
    __attribute__((warn_unused_result));

#endif
