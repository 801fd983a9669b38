// Requests on the event loop:
//
//              room in the window         answer
//     QUEUED ─────────────────────▶ RUNNING ─────▶ done, freed
//        ▲                             │
//        └──── WAITING (a timer) ◀─────┘ a retry
//              also for credentials
//
// A call is freed after its done, or by kube_call_cancel.
#include "base/kube/kube_call.h"

#include "base/kube/kube_call_internal.h"
#include "base/kube/kube_internal.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS_MAX = 4, TRIM_MS = 16 * 1000 };

struct kube_loop {
    struct kube_client *client;
    struct loop *loop;
    struct http_streams *streams;
    struct kube_waiter waiter; // one for all calls
    bool room_posted;          // atomic
    bool idle_posted;          // atomic
    struct loop_timer *trim;
    struct kube_call *first; // in the order of asking
    struct kube_call *last;
    unsigned lists;
    struct kube_turn *first_turn;
    struct kube_turn *last_turn;
};

enum call_state { CALL_WAITING, CALL_QUEUED, CALL_RUNNING };

struct kube_call {
    struct kube_loop *kube;
    struct kube_call *next;
    struct kube_call *previous;
    enum call_state state;
    struct kube_request request; // what judging needs of the caller's
    char *texts[4];              // that request points to
    struct kube_attempt attempt;
    struct error broken; // it could not be built
    struct http_stream *stream;
    struct http_result outcome; // so far
    struct loop_timer *timer;
    void (*done)(void *arg, struct kube_result *result);
    void *arg;
};

static void look_for_room(struct kube_loop *kube);

static void on_room(void *arg)
{
    struct kube_loop *kube = arg;
    __atomic_store_n(&kube->room_posted, false, __ATOMIC_RELEASE);
    look_for_room(kube);
}

// Any thread, with the window's lock held.
static void wake(void *arg)
{
    struct kube_loop *kube = arg;
    if (!__atomic_exchange_n(&kube->room_posted, true, __ATOMIC_ACQ_REL))
        loop_post(kube->loop, on_room, kube);
}

static void on_trim(void *arg)
{
    struct kube_loop *kube = arg;
    kube_client_trim(kube->client);
    if (kube_client_has_idle(kube->client))
        loop_timer_set(kube->trim, TRIM_MS);
}

static void on_idle_posted(void *arg)
{
    struct kube_loop *kube = arg;
    __atomic_store_n(&kube->idle_posted, false, __ATOMIC_RELEASE);
    if (!loop_timer_is_set(kube->trim))
        loop_timer_set(kube->trim, TRIM_MS);
}

// Any thread, with the client's lock held.
static void on_idle(void *arg)
{
    struct kube_loop *kube = arg;
    if (!__atomic_exchange_n(&kube->idle_posted, true, __ATOMIC_ACQ_REL))
        loop_post(kube->loop, on_idle_posted, kube);
}

int kube_loop_new(struct kube_client *client, struct loop *loop, struct kube_loop **ret_kube,
                  struct error *err)
{
    struct http_streams *streams = NULL;
    if (http_streams_new(loop, &streams, err) < 0)
        return -1;
    struct kube_loop *kube = xcalloc(1, sizeof *kube);
    kube->client = client;
    kube->loop = loop;
    kube->streams = streams;
    kube->waiter = (struct kube_waiter){.wake = wake, .arg = kube};
    kube->trim = loop_timer_new(loop, on_trim, kube);
    kube_client_set_trimmer(client, on_idle, kube);
    *ret_kube = kube;
    return 0;
}

void kube_loop_free(struct kube_loop *kube)
{
    if (kube == NULL)
        return;
    assert(kube->first_turn == NULL && kube->lists == 0); // watches are freed before
    while (kube->first != NULL)
        kube_call_cancel(kube->first);
    kube_window_forget(kube->client->window, &kube->waiter);
    kube_client_set_trimmer(kube->client, NULL, kube);
    if (__atomic_load_n(&kube->room_posted, __ATOMIC_ACQUIRE) ||
        __atomic_load_n(&kube->idle_posted, __ATOMIC_ACQUIRE))
        loop_run_posted(kube->loop);
    loop_timer_free(kube->trim);
    http_streams_free(kube->streams);
    free(kube);
}

struct kube_client *kube_loop_client(const struct kube_loop *kube)
{
    return kube->client;
}

struct loop *kube_loop_loop(const struct kube_loop *kube)
{
    return kube->loop;
}

struct http_streams *kube_loop_streams(const struct kube_loop *kube)
{
    return kube->streams;
}

