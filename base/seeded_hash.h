// A hash for tables in memory that outsiders fill: who does not know the seed cannot choose names
// that fall together. An address of the heap will do as a seed.
#ifndef BASE_SEEDED_HASH_H
#define BASE_SEEDED_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 seeded_hash_product;

static inline uint64_t seeded_hash(uint64_t seed, const void *bytes, size_t size)
{
    const char *at = bytes;
    uint64_t state = seed ^ (size * 0x9E3779B97F4A7C15u);
    while (size > 0) {
        uint64_t word = 0;
        size_t step = size < sizeof word ? size : sizeof word;
        memcpy(&word, at, step);
        seeded_hash_product product =
            (seeded_hash_product)(state ^ word) * (0xA0761D6478BD642Fu ^ seed);
        state = (uint64_t)product ^ (uint64_t)(product >> 64);
        at += step;
        size -= step;
    }
    return state ^ (state >> 29);
}

#endif
