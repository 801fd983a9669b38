// What a watch knows of each object: namespace, name, uid, resourceVersion.
#ifndef BASE_KUBE_KUBE_INDEX_INTERNAL_H
#define BASE_KUBE_KUBE_INDEX_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/vec.h"

struct kube_index {
    struct vec entries; // sorted by "namespace/name"
    unsigned round;     // of the list that is being read
    char *block;        // texts of most entries, moved together
    size_t loose;       // put since then
};

// How an object differs from what was known.
enum kube_news { KUBE_NEWS_NONE, KUBE_NEWS_NEW, KUBE_NEWS_CHANGED, KUBE_NEWS_REPLACED };

void kube_index_init(struct kube_index *index);
void kube_index_release(struct kube_index *index);
// Remembers the object and marks it as seen in this round. *ret_old (owned) is set for REPLACED
// (another uid): the object as it was, as far as known. NONE also for what has no name.
enum kube_news kube_index_put(struct kube_index *index, const json_t *object, json_t **ret_old);
bool kube_index_has(const struct kube_index *index, const char *namespace_, const char *name);
// Whether the object, of that uid, was known.
bool kube_index_remove(struct kube_index *index, const json_t *object);
// Takes out one that was not seen in this round: {metadata: {…}}, owned; NULL when there is none.
// *cursor starts at the number of entries.
json_t *kube_index_take_unseen(struct kube_index *index, size_t *cursor);

#endif
