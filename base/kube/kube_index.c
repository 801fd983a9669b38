#include "base/kube/kube_index_internal.h"

#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

// So many texts stand alone at most, beside a sixteenth of all.
enum { LOOSE_MAX = 128 };

struct entry {
    char *text; // "namespace/name" NUL uid NUL resourceVersion NUL
    unsigned round;
    bool packed; // the text is in the index's block
};

static void entry_release(void *element)
{
    struct entry *entry = element;
    if (!entry->packed)
        free(entry->text);
}

void kube_index_init(struct kube_index *index)
{
    *index = (struct kube_index){.entries = VEC_OF(struct entry, entry_release)};
}

void kube_index_release(struct kube_index *index)
{
    vec_free(&index->entries);
    free(index->block);
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

static size_t size_of(const struct entry *entry)
{
    const char *version = version_of(entry);
    return (size_t)(version - entry->text) + strlen(version) + 1;
}

// Texts come one by one between the answers that are read, and each would keep the page alive that
// it fell into: they are moved together.
static void pack(struct kube_index *index)
{
    if (index->loose <= LOOSE_MAX + index->entries.len / 16)
        return;
    size_t size = 0;
    vec_foreach (struct entry, entry, &index->entries)
        size += size_of(entry);
    char *block = xmalloc(size + 1);
    char *at = block;
    vec_foreach (struct entry, entry, &index->entries) {
        size_t length = size_of(entry);
        memcpy(at, entry->text, length);
        entry_release(entry);
        entry->text = at;
        entry->packed = true;
        at += length;
    }
    free(index->block);
    index->block = block;
    index->loose = 0;
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
    struct entry fresh = {make_text(object), index->round, false};
    bool found;
    size_t at = place_of(index, fresh.text, &found);
    index->loose++;
    if (!found) {
        *(struct entry *)vec_insert(&index->entries, at) = fresh;
        pack(index);
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
    entry_release(entry);
    *entry = fresh;
    pack(index);
    return news;
}

bool kube_index_has(const struct kube_index *index, const char *namespace_, const char *name)
{
    cleanup_free char *key = xasprintf("%s/%s", namespace_, name);
    bool found;
    place_of(index, key, &found);
    return found;
}

bool kube_index_remove(struct kube_index *index, const json_t *object)
{
    struct entry gone = {make_text(object), 0, false};
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
