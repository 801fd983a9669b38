// Inside the Kubernetes client. One request on its way is an attempt; whoever drives it, a worker
// (kube_batch.c) or the loop (kube_call.c), does the same with it:
//
//     init ─▶ prepare ─▶ HTTP ─▶ judge ─▶ KUBE_OVER: the result
//               ▲                  │
//               └─ at due_at_ms ───┘ KUBE_AGAIN: a retry
#ifndef BASE_KUBE_KUBE_INTERNAL_H
#define BASE_KUBE_KUBE_INTERNAL_H

#include <pthread.h>

#include "base/backoff.h"
#include "base/kube/kube_client.h"
#include "base/kube/kube_credential_internal.h"
#include "base/kube/kube_window_internal.h"
#include "base/url.h"

enum {
    KUBE_DEADLINE_DEFAULT_MS = 60 * 1000,
    KUBE_BODY_DEFAULT_BYTES = 32 * 1024 * 1024,
    KUBE_PAGE_DEFAULT = 500,
    KUBE_RESTARTS_MAX = 3, // of one list whose pages expire
};

struct kube_client {
    const struct clock *clock;
    struct kube_config config; // its secrets are in credential
    struct kube_credential *credential;
    struct kube_window *window;
    enum http_reach reach;
    char *user_agent;
    char *base;       // scheme://name:port/path, without a slash at its end
    char *host;       // the Host header where it is not the URL's, else NULL
    char *connect_to; // where the name in TLS is another one, else NULL
    char *proxy;
    struct cancel ending; // of requests that have none of their own

    pthread_mutex_t lock; // of what follows
    struct vec idle;      // of struct kube_idle, the one used last at the end
    // Told, with the lock held, when one becomes idle; NULL = nobody trims.
    void (*on_idle)(void *arg);
    void *on_idle_arg;
};

struct kube_idle {
    struct http_client *http;
    int64_t since_ms;
};

// A client of one thread, while it is needed.
struct http_client *kube_client_take_http(struct kube_client *client);
void kube_client_give_http(struct kube_client *client, struct http_client *http);
// The first one to ask looks after idle connections; NULL gives that up.
bool kube_client_set_trimmer(struct kube_client *client, void (*on_idle)(void *arg), void *arg);
// Whether there are connections left to trim.
bool kube_client_has_idle(struct kube_client *client);

// What goes over the wire, without credentials (kube_request.c). Owned.
struct kube_wire {
    const char *method; // static
    char *url;
    struct vec headers;
    char *body;
    size_t body_size;
};
int kube_wire_build(const struct kube_client *client, const struct kube_request *request,
                    struct kube_wire *ret_wire, struct error *err)
    __attribute__((warn_unused_result));
void kube_wire_release(struct kube_wire *wire);

struct kube_attempt {
    struct kube_client *client;
    const struct kube_request *request; // borrowed
    struct cancel *cancel;              // the request's, else the client's
    struct kube_wire wire;
    struct http_request http; // of this try
    struct kube_identity *identity;
    struct backoff backoff;
    unsigned busy_tries;
    unsigned lost_tries;
    bool asked_again; // after a 401
    unsigned epoch;   // of the window, when it entered
    int64_t deadline_at_ms;
    int64_t due_at_ms;
};
enum kube_step { KUBE_OVER, KUBE_AGAIN };

void kube_attempt_init(struct kube_attempt *attempt, struct kube_client *client,
                       const struct kube_request *request);
void kube_attempt_release(struct kube_attempt *attempt);
// Fills http for the next try. ERROR_UNAVAILABLE while credentials are being renewed and may_block
// is false.
int kube_attempt_prepare(struct kube_attempt *attempt, bool may_block, struct error *err)
    __attribute__((warn_unused_result));
// Consumes the outcome of a try. KUBE_OVER: *ret_result is it.
enum kube_step kube_attempt_judge(struct kube_attempt *attempt, struct http_result *outcome,
                                  struct kube_result *ret_result);
// What an outcome says about the server's load.
enum kube_load kube_load_of(const struct http_result *outcome);

// Turns an answer into a result (kube_answer.c); consumes it.
void kube_answer(const struct kube_client *client, const struct kube_request *request,
                 struct http_response *response, struct kube_result *ret_result);
// A metav1.Status as an error; also for ERROR events of watches.
int kube_status_error(const json_t *status, struct error *err);
// About an answer that no API server gives: a page, a text, or other JSON, perhaps of a proxy.
// Nothing may be concluded from it: a 404 is UNAVAILABLE here, and not NOT_FOUND.
int kube_foreign_error(const struct kube_client *client, const struct kube_request *request,
                       int http_status, const struct strbuf *body, struct error *err);
// The sentence about a 401.
int kube_unauthorized_error(const struct kube_client *client, struct error *err);
// "deployments.apps shop/web", for messages; owned.
char *kube_request_name(const struct kube_request *request);

// The items of most lists do not say what they are; gives each apiVersion and kind.
void kube_list_name_items(json_t *list);
// Whether an answer is a page of a list, and not the one that `sent`, the token that was sent or
// NULL, has led to already: such a list would never end.
int kube_list_check(const json_t *list, const char *sent, struct error *err)
    __attribute__((warn_unused_result));

#endif
