// Allocation that does not fail (out of memory aborts, so every size from outside is bounded
// first), cleanup by scope, and ownership that moves only by STEAL.
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

// All results are owned by the caller; free() releases them.
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
void *xrealloc(void *block, size_t size) __attribute__((returns_nonnull, alloc_size(2)));
void *xreallocarray(void *block, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
// NULL for NULL.
char *xstrdup_or_null(const char *text);
// Copies at most size bytes and ends them with a NUL.
char *xstrndup(const char *text, size_t size) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *block, size_t size) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *xvasprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0), malloc, returns_nonnull));

// Tunes the allocator for a process that works in bursts and then rests; called once at the start
// of main, before threads.
void memory_settle(void);
// Gives free memory back to the system; takes milliseconds. Any thread.
void memory_trim(void);

// Overwrites a secret before it is freed. NULL is fine.
void secret_free(char *text);

// For a variable that owns memory of malloc's: freed when it goes out of scope.
void cleanup_free_pointer(void *pointer_to_pointer);
#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
void cleanup_secret_pointer(char **pointer);
#define cleanup_secret __attribute__((cleanup(cleanup_secret_pointer)))

// Takes the pointer out of an owning variable and leaves NULL behind.
#define STEAL(pointer)                                \
    __extension__({                                   \
        __typeof__(pointer) *steal_from = &(pointer); \
        __typeof__(pointer) stolen = *steal_from;     \
        *steal_from = NULL;                           \
        stolen;                                       \
    })

// The struct that holds `member` at `pointer`.
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
