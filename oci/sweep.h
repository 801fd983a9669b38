// Old artifacts of a repository: which of them may go, and removing them with all that is attached.
//
// What a tag of people or of a channel names always stays. Candidates are what only tags name that
// are written once for each artifact ("git-*") and, in a layout, what no tag names any more.
#ifndef OCI_SWEEP_H
#define OCI_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/repository.h"

struct oci_sweep_policy {
    const char *tags;        // a glob: tags that keep nothing alive
    size_t keep;             // as many of the newest candidates stay
    int64_t younger_than_ms; // and all that are younger
    int64_t now_ms;          // wall clock
};

enum oci_sweep_fate {
    OCI_SWEEP_REMOVE,
    OCI_SWEEP_TAGGED, // by a tag that the policy does not name
    OCI_SWEEP_PART,   // of an index that stays
    OCI_SWEEP_INDEX,  // an index: its manifests may be wanted alone
    OCI_SWEEP_NEWEST,
    OCI_SWEEP_YOUNG,
    OCI_SWEEP_UNDATED, // neither it nor what is attached says when it was made
};
const char *oci_sweep_fate_text(enum oci_sweep_fate fate); // "tagged", …; static

struct oci_sweep_item {
    struct digest digest;
    struct vec tags;    // char *
    int64_t created_ms; // of it, or of the newest that is attached to it; 0: unknown
    enum oci_sweep_fate fate;
};
void oci_sweep_item_release(void *item);
#define OCI_SWEEP_ITEMS VEC_OF(struct oci_sweep_item, oci_sweep_item_release)

struct oci_sweep {
    struct oci_repository *repository; // borrowed
    struct oci_sweep_policy policy;    // likewise what it points to
    struct vec items;                  // struct oci_sweep_item
    struct vec parts;                  // struct digest: manifests of indexes that stay
    struct vec names;                  // struct oci_sweep_name: what tags name, as last looked at
    struct vec removed;                // struct digest: artifacts and referrers
    size_t looked;                     // requests of that look; 0: none yet
    size_t worked;                     // requests since
    size_t manifests;                  // removed
};
void oci_sweep_init(struct oci_sweep *sweep, struct oci_repository *repository,
                    const struct oci_sweep_policy *policy);
void oci_sweep_release(void *sweep); // may be called twice
#define cleanup_oci_sweep __attribute__((cleanup(oci_sweep_release)))

// Fills items with every artifact, the newest first. ERROR_LIMIT when the repository has more tags
// than can be looked at: then nobody knows what they name.
int oci_sweep_plan(struct oci_sweep *sweep, struct error *err) __attribute__((warn_unused_result));

// Removes an artifact of the plan: referrers and signatures first, so that what is interrupted can
// be taken up again. What a tag names by itself, or something else that stays has attached, too,
// stays. Gone already is fine. ERROR_CONFLICT when a tag has come to name the artifact since the
// plan: all tags are looked at again as soon as removing has cost a quarter of the requests that
// the last look did, so that there are at most five times as many as what is removed takes.
// ERROR_INVALID or DENIED where the registry allows no deletion.
int oci_sweep_remove(struct oci_sweep *sweep, const struct oci_sweep_item *item, struct error *err)
    __attribute__((warn_unused_result));

// In a layout: removes files that no manifest names and that are older than an hour, which nobody
// is still writing. A registry does this itself; there nothing happens.
int oci_sweep_blobs(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                    struct error *err) __attribute__((warn_unused_result));

#endif
