// Blobs and manifests on their way up. A blob: HEAD asks whether it is there (only where it may
// be), POST opens a session, one PUT to its Location brings the bytes and the digest. All blobs of
// a batch take each of these steps together. An upload that fails for a reason that passes is begun
// anew. Large blobs go in chunks, one after the other (registry_chunks.c).
#include "base/backoff.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    UPLOAD_TRIES = 4,
    FIRST_DELAY_MS = 250,
    MAX_DELAY_MS = 5000,
    MAX_SEEN = 256,
    PROBE_REDIRECTS = 10,
    WRITE_RETRIES = 3, // of requests that do the same when they are repeated
};

int registry_upload_target(const struct registry *registry, const char *url, const char *location,
                           char **ret_url, bool *ret_elsewhere, struct error *err)
{
    const char *host = registry->repository.reference.host;
    cleanup_free char *absolute = NULL;
    cleanup_url struct url target = {0};
    if (url_resolve(url, location, &absolute, err) < 0 || url_parse(absolute, &target, err) < 0)
        return error_wrap(err, "registry %s: the Location of an upload", host);
    if (strcmp(registry->base.scheme, "https") == 0 && strcmp(target.scheme, "https") != 0)
        return error_set(err, ERROR_DENIED,
                         "registry %s wants the upload over %s instead of https (a proxy in front "
                         "of it that does not forward the scheme?)",
                         host, target.scheme);
    *ret_elsewhere = !url_same_origin(&target, &registry->base);
    *ret_url = STEAL(absolute);
    return 0;
}

char *registry_upload_end(const struct registry_upload *upload)
{
    cleanup_free char *escaped = url_escape(upload->descriptor->digest.text);
    return xasprintf("%s%cdigest=%s", upload->session,
                     strchr(upload->session, '?') != NULL ? '&' : '?', escaped);
}

void registry_upload_release(void *element)
{
    struct registry_upload *upload = element;
    free(upload->session);
    error_release(&upload->error);
}

static bool was_seen(const struct registry *registry, const char *digest)
{
    vec_foreach (const struct digest, seen, &registry->seen)
        if (strcmp(seen->text, digest) == 0)
            return true;
    return false;
}

void registry_saw_blob(struct registry *registry, const struct digest *digest)
{
    if (registry->seen.len >= MAX_SEEN)
        vec_remove(&registry->seen, 0);
    *(struct digest *)vec_push(&registry->seen) = *digest;
}

static void finish(struct registry *registry, struct registry_upload *upload)
{
    upload->done = true;
    registry_saw_blob(registry, &upload->descriptor->digest);
}

// One request for each upload that wants it, all at once.
struct step {
    bool (*wants)(const struct registry_upload *upload);
    void (*prepare)(const struct registry *registry, const struct registry_upload *upload,
                    struct registry_call *call);
    int (*take)(struct registry *registry, struct registry_upload *upload,
                const struct registry_call *call, struct error *err);
};

static bool wants_first(const struct registry_upload *upload)
{
    (void)upload;
    return true;
}

static void prepare_session(const struct registry *registry, const struct registry_upload *upload,
                            struct registry_call *call)
{
    (void)upload;
    registry_call_init(registry, call, "POST", registry_url(registry, "blobs/uploads/"));
    call->request.max_retries = WRITE_RETRIES;
}

static void prepare_first(const struct registry *registry, const struct registry_upload *upload,
                          struct registry_call *call)
{
    if (!upload->probe) {
        prepare_session(registry, upload, call);
        return;
    }
    registry_call_init(registry, call, "HEAD",
                       registry_url(registry, "blobs/%s", upload->descriptor->digest.text));
    call->request.max_redirects = PROBE_REDIRECTS;
}

static int refuse(const struct registry *registry, const struct http_response *response,
                  struct error *err)
{
    cleanup_free char *object = registry_object(registry, NULL);
    return registry_status_error(registry, response, "push", object, err);
}

int registry_refuse_upload(const struct registry *registry, const struct http_response *response,
                           struct error *err)
{
    // A session that ran out, that another of the registry's servers holds, or that ended well
    // although we were not told: begun anew, all of these pass.
    if (response->status == 404)
        return error_set(err, ERROR_UNAVAILABLE, "registry %s has lost an upload to %s (404)",
                         registry->repository.reference.host,
                         registry->repository.reference.repository);
    return refuse(registry, response, err);
}

static int take_session(struct registry *registry, struct registry_upload *upload,
                        const struct registry_call *call, struct error *err)
{
    const struct http_response *response = &call->result.response;
    if (!registry_is_success(response))
        return refuse(registry, response, err);
    const char *location = http_headers_get(&response->headers, "Location");
    if (location == NULL)
        return error_set(err, ERROR_INVALID, "registry %s opened an upload without a Location",
                         registry->repository.reference.host);
    const char *least = http_headers_get(&response->headers, "OCI-Chunk-Min-Length");
    upload->min_chunk = least != NULL ? registry_read_size(least) : 0;
    return registry_upload_target(registry, call->url, location, &upload->session,
                                  &upload->elsewhere, err);
}

