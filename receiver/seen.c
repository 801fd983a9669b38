#include "receiver/seen.h"

#include "base/digest.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *id)
{
    unsigned char hash[SHA256_SIZE];
    uint64_t value;
    sha256(id, strlen(id), hash);
    memcpy(&value, hash, sizeof value);
    return value;
}

void seen_add(struct seen *seen, const char *id)
{
    if (seen_has(seen, id))
        return;
    if (seen->count < SEEN_MAX_IDS) {
        // Most Hooks see few deliveries: grown by eights, not at once.
        if (seen->count % 8 == 0)
            seen->ids = xreallocarray(seen->ids, seen->count + 8, sizeof *seen->ids);
        seen->ids[seen->count++] = hash_of(id);
        return;
    }
    seen->ids[seen->next] = hash_of(id);
    seen->next = (seen->next + 1) % SEEN_MAX_IDS;
}

bool seen_has(const struct seen *seen, const char *id)
{
    uint64_t hash = hash_of(id);
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->ids[i] == hash)
            return true;
    }
    return false;
}

void seen_release(struct seen *seen)
{
    free(seen->ids);
    *seen = (struct seen){0};
}
