#include "controller/inbox.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct mark {
    char *uid;
    int64_t handled;
};

struct inbox {
    inbox_call *call;
    void *arg;
    struct vec marks; // of struct mark
};

static void release_mark(void *element)
{
    struct mark *mark = element;
    free(mark->uid);
}

struct inbox *inbox_new(inbox_call *call, void *arg)
{
    struct inbox *inbox = xcalloc(1, sizeof *inbox);
    inbox->call = call;
    inbox->arg = arg;
    inbox->marks = VEC_OF(struct mark, release_mark);
    return inbox;
}

void inbox_free(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    vec_free(&inbox->marks);
    free(inbox);
}

static struct mark *find_mark(struct inbox *inbox, const char *uid)
{
    vec_foreach (struct mark, mark, &inbox->marks) {
        if (strcmp(mark->uid, uid) == 0)
            return mark;
    }
    return NULL;
}

static int64_t newest_sequence(const json_t *pending, int64_t dropped_through)
{
    int64_t newest = dropped_through;
    size_t index;
    json_t *entry;
    json_array_foreach (pending, index, entry) {
        int64_t sequence = jval_int(entry, "sequence", 0);
        if (sequence > newest)
            newest = sequence;
    }
    return newest;
}

static void tell(struct inbox *inbox, const json_t *hook, const json_t *entry)
{
    struct delivery delivery = {
        .repository = jval_string(entry, "repository"),
        .ref = jval_string(entry, "ref"),
        .commit = jval_string(entry, "commit"),
        .tag = jval_string(entry, "tag"),
        .digest = jval_string(entry, "digest"),
        .request_id = jval_string(entry, "delivery"),
        .received_at = jval_string(entry, "receivedAt"),
    };
    inbox->call(inbox->arg, hook, &delivery);
}

void inbox_observe(struct inbox *inbox, const json_t *hook)
{
    const char *uid = object_uid(hook);
    const json_t *pending = jval_array(hook, "status.pending");
    int64_t dropped_through = jval_int(hook, "status.droppedThrough", 0);
    int64_t newest = newest_sequence(pending, dropped_through);
    struct mark *mark = find_mark(inbox, uid);
    bool trusted = mark != NULL && mark->handled >= dropped_through && mark->handled <= newest;
    int64_t handled = mark != NULL ? mark->handled : 0;
    if (mark == NULL) {
        mark = vec_push(&inbox->marks);
        mark->uid = xstrdup(uid);
    }
    mark->handled = newest;
    if (!trusted) {
        inbox->call(inbox->arg, hook, NULL);
        return;
    }
    size_t index;
    json_t *entry;
    json_array_foreach (pending, index, entry) {
        if (jval_int(entry, "sequence", 0) > handled)
            tell(inbox, hook, entry);
    }
}

void inbox_forget(struct inbox *inbox, const json_t *hook)
{
    const char *uid = object_uid(hook);
    for (size_t i = 0; i < inbox->marks.len; i++) {
        struct mark *mark = vec_at(&inbox->marks, i);
        if (strcmp(mark->uid, uid) == 0) {
            vec_remove(&inbox->marks, i);
            return;
        }
    }
}

static bool is_named(const json_t *hook, const char *kind, const char *name)
{
    size_t index;
    json_t *resource;
    json_array_foreach (jval_array(hook, "spec.resources"), index, resource) {
        if (strcmp(jval_string_or(resource, "kind", ""), kind) == 0 &&
            strcmp(jval_string_or(resource, "name", ""), name) == 0)
            return true;
    }
    return false;
}

bool inbox_reaches(const json_t *hook, const char *kind, const json_t *object)
{
    if (strcmp(object_namespace(hook), object_namespace(object)) != 0)
        return false;
    if (is_named(hook, kind, object_name(object)))
        return true;
    const json_t *selector = object_spec(hook, "selector");
    return selector != NULL && !selector_is_empty(selector) &&
           selector_matches(selector, object_labels(object));
}
