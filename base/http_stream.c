// The event loop's side: bodies that may never end. curl tells which sockets to watch and when to
// wake it; after each step of curl, settle() does what cannot be done inside its callbacks:
//
//              open                    curl_multi_socket_action
//     QUEUED ───────▶ RUNNING ──────────────────────────────────▶ on_end ─▶ freed
//        ▲               │ redirect                                 ▲
//        └───────────────┘            cancel: DOOMED ─▶ freed ──────┘ without a call
//
// A stream is freed only by settle, never while curl or a caller's function may still use it.
#include "base/http_client.h"

#include "base/http_internal.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Idle connections kept for the next watch.
static const long KEPT_CONNECTIONS = 4;

struct http_streams {
    struct loop *loop;
    CURLM *multi;
    char *ca_file;
    struct loop_timer *timer; // curl's
    struct http_stream *first;
    bool busy; // inside curl, or settling: changes wait
};

enum stream_state { STREAM_QUEUED, STREAM_RUNNING, STREAM_ENDING, STREAM_DOOMED };

// What a stream keeps of the caller's request, because the caller's goes away.
struct kept_request {
    char *method;
    char *url;
    char *authorization;
    char *proxy;
    char *connect_to;
    void *body;
    struct vec headers;
    struct http_tls tls;
    char *ca_pem;
    char *cert_pem;
    char *key_pem;
};

struct http_stream {
    struct http_streams *owner;
    struct http_stream *next;
    struct http_stream **link; // what points to this one
    enum stream_state state;
    struct http_transfer transfer;
    struct kept_request kept;
    struct http_stream_events events;
    void *arg;
    struct loop_timer *deadline;
};

static void settle(struct http_streams *streams);

static void kept_init(struct kept_request *kept, const struct http_request *from,
                      struct http_request *ret_request)
{
    kept->method = xstrdup(from->method);
    kept->url = xstrdup(from->url);
    kept->authorization = xstrdup_or_null(from->authorization);
    kept->proxy = xstrdup_or_null(from->proxy);
    kept->connect_to = xstrdup_or_null(from->connect_to);
    kept->headers = HTTP_HEADERS;
    if (from->headers != NULL) {
        vec_foreach (struct http_header, header, from->headers)
            http_headers_add(&kept->headers, header->name, header->value);
    }
    *ret_request = *from;
    if (from->read_body == NULL && from->body_size > 0)
        kept->body = xmemdup(from->body, from->body_size);
    if (from->tls != NULL) {
        kept->ca_pem = xstrdup_or_null(from->tls->ca_pem);
        kept->cert_pem = xstrdup_or_null(from->tls->cert_pem);
        kept->key_pem = xstrdup_or_null(from->tls->key_pem);
        kept->tls = (struct http_tls){kept->ca_pem, kept->cert_pem, kept->key_pem,
                                      from->tls->insecure_skip_verify};
        ret_request->tls = &kept->tls;
    }
    ret_request->method = kept->method;
    ret_request->url = kept->url;
    ret_request->authorization = kept->authorization;
    ret_request->proxy = kept->proxy;
    ret_request->connect_to = kept->connect_to;
    ret_request->headers = &kept->headers;
    ret_request->body = kept->body;
    ret_request->cancel = NULL;
    ret_request->max_retries = 0;
}

static void kept_release(struct kept_request *kept)
{
    free(kept->method);
    free(kept->url);
    secret_free(kept->authorization);
    secret_free(kept->proxy);
    free(kept->connect_to);
    free(kept->body);
    vec_free(&kept->headers);
    free(kept->ca_pem);
    free(kept->cert_pem);
    secret_free(kept->key_pem);
}

static void stream_free(struct http_stream *stream)
{
    *stream->link = stream->next;
    if (stream->next != NULL)
        stream->next->link = stream->link;
    http_transfer_abort(&stream->transfer, stream->owner->multi);
    http_transfer_release(&stream->transfer);
    kept_release(&stream->kept);
    loop_timer_free(stream->deadline);
    free(stream);
}

static struct http_stream *stream_of(struct http_transfer *transfer)
{
    return CONTAINER_OF(transfer, struct http_stream, transfer);
}

static void on_head(struct http_transfer *transfer)
{
    struct http_stream *stream = stream_of(transfer);
    if (stream->state == STREAM_RUNNING && stream->events.on_response != NULL)
        stream->events.on_response(stream->arg, &transfer->response);
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct http_stream *stream = arg;
    int result = 0;
    if (stream->state == STREAM_RUNNING && stream->events.on_data != NULL)
        result = stream->events.on_data(stream->arg, data, size, err);
    if (stream->state != STREAM_RUNNING)
        return error_set(err, ERROR_CANCELED, "the stream was cancelled");
    return result;
}

// Looks again when the nearest deadline could have passed; bytes in between move the deadline, not
// the timer.
static void arm(struct http_stream *stream)
{
    int64_t wait = http_transfer_wait_ms(&stream->transfer);
    const struct http_request *request = &stream->transfer.request;
    // Connecting has curl's own timeout; the idle time is counted from the connection on.
    if (stream->state == STREAM_RUNNING && !stream->transfer.sent && request->idle_timeout_ms > 0 &&
        wait > request->idle_timeout_ms)
        wait = request->idle_timeout_ms;
    if (wait != INT64_MAX)
        loop_timer_set(stream->deadline, wait);
}

static void end(struct http_stream *stream)
{
    http_transfer_abort(&stream->transfer, stream->owner->multi);
    stream->state = STREAM_ENDING;
    const struct error *error = &stream->transfer.error;
    if (stream->events.on_end != NULL)
        stream->events.on_end(stream->arg, error->code != ERROR_NONE ? error : NULL);
    stream->state = STREAM_DOOMED;
}

