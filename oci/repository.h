// One repository, in a registry or in an OCI image layout on disk, behind one interface.
//
// All calls block; a handle is used by one thread at a time. Nothing is handed out before its size
// and sha256 were compared with what was asked for. Errors name the registry, the repository and
// the next step ("registry example.com refused to push acme/shop: DENIED …; check the registry
// Secret"). Codes: NOT_FOUND, DENIED, UNVERIFIED (bytes that do not match their digest), LIMIT,
// UNAVAILABLE, TIMEOUT, CANCELED, INVALID (the registry's answer makes no sense).
#ifndef OCI_REPOSITORY_H
#define OCI_REPOSITORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/vec.h"
#include "oci/manifest.h"
#include "oci/reference.h"

struct oci_cache;
struct oci_token_cache;

// How to reach a repository. Everything is borrowed for the life of the handle and may be absent.
struct oci_access {
    const char *identity;      // a registry name that signatures carry in place of a layout's path
    const char *docker_config; // JSON as in a Secret's .dockerconfigjson or ~/.docker/config.json
    bool run_helpers; // the config is the person's or the process' own: its credential helpers may
                      // be run
    bool cloud_login; // a registry of the cloud that this process runs in is asked for with the
                      // login that cloud gives, where nothing else is known; never for tenants
    const char *username; // wins over docker_config
    const char *password;
    struct http_tls tls;
    bool insecure;         // plain HTTP; assumed for localhost without tls.ca_pem
    bool secure;           // TLS on localhost, too
    const char *proxy;     // as in struct http_request
    enum http_reach reach; // as in struct http_request; for token servers too
    const struct vec
        *mirrors;       // struct oci_mirror: read from there first, unless `push`; NULL: none
    bool push;          // ask for the right to push at once, not after a refusal
    size_t chunk_bytes; // larger blobs go up in chunks of this size; 0 = 16 MiB
    struct http_client *client;     // NULL: the handle makes its own
    struct oci_token_cache *tokens; // shared between handles; NULL: the handle's own
    struct oci_warnings *warnings;  // told what registries warn of; NULL: nobody is
    struct oci_cache *cache;        // what is read or written by digest is kept here, and looked
                                    // for; NULL: none
    struct cancel *cancel;
    int64_t deadline_mono_ms; // on clock_system()'s monotonic clock, over all calls; 0: 60 s per
                              // request
};

struct oci_repository;
// No request is sent yet. A layout is made by the first write; until then reads are NOT_FOUND. The
// reference is copied; its tag and digest are ignored.
int oci_repository_open(const struct oci_reference *reference, const struct oci_access *access,
                        struct oci_repository **ret_repository, struct error *err)
    __attribute__((warn_unused_result));
void oci_repository_close(struct oci_repository *repository); // NULL is fine
void cleanup_oci_repository_pointer(struct oci_repository **repository);
#define cleanup_oci_repository __attribute__((cleanup(cleanup_oci_repository_pointer)))
const struct oci_reference *oci_repository_reference(const struct oci_repository *repository);
// The name that signatures carry: oci_reference_identity. Borrowed.
const char *oci_repository_identity(const struct oci_repository *repository);

// A tag or digest to the descriptor of its manifest (media type, digest, size; no annotations).
int oci_resolve(struct oci_repository *repository, const char *tag_or_digest,
                struct oci_descriptor *ret_descriptor, struct error *err)
    __attribute__((warn_unused_result));
// The bytes of a manifest, at most OCI_MAX_MANIFEST_BYTES. *ret_data is owned with a NUL behind it;
// ret_manifest may be NULL.
int oci_get_manifest(struct oci_repository *repository, const char *digest, char **ret_data,
                     size_t *ret_size, struct oci_manifest *ret_manifest, struct error *err)
    __attribute__((warn_unused_result));
// A blob of exactly descriptor->size bytes, ERROR_LIMIT when that is above max_bytes.
int oci_get_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                 size_t max_bytes, char **ret_data, size_t *ret_size, struct error *err)
    __attribute__((warn_unused_result));
int oci_has_blob(struct oci_repository *repository, const char *digest, bool *ret_has,
                 struct error *err) __attribute__((warn_unused_result));

// Uploads unless it is there already. ret_descriptor may be NULL.
int oci_put_blob(struct oci_repository *repository, const char *media_type, const void *data,
                 size_t size, struct oci_descriptor *ret_descriptor, struct error *err)
    __attribute__((warn_unused_result));
// Takes the blob from another repository of the same registry, where that is possible and allowed;
// else *ret_mounted is false and nothing happened.
int oci_mount_blob(struct oci_repository *repository, const char *digest,
                   const char *other_repository, bool *ret_mounted, struct error *err)
    __attribute__((warn_unused_result));
