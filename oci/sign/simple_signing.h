// The payload of cosign's older signatures (tag "sha256-<hex>.sig"): which digest, under which
// repository name. Format: containers/image docs/containers-signature.5.md ("simple signing") as
// sigstore/cosign writes it (specs/SIGNATURE_SPEC.md).
#ifndef OCI_SIGN_SIMPLE_SIGNING_H
#define OCI_SIGN_SIMPLE_SIGNING_H

#include <stddef.h>

#include "base/digest.h"
#include "base/error.h"
#include "oci/manifest.h"

#define SIMPLE_SIGNING_MEDIA OCI_MEDIA_SIMPLE_SIGNING
// Artifact type where such a layer is that of a referrer (cosign's OCI 1.1 mode).
#define SIMPLE_SIGNING_REFERRER "application/vnd.dev.cosign.artifact.sig.v1+json"
#define SIMPLE_SIGNING_ANNOTATION "dev.cosignproject.cosign/signature"
#define SIMPLE_SIGNING_CERTIFICATE "dev.sigstore.cosign/certificate"

enum { SIMPLE_SIGNING_MAX_BYTES = 64 << 10 };

struct simple_signing {
    char *reference; // "registry/repository" as written; owned
    struct digest digest;
};
void simple_signing_release(struct simple_signing *payload); // may be called twice
#define cleanup_simple_signing __attribute__((cleanup(simple_signing_release)))

// Byte for byte what cosign signs for this reference and digest, without annotations. Owned.
char *simple_signing_build(const char *reference, const char *digest);

// Exact member names, exact type, no unknown member of `critical`. The digest and the reference are
// for the caller to compare. ERROR_INVALID, ERROR_LIMIT.
int simple_signing_parse(const char *data, size_t size, struct simple_signing *ret_payload,
                         struct error *err) __attribute__((warn_unused_result));

struct oci_descriptor;
struct sigstore_bundle;
// What a layer with the annotation of a certificate says of its signer, as a bundle around a bare
// signature over the payload (empty without the annotation of a signature). ERROR_INVALID.
int simple_signing_bundle(const struct oci_descriptor *layer, struct sigstore_bundle *ret_bundle,
                          struct error *err) __attribute__((warn_unused_result));

#endif
