// The TUF client: from a root that is trusted to the newest version of one target file, past
// whoever holds the mirror. It must not be able to put in files of its own, to show an old state
// as a new one or to withhold new ones for longer than metadata is valid, to mix files of different
// states, or to send without end.
// Source: The Update Framework Specification 1.0.33, section 5.
#ifndef OCI_SIGN_TUF_UPDATE_H
#define OCI_SIGN_TUF_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct tuf_update {
    // Gets "14.root.json", "targets/<hash>.trusted_root.json" and the like, at most max_bytes of it
    // (more is ERROR_LIMIT). *ret_data is owned. ERROR_NOT_FOUND where the mirror has no such file.
    int (*fetch)(void *arg, const char *path, size_t max_bytes, char **ret_data, size_t *ret_size,
                 struct error *err);
    void *fetch_arg;
    const char *root; // metadata of the root that is trusted
    size_t root_size;
    const char *root_name; // what messages call it
    const char *target;    // "trusted_root.json"
    size_t max_target_bytes;
    // A folder that keeps what was seen last, so that nothing older is believed later. Made where
    // there is none. NULL: nothing is kept, and only what is expired is noticed.
    const char *state_dir;
    int64_t now_ms; // wall clock, for the whole update
};

struct tuf_result {
    char *data; // of the target; owned
    size_t size;
    int64_t root_version;
    int64_t expires_ms; // when the first of the metadata expires
};
void tuf_result_release(struct tuf_result *result); // may be called twice
#define cleanup_tuf_result __attribute__((cleanup(tuf_result_release)))

// ERROR_UNVERIFIED for all that looks like an attack, expired metadata included; ERROR_NOT_FOUND
// where there is no such target (delegations are not followed); else as fetch.
int tuf_update(const struct tuf_update *update, struct tuf_result *ret_result, struct error *err)
    __attribute__((warn_unused_result));

#endif
