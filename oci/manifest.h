// Descriptors, manifests and indexes: read strictly, written in one way only.
// Format: OCI image-spec 1.1 (descriptor.md, manifest.md, image-index.md); Docker's schema 2 types
// are read too, never written.
//
// What is hashed and signed are a manifest's bytes: keep them and push them as they came. A built
// manifest is made once, and its bytes are kept.
#ifndef OCI_MANIFEST_H
#define OCI_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"

#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define OCI_MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define OCI_MEDIA_EMPTY "application/vnd.oci.empty.v1+json"
// Layers of signatures and attestations in cosign's older form.
#define OCI_MEDIA_SIMPLE_SIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define OCI_MEDIA_DSSE "application/vnd.dsse.envelope.v1+json"
#define OCI_EMPTY_JSON "{}" // the bytes of the empty config
#define OCI_EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

enum {
    OCI_MAX_MANIFEST_BYTES = 4 << 20, // what registries must support
    OCI_MAX_MANIFEST_LAYERS = 1000,   // of one manifest; cosign writes one layer per signature
    OCI_MAX_REFERRERS = 1000,         // looked at per subject
};

struct oci_descriptor {
    char *media_type; // owned
    struct digest digest;
    int64_t size;
    char *artifact_type; // owned; NULL when absent; a hint, the manifest itself decides
    json_t *annotations; // owned object of strings; NULL when absent; hints only
};
void oci_descriptor_release(void *descriptor); // may be called twice
#define cleanup_oci_descriptor __attribute__((cleanup(oci_descriptor_release)))
#define OCI_DESCRIPTORS VEC_OF(struct oci_descriptor, oci_descriptor_release)
// Of these bytes; owns a copy of media_type.
struct oci_descriptor oci_descriptor_of(const char *media_type, const void *data, size_t size);
struct oci_descriptor oci_descriptor_copy(const struct oci_descriptor *descriptor);
// NULL when absent; borrowed.
const char *oci_descriptor_annotation(const struct oci_descriptor *descriptor, const char *key);

struct oci_manifest {
    bool is_index;
    char *media_type;
    char *artifact_type;          // as written; NULL when absent
    struct oci_descriptor config; // of a manifest; zero in an index
    struct vec layers;            // OCI_DESCRIPTORS: layers of a manifest, `manifests` of an index
    struct oci_descriptor *subject; // NULL when absent
    json_t *annotations;            // object of strings, or NULL
};
void oci_manifest_release(struct oci_manifest *manifest); // may be called twice
#define cleanup_oci_manifest __attribute__((cleanup(oci_manifest_release)))

// content_type is what the registry called it (parameters are ignored; NULL when there is none); it
// must agree with mediaType. Refused, too: both `layers` and `manifests`, duplicate names, digests
// other than sha256, sizes below 0, `data` that is not what its digest says, unknown media types.
// ERROR_INVALID, ERROR_LIMIT.
int oci_manifest_parse(const void *data, size_t size, const char *content_type,
                       struct oci_manifest *ret_manifest, struct error *err)
    __attribute__((warn_unused_result));

// artifactType, else the config's media type ("" for an index without one). Borrowed.
const char *oci_manifest_type(const struct oci_manifest *manifest);
// NULL when absent; borrowed.
const char *oci_manifest_annotation(const struct oci_manifest *manifest, const char *key);

// Compact JSON in the order of the specification, annotations sorted by name: the same struct gives
// the same bytes. media_type NULL means the OCI type. Owned, *ret_size without the NUL.
char *oci_manifest_build(const struct oci_manifest *manifest, size_t *ret_size);

// For parts of other documents (index.json, referrers). ERROR_INVALID names `what`.
int oci_descriptor_parse(const json_t *value, const char *what,
                         struct oci_descriptor *ret_descriptor, struct error *err)
    __attribute__((warn_unused_result));
json_t *oci_descriptor_json(const struct oci_descriptor *descriptor);

#endif
