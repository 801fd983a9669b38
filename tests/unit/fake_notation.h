// Certificates, revocation lists, timestamps and envelopes as Notation has them, right or wrong on
// request. All is made as of FAKE_NOW.
#ifndef TESTS_UNIT_FAKE_NOTATION_H
#define TESTS_UNIT_FAKE_NOTATION_H

#include <openssl/types.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

#define FAKE_NOW_S INT64_C(1795255200) // 2026-11-21T10:00:00Z
#define FAKE_NOW (FAKE_NOW_S * 1000)
#define FAKE_HOUR_S INT64_C(3600)

struct fake_signer {
    X509 *cert;
    EVP_PKEY *key;
};
void fake_signer_release(struct fake_signer *signer);
#define cleanup_fake_signer __attribute__((cleanup(fake_signer_release)))

// What is left out is as it should be for a leaf.
struct fake_certificate {
    const char *subject; // "C=US/ST=WA/O=acme/CN=x"
    const char *kind;    // "P-256" (default), "P-384", "P-521", "P-224", "ED25519", "RSA2048", …
    const char *usage;   // openssl's words; "" for none
    const char *purpose; // extended key usage; "" for none
    const char *constraints; // basic constraints; NULL for none
    const char *lists;       // where revocation lists are
    const char *names;       // name constraints
    const char *strange;     // an extension of an unknown kind: "critical" or "plain"; or "broken"
    int64_t from_s;          // against FAKE_NOW; default: a day before and after
    int64_t until_s;
    const char *hash; // default SHA256
    int version;      // -1: version 1
};
// issuer NULL: it signs itself.
void fake_certify(const struct fake_certificate *wanted, const struct fake_signer *issuer,
                  struct fake_signer *ret_signer);
// An authority that signs itself.
void fake_root(const char *name, struct fake_signer *ret_root);
// A leaf of the root, C=US, ST=WA, O=acme.
void fake_leaf(const char *name, const struct fake_signer *root, struct fake_signer *ret_leaf);

// The same with a key of an unknown kind; owned (X509_free).
X509 *fake_unreadable_key(const X509 *certificate);

// PEM of several; owned.
char *fake_pem(X509 *const certificates[], size_t count);
// DER; owned (free).
unsigned char *fake_der(const X509 *certificate, size_t *ret_size);

struct fake_list {
    const struct fake_signer *issuer;
    const X509 *revoked;    // NULL: nobody
    int64_t invalid_from_s; // against FAKE_NOW, when it became invalid; 0: not said
    int64_t from_s;         // against FAKE_NOW; default: an hour before and after
    int64_t until_s;
    const char *hash; // default SHA256
    int delta;
    int endless; // without next update
};
// DER; owned (free).
unsigned char *fake_list(const struct fake_list *wanted, size_t *ret_size);

// A token (CMS) over `data` by the stamper, at FAKE_NOW + at_s, with accuracy in milliseconds (0:
// none; -1: that of ETSI's baseline policy). `hash`: of the imprint, and after slashes of the
// signature and of the signer's certificate ("SHA256/SHA1/SHA256"). Owned.
unsigned char *fake_stamp(const struct fake_signer *stamper, const X509 *root, const void *data,
                          size_t size, int64_t at_s, int accuracy_ms, const char *hash,
                          size_t *ret_size);

#define FAKE_DIGEST "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define FAKE_TYPE "application/vnd.oci.image.manifest.v1+json"
#define FAKE_PAYLOAD                                                                 \
    "{\"targetArtifact\":{\"mediaType\":\"" FAKE_TYPE "\",\"digest\":\"" FAKE_DIGEST \
    "\",\"size\":5}}"

struct fake_envelope {
    const struct fake_signer *signer;
    X509 *chain[12];       // the leaf first; NULL at the end
    const char *algorithm; // default "ES256"
    const char *protected; // JSON; default: notary.x509, signed at FAKE_NOW
    const char *payload;   // default FAKE_PAYLOAD
    const char *header;    // more members of the JWS' unsigned header: ",\"a\":1"
    const unsigned char *stamp;
    size_t stamp_size;
};
// Owned. ret_signature (owned, may be NULL): what a timestamp is over.
char *fake_jws(const struct fake_envelope *wanted, unsigned char **ret_signature, size_t *ret_size);

// CBOR by hand.
void fake_cbor(struct strbuf *out, unsigned kind, uint64_t value); // a head
void fake_cbor_text(struct strbuf *out, const char *text);
void fake_cbor_bytes(struct strbuf *out, const void *data, size_t size);
void fake_cbor_time(struct strbuf *out, int64_t seconds);
// The signed header of a signature by ES256 at FAKE_NOW; expiry_s 0 for none.
void fake_cose_header(struct strbuf *out, int64_t expiry_s);
// A whole COSE_Sign1 over `payload`, the certificates in its other header, signed by ES256.
void fake_cose(const struct fake_envelope *wanted, const struct strbuf *header, struct strbuf *out);

#endif