static void start(struct http_stream *stream)
{
    stream->state = STREAM_RUNNING;
    if (http_transfer_start(&stream->transfer, stream->owner->multi) < 0)
        end(stream);
    else
        arm(stream);
}

static void on_deadline(void *arg)
{
    struct http_stream *stream = arg;
    struct http_streams *streams = stream->owner;
    assert(!streams->busy);
    streams->busy = true;
    if (http_transfer_check(&stream->transfer) < 0)
        end(stream);
    else
        arm(stream);
    streams->busy = false;
    settle(streams);
}

static void collect(struct http_streams *streams)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(streams->multi, &left)) != NULL) {
        char *private = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        struct http_transfer *transfer = (struct http_transfer *)(void *)private;
        struct http_stream *stream = stream_of(transfer);
        CURLcode code = message->data.result;
        if (stream->state == STREAM_DOOMED)
            http_transfer_stop(transfer, streams->multi);
        else if (http_transfer_complete(transfer, streams->multi, code) == HTTP_STEP_DONE)
            end(stream);
        else
            stream->state = STREAM_QUEUED;
    }
}

// One change at a time, each from the start of the list: a caller's function may have changed it.
static bool settle_one(struct http_streams *streams)
{
    for (struct http_stream *stream = streams->first; stream != NULL; stream = stream->next) {
        if (stream->state == STREAM_DOOMED) {
            stream_free(stream);
            return true;
        }
        if (stream->state == STREAM_QUEUED) {
            start(stream);
            return true;
        }
    }
    return false;
}

static void settle(struct http_streams *streams)
{
    if (streams->busy)
        return;
    streams->busy = true;
    collect(streams);
    while (settle_one(streams))
        ;
    streams->busy = false;
}

static void step(struct http_streams *streams, curl_socket_t fd, int events)
{
    assert(!streams->busy);
    int running;
    streams->busy = true;
    curl_multi_socket_action(streams->multi, fd, events, &running);
    streams->busy = false;
    settle(streams);
}

static void on_timer(void *arg)
{
    step(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(int fd, int events, void *arg)
{
    step(arg, fd,
         ((events & LOOP_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
             ((events & LOOP_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0));
}

// curl's: watch this socket for `what` from now on.
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
    (void)easy;
    struct http_streams *streams = userdata;
    loop_fd_free(socket_data);
    struct loop_fd *watch = NULL;
    int events = ((what & CURL_POLL_IN) != 0 ? LOOP_READABLE : 0) |
                 ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITABLE : 0);
    if (what != CURL_POLL_REMOVE && events != 0)
        watch = loop_fd_new(streams->loop, fd, events, on_socket, streams);
    curl_multi_assign(streams->multi, fd, watch);
    return 0;
}

// curl's: call again after timeout_ms.
static int set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    (void)multi;
    struct http_streams *streams = userdata;
    if (timeout_ms < 0)
        loop_timer_cancel(streams->timer);
    else
        loop_timer_set(streams->timer, timeout_ms);
    return 0;
}

int http_streams_new(struct loop *loop, struct http_streams **ret_streams, struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(err, ERROR_INTERNAL, "libcurl cannot be initialised");
    struct http_streams *streams = xcalloc(1, sizeof *streams);
    streams->loop = loop;
    streams->multi = curl_multi_init();
    if (streams->multi == NULL)
        abort();
    streams->ca_file = http_system_ca_file();
    streams->timer = loop_timer_new(loop, on_timer, streams);
    curl_multi_setopt(streams->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(streams->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    curl_multi_setopt(streams->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(streams->multi, CURLMOPT_SOCKETDATA, streams);
    curl_multi_setopt(streams->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(streams->multi, CURLMOPT_TIMERDATA, streams);
    *ret_streams = streams;
    return 0;
}

void http_streams_free(struct http_streams *streams)
{
    if (streams == NULL)
        return;
    assert(!streams->busy);
    while (streams->first != NULL)
        stream_free(streams->first);
    curl_multi_cleanup(streams->multi);
    loop_timer_free(streams->timer);
    free(streams->ca_file);
    free(streams);
    curl_global_cleanup();
}

int http_stream_open(struct http_streams *streams, const struct http_request *request,
                     const struct http_stream_events *events, void *arg,
                     struct http_stream **ret_stream, struct error *err)
{
    struct http_stream *stream = xcalloc(1, sizeof *stream);
    struct http_request kept;
    kept_init(&stream->kept, request, &kept);
    kept.on_data = on_data;
    kept.on_data_arg = stream;
    kept.on_restart = NULL;
    stream->owner = streams;
    stream->events = *events;
    stream->arg = arg;
    stream->deadline = loop_timer_new(streams->loop, on_deadline, stream);
    stream->transfer.endless = true;
    stream->transfer.shared = true;
    stream->transfer.ca_file = streams->ca_file;
    stream->transfer.on_head = on_head;
    stream->next = streams->first;
    stream->link = &streams->first;
    if (stream->next != NULL)
        stream->next->link = &stream->next;
    streams->first = stream;
    if (http_transfer_init(&stream->transfer, &kept, loop_clock(streams->loop), err) < 0) {
        stream_free(stream);
        return -1;
    }
    *ret_stream = stream;
    // The caller holds the stream before any of its functions is called.
    loop_timer_set(streams->timer, 0);
    return 0;
}

void http_stream_cancel(struct http_stream *stream)
{
    // Not settle: the caller does not expect another stream's functions to be called here.
    if (!stream->owner->busy) {
        stream_free(stream);
        return;
    }
    stream->state = STREAM_DOOMED;
    loop_timer_cancel(stream->deadline);
}
