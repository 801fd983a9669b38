#include "render/kustomize/name_index.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/seeded_hash.h"

enum { FIRST_CHAINS = 16 };

struct name_entry {
    uint32_t hash;
    uint32_t place;
    uint32_t next; // from 1; 0 = none
};

void name_index_release(struct name_index *index)
{
    vec_free(&index->entries);
    free(index->first);
    free(index->last);
    *index = (struct name_index){0};
}

static uint32_t hash_of(const struct name_index *index, struct name_parts name)
{
    uint64_t hash = seeded_hash(index->seed, name.name, strlen(name.name));
    hash = seeded_hash(hash, name.kind, strlen(name.kind));
    return (uint32_t)seeded_hash(hash, name.ns, strlen(name.ns));
}

static void chain(struct name_index *index, uint32_t number)
{
    struct name_entry *entries = index->entries.data;
    uint32_t at = entries[number - 1].hash & (index->chains - 1);
    entries[number - 1].next = 0;
    if (index->last[at] == 0)
        index->first[at] = number;
    else
        entries[index->last[at] - 1].next = number;
    index->last[at] = number;
}

static void make_room(struct name_index *index)
{
    if (index->entries.len < index->chains)
        return;
    if (index->chains == 0)
        index->entries = VEC_OF(struct name_entry, NULL);
    index->chains = index->chains == 0 ? FIRST_CHAINS : 2 * index->chains;
    free(index->first);
    free(index->last);
    index->first = xcalloc(index->chains, sizeof *index->first);
    index->last = xcalloc(index->chains, sizeof *index->last);
    if (index->seed == 0)
        index->seed = (uintptr_t)index->first;
    for (uint32_t number = 1; number <= index->entries.len; number++)
        chain(index, number);
}

void name_index_add(struct name_index *index, struct name_parts name, size_t place)
{
    make_room(index);
    uint32_t hash = hash_of(index, name);
    *(struct name_entry *)vec_push(&index->entries) =
        (struct name_entry){.hash = hash, .place = (uint32_t)place};
    chain(index, (uint32_t)index->entries.len);
}

bool name_index_next(const struct name_index *index, struct name_parts name,
                     struct name_cursor *cursor, size_t *ret_place)
{
    if (index->chains == 0)
        return false;
    const struct name_entry *entries = index->entries.data;
    uint32_t hash = hash_of(index, name);
    uint32_t number = cursor->started ? entries[cursor->entry - 1].next
                                      : index->first[hash & (index->chains - 1)];
    // An object may have had a name twice.
    while (number > 0 &&
           (entries[number - 1].hash != hash ||
            (cursor->started && entries[number - 1].place == entries[cursor->entry - 1].place)))
        number = entries[number - 1].next;
    if (number == 0)
        return false;
    *cursor = (struct name_cursor){.entry = number, .started = true};
    *ret_place = entries[number - 1].place;
    return true;
}
