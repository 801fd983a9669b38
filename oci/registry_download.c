// A blob on its way down. What breaks off is asked for again from the byte that is missing
// (distribution-spec 1.1, "Resumable pulls"); a server that does not know ranges sends all of it
// anew. repository.c compares the whole with its digest, so pieces of different blobs never pass.
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    DOWNLOAD_TRIES = 8,
    TRIES_WITHOUT_PROGRESS = 3,
    FIRST_DELAY_MS = 200,
    MAX_DELAY_MS = 5000,
};

struct download {
    struct strbuf received;
    size_t offset; // where the answer that is coming begins
    bool wrong_range;
};

size_t registry_read_size(const char *text)
{
    size_t length = strspn(text, "0123456789");
    bool fine = length > 0 && length <= 15 && text[length] == '\0';
    return fine ? strtoull(text, NULL, 10) : 0;
}

// Whether "bytes N-M/T" begins at offset.
static bool begins_at(const char *content_range, size_t offset)
{
    cleanup_free char *wanted = xasprintf("bytes %zu-", offset);
    return content_range != NULL && strncmp(content_range, wanted, strlen(wanted)) == 0;
}

static void on_head(void *arg, const struct http_response *response)
{
    struct download *download = arg;
    bool is_part = response->status == 206;
    // The HTTP client repeats what broke off before its first byte, and an answer that began anew
    // may have been among these: then there is nothing to append to.
    bool fits = is_part && download->offset <= download->received.len;
    strbuf_truncate(&download->received, fits ? download->offset : 0);
    download->wrong_range =
        is_part && (!fits || !begins_at(http_headers_get(&response->headers, "Content-Range"),
                                        download->offset));
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct download *download = arg;
    if (download->wrong_range) {
        strbuf_truncate(&download->received, 0);
        return error_set(err, ERROR_UNAVAILABLE, "it sent another range than was asked for");
    }
    if (strbuf_add(&download->received, data, size) == 0)
        return 0;
    return error_set(err, ERROR_LIMIT, "it sent more than the %zu bytes that the blob has",
                     download->received.max);
}

// 1 when it broke off and may be tried again.
static int ask(struct registry *registry, const char *url, struct download *download,
               struct http_response *ret_response, struct error *err)
{
    struct http_request request = registry_request(registry, "GET", url);
    cleanup_vec struct vec headers = HTTP_HEADERS;
    download->offset = download->received.len;
    if (download->offset > 0) {
        cleanup_free char *range = xasprintf("bytes=%zu-", download->offset);
        http_headers_add(&headers, "Range", range);
    }
    request.headers = &headers;
    request.max_redirects = REGISTRY_BLOB_REDIRECTS;
    request.max_body_bytes = download->received.max;
    request.on_head = on_head;
    request.on_data = on_data;
    request.on_data_arg = download;
    if (registry_send(registry, &request, registry_read_right(registry), ret_response, err) < 0)
        return error_is_transient(err) ? 1 : -1;
    // An answer that was asked for ahead has its body still.
    if (registry_is_success(ret_response) && ret_response->body.len > 0 &&
        strbuf_add(&download->received, ret_response->body.data, ret_response->body.len) < 0)
        return error_set(err, ERROR_LIMIT, "it sent more than the blob has");
    // Nothing is left of what was asked for: the bytes so far are not those of this blob.
    if (ret_response->status == 416) {
        strbuf_truncate(&download->received, 0);
        error_set(err, ERROR_UNAVAILABLE, "it has not the range that is missing");
        return 1;
    }
    return 0;
}

static int fetch(struct registry *registry, const char *url, struct download *download,
                 struct http_response *ret_response, struct error *err)
{
    struct backoff backoff = {.first_ms = FIRST_DELAY_MS, .max_ms = MAX_DELAY_MS};
    size_t best = 0;
    for (int try = 1, stuck = 0;; try++) {
        cleanup_error struct error cause = {0};
        http_response_release(ret_response);
        *ret_response = (struct http_response){0};
        int result = ask(registry, url, download, ret_response, &cause);
        if (result == 0)
            return 0;
        stuck = download->received.len > best ? 0 : stuck + 1;
        best = download->received.len > best ? download->received.len : best;
        if (result < 0 || try == DOWNLOAD_TRIES || stuck == TRIES_WITHOUT_PROGRESS ||
            !registry_wait_to_retry(registry, &cause, &backoff))
            return error_move(err, &cause);
    }
}

int registry_get_blob(struct oci_repository *repository, const struct oci_descriptor *descriptor,
                      char **ret_data, size_t *ret_size, struct error *err)
{
    struct registry *registry = registry_of(repository);
    cleanup_free char *object =
        xasprintf("blob %s of %s", descriptor->digest.text, repository->reference.repository);
    cleanup_free char *url = registry_url(registry, "blobs/%s", descriptor->digest.text);
    size_t max = (size_t)descriptor->size;
    struct download download = {0};
    // The sentence of an error must fit, too.
    strbuf_init(&download.received, max > REGISTRY_MAX_ERROR ? max : REGISTRY_MAX_ERROR);
    cleanup_http_response struct http_response response = {0};
    int result = fetch(registry, url, &download, &response, err);
    if (result < 0)
        error_wrap(err, "pull %s", object);
    else if (!registry_is_success(&response))
        result = registry_status_error(registry, &response, "pull", object, err);
    if (result == 0) {
        *ret_size = download.received.len;
        *ret_data = strbuf_steal(&download.received);
    }
    strbuf_release(&download.received);
    return result;
}
