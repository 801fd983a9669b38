// Keys that sign and keys that verify: ECDSA P-256, P-384 and P-521, RSA 2048 to 4096 (signed with
// PKCS#1 v1.5, verified with that or PSS), Ed25519. Signed with SHA-256 (Ed25519: pure), because
// that is what cosign's `verify --key` and Flux expect of every key. Verified with the hash of
// sigstore's algorithm registry (P-384 with SHA-384, P-521 with SHA-512), which newer cosign signs
// with, or SHA-256. Ed25519ph, which `cosign sign` makes with Ed25519 keys (its `sign-blob` signs
// the bytes as they are), is not read: OpenSSL 3.0 has none.
//
// A signer is identified by the fingerprint of its key, SHA-256 over the DER of its
// SubjectPublicKeyInfo: the same key under two names or in two files is one signer. That holds
// because only one encoding of a key is read (named curve, uncompressed point, canonical DER).
//
// A loaded key does not change; any thread may use it.
#ifndef OCI_SIGN_KEY_H
#define OCI_SIGN_KEY_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"

enum key_algorithm {
    KEY_ECDSA_P256,
    KEY_ECDSA_P384,
    KEY_ECDSA_P521,
    KEY_RSA,
    KEY_ED25519,
};
// "ECDSA P-256", …; static.
const char *key_algorithm_name(enum key_algorithm algorithm);

struct verify_key;

// PEM "PUBLIC KEY", one block. `what` names it in messages ("key release of TrustPolicy prod").
// ERROR_INVALID.
int verify_key_load(const char *pem, size_t size, const char *what, struct verify_key **ret_key,
                    struct error *err) __attribute__((warn_unused_result));
// The same from DER (SubjectPublicKeyInfo) that a trusted root holds, and of a certificate.
int verify_key_load_der(const unsigned char *der, size_t size, const char *what,
                        struct verify_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));
int verify_key_of_certificate(X509 *x509, const char *what, struct verify_key **ret_key,
                              struct error *err) __attribute__((warn_unused_result));
struct verify_key *verify_key_ref(const struct verify_key *key);
void verify_key_unref(const struct verify_key *key); // NULL is fine
void cleanup_verify_key_pointer(struct verify_key **key);
#define cleanup_verify_key __attribute__((cleanup(cleanup_verify_key_pointer)))

enum key_algorithm verify_key_algorithm(const struct verify_key *key);
// "sha256:<hex>"; borrowed.
const struct digest *verify_key_fingerprint(const struct verify_key *key);
// What Sigstore bundles call the hint: base64 of the same hash. Borrowed.
const char *verify_key_hint(const struct verify_key *key);
// SubjectPublicKeyInfo; borrowed.
const unsigned char *verify_key_der(const struct verify_key *key, size_t *ret_size);
// PEM "PUBLIC KEY"; owned.
char *verify_key_pem(const struct verify_key *key);

// 0 when `signature` was made over `data` by the private half of this key. ERROR_UNVERIFIED.
int verify_key_check(const struct verify_key *key, const void *data, size_t size,
                     const void *signature, size_t signature_size, struct error *err)
    __attribute__((warn_unused_result));

// The same where only the SHA-256 of the data is known: a signature over another hash does not
// verify then, and Ed25519 cannot (ERROR_INVALID).
int verify_key_check_sha256(const struct verify_key *key, const unsigned char hash[SHA256_SIZE],
                            const void *signature, size_t signature_size, struct error *err)
    __attribute__((warn_unused_result));

struct sign_key;

// Cosign's encrypted key ("ENCRYPTED SIGSTORE PRIVATE KEY", older "ENCRYPTED COSIGN PRIVATE KEY"),
// PKCS#8 ("PRIVATE KEY"), SEC1 ("EC PRIVATE KEY") or PKCS#1 ("RSA PRIVATE KEY"). password NULL
// means that none was given (then the empty one is tried), and is not looked at for a plain key.
// ERROR_INVALID; ERROR_DENIED when the password is wrong or missing.
int sign_key_load(const char *pem, size_t size, const char *password, const char *what,
                  struct sign_key **ret_key, struct error *err) __attribute__((warn_unused_result));
// A new P-256 key: the only kind that every tool signs and verifies in the same way.
int sign_key_generate(struct sign_key **ret_key, struct error *err)
    __attribute__((warn_unused_result));
void sign_key_free(struct sign_key *key); // NULL is fine
void cleanup_sign_key_pointer(struct sign_key **key);
#define cleanup_sign_key __attribute__((cleanup(cleanup_sign_key_pointer)))

// The public half; borrowed.
const struct verify_key *sign_key_public(const struct sign_key *key);
// As cosign.key, encrypted with password ("" is allowed); owned, free() is enough. ERROR_INVALID
// for a key that another program keeps (oci/sign/signer.h).
int sign_key_write(const struct sign_key *key, const char *password, char **ret_pem,
                   struct error *err) __attribute__((warn_unused_result));

// The same with another hash and, of RSA keys, PSS with a salt as long as the hash: what JOSE and
// COSE ask for. A signature of a curve is DER here, too. A key that another program keeps: as
// below.
int sign_key_sign_pss(const struct sign_key *key, const EVP_MD *hash, const void *data, size_t size,
                      unsigned char **ret_signature, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));

// *ret_signature is owned. Of a key that another program keeps this runs that program, with all of
// its errors.
int sign_key_sign(const struct sign_key *key, const void *data, size_t size,
                  unsigned char **ret_signature, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));

#endif
