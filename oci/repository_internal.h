// What a registry and a layout have in common, and how repository.c calls them.
#ifndef OCI_REPOSITORY_INTERNAL_H
#define OCI_REPOSITORY_INTERNAL_H

#include "oci/repository.h"

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
    int (*put_blob)(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                    const void *data, struct error *err);
    // `manifest` and `descriptor` are of the bytes; tag may be NULL.
    int (*put_manifest)(struct oci_repository *repository, const struct oci_manifest *manifest,
                        const struct oci_descriptor *descriptor, const void *data, const char *tag,
                        struct error *err);
    int (*referrers)(struct oci_repository *repository, const char *digest, struct vec *descriptors,
                     struct error *err);
    int (*list_tags)(struct oci_repository *repository, struct vec *tags, struct error *err);
    // `manifest` is what it was.
    int (*delete_manifest)(struct oci_repository *repository, const char *digest,
                           const struct oci_manifest *manifest, struct error *err);
    void (*close)(struct oci_repository *repository); // frees what the implementation added
};

// All there is to a layout, and the first member of a registry's struct.
struct oci_repository {
    const struct oci_repository_ops *ops;
    struct oci_reference reference;
    struct oci_access access; // its pointers are borrowed
    char *identity;
};

// Each allocates its own struct, of which repository.c fills in the common part.
struct oci_repository *oci_layout_new(void);
int oci_registry_new(const struct oci_reference *reference, const struct oci_access *access,
                     struct oci_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));

enum { OCI_MAX_TAGS = 10000 };

#endif
