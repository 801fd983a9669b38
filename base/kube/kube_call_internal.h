// What watches need of the loop's half beyond kube_call.h.
#ifndef BASE_KUBE_KUBE_CALL_INTERNAL_H
#define BASE_KUBE_KUBE_CALL_INTERNAL_H

#include "base/kube/kube_call.h"

struct http_streams *kube_loop_streams(const struct kube_loop *kube);

// Lists are heavy for servers, and all watches of a process lose their place at the same time: at
// most 4 run at once. One that must wait is woken, in turn.
struct kube_turn {
    void (*go)(void *arg);
    void *arg;
    bool waiting; // the loop's, as what follows
    bool going;
    struct kube_turn *next;
};
// Calls go, at once or later.
void kube_turn_ask(struct kube_loop *kube, struct kube_turn *turn);
// Ended, or not wanted any more. May be called twice.
void kube_turn_leave(struct kube_loop *kube, struct kube_turn *turn);

#endif
