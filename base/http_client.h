// The HTTP client, on curl multi: HTTP/2 where the server has it, one deadline over everything a
// request does (connecting, redirects, retries), byte caps, and credentials that never follow a
// redirect to another origin. Two ways to use it:
//   - http_do and http_do_all block a worker thread; one struct http_client per thread at a time.
//   - http_stream_open runs on the event loop, for bodies that never end (watches).
#ifndef BASE_HTTP_CLIENT_H
#define BASE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "base/vec.h"

struct http_header {
    char *name;
    char *value;
};
// A vec of struct http_header.
#define HTTP_HEADERS VEC_OF(struct http_header, http_header_release)
void http_header_release(void *header);
void http_headers_add(struct vec *headers, const char *name, const char *value);
// Without regard to case; the first one, borrowed, or NULL.
const char *http_headers_get(const struct vec *headers, const char *name);

// Everything from memory, so that it can come from a Secret. All borrowed; NULL = the system's
// default.
struct http_tls {
    const char *ca_pem;
    const char *cert_pem;
    const char *key_pem;
    bool insecure_skip_verify; // only where the user wrote so
};

// Which addresses a request may reach, judged after the name was resolved.
enum http_reach {
    HTTP_REACH_ANY,
    HTTP_REACH_NOT_LOCAL, // no loopback, no link-local (metadata services), no unspecified address
    HTTP_REACH_PUBLIC,    // and no private ranges either
};

struct sockaddr;
struct http_response;
// What kind of address is refused ("a loopback address"), or NULL when it may be reached. For
// connections that are not HTTP's. Static text.
const char *http_reach_refusal(enum http_reach reach, const struct sockaddr *address);

struct http_request {
    const char *method;        // "GET"
    const char *url;           // http or https; its user:password is refused
    const struct vec *headers; // of struct http_header; borrowed
    const char *
        authorization; // value of the Authorization header; dropped on a redirect to another origin
    const void *body;
    size_t body_size;
    // Or a body from a callback of known size: returns bytes written to buffer, or -1. Rewound
    // before a retry.
    ssize_t (*read_body)(void *arg, char *buffer, size_t size);
    int (*rewind_body)(void *arg);
    void *read_arg;

    const struct http_tls *tls;
    const char *proxy;     // URL, may hold credentials; NULL = from the environment; "" = none
    enum http_reach reach; // a proxy's address is judged as well
    enum http_reach reach_elsewhere; // of other hosts, where redirects lead to, if that is stricter
    // "host:port" to connect to instead of the URL's, whose host is then only the name in TLS; not
    // after a redirect to another origin. Set a Host header beside it.
    const char *connect_to;

    int64_t deadline_ms;        // over all, from the call; 0 = 60 s (a stream: none)
    int64_t connect_timeout_ms; // 0 = 10 s
    int64_t idle_timeout_ms;    // no byte for so long ends it; 0 = 30 s (a stream: none)
    size_t max_body_bytes;      // 0 = 4 MiB (a stream: none); above is ERROR_LIMIT
    unsigned max_redirects; // 0 = none: the caller gets the 3xx; only GET and HEAD are followed,
                            // never https to http
    // On connect failures, broken answers, 408, 429, 500, 502, 503, 504; waits as Retry-After says,
    // or returns at once when that is past the deadline. POST and PATCH: only where the request did
    // not leave, 429 and 503.
    unsigned max_retries;
    // Body of 2xx goes here in pieces instead of response.body. -1 aborts with the error it set.
    int (*on_data)(void *arg, const void *data, size_t size, struct error *err);
    void *on_data_arg; // of the two below as well
    // Status and headers of the answer whose body on_data is about to get. May be NULL.
    void (*on_head)(void *arg, const struct http_response *response);
    // Called before on_data sees bytes of a new try, so that a sink can start over. NULL: such a
    // body is not retried once bytes were delivered.
    void (*on_restart)(void *arg);
    struct cancel *cancel; // NULL = cannot be cancelled
};

