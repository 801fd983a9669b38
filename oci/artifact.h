// Our artifact: rendered objects as files in one layer, tar+gzip, under a manifest that other tools
// can read. The same files and the same info give the same bytes.
//
// Layer: POSIX ustar, entries sorted by name, folders before what is in them, uid, gid and mtime
// zero, no owner names, modes 0644 and 0755, a pax record only where a name does not fit ustar's
// fields; gzip level 6 without time or name. By default Flux's media types, so that Flux can
// consume it. Manifest annotations: org.opencontainers.image.{created,source,revision},
// dev.sealift.path, dev.sealift.unpacked-size (bytes of the uncompressed tar, decimal).
#ifndef OCI_ARTIFACT_H
#define OCI_ARTIFACT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/vec.h"
#include "oci/budget.h"
#include "oci/manifest.h"
#include "oci/repository.h"

#define OCI_MEDIA_FLUX_CONFIG "application/vnd.cncf.flux.config.v1+json"
#define OCI_MEDIA_FLUX_CONTENT "application/vnd.cncf.flux.content.v1.tar+gzip"
#define OCI_MEDIA_LAYER_TAR_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define OCI_MEDIA_HELM_PROVENANCE "application/vnd.cncf.helm.chart.provenance.v1.prov"
#define OCI_ARTIFACT_TYPE "application/vnd.dev.sealift.bundle.v1" // with the Argo format

#define OCI_ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define OCI_ANNOTATION_CREATED "org.opencontainers.image.created"
#define OCI_ANNOTATION_SOURCE "org.opencontainers.image.source"
#define OCI_ANNOTATION_REVISION "org.opencontainers.image.revision"
#define OCI_ANNOTATION_PATH "dev.sealift.path"
#define OCI_ANNOTATION_UNPACKED_SIZE "dev.sealift.unpacked-size"

struct oci_file {
    char *path; // relative, '/' between segments
    char *data; // with a NUL behind it
    size_t size;
};
void oci_file_release(void *file);
#define OCI_FILES VEC_OF(struct oci_file, oci_file_release)

struct oci_limits {
    size_t max_compressed; // each 0 = the default beside it
    size_t max_unpacked;   // bytes of the tar, 128 MiB
    size_t max_file;       // 16 MiB
    size_t max_files;      // folders included, 20,000
    unsigned max_ratio;    // unpacked : compressed above 1 MiB unpacked, 500
};
extern const struct oci_limits oci_default_limits; // 64 MiB compressed
// The defaults in place of zeros; all of them for NULL.
struct oci_limits oci_limits_complete(const struct oci_limits *limits);

enum oci_format {
    OCI_FORMAT_FLUX, // Flux's config and content types
    OCI_FORMAT_ARGO, // empty config, artifactType, the OCI layer type
};

// As specs and flags write it: "Flux", "Argo"; what is neither is Flux's.
enum oci_format oci_format_parse(const char *name);
const char *oci_format_name(enum oci_format format); // static

// All strings borrowed; NULL leaves the annotation out.
struct oci_artifact_info {
    int64_t created_ms; // the commit's time
    const char *source;
    const char *revision; // "<branch>@sha1:<commit>"
    const char *path;
    json_t *annotations; // more, object of strings, or NULL
    enum oci_format format;
    const struct oci_limits *limits; // NULL = the defaults
};

struct oci_artifact {
    char *layer;
    struct oci_descriptor layer_descriptor;
    char *config;
    struct oci_descriptor config_descriptor;
    char *manifest;
    struct oci_descriptor manifest_descriptor;
    struct digest diff_id; // of the uncompressed tar
    size_t unpacked_size;
};
void oci_artifact_release(struct oci_artifact *artifact); // may be called twice
#define cleanup_oci_artifact __attribute__((cleanup(oci_artifact_release)))

// `files` is a vec of struct oci_file in any order, borrowed. ERROR_INVALID for a path that
// oci_unpack would refuse (two of the same, "..", absolute, …), ERROR_LIMIT for what it would not
// unpack.
int oci_pack(const struct vec *files, const struct oci_artifact_info *info,
             struct oci_artifact *ret_artifact, struct error *err)
    __attribute__((warn_unused_result));
// Blobs, then the manifest by digest, then each tag (char *, n may be 0).
int oci_push(struct oci_repository *repository, const struct oci_artifact *artifact,
             char *const *tags, size_t n_tags, struct error *err)
    __attribute__((warn_unused_result));

// Unpacks a layer into memory: appends struct oci_file in the order of the tar, regular files only.
// Refused with the entry's name: links, devices, sparse files, absolute names, ".." and empty
// segments, names over 1,024 bytes, deeper than 32 or not UTF-8, two of one name, a file where a
// folder is, pax records that mean something, data behind the archive. The digest is checked before
// a byte is inflated. diff_id may be NULL. ERROR_UNVERIFIED, ERROR_INVALID, ERROR_LIMIT.
int oci_unpack(const void *layer, size_t size, const struct oci_descriptor *descriptor,
               const char *diff_id, const struct oci_limits *limits, struct vec *ret_files,
               struct error *err) __attribute__((warn_unused_result));

// Which of our formats a layer is of; others' types count as Argo's.
enum oci_format oci_layer_format(const struct oci_descriptor *layer);
// The one layer of an artifact's manifest (beside it a Helm chart may have its provenance file);
// INVALID when it has another number of layers, is an index, or the layer is no tar+gzip. Borrowed.
int oci_artifact_layer(const struct oci_manifest *manifest, const struct oci_descriptor **ret_layer,
                       struct error *err) __attribute__((warn_unused_result));
// What unpacking will take: the manifest's annotation, at most and by default limits->max_unpacked.
size_t oci_artifact_unpacked_size(const struct oci_manifest *manifest,
                                  const struct oci_limits *limits);
// The path from a verified manifest to files in memory: waits for a share of the budget (NULL: none
// is needed), fetches config and layer, compares digests and the config's diff_id, unpacks.
// *ret_share (empty before) holds the bytes until the caller releases it.
int oci_pull(struct oci_repository *repository, const struct oci_manifest *manifest,
             const struct oci_limits *limits, struct oci_budget *budget, struct cancel *cancel,
             struct oci_share *ret_share, struct vec *ret_files, struct error *err)
    __attribute__((warn_unused_result));

#endif
