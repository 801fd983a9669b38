// Copies artifacts between registries and layouts, byte for byte: a manifest or index with all it
// names, and what is attached to it: signatures, attestations and other referrers, and what those
// have attached in turn. Nothing is rewritten, so every digest and signature stays good.
#ifndef OCI_COPY_H
#define OCI_COPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oci/repository.h"

struct oci_copy_options {
    bool bare;             // without what is attached
    size_t max_blob_bytes; // 0 = 1 GiB; one blob at a time is held in memory
    // Told of every manifest ("manifest") and blob ("blob") that is sent. May be NULL.
    void (*on_sent)(void *arg, const char *what, const struct oci_descriptor *descriptor);
    void *arg;
};
struct oci_copy_count {
    size_t manifests; // looked at
    size_t sent;      // blobs
    size_t mounted;   // blobs that the registry took from the other repository itself
    size_t there;     // blobs that were there
    size_t attached;  // of the manifests, those that refer to another
    size_t sent_bytes;
};

enum {
    OCI_COPY_MAX_MANIFESTS = 10000,
    OCI_COPY_MAX_CLAIMS = 20000, // entries of lists of referrers
    OCI_COPY_MAX_DEPTH = 8,      // of indexes in indexes, and of referrers of referrers
};

// Copies what `digest` names and all below it, then points the tags (char *; may be empty) at it.
// An interrupted copy moves no tag and may be begun anew: what is there is not sent again.
// Signatures that are under the same ".sig" tag of `to` already stay beside those that come.
// ERROR_LIMIT beyond the limits above.
int oci_copy(struct oci_repository *from, struct oci_repository *to, const char *digest,
             const struct vec *tags, const struct oci_copy_options *options,
             struct oci_copy_count *count, struct error *err) __attribute__((warn_unused_result));

#endif
