// curl's callbacks: what arrives and what is sent, each within its limit. A callback that refuses
// sets transfer->error first; curl then reports a write or read error, which says nothing more.
#include "base/http_internal.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    // Enough for any server and its proxies; curl alone would take 300 KB and 100 KB a line.
    HEADERS_MAX_BYTES = 256 * 1024,
    // What the body of an error may have where nobody asked for more.
    ERROR_BODY_MAX_BYTES = 8 * 1024,
};

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

bool http_will_redirect(const struct http_transfer *transfer)
{
    int status = transfer->response.status;
    const char *method = transfer->request.method;
    return transfer->request.max_redirects > 0 &&
           (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) &&
           (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           http_headers_get(&transfer->response.headers, "Location") != NULL;
}

static bool to_sink(const struct http_transfer *transfer)
{
    return transfer->request.on_data != NULL && !http_will_redirect(transfer) &&
           (transfer->endless || is_success(transfer->response.status));
}

static void end_of_headers(struct http_transfer *transfer)
{
    struct http_response *response = &transfer->response;
    response->retry_after_ms = http_retry_after_ms(
        http_headers_get(&response->headers, "Retry-After"), clock_wall_ms(transfer->clock));
    bool whole = transfer->request.on_data == NULL && is_success(response->status);
    size_t max = transfer->request.max_body_bytes;
    if (!whole && (transfer->request.on_data != NULL || http_will_redirect(transfer)) &&
        max > ERROR_BODY_MAX_BYTES)
        max = ERROR_BODY_MAX_BYTES;
    strbuf_release(&response->body);
    strbuf_init(&response->body, max);
    transfer->headed = response->status >= 200;
    if (transfer->on_head != NULL && response->status >= 200 && !http_will_redirect(transfer))
        transfer->on_head(transfer);
    if (transfer->request.on_head != NULL && to_sink(transfer))
        transfer->request.on_head(transfer->request.on_data_arg, response);
}

void http_abandon(struct http_transfer *transfer)
{
    if (transfer->easy != NULL)
        curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
}

// "HTTP/1.1 200 OK"; curl writes the same for HTTP/2.
static int status_of(const char *line, size_t length)
{
    const char *space = memchr(line, ' ', length);
    int status = 0;
    for (size_t i = 1; space != NULL && i <= 3 && space + i < line + length; i++)
        status = isdigit((unsigned char)space[i]) ? status * 10 + (space[i] - '0') : 0;
    return status;
}

static void add_header(struct vec *headers, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    // A folded line (RFC 9112, section 5.2) belongs to no header that is looked at here.
    if (colon == NULL || isspace((unsigned char)*line))
        return;
    const char *value = colon + 1;
    const char *end = line + length;
    while (value < end && isspace((unsigned char)*value))
        value++;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    struct http_header *header = vec_push(headers);
    header->name = xstrndup(line, (size_t)(colon - line));
    header->value = xstrndup(value, (size_t)(end - value));
}

size_t http_receive_header(char *data, size_t size, size_t count, void *userdata)
{
    struct http_transfer *transfer = userdata;
    size_t length = size * count;
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    transfer->header_bytes += length;
    if (transfer->header_bytes > HEADERS_MAX_BYTES) {
        error_set(&transfer->error, ERROR_LIMIT,
                  "the headers of %s:%d are larger than the limit of %d bytes", transfer->hop.host,
                  transfer->hop.port, HEADERS_MAX_BYTES);
        http_abandon(transfer);
        return 0;
    }
    if (length >= 5 && strncasecmp(data, "HTTP/", 5) == 0) { // also after a 1xx
        vec_clear(&transfer->response.headers);
        transfer->response.status = status_of(data, length);
    } else if (length <= 2 && (data[0] == '\r' || data[0] == '\n')) {
        end_of_headers(transfer);
    } else if (transfer->body_bytes == 0) { // else it is a trailer
        add_header(&transfer->response.headers, data, length);
    }
    return length;
}

static int deliver(struct http_transfer *transfer, const char *data, size_t length)
{
    transfer->delivered = true;
    if (transfer->request.on_data(transfer->request.on_data_arg, data, length, &transfer->error) <
        0) {
        if (transfer->error.code == ERROR_NONE)
            error_set(&transfer->error, ERROR_INTERNAL, "the answer could not be taken in");
        return -1;
    }
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    return 0;
}

static int too_large(struct http_transfer *transfer)
{
    return error_set(&transfer->error, ERROR_LIMIT,
                     "the answer of %s:%d is larger than the limit of %zu bytes",
                     transfer->hop.host, transfer->hop.port, transfer->request.max_body_bytes);
}

static int keep(struct http_transfer *transfer, const char *data, size_t length)
{
    struct strbuf *body = &transfer->response.body;
    if (strbuf_add(body, data, length) == 0)
        return 0;
    if (is_success(transfer->response.status) && !http_will_redirect(transfer))
        return too_large(transfer);
    if (body->max > body->len && strbuf_add(body, data, body->max - body->len) < 0)
        return -1;
    transfer->cut = true;
    return -1;
}

size_t http_receive_body(char *data, size_t size, size_t count, void *userdata)
{
    struct http_transfer *transfer = userdata;
    size_t length = size * count;
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    transfer->body_bytes += length;
    int result;
    if (!to_sink(transfer))
        result = keep(transfer, data, length);
    else if (transfer->body_bytes > transfer->request.max_body_bytes)
        result = too_large(transfer);
    else
        result = deliver(transfer, data, length);
    if (result == 0)
        return length;
    http_abandon(transfer);
    return length + 1; // anything but length stops curl; safe also where length is 0
}

size_t http_send_body(char *data, size_t size, size_t count, void *userdata)
{
    struct http_transfer *transfer = userdata;
    const struct http_request *request = &transfer->request;
    size_t room = size * count;
    size_t left = request->body_size - transfer->upload_bytes;
    size_t length = left < room ? left : room;
    transfer->active_at_ms = clock_mono_ms(transfer->clock);
    if (length == 0)
        return 0;
    if (request->read_body == NULL) {
        memcpy(data, (const char *)request->body + transfer->upload_bytes, length);
    } else {
        ssize_t read = request->read_body(request->read_arg, data, length);
        if (read <= 0 || (size_t)read > length) {
            error_set(&transfer->error, ERROR_INTERNAL,
                      "the body to send ended after %zu of %zu bytes, or could not be read",
                      transfer->upload_bytes, request->body_size);
            return CURL_READFUNC_ABORT;
        }
        length = (size_t)read;
    }
    transfer->upload_bytes += length;
    return length;
}

// curl rewinds when a connection that it kept turns out to be closed by the server.
int http_seek_body(void *userdata, curl_off_t offset, int origin)
{
    struct http_transfer *transfer = userdata;
    const struct http_request *request = &transfer->request;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    if (transfer->upload_bytes > 0 && request->read_body != NULL &&
        (request->rewind_body == NULL || request->rewind_body(request->read_arg) < 0))
        return CURL_SEEKFUNC_FAIL;
    transfer->upload_bytes = 0;
    return CURL_SEEKFUNC_OK;
}
