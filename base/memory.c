#include "base/memory.h"

#include <openssl/crypto.h>

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *block)
{
    if (block == NULL)
        abort();
    return block;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xrealloc(void *block, size_t size)
{
    return checked(realloc(block, size > 0 ? size : 1));
}

void *xreallocarray(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return xrealloc(block, bytes);
}

char *xstrdup(const char *text)
{
    return checked(strdup(text));
}

char *xstrdup_or_null(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

char *xstrndup(const char *text, size_t size)
{
    return checked(strndup(text, size));
}

void *xmemdup(const void *block, size_t size)
{
    void *copy = xmalloc(size);
    if (size > 0)
        memcpy(copy, block, size);
    return copy;
}

char *xvasprintf(const char *format, va_list args)
{
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        abort();
    return checked(text);
}

char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = xvasprintf(format, args);
    va_end(args);
    return text;
}

void memory_settle(void)
{
    // One arena per worker would keep each worker's high-water mark; two are enough, because
    // workers mostly wait for the network.
    mallopt(M_ARENA_MAX, 2);
    // Bodies and packs come from mmap and go back at once. Naming the threshold also stops glibc
    // from raising it after the first large block.
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

void memory_trim(void)
{
    malloc_trim(0);
}

void secret_free(char *text)
{
    if (text == NULL)
        return;
    OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void cleanup_free_pointer(void *pointer_to_pointer)
{
    void *block;
    memcpy(&block, pointer_to_pointer, sizeof block);
    free(block);
}

void cleanup_secret_pointer(char **pointer)
{
    secret_free(*pointer);
}