// The bytes as they are, by digest when tag is NULL. Its blobs must be there. A manifest with a
// subject is also listed where oci_referrers looks. ret_descriptor may be NULL.
int oci_put_manifest(struct oci_repository *repository, const void *data, size_t size,
                     const char *tag, struct oci_descriptor *ret_descriptor, struct error *err)
    __attribute__((warn_unused_result));
// Points a tag at a manifest that is there.
int oci_tag(struct oci_repository *repository, const char *digest, const char *tag,
            struct error *err) __attribute__((warn_unused_result));

// The same unless there is such a tag already.
int oci_tag_once(struct oci_repository *repository, const char *digest, const char *tag,
                 struct error *err) __attribute__((warn_unused_result));

// What the manifest under a tag is to become, for tags that several write to.
struct oci_merged {
    char *manifest; // owned
    size_t manifest_size;
    char *config; // owned, the blob that the manifest names as its config
    size_t config_size;
    const char *config_type; // borrowed
};
// `existing` is what is under the tag now, NULL for nothing. 1: *ret_merged is to be there instead;
// 0: what is there is as it should be; -1 on error. Called again when somebody else was faster.
typedef int oci_merge(void *arg, const char *tag, const struct oci_manifest *existing,
                      struct oci_merged *ret_merged, struct error *err);
// Reads, merges, writes, and in a registry, which has no lock for it, reads again. `arg` is
// consumed: free_arg (which may be NULL) gets it in the end, also on error. ERROR_CONFLICT when
// others kept writing it.
int oci_edit_tag(struct oci_repository *repository, const char *tag, oci_merge *merge, void *arg,
                 void (*free_arg)(void *arg), struct error *err)
    __attribute__((warn_unused_result));

// A batch: until the commit oci_put_blob, oci_put_manifest, oci_tag, oci_tag_once and oci_edit_tag
// collect copies of what they are given instead of sending it (large blobs go up at once: nothing
// names them yet). oci_get_manifest finds what was collected; all other reads show the repository
// as it is. The commit brings blobs, then manifests, then the lists of referrers and edited tags,
// then the other tags, of which a later one with the same name wins; in a registry what does not
// depend on each other goes in parallel, in a layout all becomes visible at once. An error or a
// crash leaves at most blobs and manifests that no tag points to, or fewer tags than wanted; the
// same batch may then be begun anew. The errors are those of the calls that were collected. One
// batch at a time; closing the handle aborts it.
void oci_batch_begin(struct oci_repository *repository);
bool oci_batch_is_open(const struct oci_repository *repository);
int oci_batch_commit(struct oci_repository *repository, struct error *err)
    __attribute__((warn_unused_result));
void oci_batch_abort(struct oci_repository *repository); // without one: nothing to do

// Appends the manifests that name `digest` as their subject: the referrers API, else the fallback
// tag; at most OCI_MAX_REFERRERS. None is no error. They are claims of the registry: read the
// manifest and compare its subject; do not choose by artifact_type or annotations alone.
int oci_referrers(struct oci_repository *repository, const char *digest,
                  struct vec *ret_descriptors, struct error *err)
    __attribute__((warn_unused_result));
// A hint: what is going to be read next, so that a registry is asked for all of it at once. It
// holds the answers until they are read, or until the next hint. What fails here fails again, and
// is reported, where it is read.
struct oci_ahead {
    const char *tags[2];         // for oci_resolve; NULL: none
    const char *referrers;       // a digest for oci_referrers; NULL: none
    const struct vec *manifests; // const struct oci_descriptor *, at most OCI_MAX_AHEAD; NULL: none
    const struct vec *blobs;     // the same; the caller has bounded their sizes
};
enum { OCI_MAX_AHEAD = 8 };
void oci_read_ahead(struct oci_repository *repository, const struct oci_ahead *ahead);

// Appends char *: all tags but oci_tag_is_derived, sorted; at most 10,000.
int oci_list_tags(struct oci_repository *repository, struct vec *ret_tags, struct error *err)
    __attribute__((warn_unused_result));
// Every tag, the derived ones as well, in any order. ERROR_LIMIT when there are more than can be
// looked at.
int oci_list_every_tag(struct oci_repository *repository, struct vec *ret_tags, struct error *err)
    __attribute__((warn_unused_result));
// With its tags, and from the lists of its subject. NOT_FOUND when it is gone already; DENIED or
// INVALID where the registry allows no deletion.
int oci_delete_manifest(struct oci_repository *repository, const char *digest, struct error *err)
    __attribute__((warn_unused_result));

// Tokens by registry, credentials and scope, for several handles and threads.
struct oci_token_cache *oci_token_cache_new(void);
void oci_token_cache_free(struct oci_token_cache *cache); // NULL is fine

#endif
