// What a Sync adopted, newest first, each with the evidence that it was adopted by: what runs can
// be judged again by other rules without its registry, and there is something to go back to. And
// what of it was revoked.
//
// Stored as records of the store, "adoptions/<sha256 of the Sync's uid>", beside the floors and
// trusted like them:
//   {namespace, name,
//    history: [{digest, reference, repository, channel?, version?, revision, sequence, adoptedAt,
//               whole, signers: [...], evidence: [...]}],
//    revoked?: {digest, since, reason, message, rolledBackTo?}}
// `whole` is false where evidence did not fit; signers are those whose evidence was looked for. One
// flow at a time writes the record of a Sync.
#ifndef CONTROLLER_ADOPTION_H
#define CONTROLLER_ADOPTION_H

#include <jansson.h>

#include "api/store.h"
#include "base/error.h"

enum {
    ADOPTION_HISTORY_MAX = 10,
    ADOPTION_EVIDENCE_BYTES = 64 << 10, // of one entry
    ADOPTION_RECORD_BYTES = 512 << 10,  // of all; older entries lose theirs first
};

// Absent is an empty object. *ret_record is owned.
int adoptions_read(struct store *store, const char *uid, json_t **ret_record, struct error *err)
    __attribute__((warn_unused_result));
// On disk when it returns.
int adoptions_write(struct store *store, const json_t *sync, const json_t *record,
                    struct error *err) __attribute__((warn_unused_result));
// The Sync is gone. Absent is fine.
int adoptions_forget(struct store *store, const char *uid, struct error *err)
    __attribute__((warn_unused_result));

// The entry of a digest under this identity and channel; borrowed, NULL when there is none.
const json_t *adoptions_find(const json_t *record, const char *digest, const char *repository,
                             const char *channel);
// Puts `entry` (consumed) in front, in place of an older one of the same digest, repository and
// channel, and keeps the limits.
void adoptions_note(json_t *record, json_t *entry);

#endif
