// What the Hooks say: reads Hook.status.pending and tells a role which of its objects to look at.
//
// The receiver writes deliveries into Hook.status with a rising sequence; nobody removes them for
// us. An inbox remembers the sequence it has handled per Hook uid. Where that mark cannot be
// trusted (a new Hook or uid, a mark below droppedThrough or above the newest), everything that the
// Hook reaches is looked at. The mark lives in memory only: a role that starts looks at all its
// objects anyway.
//
// For the loop's thread.
#ifndef CONTROLLER_INBOX_H
#define CONTROLLER_INBOX_H

#include <jansson.h>
#include <stdbool.h>

struct inbox;

// One delivery, borrowed during the call. Any of the strings is NULL when the payload could not
// tell.
struct delivery {
    const char *repository; // canonical identity
    const char *ref;        // full: refs/heads/main
    const char *commit;
    const char *tag; // from registries and `notify`
    const char *digest;
    const char *request_id;
    const char *received_at;
};

// `delivery` is NULL when everything that the Hook reaches must be looked at.
typedef void inbox_call(void *arg, const json_t *hook, const struct delivery *delivery);

struct inbox *inbox_new(inbox_call *call, void *arg);
void inbox_free(struct inbox *inbox);

// The Hook was added or changed.
void inbox_observe(struct inbox *inbox, const json_t *hook);
void inbox_forget(struct inbox *inbox, const json_t *hook);

// Whether a Hook reaches an object of its own namespace: by spec.resources, or by spec.selector on
// the labels. An absent or empty selector selects nothing.
bool inbox_reaches(const json_t *hook, const char *kind, const json_t *object);

#endif
