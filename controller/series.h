// The metric series of Bundles and Syncs, in the shape that dashboards for Flux read. Any thread.
#ifndef CONTROLLER_SERIES_H
#define CONTROLLER_SERIES_H

#include <jansson.h>

#include "base/metrics.h"

struct series;

struct series *series_new(struct metrics *metrics);
void series_free(struct series *series); // NULL is fine

// One reconcile of an object ended; `status` is as it was written.
void series_note(struct series *series, const json_t *object, const json_t *status, double seconds,
                 _Bool ok);
// The object is gone.
void series_forget(struct series *series, const json_t *object);

#endif