struct http_response {
    int status;
    struct vec headers; // of struct http_header, of the last hop
    struct strbuf body; // of any status; errors are cut at 8 KiB where on_data takes the body
    char *url;          // the last hop's, without credentials
    int64_t retry_after_ms;
};
void http_response_release(struct http_response *response);
#define cleanup_http_response __attribute__((cleanup(http_response_release)))

struct http_client;
// Trusts the system's CA certificates, or those in the file that SSL_CERT_FILE or CURL_CA_BUNDLE
// names now. Keeps at most 16 idle connections.
struct http_client *http_client_new(void);
void http_client_free(struct http_client *client); // closes its connections
void cleanup_http_client_pointer(struct http_client **client);
#define cleanup_http_client __attribute__((cleanup(cleanup_http_client_pointer)))

// 0 whenever the server answered, whatever the status (see http_status_error). On -1: TIMEOUT,
// CANCELED, LIMIT, UNAVAILABLE (could not reach it), UNVERIFIED (TLS), DENIED (reach), INVALID
// (URL).
int http_do(struct http_client *client, const struct http_request *request,
            struct http_response *ret_response, struct error *err)
    __attribute__((warn_unused_result));

// n requests, at most max_parallel at once, over shared HTTP/2 connections. Each result stands
// alone: error.code is ERROR_NONE where a response came. `on_done`, if given, sees each as it
// completes.
struct http_result {
    struct http_response response;
    struct error error;
    bool sent; // the request may have reached the server
};
void http_result_release(struct http_result *result);
void http_do_all(struct http_client *client, const struct http_request *requests, size_t n,
                 unsigned max_parallel, struct http_result *ret_results,
                 void (*on_done)(void *arg, size_t index), void *arg);

// The same for requests that come and go while others run: `next` names one to start now (borrowed
// until it finished; its cancel is not watched), or NULL with when to ask again at the latest;
// it is asked again too whenever one finished or http_client_wake was called. Ends when `next`
// gives nothing, none is running and *ret_wait_ms is below 0. `finished` consumes the result.
struct http_source {
    const struct http_request *(*next)(void *arg, size_t *ret_index, int64_t *ret_wait_ms);
    void (*finished)(void *arg, size_t index, struct http_result *result);
};
void http_client_run(struct http_client *client, const struct http_source *source, void *arg);
// Any thread.
void http_client_wake(struct http_client *client);

// Turns a status that is not 2xx into an error with the code that fits (401, 403 DENIED, 404
// NOT_FOUND, 409, 412 CONFLICT, 408, 429, 5xx UNAVAILABLE, the rest INVALID), retry_after_ms, and
// up to 200 printable characters of the body. 0 for 2xx.
int http_status_error(const struct http_response *response, const char *what, struct error *err)
    __attribute__((warn_unused_result));

// Retry-After in either form: seconds or HTTP-date; 0 when absent or unreadable.
int64_t http_retry_after_ms(const char *value, int64_t now_wall_ms);

// The event-loop side. One per loop; all streams share its connections.
struct http_streams;
int http_streams_new(struct loop *loop, struct http_streams **ret_streams, struct error *err)
    __attribute__((warn_unused_result));
void http_streams_free(struct http_streams *streams); // cancels what is open, without calls

struct http_stream;
struct http_stream_events {
    void (*on_response)(void *arg,
                        const struct http_response *response); // status and headers are known
    int (*on_data)(void *arg, const void *data, size_t size, struct error *err);
    // Exactly once, unless cancelled: error is NULL when the server ended the body.
    void (*on_end)(void *arg, const struct error *error);
};
// Copies what it needs of request (read_body's arg is borrowed until the end). No retries: the
// owner decides. on_data gets the body of any status. No call comes before this returns. Ignored:
// cancel, on_data, max_retries.
int http_stream_open(struct http_streams *streams, const struct http_request *request,
                     const struct http_stream_events *events, void *arg,
                     struct http_stream **ret_stream, struct error *err)
    __attribute__((warn_unused_result));
// Ends it without any further call; the stream is gone. Also from within its calls. On a shared
// HTTP/2 connection the server learns of it with the connection's next frame.
void http_stream_cancel(struct http_stream *stream);

#endif
