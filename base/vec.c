#include "base/vec.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *vec_insert(struct vec *vec, size_t index)
{
    assert(vec->element_size > 0 && index <= vec->len);
    if (vec->len == vec->cap) {
        vec->cap = vec->cap > 0 ? vec->cap * 2 : 8;
        vec->data = xreallocarray(vec->data, vec->cap, vec->element_size);
    }
    char *slot = (char *)vec->data + index * vec->element_size;
    memmove(slot + vec->element_size, slot, (vec->len - index) * vec->element_size);
    memset(slot, 0, vec->element_size);
    vec->len++;
    return slot;
}

void *vec_push(struct vec *vec)
{
    return vec_insert(vec, vec->len);
}

void *vec_at(const struct vec *vec, size_t index)
{
    assert(index < vec->len);
    return (char *)vec->data + index * vec->element_size;
}

void vec_remove(struct vec *vec, size_t index)
{
    char *slot = vec_at(vec, index);
    if (vec->release != NULL)
        vec->release(slot);
    vec->len--;
    memmove(slot, slot + vec->element_size, (vec->len - index) * vec->element_size);
}

void vec_fit(struct vec *vec)
{
    if (vec->len == vec->cap || vec->len == 0)
        return;
    vec->data = xreallocarray(vec->data, vec->len, vec->element_size);
    vec->cap = vec->len;
}

void vec_clear(struct vec *vec)
{
    if (vec->release != NULL) {
        for (size_t i = 0; i < vec->len; i++)
            vec->release(vec_at(vec, i));
    }
    vec->len = 0;
}

void vec_free(struct vec *vec)
{
    vec_clear(vec);
    free(vec->data);
    vec->data = NULL;
    vec->cap = 0;
}

void vec_sort(struct vec *vec, int (*compare)(const void *, const void *))
{
    if (vec->len > 1)
        qsort(vec->data, vec->len, vec->element_size, compare);
}

void *vec_find(const struct vec *vec, const void *key, int (*compare)(const void *, const void *))
{
    return vec->len > 0 ? bsearch(key, vec->data, vec->len, vec->element_size, compare) : NULL;
}

void vec_release_string(void *element)
{
    free(*(char **)element);
}

void vec_push_string(struct vec *vec, const char *text)
{
    *(char **)vec_push(vec) = xstrdup(text);
}

int vec_compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}
