// The parts of the registry client.
//
//     registry.c            requests, resolving, reading, tags, deletion
//     registry_parallel.c   several requests at once, and answers that were asked for ahead
//     registry_download.c   blobs down, resumed where they broke off
//     registry_upload.c     blobs and manifests up
//     registry_chunks.c     large blobs up, resumed where they broke off
//     registry_mount.c      blobs of other repositories
//     registry_batch.c      what a batch collected, in rounds of parallel requests
//     registry_referrers.c  the referrers API and its fallback tag
//     registry_auth.c       401 -> challenge -> token -> the request again
//     registry_error.c      an answer that is no success, as one sentence
#ifndef OCI_REGISTRY_INTERNAL_H
#define OCI_REGISTRY_INTERNAL_H

#include "base/backoff.h"
#include "base/http_client.h"
#include "base/url.h"
#include "oci/credentials.h"
#include "oci/repository_internal.h"

enum {
    REGISTRY_MAX_ERROR = 8192,       // bytes of an answer that may hold an error's text
    REGISTRY_BLOB_REDIRECTS = 10,    // from a registry to its storage
    REGISTRY_CHUNK_BYTES = 16 << 20, // larger blobs go up in chunks of this size
};

struct registry {
    struct oci_repository repository; // first: the interface's view of it
    char *base_url;                   // "https://registry.example.com"
    struct url base;
    bool hasty; // a mirror: there is another place to ask
    struct oci_credentials credentials;
    struct http_client *client;
    struct http_client *own_client; // NULL when the caller gave one
    struct oci_token_cache *tokens;
    struct oci_token_cache *own_tokens;
    struct registry_call *ahead; // answered, and not read yet; NULL: none
    size_t n_ahead;
    struct vec seen; // struct digest: blobs that are there, as this handle saw; the latest
};

static inline struct registry *registry_of(struct oci_repository *repository)
{
    return (struct registry *)repository;
}

// "https://host/v2/<name>/" and the rest. Owned.
char *registry_url(const struct registry *registry, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// A request to the registry with everything but method and URL filled in; read requests are
// retried.
struct http_request registry_request(const struct registry *registry, const char *method,
                                     const char *url);
// What a URL on another host that the registry names may reach.
enum http_reach registry_reach_elsewhere(const struct registry *registry);
bool registry_is_elsewhere(const struct registry *registry, const char *url);
// Whether the registry itself answered, not one that a redirect led to.
bool registry_answered(const struct registry *registry, const struct http_response *response);
// Sends with the right authorization, asking for it where that is missing. Redirects and other
// origins never see it. 0 for any answer.
enum registry_right { REGISTRY_PULL, REGISTRY_PUSH, REGISTRY_DELETE };
int registry_send(struct registry *registry, struct http_request *request,
                  enum registry_right right, struct http_response *ret_response, struct error *err)
    __attribute__((warn_unused_result));
// One of several requests. In an array on the heap, zeroed, then registry_call_init each.
struct registry_call {
    struct http_request request; // borrows the next two
    char *url;                   // owned
    struct vec headers;
    bool elsewhere; // on another origin: never sees our authorization
    struct http_result result;
};
// Consumes url. As registry_request.
void registry_call_init(const struct registry *registry, struct registry_call *call,
                        const char *method, char *url);
void registry_calls_release(struct registry_call *calls, size_t n); // and frees the array
// As registry_send for all of them; what became of each is in its result. -1 only when the
// authorization that is missing cannot be had.
int registry_send_all(struct registry *registry, struct registry_call *calls, size_t n,
                      enum registry_right right, struct error *err)
    __attribute__((warn_unused_result));

// As registry_send_all for reading, once each; registry_send then takes the answers instead of
// asking, until the handle writes or asks for others. Consumes calls.
void registry_ask_ahead(struct registry *registry, struct registry_call *calls, size_t n);
void registry_forget_ahead(struct registry *registry);
// The answer to this request, if it was asked for ahead.
bool registry_take_ahead(struct registry *registry, const struct http_request *request,
                         struct http_response *ret_response);

// GETs base_url-relative pages of at most max_bytes and follows Link rel="next" on the same origin.
// Each page goes to take_page, which returns 1 to go on, 0 when it has enough, -1 on error.
int registry_pages(struct registry *registry, const char *url, size_t max_bytes,
                   int (*take_page)(void *arg, const struct http_response *response,
                                    struct error *err),
                   void *arg, struct error *err) __attribute__((warn_unused_result));

// Always -1. verb and object complete "registry H refused to <verb> <object>".
int registry_status_error(const struct registry *registry, const struct http_response *response,
                          const char *verb, const char *object, struct error *err);
// "acme/shop:prod", "acme/shop@sha256:…" or, for NULL, "acme/shop". Owned.
char *registry_object(const struct registry *registry, const char *tag_or_digest);
static inline bool registry_is_success(const struct http_response *response)
{
    return response->status >= 200 && response->status < 300;
}

// Answers the challenges of a 401: *ret_authorization is owned. ERROR_DENIED when nothing that was
// asked for can be given.
int registry_authorize(struct registry *registry, const struct http_response *response,
                       enum registry_right right, char **ret_authorization, struct error *err)
    __attribute__((warn_unused_result));
// What the registry itself warns of in an answer goes to access.warnings.
void registry_heed(const struct registry *registry, const struct http_response *response);
// What to send at once. Owned; NULL when nothing is known yet.
char *registry_known_authorization(struct registry *registry, enum registry_right right);
// Forgets it after the registry no longer accepts it.
void registry_forget_authorization(struct registry *registry, enum registry_right right);

int registry_mount_blob(struct oci_repository *repository, const char *digest, const char *from,
                        bool *ret_mounted, struct error *err);
int registry_put_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      const void *data, struct error *err);
// Blobs on their way up, in parallel.
struct registry_upload {
    const struct oci_descriptor *descriptor; // borrowed
    const void *data;
    bool probe;     // ask whether it is there before it is sent
    bool no_chunks; // the registry takes none
    // What became of it.
    bool done;
    bool in_chunks;
    char *session;    // URL of an open upload, or NULL
    size_t min_chunk; // what the registry asks for; 0: nothing
    bool elsewhere;
    struct error error;
};
void registry_upload_release(void *upload);
#define REGISTRY_UPLOADS VEC_OF(struct registry_upload, registry_upload_release)
// Where an upload goes on, as seen from url. The registry may name another origin, which then gets
// the bytes but never our token, and never in the clear instead of TLS.
int registry_upload_target(const struct registry *registry, const char *url, const char *location,
                           char **ret_url, bool *ret_elsewhere, struct error *err)
    __attribute__((warn_unused_result));
