// A process-wide budget of memory for unpacked artifacts. Whoever unpacks reserves first and waits
// its turn; nobody waits while holding a share, so waiting always ends.
#ifndef OCI_BUDGET_H
#define OCI_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"

struct oci_budget; // any thread

struct oci_budget *oci_budget_new(size_t total_bytes); // 0 = 256 MiB
void oci_budget_free(struct oci_budget *budget);       // NULL is fine; no share may be held

struct oci_share {
    struct oci_budget *budget; // NULL: holds nothing
    size_t bytes;
};

// First come, first served. `share` must hold nothing. ERROR_LIMIT when bytes can never fit,
// ERROR_CANCELED, ERROR_TIMEOUT after deadline_mono_ms (0: none). A NULL budget gives an empty
// share.
int oci_budget_reserve(struct oci_budget *budget, size_t bytes, struct cancel *cancel,
                       int64_t deadline_mono_ms, struct oci_share *share, struct error *err)
    __attribute__((warn_unused_result));
// Gives back what is above `bytes`, when less came than was feared.
void oci_share_shrink(struct oci_share *share, size_t bytes);
void oci_share_release(struct oci_share *share); // may be called twice
#define cleanup_oci_share __attribute__((cleanup(oci_share_release)))
size_t oci_budget_held(struct oci_budget *budget); // for metrics

#endif
