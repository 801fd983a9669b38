// The trusted root of Sigstore's public instance (sigstore/root-signing, targets/trusted_root.json,
// Apache-2.0), for people who name none. It knows the logs and authorities of the day this version
// was made; what came later needs a file, or a newer version.
#ifndef OCI_SIGN_PUBLIC_GOOD_ROOT_H
#define OCI_SIGN_PUBLIC_GOOD_ROOT_H

#include <stddef.h>

extern const char public_good_root[];
extern const size_t public_good_root_size;

// Root metadata 14 of the same instance's TUF repository (sigstore/sigstore-go v1.2.2,
// pkg/tuf/repository/root.json, Apache-2.0), which has expired: it says whose signatures the next
// root needs, and nothing else is taken from it.
extern const char public_good_tuf_root[];
extern const size_t public_good_tuf_root_size;

// Whom the public instance and the staging instance let clients ask (sigstore/root-signing and
// sigstore/root-signing-staging, targets/signing_config.v0.2.json, Apache-2.0). Addresses, not
// trust: what they answer is held against a trusted root.
extern const char public_good_signing_config[];
extern const size_t public_good_signing_config_size;
extern const char staging_signing_config[];
extern const size_t staging_signing_config_size;

#endif
