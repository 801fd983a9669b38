// Checkpoints: a log's signed word about its size and the root of its tree.
// Formats: C2SP signed-note and tlog-checkpoint; sigstore/rekor pkg/util/signed_note.go.
#ifndef OCI_SIGN_CHECKPOINT_H
#define OCI_SIGN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct trusted_log;

enum { CHECKPOINT_MAX_BYTES = 64 << 10 };

// All borrowed from the text.
struct checkpoint {
    const char *text; // the whole note, NUL-terminated
    const char *origin;
    size_t origin_size;
    int64_t tree_size;
    unsigned char root[SHA256_SIZE];
    size_t signed_size;     // of text: up to the empty line
    const char *signatures; // the lines behind it
};

// ERROR_INVALID.
int checkpoint_parse(const char *text, struct checkpoint *ret_checkpoint, struct error *err)
    __attribute__((warn_unused_result));

// Whether the origin is that of a Rekor v1 shard: "rekor.sigstore.dev - 2605736670972794746". A
// Rekor v2 log names its host alone.
bool checkpoint_is_v1(const struct checkpoint *checkpoint);

// 0 when the log signed it. Signatures by other names and keys (witnesses) are passed over; one
// that claims to be this log's and does not verify is a refusal. For v2 origin and signer must be
// the log's host. ERROR_UNVERIFIED.
int checkpoint_verify(const struct checkpoint *checkpoint, const struct trusted_log *log,
                      struct error *err) __attribute__((warn_unused_result));

#endif
