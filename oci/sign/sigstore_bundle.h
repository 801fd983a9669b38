// Sigstore bundles: one signature with what is needed to verify it, attached to an artifact as a
// referrer or beside a file. Written as v0.3 with a key's hint; read from v0.1 to v0.3.
// Format: sigstore/protobuf-specs, sigstore_bundle.proto, as proto3 JSON.
#ifndef OCI_SIGN_SIGSTORE_BUNDLE_H
#define OCI_SIGN_SIGSTORE_BUNDLE_H

#include <openssl/types.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/dsse.h"
#include "oci/sign/json_proto.h"

#define SIGSTORE_BUNDLE_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define SIGSTORE_BUNDLE_PREFIX "application/vnd.dev.sigstore.bundle"

enum { SIGSTORE_BUNDLE_MAX_BYTES = 1 << 20 };

enum sigstore_material {
    SIGSTORE_PUBLIC_KEY,  // a hint at a key that the verifier has
    SIGSTORE_CERTIFICATE, // keyless: one certificate or a chain
};

enum sigstore_content {
    SIGSTORE_DSSE,
    SIGSTORE_MESSAGE, // a bare signature over the artifact's bytes
};

struct sigstore_bundle {
    enum sigstore_material material;
    char *hint;               // with SIGSTORE_PUBLIC_KEY; "" when absent; owned
    struct bytes certificate; // with SIGSTORE_CERTIFICATE: DER of the signer's
    struct vec entries;       // struct rekor_entry
    struct vec timestamps;    // struct bytes: RFC 3161 responses
    struct bytes stamped;     // what those are over, where it is not the signature; empty otherwise
    enum sigstore_content content;
    struct dsse_envelope dsse; // with SIGSTORE_DSSE
    struct bytes digest;       // with SIGSTORE_MESSAGE: of the artifact; empty: nothing is claimed
    const EVP_MD *digest_hash; // by which, where it is claimed; NULL: SHA-256
    struct bytes signature;    // with SIGSTORE_MESSAGE
};
void sigstore_bundle_release(struct sigstore_bundle *bundle); // may be called twice
#define cleanup_sigstore_bundle __attribute__((cleanup(sigstore_bundle_release)))

// Unknown and duplicate members, more than one kind of material or content, and other versions are
// refused, and so is what a version does not allow: entries without a promise in 0.1 or without a
// proof in the later ones, a chain in 0.3, a self-signed authority in a chain, the same entry or
// timestamp twice. At most 32 entries, timestamps and certificates. Nothing is verified.
// ERROR_INVALID, ERROR_LIMIT.
int sigstore_bundle_parse(const char *data, size_t size, struct sigstore_bundle *ret_bundle,
                          struct error *err) __attribute__((warn_unused_result));

// The same around a bare signature over bytes with this SHA-256. Owned.
char *sigstore_bundle_build_message(const unsigned char sha256[SHA256_SIZE], const void *signature,
                                    size_t signature_size, const char *hint, size_t *ret_size);
// The bytes of a bundle around `envelope` for a key's hint. Owned.
char *sigstore_bundle_build(const struct dsse_envelope *envelope, const char *hint,
                            size_t *ret_size);

// The bytes of a whole bundle, of version 0.3: certificate or hint, entries, timestamps, content.
// Owned.
char *sigstore_bundle_write(const struct sigstore_bundle *bundle, size_t *ret_size);

#endif
