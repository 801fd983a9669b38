// An object as somebody would write it: without what the server and the roles added.
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include <jansson.h>

// For one of our kinds: no status, no bookkeeping in metadata, no value that is the kind's default
// anyway. Owned.
json_t *clean_object(const json_t *object);

// For any object: drops what the server counts (managedFields, resourceVersion, generation, uid,
// creationTimestamp, selfLink) in place.
void clean_metadata(json_t *object);

#endif