static void unlink_call(struct kube_call *call)
{
    struct kube_loop *kube = call->kube;
    *(call->previous != NULL ? &call->previous->next : &kube->first) = call->next;
    *(call->next != NULL ? &call->next->previous : &kube->last) = call->previous;
}

static void call_free(struct kube_call *call)
{
    unlink_call(call);
    kube_attempt_release(&call->attempt);
    http_result_release(&call->outcome);
    error_release(&call->broken);
    loop_timer_free(call->timer);
    for (size_t i = 0; i < ARRAY_LENGTH(call->texts); i++)
        free(call->texts[i]);
    free(call);
}

static void deliver(struct kube_call *call, struct kube_result *result)
{
    // It is gone for its owner: out of the list and past cancelling, before it is told.
    void (*done)(void *arg, struct kube_result *result) = call->done;
    void *arg = call->arg;
    struct kube_loop *kube = call->kube;
    call_free(call);
    look_for_room(kube);
    done(arg, result);
    kube_result_release(result);
}

static void fail(struct kube_call *call, struct error *err)
{
    struct kube_result result = {0};
    error_move(&result.error, err);
    deliver(call, &result);
}

static void leave_window(struct kube_call *call, enum kube_load load)
{
    if (!call->request.urgent)
        kube_window_leave(call->kube->client->window, load, call->attempt.epoch);
}

static void wait_until(struct kube_call *call, int64_t at_ms)
{
    int64_t now = clock_mono_ms(call->kube->client->clock);
    call->state = CALL_WAITING;
    loop_timer_set(call->timer, at_ms > now ? at_ms - now : 0);
}

static void on_response(void *arg, const struct http_response *response)
{
    struct kube_call *call = arg;
    struct http_response *kept = &call->outcome.response;
    kept->status = response->status;
    kept->retry_after_ms = response->retry_after_ms;
    vec_foreach (struct http_header, header, &response->headers)
        http_headers_add(&kept->headers, header->name, header->value);
}

static int on_data(void *arg, const void *data, size_t size, struct error *err)
{
    struct kube_call *call = arg;
    if (strbuf_add(&call->outcome.response.body, data, size) == 0)
        return 0;
    return strbuf_check(&call->outcome.response.body, "the answer", err);
}

static void on_end(void *arg, const struct error *error)
{
    struct kube_call *call = arg;
    call->stream = NULL;
    if (error != NULL) {
        http_response_release(&call->outcome.response);
        error_set(&call->outcome.error, error->code, "%s", error->message);
        call->outcome.sent = true; // as far as is known
    }
    leave_window(call, kube_load_of(&call->outcome));
    struct kube_result result;
    enum kube_step step = kube_attempt_judge(&call->attempt, &call->outcome, &result);
    call->outcome = (struct http_result){0};
    if (step == KUBE_OVER) {
        deliver(call, &result);
    } else {
        wait_until(call, call->attempt.due_at_ms);
        look_for_room(call->kube);
    }
}

static int open_stream(struct kube_call *call, struct error *err)
{
    static const struct http_stream_events events = {on_response, on_data, on_end};
    if (kube_attempt_prepare(&call->attempt, false, err) < 0)
        return -1;
    call->outcome = (struct http_result){.response.headers = HTTP_HEADERS};
    strbuf_init(&call->outcome.response.body, call->attempt.http.max_body_bytes);
    call->attempt.http.max_body_bytes = 0; // counted here
    return http_stream_open(call->kube->streams, &call->attempt.http, &events, call, &call->stream,
                            err);
}

// With a place in the window.
static void run(struct kube_call *call)
{
    cleanup_error struct error err = {0};
    call->state = CALL_RUNNING;
    loop_timer_cancel(call->timer);
    if (open_stream(call, &err) == 0)
        return;
    leave_window(call, KUBE_LOAD_UNKNOWN);
    int64_t now = clock_mono_ms(call->kube->client->clock);
    if (err.code == ERROR_UNAVAILABLE && err.retry_after_ms > 0 &&
        now + err.retry_after_ms < call->attempt.deadline_at_ms)
        wait_until(call, now + err.retry_after_ms);
    else
        fail(call, &err);
}

// One change at a time, each from the start of the list: done may have changed it.
static bool run_one(struct kube_loop *kube)
{
    bool any_queued = false;
    for (struct kube_call *call = kube->first; call != NULL; call = call->next) {
        if (call->state != CALL_QUEUED)
            continue;
        any_queued = true;
        if (!call->request.urgent &&
            !kube_window_enter(kube->client->window, &kube->waiter, &call->attempt.epoch))
            return false;
        run(call);
        return true;
    }
    if (!any_queued) // a turn that nobody takes would hold up the others
        kube_window_forget(kube->client->window, &kube->waiter);
    return false;
}

