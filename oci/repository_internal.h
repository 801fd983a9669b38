// What a registry and a layout have in common, and how repository.c calls them.
#ifndef OCI_REPOSITORY_INTERNAL_H
#define OCI_REPOSITORY_INTERNAL_H

#include "oci/repository.h"

// What a batch collected. The bytes are owned.
struct batch_blob {
    struct oci_descriptor descriptor;
    char *data;
};
struct batch_manifest {
    struct oci_descriptor descriptor;
    struct oci_manifest manifest; // of the bytes
    char *data;
    bool is_there; // it was read from the repository, to be tagged
};
struct batch_tag {
    char *tag;
    struct digest digest; // of one of the manifests
    bool once;            // not where there is such a tag
};
struct batch_edit {
    char *tag;
    oci_merge *merge;
    void *arg;
    void (*free_arg)(void *arg);
};
struct oci_batch {
    struct vec blobs, manifests, tags, edits;
    size_t held_bytes;
};
struct oci_batch *batch_new(void);
void batch_free(struct oci_batch *batch); // NULL is fine
void cleanup_batch_pointer(struct oci_batch **batch);
#define cleanup_batch __attribute__((cleanup(cleanup_batch_pointer)))
// NULL when it is not among them. Borrowed until another is added.
struct batch_manifest *batch_find(const struct oci_batch *batch, const char *digest);
// Each copies what it is given; of the same digest one is kept.
void batch_add_blob(struct oci_batch *batch, const struct oci_descriptor *descriptor,
                    const void *data);
int batch_add_manifest(struct oci_batch *batch, const void *data, size_t size,
                       struct digest *ret_digest, struct error *err)
    __attribute__((warn_unused_result));
void batch_add_tag(struct oci_batch *batch, const struct digest *digest, const char *tag,
                   bool once);
// Asks the edit and collects what it answers. `data` is what is under the tag, NULL for nothing. 1
// with the new digest, or 0 when nothing is to be written.
int batch_merge(struct oci_batch *batch, const struct batch_edit *edit, const char *data,
                size_t size, struct digest *ret_digest, struct error *err)
    __attribute__((warn_unused_result));

// Digests and tags are checked before they come here; bytes that come back are compared with their
// digest by repository.c.
struct oci_repository_ops {
    int (*resolve)(struct oci_repository *repository, const char *tag_or_digest,
                   struct oci_descriptor *ret_descriptor, struct error *err);
    // *ret_content_type is owned, NULL where there is none.
    int (*get_manifest)(struct oci_repository *repository, const char *digest, char **ret_data,
                        size_t *ret_size, char **ret_content_type, struct error *err);
    // At most descriptor->size bytes.
    int (*get_blob)(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                    char **ret_data, size_t *ret_size, struct error *err);
    int (*has_blob)(struct oci_repository *repository, const char *digest, bool *ret_has,
                    struct error *err);
    // NULL where there are no other repositories.
    int (*mount_blob)(struct oci_repository *repository, const char *digest, const char *from,
                      bool *ret_mounted, struct error *err);
    int (*put_blob)(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                    const void *data, struct error *err);
    // `manifest` and `descriptor` are of the bytes; tag may be NULL.
    int (*put_manifest)(struct oci_repository *repository, const struct oci_manifest *manifest,
                        const struct oci_descriptor *descriptor, const void *data, const char *tag,
                        struct error *err);
    int (*referrers)(struct oci_repository *repository, const char *digest, struct vec *descriptors,
                     struct error *err);
    int (*list_tags)(struct oci_repository *repository, struct vec *tags, struct error *err);
    // Every manifest there is, tagged or not, and removing blobs that none of them names. NULL
    // where nobody but the registry can do that.
    int (*list_manifests)(struct oci_repository *repository, struct vec *descriptors,
                          struct error *err);
    int (*sweep_blobs)(struct oci_repository *repository, size_t *ret_files, size_t *ret_bytes,
                       struct error *err);
    // `manifest` is what it was.
    int (*delete_manifest)(struct oci_repository *repository, const char *digest,
                           const struct oci_manifest *manifest, struct error *err);
    int (*commit)(struct oci_repository *repository, struct oci_batch *batch, struct error *err);
    // Of valid digests that the cache does not have. NULL where there is nothing to gain.
    void (*read_ahead)(struct oci_repository *repository, const struct oci_ahead *ahead);
    void (*close)(struct oci_repository *repository); // frees what the implementation added
};

// All there is to a layout, and the first member of a registry's struct.
struct oci_repository {
    const struct oci_repository_ops *ops;
    struct oci_reference reference;
    struct oci_access access; // its pointers are borrowed
    char *identity;
    struct oci_batch *batch; // NULL: none is open
    struct vec mirrors;      // struct oci_repository *, owned, in the order in which they are asked
    bool unreachable;        // of a mirror: it did not answer, and is not asked again
};

// For a mirror: as oci_repository_open, but gives up at the first trouble.
int oci_repository_open_hasty(const struct oci_reference *reference,
                              const struct oci_access *access,
                              struct oci_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));
void repository_add_mirrors(struct oci_repository *repository);

// Puts what the repository took into the cache of the handle, if it has one.
void repository_keep(const struct oci_repository *repository, const char *digest, const void *data,
                     size_t size);

// Each allocates its own struct, of which repository.c fills in the common part.
struct oci_repository *oci_layout_new(void);
int oci_registry_new(const struct oci_reference *reference, const struct oci_access *access,
                     struct oci_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));
// One try for each request, and little patience with connecting.
void oci_registry_be_hasty(struct oci_repository *repository);

enum {
    OCI_MAX_TAGS = 10000,
    OCI_PARALLEL = 8, // requests of one handle at a time
};

#endif
