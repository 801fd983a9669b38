// Evidence as JSON, for whoever keeps what once verified, to judge it again by other rules without
// asking a registry. What is read back is believed: keep it where nobody else may write.
// [{form, signer, subject?, issuer?, sourceRepository?, sourceRef?, certificateIssuer?,
//   certificateSerial?, root?, repository?, manifest, statement?, media?, envelope?}]; `statement`
//   is the in-toto statement as it was signed, `envelope` a Notation signature, which counts only
//   once it was judged again: evidence_renew_notation.
#ifndef OCI_SIGN_EVIDENCE_JSON_H
#define OCI_SIGN_EVIDENCE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oci/sign/evidence.h"

// The items of the set, without the notes, as far as they fit into max_bytes. *ret_whole: all of
// them did, and the set was not cut itself. Owned.
json_t *evidence_to_json(const struct evidence_set *set, size_t max_bytes, bool *ret_whole);

// Appends what is in `array` about `digest` to the set. ERROR_INVALID when it is nothing that
// evidence_to_json wrote; the set has what was read so far then.
int evidence_from_json(const json_t *array, const char *digest, struct evidence_set *set,
                       struct error *err) __attribute__((warn_unused_result));

#endif
