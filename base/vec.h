// The one growable array. Elements are stored by value; `release`, if given, frees what an element
// owns.
//
//     struct vec names = VEC_OF(char *, vec_release_string);
//     *(char **)vec_push(&names) = xstrdup("a");
//     vec_foreach(char *, name, &names) puts(*name);
//     vec_free(&names);
//
// Pointers into it are borrowed until the next push, insert or removal.
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

struct vec {
    void *data;
    size_t len;
    size_t cap;
    size_t element_size;
    void (*release)(void *element); // may be NULL
};

#define VEC_OF(type, release_element)                              \
    (struct vec)                                                   \
    {                                                              \
        .element_size = sizeof(type), .release = (release_element) \
    }

// A new zeroed element at the end.
void *vec_push(struct vec *vec);
// A new zeroed element before `index` (index <= len).
void *vec_insert(struct vec *vec, size_t index);
void *vec_at(const struct vec *vec, size_t index);
// Releases the element and closes the gap.
void vec_remove(struct vec *vec, size_t index);
// Gives back the room for more; a push makes some again.
void vec_fit(struct vec *vec);
// Releases all elements; keeps the memory and the type.
void vec_clear(struct vec *vec);
// Releases all; the vec may be used again. May be called twice.
void vec_free(struct vec *vec);
#define cleanup_vec __attribute__((cleanup(vec_free)))

void vec_sort(struct vec *vec, int (*compare)(const void *, const void *));
// By binary search in a vec sorted with the same compare; NULL when absent.
void *vec_find(const struct vec *vec, const void *key, int (*compare)(const void *, const void *));

// For vecs of char *.
void vec_release_string(void *element);
void vec_push_string(struct vec *vec, const char *text);
int vec_compare_strings(const void *a, const void *b);

// Behind the last element; NULL for a vec that never held any, from which no offset may be taken.
static inline void *vec_end(const struct vec *vec)
{
    return vec->data == NULL ? NULL : (char *)vec->data + vec->len * vec->element_size;
}

#define vec_foreach(type, variable, vec) \
    for (type *variable = (vec)->data; variable < (type *)vec_end(vec); variable++)

#endif