static int take_first(struct registry *registry, struct registry_upload *upload,
                      const struct registry_call *call, struct error *err)
{
    const struct http_response *response = &call->result.response;
    if (!upload->probe)
        return take_session(registry, upload, call, err);
    if (registry_is_success(response))
        finish(registry, upload);
    // Whoever may write but not read, or neither, is told by the upload, with the reason.
    else if (response->status != 404 && response->status != 403)
        return refuse(registry, response, err);
    return 0;
}

static bool wants_session(const struct registry_upload *upload)
{
    return upload->session == NULL;
}

static bool wants_bytes(const struct registry_upload *upload)
{
    return upload->session != NULL && !upload->in_chunks;
}

static void prepare_bytes(const struct registry *registry, const struct registry_upload *upload,
                          struct registry_call *call)
{
    registry_call_init(registry, call, "PUT", registry_upload_end(upload));
    http_headers_add(&call->headers, "Content-Type", "application/octet-stream");
    call->elsewhere = upload->elsewhere;
    call->request.body = upload->data;
    call->request.body_size = (size_t)upload->descriptor->size;
}

static int take_bytes(struct registry *registry, struct registry_upload *upload,
                      const struct registry_call *call, struct error *err)
{
    if (!registry_is_success(&call->result.response))
        return registry_refuse_upload(registry, &call->result.response, err);
    finish(registry, upload);
    return 0;
}

static int run_step(struct registry *registry, struct vec *uploads, const struct step *step,
                    struct error *err)
{
    size_t n = 0;
    struct registry_call *calls = xcalloc(uploads->len, sizeof *calls);
    cleanup_free struct registry_upload **chosen =
        xcalloc(uploads->len, sizeof(struct registry_upload *));
    vec_foreach (struct registry_upload, upload, uploads) {
        if (upload->done || upload->error.code != ERROR_NONE || !step->wants(upload))
            continue;
        chosen[n] = upload;
        step->prepare(registry, upload, &calls[n++]);
    }
    int result = registry_send_all(registry, calls, n, REGISTRY_PUSH, err);
    for (size_t i = 0; i < n && result == 0; i++) {
        struct http_result *answer = &calls[i].result;
        if (answer->error.code != ERROR_NONE)
            error_move(&chosen[i]->error, &answer->error);
        // Its error is kept with the upload.
        else if (step->take(registry, chosen[i], &calls[i], &chosen[i]->error) < 0)
            continue;
    }
    registry_calls_release(calls, n);
    return result;
}

// The error of the round: one that does not pass before one that does.
static int round_result(struct vec *uploads, struct error *err)
{
    struct registry_upload *failed = NULL;
    vec_foreach (struct registry_upload, upload, uploads)
        if (!upload->done && (failed == NULL || (error_is_transient(&failed->error) &&
                                                 !error_is_transient(&upload->error))))
            failed = upload;
    return failed != NULL ? error_move(err, &failed->error) : 0;
}

// Large blobs, after everything that goes at once.
static void send_chunks(struct registry *registry, struct vec *uploads)
{
    vec_foreach (struct registry_upload, upload, uploads) {
        if (upload->done || upload->error.code != ERROR_NONE || !upload->in_chunks ||
            upload->session == NULL)
            continue;
        if (registry_put_chunks(registry, upload, &upload->error) == 0)
            finish(registry, upload);
    }
}

static void begin_round(struct registry *registry, struct registry_upload *upload)
{
    size_t chunk = registry->repository.access.chunk_bytes;
    bool is_large = (size_t)upload->descriptor->size > (chunk > 0 ? chunk : REGISTRY_CHUNK_BYTES);
    upload->done = upload->done || was_seen(registry, upload->descriptor->digest.text);
    upload->in_chunks = is_large && !upload->no_chunks;
    error_release(&upload->error);
    upload->error = (struct error){0};
    free(upload->session);
    upload->session = NULL;
}

static int upload_round(struct registry *registry, struct vec *uploads, struct error *err)
{
    static const struct step steps[] = {
        {wants_first, prepare_first, take_first},
        {wants_session, prepare_session, take_session},
        {wants_bytes, prepare_bytes, take_bytes},
    };
    vec_foreach (struct registry_upload, upload, uploads)
        begin_round(registry, upload);
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
        if (run_step(registry, uploads, &steps[i], err) < 0)
            return -1;
    send_chunks(registry, uploads);
    return round_result(uploads, err);
}

static void wait_until_cancelled(struct cancel *cancel, int64_t ms)
{
    static const int64_t slice_ms = 50;
    for (; ms > 0 && !cancel_requested(cancel); ms -= slice_ms) {
        struct timespec delay = {.tv_nsec = (ms < slice_ms ? ms : slice_ms) * 1000 * 1000};
        nanosleep(&delay, NULL);
    }
}

