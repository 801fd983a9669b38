// The room of objects and arrays, objects with their index, and arrays.
#include "base/value_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/seeded_hash.h"

enum {
    MAX_INSIDE = VALUE_FEW, // slots behind a header
    MIN_INDEXED = VALUE_FEW + 1,
    FIRST_MEMBERS = 3, // with which a block of malloc's is full
};

// ---- room ----

static size_t slot_size_of(enum value_type type)
{
    return type == VALUE_OBJECT ? sizeof(struct value_pair) : sizeof(struct value *);
}

static struct value_block *new_block(size_t capacity, size_t slot_size)
{
    struct value_block *block = xmalloc(sizeof *block + capacity * slot_size);
    *block = (struct value_block){.capacity = (uint32_t)capacity};
    return block;
}

static void set_block(struct value *value, struct value_block *block)
{
    value->size = VALUE_OUTSIDE;
    memcpy(value_body(value), &block, sizeof block);
}

struct value *value_container_new(enum value_type type, size_t capacity)
{
    size_t slot_size = slot_size_of(type);
    size_t inside = capacity > MAX_INSIDE ? 1 : capacity > 0 ? capacity : 1;
    struct value *value = xmalloc(sizeof *value + inside * slot_size);
    *value = (struct value){.references = 1, .type = (uint8_t)type, .capacity = (uint8_t)inside};
    if (capacity > MAX_INSIDE)
        set_block(value, new_block(capacity, slot_size));
    return value;
}

void value_container_set_used(struct value *value, size_t used)
{
    struct value_block *block = value_block_of(value);
    if (block != NULL)
        block->used = (uint32_t)used;
    else
        value->size = (uint16_t)used;
}

static size_t capacity_of(const struct value *value)
{
    const struct value_block *block = value_block_of(value);
    return block != NULL ? block->capacity : (uint8_t)(value->capacity & ~VALUE_MARK);
}

void value_container_mark(struct value *container, bool marked)
{
    if (!value_is_object(container) && !value_is_array(container))
        return;
    uint8_t capacity = (uint8_t)(container->capacity & ~VALUE_MARK);
    container->capacity = (uint8_t)(capacity | (marked ? VALUE_MARK : 0));
}

bool value_container_marked(const struct value *value)
{
    return (value_is_object(value) || value_is_array(value)) && (value->capacity & VALUE_MARK) != 0;
}

void value_container_grow(struct value *value, size_t slot_size)
{
    size_t used = 0;
    void *slots = value_slots(value, &used);
    if (used < capacity_of(value))
        return;
    if (used > UINT32_MAX / 4)
        abort();
    size_t dead = value_is_object(value) ? used - value_object_size(value) : 0;
    struct value_block *old = value_block_of(value);
    struct value_block *block = new_block(used + used / 2 + 2, slot_size);
    memcpy(block + 1, slots, used * slot_size);
    block->used = (uint32_t)used;
    block->dead = (uint32_t)dead;
    if (old != NULL)
        free(old->index);
    free(old);
    set_block(value, block);
}

// ---- the index of a large object ----

// Seeded by where the index lies, which nobody outside knows.
static uint64_t hash(const uint32_t *index, const char *text, size_t length)
{
    return seeded_hash((uintptr_t)index, text, length);
}

static void index_slot(struct value_block *block, const struct value *key, size_t slot)
{
    uint64_t at = hash(block->index, value_string_value(key), value_string_length(key));
    while (block->index[at & (block->index_size - 1)] != 0)
        at++;
    block->index[at & (block->index_size - 1)] = (uint32_t)slot + 1;
    block->index_used++;
}

static void build_index(struct value_block *block)
{
    const struct value_pair *pairs = (const struct value_pair *)(block + 1);
    uint32_t size = 32;
    while (size < 2 * block->capacity)
        size *= 2;
    free(block->index);
    block->index = xcalloc(size, sizeof *block->index);
    block->index_size = size;
    block->index_used = 0;
    for (size_t i = 0; i < block->used; i++)
        if (pairs[i].key != NULL)
            index_slot(block, pairs[i].key, i);
}

static bool is_called(const struct value_pair *pair, const char *key, size_t length)
{
    return pair->key != NULL && value_string_length(pair->key) == length &&
           memcmp(value_string_value(pair->key), key, length) == 0;
}

