#include "receiver/pending.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static json_t *pending_of(json_t *status)
{
    json_t *pending = json_object_get(status, "pending");
    if (!json_is_array(pending)) {
        jval_set(status, "pending", json_array());
        pending = json_object_get(status, "pending");
    }
    return pending;
}

size_t pending_count(const json_t *status)
{
    return json_array_size(jval_array(status, "pending"));
}

static int64_t next_sequence(const json_t *status)
{
    int64_t highest = jval_int(status, "droppedThrough", 0);
    const json_t *pending = jval_array(status, "pending");
    for (size_t i = 0; i < json_array_size(pending); i++) {
        int64_t sequence = jval_int(json_array_get(pending, i), "sequence", 0);
        if (sequence > highest)
            highest = sequence;
    }
    return highest + 1;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_subject(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"repository", "ref", "tag", "digest"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        if (!same_text(jval_string(a, keys[i]), jval_string(b, keys[i])))
            return false;
    }
    return true;
}

static bool fits(const json_t *entry)
{
    return json_dumpb(entry, NULL, 0, JSON_COMPACT) <= PENDING_MAX_ENTRY_BYTES;
}

static json_t *new_entry(const struct hook_delivery *delivery, const char *repository,
                         int64_t sequence)
{
    char received[TIME_TEXT_SIZE];
    time_format_ms(delivery->received_ms, received);
    json_t *entry = json_object();
    jval_set_string(entry, "repository", repository);
    jval_set_string(entry, "ref", delivery->ref);
    jval_set_string(entry, "commit", delivery->commit);
    jval_set_string(entry, "tag", delivery->tag);
    jval_set_string(entry, "digest", delivery->digest);
    jval_set_string(entry, "delivery", delivery->id);
    jval_set_int(entry, "sequence", sequence);
    jval_set_string(entry, "receivedAt", received);
    // Names that make it too long become "cannot tell": too much is looked at, never too little.
    if (!fits(entry)) {
        jval_remove(entry, "ref");
        jval_remove(entry, "commit");
    }
    if (!fits(entry)) {
        jval_remove(entry, "repository");
        jval_remove(entry, "tag");
        jval_remove(entry, "digest");
    }
    return entry;
}

static void add_entry(json_t *status, const struct hook_delivery *delivery, const char *repository)
{
    json_t *entry = new_entry(delivery, repository, next_sequence(status));
    json_t *pending = pending_of(status);
    for (size_t i = json_array_size(pending); i > 0; i--) {
        if (same_subject(json_array_get(pending, i - 1), entry))
            json_array_remove(pending, i - 1);
    }
    json_array_append_new(pending, entry);
}

void pending_merge(json_t *status, const struct hook_delivery *delivery)
{
    if (delivery->other_repository != NULL)
        add_entry(status, delivery, delivery->other_repository);
    add_entry(status, delivery, delivery->repository);
}

static bool is_too_old(const json_t *entry, int64_t now_ms)
{
    const char *received = jval_string(entry, "receivedAt");
    int64_t received_ms;
    return received == NULL || time_parse(received, &received_ms, NULL) < 0 ||
           received_ms < now_ms - PENDING_MAX_AGE_MS;
}

void pending_drop(json_t *status, int64_t now_ms)
{
    json_t *pending = json_object_get(status, "pending");
    int64_t dropped = jval_int(status, "droppedThrough", 0);
    bool any = false;
    for (size_t i = 0; i < json_array_size(pending);) {
        const json_t *entry = json_array_get(pending, i);
        if (json_array_size(pending) <= PENDING_MAX_ENTRIES && !is_too_old(entry, now_ms)) {
            i++;
            continue;
        }
        int64_t sequence = jval_int(entry, "sequence", 0);
        if (sequence > dropped)
            dropped = sequence;
        any = true;
        json_array_remove(pending, i);
    }
    if (any)
        jval_set_int(status, "droppedThrough", dropped);
}
