// The client of one Kubernetes API server: requests, their retries, and what the answers mean.
//
//     kube_do, kube_send, kube_do_all   block; for workers and commands; any number of threads
//     kube_call_start (kube_call.h)     on the event loop
//     kube_watch_new  (kube_watch.h)    on the event loop
//
// All of them share one adaptive window of parallel requests per client: it starts at 16, grows
// while the server answers, and halves when the server says 429 or goes away. Credentials are
// renewed as they change: token files are read again each minute and after a 401, exec plugins run
// again when their token expires.
//
// API: https://kubernetes.io/docs/reference/using-api/api-concepts/
#ifndef BASE_KUBE_KUBE_CLIENT_H
#define BASE_KUBE_KUBE_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/kube/kube_config.h"
#include "base/vec.h"

struct kube_client;

struct kube_client_options {
    const struct clock *clock; // NULL = the system's; borrowed
    unsigned max_parallel;     // 0 = 64
    enum http_reach reach;     // HTTP_REACH_NOT_LOCAL for the servers of tenants
    const char *user_agent;    // NULL = "sealift/<version>"; copied
};

// Copies config. Does not connect. ERROR_INVALID when the address or the credentials cannot be
// used. `options` may be NULL.
int kube_client_new(const struct kube_config *config, const struct kube_client_options *options,
                    struct kube_client **ret_client, struct error *err)
    __attribute__((warn_unused_result));
// No request may be running; kube_loops of it are freed before. NULL is fine.
void kube_client_free(struct kube_client *client);
// Before its loops stop for good: requests of workers no longer wait for what a loop holds, and
// those without a cancel of their own end in CANCELED after grace_ms. Any thread.
void kube_client_wind_down(struct kube_client *client, int64_t grace_ms);
void cleanup_kube_client_pointer(struct kube_client **client);
#define cleanup_kube_client __attribute__((cleanup(cleanup_kube_client_pointer)))

// Borrowed for the client's life.
const char *kube_client_server(const struct kube_client *client);
const char *kube_client_namespace(const struct kube_client *client); // "default" when none was set
const struct clock *kube_client_clock(const struct kube_client *client);
// Closes connections that no request used for 15 s. Any thread. A kube_loop of the client does this
// by itself.
void kube_client_trim(struct kube_client *client);

// An object, a collection, or a subresource. All borrowed; NULL and "" are the same.
struct kube_ref {
    const char *group; // "" = core
    const char *version;
    const char *plural;
    const char *namespace_; // "" = cluster-scoped, or a collection over all namespaces
    const char *name;       // "" = the collection
    const char *subresource;
};

enum kube_verb {
    KUBE_GET,
    KUBE_LIST,
    KUBE_CREATE,     // POST to the collection, or to ref.name's subresource
    KUBE_UPDATE,     // PUT
    KUBE_MERGE,      // application/merge-patch+json
    KUBE_JSON_PATCH, // application/json-patch+json
    KUBE_APPLY,      // server-side apply
    KUBE_DELETE,
};

enum kube_accept {
    KUBE_WHOLE,    // objects as they are
    KUBE_METADATA, // PartialObjectMetadata; servers that cannot send it send the whole
};

// Whom to act as, instead of the client itself. A ServiceAccount is
// "system:serviceaccount:NAMESPACE:NAME", without groups: the server adds its groups.
struct kube_impersonation {
    const char *user;
    const char *uid;
    const struct vec *groups; // of char *
    const json_t *extra;      // {key: [value, …]}
};

// Everything is borrowed until the request is done (kube_call_start copies). Zero = the default.
struct kube_request {
    enum kube_verb verb;
    struct kube_ref ref;
    const char *path; // instead of ref: "/version", with its query; for GET
    // The body, as a value or as the bytes of it (JSON; for KUBE_APPLY also YAML).
    const json_t *object;
    const void *bytes;
    size_t size;

    const char *field_manager;    // NULL = "sealift" for KUBE_APPLY
    const char *field_validation; // "Strict", "Warn", "Ignore"; NULL = the server's (Warn)
    bool force;                   // KUBE_APPLY: take fields over from other managers
    bool dry_run;

    // KUBE_DELETE.
    const char *propagation; // "Background", "Foreground", "Orphan"; NULL = the kind's default
    const char *if_uid;
    const char *if_resource_version;

    // KUBE_LIST.
    const char *label_selector;
    const char *field_selector;
    unsigned limit; // of one page
    const char *continue_token;
    const char *resource_version; // of KUBE_GET too; "0" = whatever the server's cache has
    const char *resource_version_match;

    enum kube_accept accept;
    const char *accept_header; // instead
    const char *if_none_match; // an ETag; the answer may then be 304, without an object