static struct value_pair *find(const struct value *object, const char *key, size_t length)
{
    size_t used = 0;
    struct value_pair *pairs = value_slots(object, &used);
    const struct value_block *block = value_block_of(object);
    if (block == NULL || block->index_size == 0) {
        for (size_t i = 0; i < used; i++)
            if (is_called(&pairs[i], key, length))
                return &pairs[i];
        return NULL;
    }
    for (uint64_t at = hash(block->index, key, length);; at++) {
        uint32_t slot = block->index[at & (block->index_size - 1)];
        if (slot == 0)
            return NULL;
        // What was removed at the end, and came anew, may be meant by an older entry.
        if (slot <= used && is_called(&pairs[slot - 1], key, length))
            return &pairs[slot - 1];
    }
}

// ---- objects ----

struct value *value_object(void)
{
    return value_container_new(VALUE_OBJECT, FIRST_MEMBERS);
}

struct value *value_object_of(const char *name, ...)
{
    struct value *object = value_object();
    va_list args;
    va_start(args, name);
    for (; name != NULL; name = va_arg(args, const char *))
        value_object_set_new(object, name, va_arg(args, struct value *));
    va_end(args);
    return object;
}

static void release_members(struct value *object)
{
    size_t used = 0;
    struct value_pair *pairs = value_slots(object, &used);
    for (size_t i = 0; i < used; i++) {
        value_decref(pairs[i].key);
        value_decref(pairs[i].member);
    }
}

static void free_block(struct value *value)
{
    struct value_block *block = value_block_of(value);
    if (block != NULL)
        free(block->index);
    free(block);
    value->size = 0;
}

void value_object_release(struct value *object)
{
    release_members(object);
    free_block(object);
}

void value_object_clear(struct value *object)
{
    if (value_is_object(object))
        value_object_release(object);
}

size_t value_object_size(const struct value *object)
{
    if (!value_is_object(object))
        return 0;
    size_t used = 0;
    const struct value_pair *pairs = value_slots(object, &used);
    const struct value_block *block = value_block_of(object);
    if (block != NULL)
        return used - block->dead;
    size_t size = 0;
    for (size_t i = 0; i < used; i++)
        size += pairs[i].key != NULL;
    return size;
}

struct value *value_object_getn(const struct value *object, const char *key, size_t length)
{
    const struct value_pair *pair = value_is_object(object) ? find(object, key, length) : NULL;
    return pair != NULL ? pair->member : NULL;
}

struct value *value_object_get(const struct value *object, const char *key)
{
    return value_object_getn(object, key, strlen(key));
}

// Consumes both.
static void append_pair(struct value *object, struct value *key, struct value *member)
{
    value_container_grow(object, sizeof(struct value_pair));
    size_t used = 0;
    struct value_pair *pairs = value_slots(object, &used);
    struct value_block *block = value_block_of(object);
    pairs[used] = (struct value_pair){key, member};
    value_container_set_used(object, used + 1);
    if (block == NULL || used + 1 < MIN_INDEXED)
        return;
    if (block->index_used >= block->index_size / 4 * 3 || block->index_size == 0)
        build_index(block);
    else
        index_slot(block, key, used);
}

int value_object_put_new(struct value *object, struct value *key, struct value *member)
{
    if (!value_is_object(object) || !value_is_string(key) || member == NULL) {
        value_decref(member);
        return -1;
    }
    struct value_pair *pair = find(object, value_string_value(key), value_string_length(key));
    if (pair == NULL) {
        append_pair(object, value_incref(key), member);
        return 0;
    }
    struct value *old = pair->member;
    pair->member = member;
    value_decref(old);
    return 0;
}

int value_object_setn_new(struct value *object, const char *key, size_t length,
                          struct value *member)
{
    struct value_pair *pair = value_is_object(object) ? find(object, key, length) : NULL;
    struct value *name = NULL;
    if (member != NULL && pair != NULL) {
        struct value *old = pair->member;
        pair->member = member;
        value_decref(old);
        return 0;
    }
    if (member == NULL || !value_is_object(object) || (name = value_stringn(key, length)) == NULL) {
        value_decref(member);
        return -1;
    }
    append_pair(object, name, member);
    return 0;
}

int value_object_set_new(struct value *object, const char *key, struct value *member)
{
    return value_object_setn_new(object, key, strlen(key), member);
}