bool registry_wait_to_retry(const struct registry *registry, const struct error *cause,
                            struct backoff *backoff)
{
    const struct oci_access *access = &registry->repository.access;
    int64_t delay_ms = backoff_next(backoff, cause->retry_after_ms);
    int64_t now_ms = clock_mono_ms(clock_system());
    bool late = access->deadline_mono_ms > 0 && now_ms + delay_ms >= access->deadline_mono_ms;
    if (late || !error_is_transient(cause))
        return false;
    wait_until_cancelled(access->cancel, delay_ms);
    return !cancel_requested(access->cancel);
}

int registry_put_blobs(struct registry *registry, struct vec *uploads, struct error *err)
{
    struct backoff backoff = {.first_ms = FIRST_DELAY_MS, .max_ms = MAX_DELAY_MS};
    for (int try = 1; uploads->len > 0; try++) {
        cleanup_error struct error cause = {0};
        if (upload_round(registry, uploads, &cause) == 0)
            return 0;
        if (try == UPLOAD_TRIES || !registry_wait_to_retry(registry, &cause, &backoff))
            return error_move(err, &cause);
        // An answer that was lost may have been a yes.
        vec_foreach (struct registry_upload, upload, uploads)
            upload->probe = true;
    }
    return 0;
}

int registry_put_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      const void *data, struct error *err)
{
    cleanup_vec struct vec uploads = REGISTRY_UPLOADS;
    *(struct registry_upload *)vec_push(&uploads) =
        (struct registry_upload){.descriptor = descriptor, .data = data, .probe = true};
    return registry_put_blobs(registry_of(repository), &uploads, err);
}

int registry_send_manifest(struct registry *registry, const char *media_type, const void *data,
                           size_t size, const char *tag_or_digest, const char *if_match,
                           struct http_response *ret_response, struct error *err)
{
    cleanup_free char *url = registry_url(registry, "manifests/%s", tag_or_digest);
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", media_type);
    if (if_match != NULL)
        http_headers_add(&headers, "If-Match", if_match);
    struct http_request request = registry_request(registry, "PUT", url);
    request.headers = &headers;
    request.body = data;
    request.body_size = size;
    request.max_retries = WRITE_RETRIES;
    return registry_send(registry, &request, REGISTRY_PUSH, ret_response, err);
}

void registry_store_call(const struct registry *registry, struct registry_call *call,
                         const struct oci_descriptor *descriptor, const void *data,
                         const char *tag_or_digest)
{
    registry_call_init(registry, call, "PUT",
                       registry_url(registry, "manifests/%s", tag_or_digest));
    http_headers_add(&call->headers, "Content-Type", descriptor->media_type);
    call->request.body = data;
    call->request.body_size = (size_t)descriptor->size;
    call->request.max_retries = WRITE_RETRIES;
}

int registry_check_stored(const struct registry *registry, const struct oci_descriptor *descriptor,
                          const char *tag_or_digest, const struct http_response *response,
                          struct error *err)
{
    cleanup_free char *object = registry_object(registry, tag_or_digest);
    if (!registry_is_success(response))
        return registry_status_error(registry, response, "push", object, err);
    const char *digest = http_headers_get(&response->headers, "Docker-Content-Digest");
    if (digest != NULL && strcmp(digest, descriptor->digest.text) != 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "registry %s stored %s under another digest (%.100s) than its bytes have",
                         registry->repository.reference.host, object, digest);
    return 0;
}

struct oci_descriptor registry_referrer_entry(const struct oci_manifest *manifest,
                                              const struct oci_descriptor *descriptor)
{
    struct oci_descriptor entry = oci_descriptor_copy(descriptor);
    const char *type = oci_manifest_type(manifest);
    entry.artifact_type = *type != '\0' ? xstrdup(type) : NULL;
    entry.annotations =
        manifest->annotations != NULL ? json_deep_copy(manifest->annotations) : NULL;
    return entry;
}

int registry_put_manifest(struct oci_repository *repository, const struct oci_manifest *manifest,
                          const struct oci_descriptor *descriptor, const void *data,
                          const char *tag, struct error *err)
{
    struct registry *registry = registry_of(repository);
    const char *target = tag != NULL ? tag : descriptor->digest.text;
    cleanup_http_response struct http_response response = {0};
    if (registry_send_manifest(registry, descriptor->media_type, data, (size_t)descriptor->size,
                               target, NULL, &response, err) < 0 ||
        registry_check_stored(registry, descriptor, target, &response, err) < 0)
        return -1;
    if (manifest->subject == NULL || http_headers_get(&response.headers, "OCI-Subject") != NULL)
        return 0;
    cleanup_vec struct vec entries = OCI_DESCRIPTORS;
    *(struct oci_descriptor *)vec_push(&entries) = registry_referrer_entry(manifest, descriptor);
    return registry_list_referrers(registry, manifest->subject->digest.text, &entries, err);
}
