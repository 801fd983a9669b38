// Inside a watch: a list first (kube_watch.c), then a stream of events from its version on
// (kube_watch_stream.c), which ends in another stream or, where its version is too old, another
// list.
//
//     WAITING ─▶ TURN ─▶ LISTING ─▶ WATCHING ─▶ WAITING …
#ifndef BASE_KUBE_KUBE_WATCH_INTERNAL_H
#define BASE_KUBE_KUBE_WATCH_INTERNAL_H

#include "base/kube/kube_call_internal.h"
#include "base/kube/kube_decoder_internal.h"
#include "base/kube/kube_index_internal.h"
#include "base/kube/kube_internal.h"
#include "base/kube/kube_watch.h"

enum watch_state { WATCH_WAITING, WATCH_TURN, WATCH_LISTING, WATCH_WATCHING };

struct kube_watch {
    struct kube_loop *kube;
    struct kube_request request; // points to what follows
    char *texts[6];
    char *as_texts[2];
    struct vec as_groups;
    json_t *as_extra;
    struct kube_impersonation as;
    int64_t idle_ms;
    struct kube_watch_events events;
    void *arg;

    enum watch_state state;
    struct kube_index index;
    char *resource_version; // NULL = list first
    char *continue_token;
    unsigned restarts; // of this list
    bool synced;       // all was delivered once
    bool cut_off;      // since a failure
    bool asked_again;  // after a 401
    struct backoff backoff;
    struct loop_timer *timer;
    struct kube_turn turn;
    struct kube_call *list;
    struct http_stream *stream;
    struct kube_decoder decoder;
    struct kube_identity *identity;
    int64_t opened_at_ms;
    int http_status;
    int64_t retry_after_ms;
    struct strbuf refusal; // the body of an answer that is no watch
    unsigned calls;        // of the owner's functions that are running
    bool doomed;           // freed by its owner meanwhile
};

// Around a piece of work that may call the owner. leave: false when the owner freed the watch.
void kube_watch_enter(struct kube_watch *watch);
bool kube_watch_leave(struct kube_watch *watch);
// Consumes err. `http_status`: of the answer; 0 = none came. The caller stands between enter and
// leave.
void kube_watch_fail(struct kube_watch *watch, int http_status, struct error *err);
void kube_watch_relist(struct kube_watch *watch);
// Where to go on from, as the object or the list says.
void kube_watch_set_version(struct kube_watch *watch, const json_t *object);
// There is such an object now; the owner is told if that is news.
void kube_watch_put(struct kube_watch *watch, const json_t *object);
void kube_watch_tell(struct kube_watch *watch, enum kube_change change, const json_t *object);

// kube_watch_stream.c
void kube_watch_open(struct kube_watch *watch);
// The decoder's; arg is the watch.
int kube_watch_event(void *arg, const char *type, const json_t *object, struct error *err);

#endif