    const struct kube_impersonation *as; // NULL = kube_config's
    int64_t deadline_ms;                 // over all tries and waits; 0 = the config's
    size_t max_body_bytes;               // of the answer; 0 = 32 MiB
    bool no_retry;                       // one try, and one more with a token that is read anew
    bool urgent;                         // does not wait for a place in the window (leases)
    struct cancel *cancel;
};

// What came of a request. error.code is ERROR_NONE for 2xx (and 304), else
//   INVALID      400, 422, unknown or badly typed fields: the same object will be refused again
//   DENIED       401, 403
//   NOT_FOUND    404: the object, its namespace or its kind
//   CONFLICT     409 (also AlreadyExists), 410 (a resourceVersion or continue token is too old)
//   LIMIT        413, or the answer was larger than max_body_bytes
//   UNAVAILABLE  429, 5xx, no connection, a namespace that is being deleted
//   TIMEOUT      504, the deadline; CANCELED; UNVERIFIED (TLS)
// and its message is the server's sentence.
struct kube_result {
    int http_status;     // 0 when no answer came, or a 404 or 409 that no API server gives
    json_t *object;      // the answer; owned; NULL when there is none
    json_t *status;      // metav1.Status of a refusal; owned; NULL when it sent none
    struct vec warnings; // of char *: what the server's Warning headers say, once each
    char *etag;
    char *content_type;
    struct error error;
};
void kube_result_release(struct kube_result *result);
#define cleanup_kube_result __attribute__((cleanup(kube_result_release)))
// Of a refusal: "AlreadyExists", "Invalid", …; "" when none was given. Borrowed.
const char *kube_result_reason(const struct kube_result *result);
// details.causes[] {reason, message, field}; NULL when there are none. Borrowed.
const json_t *kube_result_causes(const struct kube_result *result);
bool kube_result_has_cause(const struct kube_result *result, const char *reason);
// For a Secret: takes what may be a value of it out of the sentence of a refusal (INVALID), which
// names fields from then on. Once for each result.
void kube_result_hide_values(struct kube_result *result);
// Another field manager owns a field that an unforced apply wanted to change.
bool kube_result_is_field_conflict(const struct kube_result *result);

// Blocks until the answer, with retries: 429 and 5xx that say Retry-After (at most 10 tries), and
// lost connections where repeating does no harm (at most 3): all but KUBE_CREATE, KUBE_UPDATE,
// KUBE_JSON_PATCH, unforced KUBE_APPLY and KUBE_DELETE without if_uid, which are repeated only if
// they never left.
void kube_send(struct kube_client *client, const struct kube_request *request,
               struct kube_result *ret_result);
// The same, for callers that need the object only. *ret_object is owned; ret_object may be NULL.
int kube_do(struct kube_client *client, const struct kube_request *request, json_t **ret_object,
            struct error *err) __attribute__((warn_unused_result));
// n requests over shared HTTP/2 connections, as many at once as the window lets. `on_done`, if
// given, sees each as it completes, on this thread; it may take or release the result.
void kube_do_all(struct kube_client *client, const struct kube_request *requests, size_t n,
                 struct kube_result *ret_results, void (*on_done)(void *arg, size_t index),
                 void *arg);

// KUBE_GET of one object.
int kube_get(struct kube_client *client, const struct kube_ref *ref, json_t **ret_object,
             struct error *err) __attribute__((warn_unused_result));
// All pages of a collection (verb and continue_token are set here; limit: 0 = 500). `on_page` gets
// the array of items, each with apiVersion and kind; -1 ends it with its error. A list that expires
// in the middle starts again: `on_restart` (may be NULL: then it fails) says to forget what came.
// *ret_resource_version is owned; it may be NULL.
struct kube_list_events {
    int (*on_page)(void *arg, const json_t *items, struct error *err);
    void (*on_restart)(void *arg);
};
int kube_list_pages(struct kube_client *client, const struct kube_request *request,
                    const struct kube_list_events *events, void *arg, char **ret_resource_version,
                    struct error *err) __attribute__((warn_unused_result));
// All items in one array, owned, each with apiVersion and kind.
int kube_list(struct kube_client *client, const struct kube_request *request, json_t **ret_items,
              struct error *err) __attribute__((warn_unused_result));

// The reference of an object as it names itself; `plural` comes from discovery. Borrowed from
// object; *ret_group_version is owned and what group and version point into.
int kube_ref_of(const json_t *object, const char *plural, struct kube_ref *ret_ref,
                char **ret_group_version, struct error *err) __attribute__((warn_unused_result));
// The path of a request, without the server and the query; owned.
char *kube_ref_path(const struct kube_ref *ref);

#endif
