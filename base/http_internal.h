// Inside the HTTP client: one request on its way. A transfer is driven by whoever owns the CURLM,
// the blocking side (http_client.c) or the loop's (http_stream.c):
//
//     init ─▶ start ─▶ curl ─▶ complete ─▶ HTTP_STEP_DONE
//               ▲                 │
//               └── at start_at_ms ┘ HTTP_STEP_AGAIN: a redirect, or a retry after its delay
//
// check() ends it between two steps of curl when a deadline passed or the caller asked to stop.
#ifndef BASE_HTTP_INTERNAL_H
#define BASE_HTTP_INTERNAL_H

#include "base/backoff.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/url.h"

#include <curl/curl.h>
#include <sys/socket.h>

struct http_transfer {
    struct http_request request; // with the defaults filled in; what it points to is borrowed
    const struct clock *clock;
    const char *ca_file; // the system's certificates; NULL = curl's own default
    bool shared;         // wait for a connection that can be shared rather than open another
    bool endless;        // a stream: the sink gets the body of any status, buffers stay small
    void (*on_head)(
        struct http_transfer *transfer); // the headers that the caller will see; or NULL

    char *url; // of this hop, owned
    struct url hop;
    bool left_origin; // from the first hop to another origin on, credentials stay behind
    unsigned redirects;
    struct backoff backoff;
    int64_t deadline_at_ms; // monotonic; INT64_MAX = none
    int64_t start_at_ms;    // of the next hop or try

    // Of this hop only.
    CURL *easy; // NULL while curl does not have it
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char curl_text[CURL_ERROR_SIZE];
    int64_t active_at_ms; // when the last byte moved
    bool sent;            // a connection was made and the request may have left
    bool cut;             // the body of an error was long enough
    bool headed;          // all headers of the answer came
    size_t header_bytes;
    size_t body_bytes;
    size_t upload_bytes;

    bool ever_sent; // some hop or try before this one was
    bool delivered; // on_data has seen bytes of this try
    bool idled;     // the idle timeout ended this try, which may be repeated
    struct http_response response;
    struct error error; // why it failed, set while it runs or by complete
};

enum http_step { HTTP_STEP_DONE, HTTP_STEP_AGAIN };

// Borrows everything until release. ERROR_INVALID.
int http_transfer_init(struct http_transfer *transfer, const struct http_request *request,
                       const struct clock *clock, struct error *err)
    __attribute__((warn_unused_result));
// Hands a hop to curl. On failure transfer->error says why and the transfer is over.
int http_transfer_start(struct http_transfer *transfer, CURLM *multi)
    __attribute__((warn_unused_result));
// After curl's DONE message. When DONE, error.code is ERROR_NONE where a response came.
enum http_step http_transfer_complete(struct http_transfer *transfer, CURLM *multi, CURLcode code);
// Takes it from curl when curl is done with it; and in the middle of it.
void http_transfer_stop(struct http_transfer *transfer, CURLM *multi);
void http_transfer_abort(struct http_transfer *transfer, CURLM *multi);
void http_transfer_release(struct http_transfer *transfer); // stopped before

// -1 and transfer->error when a deadline passed or it was cancelled.
int http_transfer_check(struct http_transfer *transfer) __attribute__((warn_unused_result));
// After a failed check: whether it is over, or to be tried again. It must have been stopped.
enum http_step http_transfer_after_check(struct http_transfer *transfer);
// Until the next check or start is due; INT64_MAX = nothing is.
int64_t http_transfer_wait_ms(const struct http_transfer *transfer);

// Sets up an easy handle for the hop (http_setup.c). -1 with transfer->error.
int http_setup(struct http_transfer *transfer) __attribute__((warn_unused_result));
int http_setup_check_headers(const struct http_request *request, struct error *err)
    __attribute__((warn_unused_result));
// curl's callbacks (http_body.c); `userdata` is the transfer.
size_t http_receive_header(char *data, size_t size, size_t count, void *userdata);
size_t http_receive_body(char *data, size_t size, size_t count, void *userdata);
size_t http_send_body(char *data, size_t size, size_t count, void *userdata);
int http_seek_body(void *userdata, curl_off_t offset, int origin);
// The answer is not wanted to its end. curl 7.88 resets an HTTP/2 stream only with the connection's
// next frame, so a connection that nobody else uses is closed instead of kept.
void http_abandon(struct http_transfer *transfer);
bool http_will_redirect(const struct http_transfer *transfer);

// Sets transfer->error to a sentence about what curl reports (http_error.c).
void http_describe_failure(struct http_transfer *transfer, CURLcode code);
// Whether the same transfer may succeed when it is tried again.
bool http_failure_is_transient(CURLcode code, enum error_code described);

// SSL_CERT_FILE or CURL_CA_BUNDLE; owned, NULL when neither is set.
char *http_system_ca_file(void);

// What kind of address is refused ("a loopback address"), or NULL when it may be reached.
const char *http_reach_refusal(enum http_reach reach, const struct sockaddr *address);
const char *http_reach_refusal_text(enum http_reach reach, const char *address);

#endif
