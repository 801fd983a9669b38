// RFC 3161 timestamps: an authority's word that a signature existed at a time.
// Formats: RFC 3161 (TimeStampResp), RFC 5816, RFC 5652.
#ifndef OCI_SIGN_TIMESTAMP_H
#define OCI_SIGN_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

enum { TIMESTAMP_MAX_BYTES = 64 << 10 };

// Checks that `response` (DER) stamps exactly `data`, and by whom. `tsas` are struct
// trusted_authority; the first certificate of a chain, if it is no authority's, is the only signer
// of that TSA. *ret_wall_ms is the time it tells, or 0 when none of the TSAs made it: that is
// nobody's word, and no error. ERROR_INVALID when it is malformed; ERROR_UNVERIFIED when it is
// about other bytes, or by a TSA that was not to be trusted at that time.
int timestamp_verify(const void *response, size_t response_size, const void *data, size_t size,
                     const struct vec *tsas, int64_t *ret_wall_ms, struct error *err)
    __attribute__((warn_unused_result));

#endif