// The session's address with the digest, for the last PUT. Owned.
char *registry_upload_end(const struct registry_upload *upload);
// What an answer to bytes means that is no success. Always -1.
int registry_refuse_upload(const struct registry *registry, const struct http_response *response,
                           struct error *err);
// Into an open session. What breaks off is resumed; a registry that takes no chunks is remembered
// in the upload, and the error is one that passes.
int registry_put_chunks(struct registry *registry, struct registry_upload *upload,
                        struct error *err) __attribute__((warn_unused_result));
// Remembers that it is there.
void registry_saw_blob(struct registry *registry, const struct digest *digest);
// A decimal number of bytes from a header; 0 for anything else.
size_t registry_read_size(const char *text);
// False when there is no point in trying again, or no time; else it has waited.
bool registry_wait_to_retry(const struct registry *registry, const struct error *cause,
                            struct backoff *backoff);
int registry_get_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      char **ret_data, size_t *ret_size, struct error *err);
// Each is tried several times while the cause passes; the first error that remains is the result.
int registry_put_blobs(struct registry *registry, struct vec *uploads, struct error *err)
    __attribute__((warn_unused_result));
int registry_commit(struct oci_repository *repository, struct oci_batch *batch, struct error *err);
int registry_put_manifest(struct oci_repository *repository, const struct oci_manifest *manifest,
                          const struct oci_descriptor *descriptor, const void *data,
                          const char *tag, struct error *err);
int registry_referrers(struct oci_repository *repository, const char *digest,
                       struct vec *descriptors, struct error *err);
// HEAD or GET of a manifest.
void registry_manifest_call(const struct registry *registry, struct registry_call *call,
                            const char *method, const char *tag_or_digest);
// The first page of the referrers.
void registry_referrers_call(const struct registry *registry, struct registry_call *call,
                             const char *digest);
// PUT of a manifest's bytes, nothing else. response headers tell about OCI-Subject. if_match may be
// NULL.
int registry_send_manifest(struct registry *registry, const char *media_type, const void *data,
                           size_t size, const char *tag_or_digest, const char *if_match,
                           struct http_response *ret_response, struct error *err)
    __attribute__((warn_unused_result));
// GET of a manifest by tag or digest; any answer. Appends nothing, verifies nothing.
int registry_fetch_manifest(struct registry *registry, const char *tag_or_digest,
                            struct http_response *ret_response, struct error *err)
    __attribute__((warn_unused_result));
// A PUT that stores a manifest; then what the answer to it means: 0 when it is stored.
void registry_store_call(const struct registry *registry, struct registry_call *call,
                         const struct oci_descriptor *descriptor, const void *data,
                         const char *tag_or_digest);
int registry_check_stored(const struct registry *registry, const struct oci_descriptor *descriptor,
                          const char *tag_or_digest, const struct http_response *response,
                          struct error *err) __attribute__((warn_unused_result));
// What lists a manifest among the referrers of its subject.
struct oci_descriptor registry_referrer_entry(const struct oci_manifest *manifest,
                                              const struct oci_descriptor *descriptor);
// Keeps the fallback tag of the subject in step: adds the entries (a vec of struct oci_descriptor)
// in one edit, or removes one.
int registry_list_referrers(struct registry *registry, const char *subject,
                            const struct vec *entries, struct error *err)
    __attribute__((warn_unused_result));
int registry_unlist_referrer(struct registry *registry, const char *subject, const char *digest,
                             struct error *err) __attribute__((warn_unused_result));

// Asking for the right to push with the first read spares a second token; where that is refused,
// reading alone may still be allowed.
static inline enum registry_right registry_read_right(const struct registry *registry)
{
    return registry->repository.access.push ? REGISTRY_PUSH : REGISTRY_PULL;
}

// Owned; NULL when absent.
char *token_cache_get(struct oci_token_cache *cache, const char *key);
void token_cache_put(struct oci_token_cache *cache, const char *key, const char *authorization,
                     int64_t lifetime_ms); // 0 = for good
void token_cache_drop(struct oci_token_cache *cache, const char *key);

#endif
