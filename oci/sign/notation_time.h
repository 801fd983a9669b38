// What bounds the life of a Notation signature: until when it may be used, whether a timestamp puts
// it into the life of its certificates, whether one of them was revoked.
#ifndef OCI_SIGN_NOTATION_TIME_H
#define OCI_SIGN_NOTATION_TIME_H

#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"
#include "oci/sign/json_proto.h"

// Wall clock, both inclusive. Nothing here asks for the time: what time decides is handed on as a
// window, so that a policy can tell when to judge again.
struct notation_window {
    int64_t from_ms;   // 0: any
    int64_t until_ms;  // 0: any
    const char *limit; // what ends it: "its expiry"; static, NULL while nothing does
};
// The part of both; `limit` is static.
void notation_window_narrow(struct notation_window *window, int64_t from_ms, int64_t until_ms,
                            const char *limit);

// Between which times a token (RFC 3161, CMS) says that `signature` existed, its accuracy taken
// into account. `roots` are X509 *; the authority's other certificates come with the token. On
// success the authority's chain is appended to ret_chain. ERROR_INVALID, ERROR_UNVERIFIED.
int notation_stamp_verify(const struct bytes *token, const struct bytes *signature,
                          const struct vec *roots, int64_t *ret_earliest_ms, int64_t *ret_latest_ms,
                          struct vec *ret_chain, struct error *err)
    __attribute__((warn_unused_result));

// Whether none of a checked chain but its root was revoked, by the lists (X509_CRL *) of its
// issuers. A certificate that names a place to ask (a list's URL, OCSP) and whose issuer's list is
// not among them is an error: nothing is asked over the network. One that names none cannot be
// revoked. authentic_ms is a time of signing that is proven, or 0: a certificate that became
// invalid later was still good. Narrows the window to the life of the lists. ERROR_UNVERIFIED.
int notation_revocation_check(const struct vec *chain, const struct vec *crls, int64_t authentic_ms,
                              struct notation_window *window, struct error *err)
    __attribute__((warn_unused_result));

#endif
