// How many requests may be under way to one API server at once: additive increase, multiplicative
// decrease, shared by all threads. Who finds it full waits its turn, in the order of asking.
#ifndef BASE_KUBE_KUBE_WINDOW_INTERNAL_H
#define BASE_KUBE_KUBE_WINDOW_INTERNAL_H

#include <stdbool.h>

struct kube_window;

struct kube_waiter {
    void (*wake)(void *arg); // any thread; quick
    void *arg;
    bool waiting; // the window's, as what follows
    struct kube_waiter *next;
};

// What a finished request says about the server.
enum kube_load {
    KUBE_LOAD_FINE,
    KUBE_LOAD_UNKNOWN,
    KUBE_LOAD_BUSY, // it asked for less, or broke down
};

struct kube_window *kube_window_new(unsigned first, unsigned max);
void kube_window_free(struct kube_window *window);
// True: a place was taken, to be given back with *ret_epoch. False: the waiter is woken when it is
// its turn; then it asks again.
bool kube_window_enter(struct kube_window *window, struct kube_waiter *waiter, unsigned *ret_epoch);
void kube_window_leave(struct kube_window *window, enum kube_load load, unsigned epoch);
// From now on there is room for all, in no order: those who hold a place may never give it back.
void kube_window_open(struct kube_window *window);
// Before a waiter goes away. No wake comes afterwards.
void kube_window_forget(struct kube_window *window, struct kube_waiter *waiter);
unsigned kube_window_limit(struct kube_window *window);

#endif
