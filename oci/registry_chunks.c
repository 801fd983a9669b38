// A large blob on its way up, in chunks (distribution-spec 1.1, "Pushing a blob in chunks"): PATCH
// after PATCH into one session, then a PUT with the digest and no bytes. A chunk that fails is not
// sent blindly again: the session says how far it came, and the upload goes on from there.
#include "base/memory.h"
#include "oci/registry_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRIES_WITHOUT_PROGRESS = 4,
    FIRST_DELAY_MS = 200,
    MAX_DELAY_MS = 5000,
};

struct chunks {
    struct registry *registry;
    struct registry_upload *upload;
    size_t size;
    size_t chunk;
    size_t offset; // what the registry has
};

static int send(struct chunks *chunks, struct registry_call *call, struct http_result *ret_result,
                struct error *err)
{
    int result = registry_send_all(chunks->registry, call, 1, REGISTRY_PUSH, err);
    if (result == 0 && call->result.error.code != ERROR_NONE)
        result = error_move(err, &call->result.error);
    if (result == 0) {
        *ret_result = call->result;
        call->result = (struct http_result){0};
    }
    registry_calls_release(call, 1);
    return result;
}

// The session moves with each answer.
static int follow(struct chunks *chunks, const struct http_response *response, struct error *err)
{
    struct registry_upload *upload = chunks->upload;
    const char *location = http_headers_get(&response->headers, "Location");
    char *next = NULL;
    if (location == NULL)
        return 0;
    if (registry_upload_target(chunks->registry, upload->session, location, &next,
                               &upload->elsewhere, err) < 0)
        return -1;
    free(upload->session);
    upload->session = next;
    return 0;
}

// "0-1023" is 1,024 bytes; some write "bytes=0-1023". Without one, what was sent counts.
static size_t received(const struct http_response *response, size_t otherwise)
{
    const char *range = http_headers_get(&response->headers, "Range");
    if (range == NULL)
        return otherwise;
    if (strncmp(range, "bytes=", 6) == 0)
        range += 6;
    if (strncmp(range, "0-", 2) != 0)
        return 0;
    size_t last = registry_read_size(range + 2);
    // "0-0" is what some say of an empty session, too: one byte is sent again rather than left out.
    return last > 0 ? last + 1 : 0;
}

static struct registry_call *new_call(const struct chunks *chunks, const char *method, char *url)
{
    struct registry_call *call = xcalloc(1, sizeof *call);
    registry_call_init(chunks->registry, call, method, url);
    call->elsewhere = chunks->upload->elsewhere;
    return call;
}

// Asks the session how far it came. A session that is gone is an error that passes: the upload is
// begun anew.
static int ask_offset(struct chunks *chunks, struct error *err)
{
    struct registry_call *call = new_call(chunks, "GET", xstrdup(chunks->upload->session));
    struct http_result answer = {0};
    if (send(chunks, call, &answer, err) < 0)
        return -1;
    int result = 0;
    if (!registry_is_success(&answer.response)) {
        result = error_set(
            err, ERROR_UNAVAILABLE, "registry %s lost an upload after %zu bytes (%d)",
            chunks->registry->repository.reference.host, chunks->offset, answer.response.status);
    } else {
        chunks->offset = received(&answer.response, 0);
        result = follow(chunks, &answer.response, err);
    }
    http_result_release(&answer);
    return result;
}

static int take_patch(struct chunks *chunks, const struct http_response *response, size_t sent,
                      struct error *err)
{
    static const int no_chunks[] = {400, 404, 405, 411, 415, 501};
    int status = response->status;
    if (registry_is_success(response)) {
        chunks->offset = received(response, chunks->offset + sent);
        return follow(chunks, response, err);
    }
    if (status == 416)
        return error_set(err, ERROR_CONFLICT, "it wants another range");
    for (size_t i = 0; i < ARRAY_LENGTH(no_chunks) && chunks->offset == 0; i++)
        if (status == no_chunks[i]) {
            chunks->upload->no_chunks = true;
            return error_set(err, ERROR_UNAVAILABLE, "registry %s takes no chunks (%d)",
                             chunks->registry->repository.reference.host, status);
        }
    return registry_refuse_upload(chunks->registry, response, err);
}

static int send_chunk(struct chunks *chunks, struct error *err)
{
    size_t left = chunks->size - chunks->offset;
    size_t size = left < chunks->chunk ? left : chunks->chunk;
    struct registry_call *call = new_call(chunks, "PATCH", xstrdup(chunks->upload->session));
    cleanup_free char *range = xasprintf("%zu-%zu", chunks->offset, chunks->offset + size - 1);
    http_headers_add(&call->headers, "Content-Type", "application/octet-stream");
    http_headers_add(&call->headers, "Content-Range", range);
    call->request.body = (const char *)chunks->upload->data + chunks->offset;
    call->request.body_size = size;
    struct http_result answer = {0};
    if (send(chunks, call, &answer, err) < 0)
        return -1;
    int result = take_patch(chunks, &answer.response, size, err);
    http_result_release(&answer);
    return result;
}

// Whether an error leads to asking where to go on.
static bool may_resume(const struct chunks *chunks, const struct error *cause)
{
    return !chunks->upload->no_chunks &&
           (cause->code == ERROR_CONFLICT || error_is_transient(cause));
}

static int send_all(struct chunks *chunks, struct error *err)
{
    struct backoff backoff = {.first_ms = FIRST_DELAY_MS, .max_ms = MAX_DELAY_MS};
    size_t best = 0;
    for (int stuck = 0; chunks->offset < chunks->size;) {
        cleanup_error struct error cause = {0};
        int result = send_chunk(chunks, &cause);
        if (result < 0 && !may_resume(chunks, &cause))
            return error_move(err, &cause);
        // 416 says at once that the session stands elsewhere; trouble on the way is given time.
        if (result < 0 && cause.code != ERROR_CONFLICT &&
            !registry_wait_to_retry(chunks->registry, &cause, &backoff))
            return error_move(err, &cause);
        if (result < 0 && ask_offset(chunks, err) < 0)
            return -1;
        stuck = chunks->offset > best ? 0 : stuck + 1;
        best = chunks->offset > best ? chunks->offset : best;
        if (stuck == TRIES_WITHOUT_PROGRESS && cause.code != ERROR_NONE)
            return error_move(err, &cause);
        if (stuck == TRIES_WITHOUT_PROGRESS || chunks->offset > chunks->size)
            return error_set(
                err, ERROR_INVALID, "registry %s does not keep what it is sent (%zu of %zu bytes)",
                chunks->registry->repository.reference.host, chunks->offset, chunks->size);
    }
    return 0;
}

int registry_put_chunks(struct registry *registry, struct registry_upload *upload,
                        struct error *err)
{
    size_t chunk = registry->repository.access.chunk_bytes;
    chunk = chunk > 0 ? chunk : REGISTRY_CHUNK_BYTES;
    struct chunks chunks = {.registry = registry,
                            .upload = upload,
                            .size = (size_t)upload->descriptor->size,
                            .chunk = chunk > upload->min_chunk ? chunk : upload->min_chunk};
    if (send_all(&chunks, err) < 0)
        return -1;
    struct registry_call *call = new_call(&chunks, "PUT", registry_upload_end(upload));
    http_headers_add(&call->headers, "Content-Type", "application/octet-stream");
    struct http_result answer = {0};
    if (send(&chunks, call, &answer, err) < 0)
        return -1;
    int result = registry_is_success(&answer.response)
                     ? 0
                     : registry_refuse_upload(registry, &answer.response, err);
    http_result_release(&answer);
    return result;
}
