// Places of objects in a list, by names that they have or had, in little memory: what is kept of a
// name is its hash, so who looks one up compares what comes.
#ifndef RENDER_KUSTOMIZE_NAME_INDEX_H
#define RENDER_KUSTOMIZE_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

// Zeros are an empty index.
struct name_index {
    struct vec entries; // struct name_entry, in the order they were added
    uint32_t *first;    // owned; of each chain, the entry's number from 1; 0 = none
    uint32_t *last;     // owned
    uint32_t chains;    // a power of two
    uint64_t seed;
};
void name_index_release(struct name_index *index); // leaves it empty

// Of a name in up to three parts.
struct name_parts {
    const char *kind;
    const char *ns;
    const char *name;
};

// Places are added in rising order.
void name_index_add(struct name_index *index, struct name_parts name, size_t place);

// The next place at which the name may be, rising, each once. A cursor starts as zeros.
struct name_cursor {
    uint32_t entry;
    bool started;
};
bool name_index_next(const struct name_index *index, struct name_parts name,
                     struct name_cursor *cursor, size_t *ret_place);

#endif
