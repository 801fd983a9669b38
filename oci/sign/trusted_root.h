// Who is trusted to certify, to log and to tell the time: a Sigstore trusted root. The file is the
// administrator's; it is read strictly where a mistake would open a door (keys, windows), and
// members that later versions add are passed over.
// Format: sigstore/protobuf-specs, sigstore_trustroot.proto (TrustedRoot 0.1 and 0.2) as proto3
// JSON.
//
// A parsed root does not change; any thread may use it.
#ifndef OCI_SIGN_TRUSTED_ROOT_H
#define OCI_SIGN_TRUSTED_ROOT_H

#include <jansson.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/json_proto.h"

struct verify_key;

enum { TRUSTED_ROOT_MAX_BYTES = 1 << 20 };

// Both ends inclusive.
struct validity {
    int64_t start_ms;
    int64_t end_ms;
};
bool validity_covers(const struct validity *validity, int64_t wall_ms);
// The member validFor of `owner`; an end that is not there is open. ERROR_INVALID.
int validity_parse(const json_t *owner, bool needs_start, struct validity *ret_validity,
                   struct error *err) __attribute__((warn_unused_result));

// A transparency log of signatures (tlogs) or of certificates (ctlogs).
struct trusted_log {
    struct bytes id; // logId.keyId
    char *host;      // of baseUrl, without port; "" when there is none; owned
    struct verify_key *key;
    struct validity valid;
};

// An authority of certificates or of timestamps.
struct trusted_authority {
    struct vec chain; // X509 *, as in the file: the leaf or intermediate first, the anchor last
    struct validity valid;
    bool linked; // of certificates: certificate_authority_is_linked
};

struct trusted_root {
    struct vec logs;        // struct trusted_log
    struct vec ct_logs;     // struct trusted_log
    struct vec authorities; // struct trusted_authority, of code signing certificates
    struct vec tsas;        // struct trusted_authority, of timestamps
    struct digest digest;   // of the text: which root it is
};

// `what` names it in messages ("--trusted-root FILE"). A log whose kind of key or of tree nobody
// here can check is left out; one without the time from which its key is valid is refused.
// *ret_root is owned. ERROR_INVALID, ERROR_LIMIT.
int trusted_root_parse(const char *data, size_t size, const char *what,
                       struct trusted_root **ret_root, struct error *err)
    __attribute__((warn_unused_result));
void trusted_root_free(struct trusted_root *root); // NULL is fine
void cleanup_trusted_root_pointer(struct trusted_root **root);
#define cleanup_trusted_root __attribute__((cleanup(cleanup_trusted_root_pointer)))

// The log with this identity; NULL when the root names none.
const struct trusted_log *trusted_root_log(const struct vec *logs, const void *id, size_t id_size);
X509 *trusted_authority_certificate(const struct trusted_authority *authority, size_t index);

#endif
