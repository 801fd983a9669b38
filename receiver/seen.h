// The delivery ids of late, so that a replay changes nothing. Bounded: the oldest is forgotten
// first, and a replay of that costs one idempotent fetch.
#ifndef RECEIVER_SEEN_H
#define RECEIVER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEN_MAX_IDS = 512 };

struct seen {
    uint64_t *ids; // 64 bits of SHA-256 each; owned, NULL while empty
    size_t count;
    size_t next; // the place of the oldest, once full
};

void seen_add(struct seen *seen, const char *id);
bool seen_has(const struct seen *seen, const char *id);
void seen_release(struct seen *seen);

#endif
