// Requests on the event loop, and what watches, leases and events of one API server share there:
// connections, and the number of lists at once. Everything here is for the loop's thread.
#ifndef BASE_KUBE_KUBE_CALL_H
#define BASE_KUBE_KUBE_CALL_H

#include "base/kube/kube_client.h"
#include "base/loop.h"

struct kube_loop;

// The loop's half of a client, which is borrowed. Usually one per client and loop.
int kube_loop_new(struct kube_client *client, struct loop *loop, struct kube_loop **ret_kube,
                  struct error *err) __attribute__((warn_unused_result));
// Calls that are under way end without their function being called. Watches, leases and recorders
// are freed before. NULL is fine.
void kube_loop_free(struct kube_loop *kube);
struct kube_client *kube_loop_client(const struct kube_loop *kube);
struct loop *kube_loop_loop(const struct kube_loop *kube);

struct kube_call;
// Copies the request. `done` is called once, never from within kube_call_start; the result is
// released after it, unless it takes what it wants. Retries as kube_send. Ignored: cancel.
struct kube_call *kube_call_start(struct kube_loop *kube, const struct kube_request *request,
                                  void (*done)(void *arg, struct kube_result *result), void *arg);
// Ends it without a call. The server may have seen the request. Not after done; NULL is fine.
void kube_call_cancel(struct kube_call *call);

#endif