static void look_for_room(struct kube_loop *kube)
{
    while (run_one(kube))
        ;
}

static void on_timer(void *arg)
{
    struct kube_call *call = arg;
    struct kube_loop *kube = call->kube;
    if (call->broken.code != ERROR_NONE) {
        fail(call, &call->broken);
        return;
    }
    int64_t left = call->attempt.deadline_at_ms - clock_mono_ms(kube->client->clock);
    if (left <= 0) {
        cleanup_error struct error err = {0};
        cleanup_free char *name = kube_request_name(&call->request);
        error_set(&err, ERROR_TIMEOUT, "the API server %s did not get to %s in time",
                  kube->client->config.server, name);
        fail(call, &err);
        return;
    }
    // An urgent one stands alone; for the others the order of the list counts.
    call->state = CALL_QUEUED;
    loop_timer_set(call->timer, left);
    if (call->request.urgent)
        run(call);
    else
        look_for_room(kube);
}

// What judging and its messages look at; the rest is on the wire already.
static void keep_request(struct kube_call *call, const struct kube_request *request)
{
    const char *const texts[] = {request->ref.group, request->ref.plural, request->ref.namespace_,
                                 request->path != NULL ? request->path : request->ref.name};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        call->texts[i] = xstrdup_or_null(texts[i]);
    call->request = (struct kube_request){
        .verb = request->verb,
        .ref = {.group = call->texts[0], .plural = call->texts[1], .namespace_ = call->texts[2]},
        .force = request->force,
        .if_uid = request->if_uid != NULL ? "set" : NULL,
        .no_retry = request->no_retry,
        .urgent = request->urgent,
        .deadline_ms = request->deadline_ms,
        .max_body_bytes = request->max_body_bytes,
    };
    if (request->path != NULL)
        call->request.path = call->texts[3];
    else
        call->request.ref.name = call->texts[3];
}

struct kube_call *kube_call_start(struct kube_loop *kube, const struct kube_request *request,
                                  void (*done)(void *arg, struct kube_result *result), void *arg)
{
    struct kube_call *call = xcalloc(1, sizeof *call);
    call->kube = kube;
    call->done = done;
    call->arg = arg;
    keep_request(call, request);
    kube_attempt_init(&call->attempt, kube->client, &call->request);
    if (kube_wire_build(kube->client, request, &call->attempt.wire, &call->broken) < 0)
        assert(call->broken.code != ERROR_NONE);
    call->timer = loop_timer_new(kube->loop, on_timer, call);
    call->previous = kube->last;
    *(kube->last != NULL ? &kube->last->next : &kube->first) = call;
    kube->last = call;
    wait_until(call, 0);
    return call;
}

void kube_call_cancel(struct kube_call *call)
{
    if (call == NULL)
        return;
    struct kube_loop *kube = call->kube;
    if (call->state == CALL_RUNNING) {
        if (call->stream != NULL)
            http_stream_cancel(call->stream);
        leave_window(call, KUBE_LOAD_UNKNOWN);
    }
    call_free(call);
    // Only the waiter's place is looked after here; nobody is called from within a cancel.
    wake(kube);
}

void kube_turn_ask(struct kube_loop *kube, struct kube_turn *turn)
{
    assert(!turn->waiting && !turn->going);
    if (kube->lists < LISTS_MAX) {
        kube->lists++;
        turn->going = true;
        turn->go(turn->arg);
        return;
    }
    turn->waiting = true;
    turn->next = NULL;
    *(kube->last_turn != NULL ? &kube->last_turn->next : &kube->first_turn) = turn;
    kube->last_turn = turn;
}

static void unlink_turn(struct kube_loop *kube, struct kube_turn *turn)
{
    struct kube_turn *before = NULL;
    for (struct kube_turn *at = kube->first_turn; at != turn; at = at->next)
        before = at;
    *(before != NULL ? &before->next : &kube->first_turn) = turn->next;
    if (kube->last_turn == turn)
        kube->last_turn = before;
    turn->waiting = false;
}

void kube_turn_leave(struct kube_loop *kube, struct kube_turn *turn)
{
    if (turn->waiting)
        unlink_turn(kube, turn);
    if (!turn->going)
        return;
    turn->going = false;
    kube->lists--;
    struct kube_turn *next = kube->first_turn;
    if (next == NULL)
        return;
    unlink_turn(kube, next);
    kube->lists++;
    next->going = true;
    next->go(next->arg);
}
