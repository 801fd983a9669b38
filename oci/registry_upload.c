// Blobs and manifests on their way up: POST opens a session, one PUT to its Location brings the
// bytes and the digest. An upload that fails for a reason that passes is begun anew.
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
    WRITE_RETRIES = 3, // of requests that do the same when they are repeated
};

// Where the session's PUT goes. The registry may name another origin, which then gets the bytes but
// never our token, and never in the clear instead of TLS.
static int upload_target(const struct registry *registry, const char *url, const char *location,
                         const char *digest, char **ret_url, bool *ret_same_origin,
                         struct error *err)
{
    const char *host = registry->repository.reference.host;
    if (location == NULL)
        return error_set(err, ERROR_INVALID, "registry %s opened an upload without a Location",
                         host);
    cleanup_free char *absolute = NULL;
    cleanup_url struct url target = {0};
    if (url_resolve(url, location, &absolute, err) < 0 || url_parse(absolute, &target, err) < 0)
        return error_wrap(err, "registry %s: the Location of an upload", host);
    if (strcmp(registry->base.scheme, "https") == 0 && strcmp(target.scheme, "https") != 0)
        return error_set(err, ERROR_DENIED,
                         "registry %s wants the upload over %s instead of https (a proxy in front "
                         "of it that does not forward the scheme?)",
                         host, target.scheme);
    cleanup_free char *escaped = url_escape(digest);
    *ret_same_origin = url_same_origin(&target, &registry->base);
    *ret_url = xasprintf("%s%cdigest=%s", absolute, target.query != NULL ? '&' : '?', escaped);
    return 0;
}

static int open_session(struct registry *registry, const char *digest, char **ret_url,
                        bool *ret_same_origin, struct error *err)
{
    cleanup_free char *url = registry_url(registry, "blobs/uploads/");
    struct http_request request = registry_request(registry, "POST", url);
    request.max_retries = WRITE_RETRIES;
    cleanup_http_response struct http_response response = {0};
    if (registry_send(registry, &request, REGISTRY_PUSH, &response, err) < 0)
        return -1;
    cleanup_free char *object = registry_object(registry, NULL);
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "push", object, err);
    return upload_target(registry, url, http_headers_get(&response.headers, "Location"), digest,
                         ret_url, ret_same_origin, err);
}

static int send_bytes(struct registry *registry, const char *url, bool same_origin,
                      const void *data, size_t size, struct error *err)
{
    cleanup_vec struct vec headers = HTTP_HEADERS;
    http_headers_add(&headers, "Content-Type", "application/octet-stream");
    struct http_request request = registry_request(registry, "PUT", url);
    request.headers = &headers;
    request.body = data;
    request.body_size = size;
    cleanup_http_response struct http_response response = {0};
    int result = same_origin ? registry_send(registry, &request, REGISTRY_PUSH, &response, err)
                             : http_do(registry->client, &request, &response, err);
    if (result < 0)
        return -1;
    cleanup_free char *object = registry_object(registry, NULL);
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "push", object, err);
    return 0;
}

static int upload(struct registry *registry, const struct oci_descriptor *descriptor,
                  const void *data, struct error *err)
{
    bool has = false, same_origin = false;
    if (registry->repository.ops->has_blob(&registry->repository, descriptor->digest.text, &has,
                                           err) < 0)
        return -1;
    if (has)
        return 0;
    cleanup_free char *url = NULL;
    if (open_session(registry, descriptor->digest.text, &url, &same_origin, err) < 0)
        return -1;
    return send_bytes(registry, url, same_origin, data, (size_t)descriptor->size, err);
}

static void wait_until_cancelled(struct cancel *cancel, int64_t ms)
{
    static const int64_t slice_ms = 50;
    for (; ms > 0 && !cancel_requested(cancel); ms -= slice_ms) {
        struct timespec delay = {.tv_nsec = (ms < slice_ms ? ms : slice_ms) * 1000 * 1000};
        nanosleep(&delay, NULL);
    }
}

static bool deadline_is_near(const struct registry *registry, int64_t delay_ms)
{
    int64_t deadline = registry->repository.access.deadline_mono_ms;
    return deadline > 0 && clock_mono_ms(clock_system()) + delay_ms >= deadline;
}

int registry_put_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      const void *data, struct error *err)
{
    struct registry *registry = registry_of(repository);
    struct backoff backoff = {.first_ms = FIRST_DELAY_MS, .max_ms = MAX_DELAY_MS};
    for (int try = 1;; try++) {
        cleanup_error struct error cause = {0};
        if (upload(registry, descriptor, data, &cause) == 0)
            return 0;
        int64_t delay_ms = backoff_next(&backoff, cause.retry_after_ms);
        if (try == UPLOAD_TRIES || !error_is_transient(&cause) ||
            cancel_requested(repository->access.cancel) || deadline_is_near(registry, delay_ms))
            return error_move(err, &cause);
        wait_until_cancelled(repository->access.cancel, delay_ms);
    }
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

int registry_put_manifest(struct oci_repository *repository, const struct oci_manifest *manifest,
                          const struct oci_descriptor *descriptor, const void *data,
                          const char *tag, struct error *err)
{
    struct registry *registry = registry_of(repository);
    const char *target = tag != NULL ? tag : descriptor->digest.text;
    cleanup_free char *object = registry_object(registry, target);
    cleanup_http_response struct http_response response = {0};
    if (registry_send_manifest(registry, descriptor->media_type, data, (size_t)descriptor->size,
                               target, NULL, &response, err) < 0)
        return -1;
    if (!registry_is_success(&response))
        return registry_status_error(registry, &response, "push", object, err);
    const char *digest = http_headers_get(&response.headers, "Docker-Content-Digest");
    if (digest != NULL && strcmp(digest, descriptor->digest.text) != 0)
        return error_set(err, ERROR_UNVERIFIED,
                         "registry %s stored %s under another digest (%.100s) than its bytes have",
                         repository->reference.host, object, digest);
    if (manifest->subject == NULL || http_headers_get(&response.headers, "OCI-Subject") != NULL)
        return 0;
    cleanup_oci_descriptor struct oci_descriptor entry = oci_descriptor_copy(descriptor);
    const char *type = oci_manifest_type(manifest);
    entry.artifact_type = *type != '\0' ? xstrdup(type) : NULL;
    entry.annotations =
        manifest->annotations != NULL ? json_deep_copy(manifest->annotations) : NULL;
    return registry_edit_fallback(registry, manifest->subject->digest.text, descriptor->digest.text,
                                  &entry, err);
}
