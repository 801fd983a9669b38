// One file of TUF metadata: read strictly, and its signatures counted.
// Format: The Update Framework Specification 1.0.33, sections 4.2 to 4.6. Signatures are over the
// OLPC canonical JSON of "signed".
#ifndef OCI_SIGN_TUF_METADATA_H
#define OCI_SIGN_TUF_METADATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum tuf_role { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS };
// "root", …; static.
const char *tuf_role_name(enum tuf_role role);

struct tuf_metadata {
    enum tuf_role role;
    json_t *value;             // the whole file
    const json_t *signed_part; // in it
    int64_t version;
    int64_t expires_ms;
};
void tuf_metadata_release(struct tuf_metadata *metadata); // may be called twice
#define cleanup_tuf_metadata __attribute__((cleanup(tuf_metadata_release)))

// Says nothing about signatures and time. ERROR_INVALID, also where it is another role's.
int tuf_metadata_parse(const char *text, size_t size, enum tuf_role role,
                       struct tuf_metadata *ret_metadata, struct error *err)
    __attribute__((warn_unused_result));

// Whether as many different keys signed it as `root` asks of its role. A key counts once, whatever
// its identifiers; keys and signatures of unknown kinds count for nothing. ERROR_UNVERIFIED.
int tuf_metadata_verify(const struct tuf_metadata *metadata, const struct tuf_metadata *root,
                        struct error *err) __attribute__((warn_unused_result));

bool tuf_root_is_consistent(const struct tuf_metadata *root); // "consistent_snapshot"

// What timestamp and snapshot say of other metadata, and targets of files.
struct tuf_file {
    int64_t version;    // of metadata
    int64_t length;     // -1 = not said
    const char *sha256; // hex; borrowed from the metadata; NULL = not said
    const char *sha512;
};
// ERROR_NOT_FOUND, INVALID.
int tuf_metadata_file(const struct tuf_metadata *metadata, const char *name,
                      struct tuf_file *ret_file, struct error *err)
    __attribute__((warn_unused_result));
// Of every file that `before`, an older snapshot or timestamp, lists: still listed, and no older.
// ERROR_UNVERIFIED.
int tuf_metadata_is_newer(const struct tuf_metadata *metadata, const struct tuf_metadata *before,
                          struct error *err) __attribute__((warn_unused_result));
// Length and hashes, as far as they are said. ERROR_UNVERIFIED.
int tuf_file_check(const struct tuf_file *file, const char *data, size_t size, const char *what,
                   struct error *err) __attribute__((warn_unused_result));

// Owned; NULL where a number is no integer.
char *tuf_canonical(const json_t *value, size_t *ret_size);

#endif
