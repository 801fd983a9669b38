#include "base/kube/kube_index_internal.h"

#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    char *text; // "namespace/name" NUL uid NUL resourceVersion NUL
    unsigned round;
};

static void entry_release(void *element)
{
    struct entry *entry = element;
    free(entry->text);
}

void kube_index_init(struct kube_index *index)
{
    index->entries = VEC_OF(struct entry, entry_release);
    index->round = 0;
}

void kube_index_release(struct kube_index *index)
{
    vec_free(&index->entries);
}

static const char *uid_of(const struct entry *entry)
{
    return entry->text + strlen(entry->text) + 1;
}

static const char *version_of(const struct entry *entry)
{
    const char *uid = uid_of(entry);
    return uid + strlen(uid) + 1;
}

static char *make_text(const json_t *object)
{
    const char *name = jval_string_or(object, "metadata.name", "");
    const char *namespace_ = jval_string_or(object, "metadata.namespace", "");
    const char *uid = jval_string_or(object, "metadata.uid", "");
    const char *version = jval_string_or(object, "metadata.resourceVersion", "");
    size_t sizes[] = {strlen(namespace_), strlen(name) + 1, strlen(uid) + 1, strlen(version) + 1};
    char *text = xmalloc(sizes[0] + 1 + sizes[1] + sizes[2] + sizes[3]);
    char *at = text;
    memcpy(at, namespace_, sizes[0]);
    at += sizes[0];
    *at++ = '/';
    memcpy(at, name, sizes[1]);
    memcpy(at + sizes[1], uid, sizes[2]);
    memcpy(at + sizes[1] + sizes[2], version, sizes[3]);
    return text;
}

// Where the key is, or would be.
static size_t place_of(const struct kube_index *index, const char *key, bool *ret_found)
{
    size_t low = 0;
    size_t high = index->entries.len;
    *ret_found = false;
    while (low < high) {
        // Lists come sorted: look at the end first.
        size_t middle = high == index->entries.len ? high - 1 : low + (high - low) / 2;
        const struct entry *entry = vec_at(&index->entries, middle);
        int order = strcmp(key, entry->text);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static json_t *stub_of(const struct entry *entry)
{
    json_t *object = json_object();
    const char *slash = strchr(entry->text, '/');
    jval_set_string(object, "metadata.name", slash + 1);
    if (slash > entry->text)
        jval_set(object, "metadata.namespace",
                 json_stringn(entry->text, (size_t)(slash - entry->text)));
    jval_set_string(object, "metadata.uid", uid_of(entry));
    jval_set_string(object, "metadata.resourceVersion", version_of(entry));
    return object;
}

enum kube_news kube_index_put(struct kube_index *index, const json_t *object, json_t **ret_old)
{
    if (jval_string(object, "metadata.name") == NULL)
        return KUBE_NEWS_NONE;
    struct entry fresh = {make_text(object), index->round};
    bool found;
    size_t at = place_of(index, fresh.text, &found);
    if (!found) {
        *(struct entry *)vec_insert(&index->entries, at) = fresh;
        return KUBE_NEWS_NEW;
    }
    struct entry *entry = vec_at(&index->entries, at);
    enum kube_news news = KUBE_NEWS_CHANGED;
    if (strcmp(uid_of(entry), uid_of(&fresh)) != 0) {
        news = KUBE_NEWS_REPLACED;
        *ret_old = stub_of(entry);
    } else if (strcmp(version_of(entry), version_of(&fresh)) == 0) {
        news = KUBE_NEWS_NONE;
    }
    free(entry->text);
    *entry = fresh;
    return news;
}

bool kube_index_remove(struct kube_index *index, const json_t *object)
{
    struct entry gone = {make_text(object), 0};
    bool found;
    size_t at = place_of(index, gone.text, &found);
    if (found && strcmp(uid_of(vec_at(&index->entries, at)), uid_of(&gone)) != 0)
        found = false;
    free(gone.text);
    if (found)
        vec_remove(&index->entries, at);
    return found;
}

json_t *kube_index_take_unseen(struct kube_index *index, size_t *cursor)
{
    while (*cursor > 0) {
        struct entry *entry = vec_at(&index->entries, --*cursor);
        if (entry->round == index->round)
            continue;
        json_t *stub = stub_of(entry);
        vec_remove(&index->entries, *cursor);
        return stub;
    }
    return NULL;
}
