// Keeps up with a collection: list, then watch from there, for ever.
//
//     WAITING ─▶ LISTING ─▶ WATCHING ──────────────┐ the server ends it every few minutes:
//        ▲          ▲          │                   │ again from the last resourceVersion
//        │          └── 410 ───┤◀──────────────────┘
//        └── a failure: backoff┘
//
// The watch remembers {namespace, name, uid, resourceVersion} of each object, about 150 bytes, so
// that what happened while it was cut off arrives as ADDED, MODIFIED and DELETED afterwards, and
// nothing twice. A connection that is silent for idle_ms is taken for dead (servers send a bookmark
// each minute). Everything is for the loop's thread.
#ifndef BASE_KUBE_KUBE_WATCH_H
#define BASE_KUBE_KUBE_WATCH_H

#include "base/kube/kube_call.h"

struct kube_watch;

enum kube_change { KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED };

// All borrowed during kube_watch_new only.
struct kube_watch_options {
    struct kube_ref ref; // a collection
    const char *label_selector;
    const char *field_selector;
    enum kube_accept accept; // KUBE_METADATA: objects have kind and metadata only
    const struct kube_impersonation *as;
    int64_t idle_ms;        // 0 = 150 s
    size_t max_event_bytes; // of one object; 0 = 16 MiB
};

// No call comes from within kube_watch_new. A function may free its own watch.
struct kube_watch_events {
    // `object` is borrowed; jval_ref keeps it; apiVersion and kind are set (to those of
    // PartialObjectMetadata, with KUBE_METADATA). KUBE_DELETED:
    // gone, or no longer selected (a watch cannot tell); it shows the object as it was last, or
    // only apiVersion, kind, namespace, name, uid and resourceVersion when the watch was cut off
    // while it went. ADDED of the same name with another uid: it was deleted and made again.
    void (*on_object)(void *arg, enum kube_change change, const json_t *object);
    // All that exists was delivered; again after every list that became necessary. May be NULL.
    void (*on_synced)(void *arg);
    // It failed and will try again; the watch goes on. May be NULL.
    void (*on_error)(void *arg, const struct error *err);
};

int kube_watch_new(struct kube_loop *kube, const struct kube_watch_options *options,
                   const struct kube_watch_events *events, void *arg, struct kube_watch **ret_watch,
                   struct error *err) __attribute__((warn_unused_result));
// No call comes afterwards. NULL is fine.
void kube_watch_free(struct kube_watch *watch);
// Whether all that exists was delivered and the watch is not cut off.
bool kube_watch_is_synced(const struct kube_watch *watch);
// Objects that exist as far as the watch knows.
size_t kube_watch_count(const struct kube_watch *watch);
// Whether an object that existed at resourceVersion `version` is known to be gone, or not to be
// selected any more: the watch has come that far and does not know it. This also tells what went
// before the first list, of which there is no event. `namespace_` "" = none.
bool kube_watch_misses(const struct kube_watch *watch, const char *namespace_, const char *name,
                       uint64_t version);
// Forgets the backoff and tries again at once (after discovery found the kind).
void kube_watch_retry(struct kube_watch *watch);

#endif