int value_object_set(struct value *object, const char *key, struct value *member)
{
    return value_object_set_new(object, key, value_incref(member));
}

// Slots without a key at the end go, so that what follows takes their place.
static void drop_tail(struct value *object)
{
    size_t used = 0;
    const struct value_pair *pairs = value_slots(object, &used);
    struct value_block *block = value_block_of(object);
    for (; used > 0 && pairs[used - 1].key == NULL; used--)
        if (block != NULL)
            block->dead--;
    value_container_set_used(object, used);
}

int value_object_del(struct value *object, const char *key)
{
    struct value_pair *pair = value_is_object(object) ? find(object, key, strlen(key)) : NULL;
    if (pair == NULL)
        return -1;
    struct value_pair removed = *pair;
    struct value_block *block = value_block_of(object);
    *pair = (struct value_pair){0};
    if (block != NULL)
        block->dead++;
    drop_tail(object);
    value_decref(removed.key);
    value_decref(removed.member);
    return 0;
}

bool value_object_next(const struct value *object, size_t *at, const struct value **ret_key,
                       struct value **ret_member)
{
    size_t used = 0;
    if (!value_is_object(object))
        return false;
    const struct value_pair *pairs = value_slots(object, &used);
    while (*at < used && pairs[*at].key == NULL)
        ++*at;
    if (*at >= used)
        return false;
    *ret_key = pairs[*at].key;
    *ret_member = pairs[*at].member;
    ++*at;
    return true;
}

struct value *value_object_step(const struct value *object, size_t *at, const char **ret_key)
{
    const struct value *key = NULL;
    struct value *member = NULL;
    if (value_object_next(object, at, &key, &member))
        *ret_key = value_string_value(key);
    return member;
}

void value_object_update_missing(struct value *object, const struct value *other)
{
    const struct value *key = NULL;
    struct value *member = NULL;
    for (size_t at = 0; value_object_next(other, &at, &key, &member);)
        if (find(object, value_string_value(key), value_string_length(key)) == NULL)
            append_pair(object, value_ref(key), value_incref(member));
}

// ---- a mapping that is read ----

bool value_builder_has(const struct value_builder *builder, const struct value *key)
{
    const char *text = value_string_value(key);
    size_t length = value_string_length(key);
    if (builder->object != NULL)
        return find(builder->object, text, length) != NULL;
    for (size_t i = 0; i < builder->n; i++)
        if (builder->few[i].key == key || is_called(&builder->few[i], text, length))
            return true;
    return false;
}

static bool replace_few(struct value_builder *builder, const struct value *key,
                        struct value *member)
{
    for (size_t i = 0; i < builder->n; i++) {
        if (!is_called(&builder->few[i], value_string_value(key), value_string_length(key)))
            continue;
        value_decref(builder->few[i].member);
        builder->few[i].member = member;
        return true;
    }
    return false;
}

static struct value *object_of_few(struct value_builder *builder, size_t capacity)
{
    struct value *object = value_container_new(VALUE_OBJECT, capacity);
    size_t used = 0;
    memcpy(value_slots(object, &used), builder->few, builder->n * sizeof builder->few[0]);
    value_container_set_used(object, builder->n);
    builder->n = 0;
    return object;
}

void value_builder_add(struct value_builder *builder, struct value *key, struct value *member)
{
    if (builder->object == NULL && builder->n == VALUE_FEW && !value_builder_has(builder, key))
        builder->object = object_of_few(builder, 2 * VALUE_FEW);
    if (builder->object != NULL) {
        value_object_put_new(builder->object, key, member);
        value_decref(key);
    } else if (value_builder_has(builder, key)) {
        replace_few(builder, key, member);
        value_decref(key);
    } else {
        builder->few[builder->n++] = (struct value_pair){key, member};
    }
}

struct value *value_builder_finish(struct value_builder *builder)
{
    struct value *object = STEAL(builder->object);
    return object != NULL ? object : object_of_few(builder, builder->n);
}

void value_builder_release(struct value_builder *builder)
{
    value_decref(STEAL(builder->object));
    for (; builder->n > 0; builder->n--) {
        value_decref(builder->few[builder->n - 1].key);
        value_decref(builder->few[builder->n - 1].member);
    }
}
