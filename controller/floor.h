// Floors: the highest sequence that was adopted, per (Sync's namespace, canonical repository,
// channel), and the digest that each Sync adopted last. A floor is raised before the first apply
// and is never deleted with a Sync: an old artifact, however well signed, does not come back. Only
// that of a Sync which follows a range is its own, and goes with it. Of the Syncs that share a
// floor, the FLOOR_ADOPTIONS_MAX that adopted last are remembered, so that Syncs that come and go
// do not make it grow.
//
// Stored as records of the store, "floors/<sha256 of the three>" (docs/security.md).
#ifndef CONTROLLER_FLOOR_H
#define CONTROLLER_FLOOR_H

#include <stdint.h>

#include "api/store.h"
#include "base/error.h"
#include "oci/sign/policy.h"

enum { FLOOR_ADOPTIONS_MAX = 256 };

struct floor_key {
    const char *namespace;
    const char *repository; // identity
    const char *channel;    // "" when there is none
    const char *uid;        // of the Sync
    _Bool own;              // of a semver Sync: the floor is that of the uid, whatever the channel
};

struct floor {
    struct trust_floor floor;
    char *adopted;       // digest that this Sync adopted last; NULL: none
    char *adopted_rules; // the rules it was judged by
    char *version;       // of a semver Sync: the highest it adopted; NULL: none
};
void floor_release(struct floor *floor); // may be called twice
#define cleanup_floor __attribute__((cleanup(floor_release)))

// Absent is a floor of 0.
int floor_read(struct store *store, const struct floor_key *key, struct floor *ret_floor,
               struct error *err) __attribute__((warn_unused_result));

struct floor_adoption {
    const char *digest;
    int64_t sequence;
    bool raise;        // raise the floor to sequence; without, only what the Sync adopted is noted
    bool below;        // policies let go below it: it is raised by what is above, and holds nothing
    const char *rules; // fingerprint of what it was judged by
    const char *version; // raise the floor of a semver Sync to it; NULL otherwise
};

// Records that the Sync adopts a digest. On disk when it returns. Another Sync that raised the same
// floor meanwhile is taken into account: ERROR_CONFLICT when this digest is now below it.
int floor_adopt(struct store *store, const struct floor_key *key,
                const struct floor_adoption *adoption, struct error *err)
    __attribute__((warn_unused_result));

// Forgets the floor, for `sealift floor reset`. Absent is fine.
int floor_reset(struct store *store, const struct floor_key *key, struct error *err)
    __attribute__((warn_unused_result));

// What nobody can ask for again once the Sync is gone: the floor of its uid, if it has one.
int floor_forget_own(struct store *store, const json_t *sync, struct error *err)
    __attribute__((warn_unused_result));

#endif
