// Sigstore bundles: one signature with what is needed to verify it, attached to an artifact as a
// referrer. Written as v0.3 with a key's hint; read from v0.1 to v0.3.
// Format: sigstore/protobuf-specs, sigstore_bundle.proto, as proto3 JSON.
#ifndef OCI_SIGN_SIGSTORE_BUNDLE_H
#define OCI_SIGN_SIGSTORE_BUNDLE_H

#include <stddef.h>

#include "base/error.h"
#include "oci/sign/dsse.h"

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
    char *hint; // with SIGSTORE_PUBLIC_KEY; "" when absent; owned
    enum sigstore_content content;
    struct dsse_envelope dsse; // with SIGSTORE_DSSE
};
void sigstore_bundle_release(struct sigstore_bundle *bundle); // may be called twice
#define cleanup_sigstore_bundle __attribute__((cleanup(sigstore_bundle_release)))

// Unknown and duplicate members, more than one kind of material or content, and other versions are
// refused; log entries and timestamps are held to their counts (32 each) and otherwise left to the
// keyless verifier. ERROR_INVALID, ERROR_LIMIT.
int sigstore_bundle_parse(const char *data, size_t size, struct sigstore_bundle *ret_bundle,
                          struct error *err) __attribute__((warn_unused_result));

// The bytes of a bundle around `envelope` for a key's hint. Owned.
char *sigstore_bundle_build(const struct dsse_envelope *envelope, const char *hint,
                            size_t *ret_size);

#endif
