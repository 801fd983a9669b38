// What planning a removal (removal.c) and carrying it out (removal_run.c) share.
#ifndef CLI_REMOVAL_INTERNAL_H
#define CLI_REMOVAL_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/removal.h"

struct kind;

extern const char removal_finalizer[]; // by which the controller holds a Sync
extern const char removal_stays[];     // of a Sync that is let go: what becomes of the rest

// Appends `items` to `pieces`, each as what is live.
void removal_add_live(const struct removal *removal, struct vec *pieces, const json_t *items);
// All objects of one of our kinds; *ret_items stays NULL where the cluster does not know the kind.
int removal_list_all(const struct removal *removal, const struct kind *kind, json_t **ret_items,
                     struct error *err) __attribute__((warn_unused_result));
// Whether the Sync has our finalizer.
bool removal_holds(const json_t *sync);

#endif
