#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value_internal.h"

enum { FIRST_ITEMS = 4 }; // with which a block of malloc's is full

static struct value **items_of(const struct value *array, size_t *ret_used)
{
    return value_slots(array, ret_used);
}

struct value *value_array(void)
{
    return value_container_new(VALUE_ARRAY, FIRST_ITEMS);
}

struct value *value_array_of(struct value *const *items, size_t n)
{
    struct value *array = value_container_new(VALUE_ARRAY, n);
    size_t used = 0;
    if (n > 0)
        memcpy(items_of(array, &used), items, n * sizeof *items);
    value_container_set_used(array, n);
    return array;
}

size_t value_array_size(const struct value *array)
{
    size_t used = 0;
    if (value_is_array(array))
        value_slots(array, &used);
    return used;
}

struct value *value_array_get(const struct value *array, size_t index)
{
    size_t used = 0;
    if (!value_is_array(array))
        return NULL;
    struct value *const *items = items_of(array, &used);
    return index < used ? items[index] : NULL;
}

int value_array_set_new(struct value *array, size_t index, struct value *item)
{
    size_t used = 0;
    if (item == NULL || index >= value_array_size(array)) {
        value_decref(item);
        return -1;
    }
    struct value **items = items_of(array, &used);
    struct value *old = items[index];
    items[index] = item;
    value_decref(old);
    return 0;
}

int value_array_set(struct value *array, size_t index, struct value *item)
{
    return value_array_set_new(array, index, value_incref(item));
}

int value_array_insert_new(struct value *array, size_t index, struct value *item)
{
    size_t used = 0;
    if (item == NULL || !value_is_array(array) || index > value_array_size(array)) {
        value_decref(item);
        return -1;
    }
    value_container_grow(array, sizeof item);
    struct value **items = items_of(array, &used);
    memmove(items + index + 1, items + index, (used - index) * sizeof *items);
    items[index] = item;
    value_container_set_used(array, used + 1);
    return 0;
}

int value_array_append_new(struct value *array, struct value *item)
{
    return value_array_insert_new(array, value_array_size(array), item);
}

int value_array_append(struct value *array, struct value *item)
{
    return value_array_append_new(array, value_incref(item));
}

int value_array_remove(struct value *array, size_t index)
{
    size_t used = 0;
    if (index >= value_array_size(array))
        return -1;
    struct value **items = items_of(array, &used);
    struct value *removed = items[index];
    memmove(items + index, items + index + 1, (used - index - 1) * sizeof *items);
    value_container_set_used(array, used - 1);
    value_decref(removed);
    return 0;
}

void value_array_release(struct value *array)
{
    size_t used = 0;
    struct value **items = items_of(array, &used);
    for (size_t i = 0; i < used; i++)
        value_decref(items[i]);
    free(value_block_of(array));
    array->size = 0;
}

void value_array_clear(struct value *array)
{
    if (value_is_array(array))
        value_array_release(array);
}

int value_array_extend(struct value *array, const struct value *other)
{
    if (!value_is_array(array) || !value_is_array(other))
        return -1;
    size_t size = value_array_size(other); // it may be the same one
    for (size_t i = 0; i < size; i++)
        value_array_append(array, value_array_get(other, i));
    return 0;
}
