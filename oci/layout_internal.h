// The parts of a layout.
//
//     layout.c        reading, deletion
//     layout_batch.c  writing
//     layout_clean.c  what nobody needs any more
//     layout_index.c  index.json: reading, editing, and the lock around an edit
//     layout_saved.c  the layouts that cosign writes and reads
#ifndef OCI_LAYOUT_INTERNAL_H
#define OCI_LAYOUT_INTERNAL_H

#include <jansson.h>

#include "base/cancel.h"
#include "base/error.h"
#include "oci/artifact.h"
#include "oci/repository_internal.h"

// Annotations of entries. The second is ours: it spares opening every manifest to find the
// referrers of one; an entry without it is opened.
#define LAYOUT_REF_NAME OCI_ANNOTATION_REF_NAME
#define LAYOUT_SUBJECT "dev.sealift.subject"
#define LAYOUT_KIND "kind" // cosign's

// *ret_index is a new reference to an object with an array `manifests`. ERROR_NOT_FOUND when dir
// holds no layout.
int layout_index_read(const char *dir, json_t **ret_index, struct error *err)
    __attribute__((warn_unused_result));
// Makes oci-layout, index.json and blobs/sha256 where they are missing; not under the lock, which
// it takes itself.
int layout_make(const char *dir, struct cancel *cancel, struct error *err)
    __attribute__((warn_unused_result));
// By rename, after an fsync. Only under the lock.
int layout_index_write(const char *dir, const json_t *index, struct error *err)
    __attribute__((warn_unused_result));
// An exclusive flock on the folder itself; closing *ret_fd lets go. ERROR_UNAVAILABLE when somebody
// holds it for too long.
int layout_lock(const char *dir, struct cancel *cancel, int *ret_fd, struct error *err)
    __attribute__((warn_unused_result));

// Borrowed; NULL when absent.
const char *layout_entry_digest(const json_t *entry);
const char *layout_entry_annotation(const json_t *entry, const char *key);
// Lists the manifest, under tag if that is not NULL; whatever had the tag loses it. `subject` is
// the digest of its subject, or NULL.
void layout_index_put(json_t *index, const struct oci_descriptor *descriptor, const char *tag,
                      const char *artifact_type, const char *subject);
// Removes all entries of the digest.
void layout_index_remove(json_t *index, const char *digest);

// The digest that has the tag, borrowed from index. NOT_FOUND; INVALID when two have it.
int layout_index_tag(const char *dir, const json_t *index, const char *tag, const char **ret_digest,
                     struct error *err) __attribute__((warn_unused_result));

// layout_saved.c, what `cosign save` writes, and what cosign looks for. Whether cosign wrote the
// entry.
bool layout_entry_is_saved(const json_t *entry);
// Before index.json is written: the first artifact that has a tag, and its signatures and
// attestations in the older form, get the annotation by which `cosign verify --local-image` and
// `cosign load` find them; all others lose it.
void layout_saved_mark(json_t *index);
// The digest of its signatures or attestations in the
// older form, which no tag names; borrowed from index; NULL: it holds none.
const char *layout_saved_tag(const json_t *index, const char *tag);
// Appends char *, sorted: the blobs of a layout in which `digest` was saved that may be referrers;
// at most LAYOUT_MAX_SAVED.
enum { LAYOUT_MAX_SAVED = 10000 };
void layout_saved_blobs(const char *dir, const json_t *index, const char *digest,
                        struct vec *digests);

// Owned.
char *layout_blob_path(const char *dir, const char *digest);
// Without fsync: nothing lists it yet.
int layout_write_blob(const char *dir, const struct oci_descriptor *descriptor, const void *data,
                      struct error *err) __attribute__((warn_unused_result));
// All of the batch: files, one pass of fsync, index.json once.
int layout_commit(struct oci_repository *repository, struct oci_batch *batch, struct error *err)
    __attribute__((warn_unused_result));

// Removes what writers of blobs left that were killed over an hour ago.
void layout_remove_litter(const char *dir);
// Removes blobs that no listed manifest names, and litter, both older than an hour.
int layout_sweep_blobs(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                       struct error *err) __attribute__((warn_unused_result));

#endif
