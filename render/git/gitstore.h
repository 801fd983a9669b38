// The local copy of one repository: the objects that were fetched, the commit up to which they are
// complete, and what is known about the server. It is a cache: whatever looks wrong is dropped and
// fetched anew, nothing in it is trusted further than its hashes.
//
//     DIR/lock                      held while the store is open
//     DIR/state.json                url, tip, server; replaced by rename, after the pack it speaks
//     of DIR/objects/pack/pack-*.{pack,idx}
//
// One thread at a time. Reference counted, because a snapshot outlives the fetch that made it.
#ifndef RENDER_GIT_GITSTORE_H
#define RENDER_GIT_GITSTORE_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cancel.h"
#include "base/error.h"
#include "render/git/gitproto.h"

struct gitstore;

// dir NULL: a private folder that goes with the store. `url` (without credentials) tells whose
// objects these are: another one empties the store. ERROR_CONFLICT while somebody else has it open.
int gitstore_open(const char *dir, const char *url, struct gitstore **ret_store, struct error *err)
    __attribute__((warn_unused_result));
struct gitstore *gitstore_ref(struct gitstore *store);
void gitstore_unref(struct gitstore *store); // NULL is fine
void cleanup_gitstore_pointer(struct gitstore **store);
#define cleanup_gitstore __attribute__((cleanup(cleanup_gitstore_pointer)))

// The commit whose files are all here, or NULL. Borrowed until the next fetch.
const char *gitstore_tip(const struct gitstore *store);
// Borrowed.
git_odb *gitstore_odb(struct gitstore *store);
// Whether it has grown so much that the next fetch should start over.
bool gitstore_is_worn(const struct gitstore *store);
// Removes all objects, now or, if that fails, when it is opened next: something in it is damaged.
int gitstore_clear(struct gitstore *store, struct error *err) __attribute__((warn_unused_result));

// What the server at the store's URL can do; false when unknown.
bool gitstore_server(const struct gitstore *store, struct gitproto_caps *ret_caps);
// NULL forgets. Written with the next tip.
void gitstore_set_server(struct gitstore *store, const struct gitproto_caps *caps);

// A pack on its way in. Nothing of it is visible before gitstore_pack_commit.
struct gitpack;
// max_bytes: ERROR_LIMIT above. `cancel` (NULL = none) ends what follows, with CANCELED.
int gitpack_begin(struct gitstore *store, size_t max_bytes, struct cancel *cancel,
                  struct gitpack **ret_pack, struct error *err) __attribute__((warn_unused_result));
// arg is the pack; fits gitproto_fetch_init.
int gitpack_add(void *arg, const void *data, size_t size, struct error *err)
    __attribute__((warn_unused_result));
// Checks and indexes the whole pack. ERROR_UNAVAILABLE when it is cut, ERROR_INVALID when it is
// wrong.
int gitpack_commit(struct gitpack *pack, struct error *err) __attribute__((warn_unused_result));
void gitpack_free(struct gitpack *pack); // NULL is fine; what was not committed is gone
void cleanup_gitpack_pointer(struct gitpack **pack);
#define cleanup_gitpack __attribute__((cleanup(cleanup_gitpack_pointer)))

// From now on all files of `commit` are here. only_pack: and no other pack but the one committed
// last is needed for it.
int gitstore_set_tip(struct gitstore *store, const char *commit, bool only_last_pack,
                     struct error *err) __attribute__((warn_unused_result));

#endif
