// How containers lie in memory: up to 255 slots behind the header, or, when they grew out of that
// room, a pointer there to a block. A member that was removed leaves a slot without a key, so that
// a loop over the members stays where it is.
#ifndef BASE_VALUE_INTERNAL_H
#define BASE_VALUE_INTERNAL_H

#include "base/value.h"

enum { VALUE_OUTSIDE = UINT16_MAX }; // as the size of a container, or of a string: see there
enum { VALUE_MARK = 0x80 };          // beside the capacity of a container

struct value_block {
    uint32_t capacity;
    uint32_t used;
    uint32_t dead;       // of these without a key
    uint32_t index_size; // a power of two; 0 = none
    uint32_t index_used; // entries, those of removed members included
    uint32_t *index;     // owned; slot + 1, by hash
    // The slots follow.
};

static inline void *value_body(const struct value *value)
{
    return (char *)(uintptr_t)value + sizeof *value;
}

static inline struct value_block *value_block_of(const struct value *value)
{
    return value->size == VALUE_OUTSIDE ? *(struct value_block **)value_body(value) : NULL;
}

// slot_size bytes for each slot, pairs or pointers; *ret_used becomes how many are in use.
static inline void *value_slots(const struct value *value, size_t *ret_used)
{
    struct value_block *block = value_block_of(value);
    *ret_used = block != NULL ? block->used : value->size;
    return block != NULL ? (void *)(block + 1) : value_body(value);
}

// A container with room for `capacity` slots.
struct value *value_container_new(enum value_type type, size_t capacity);
// Room for one slot more; afterwards the slots may be elsewhere.
void value_container_grow(struct value *value, size_t slot_size);
void value_container_set_used(struct value *value, size_t used);
void value_object_release(struct value *object);
void value_array_release(struct value *array);

#endif
