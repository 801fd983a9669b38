// The order of the output: as loaded, or kustomize's legacy order by kind and name.
#ifndef RENDER_KUSTOMIZE_SORT_H
#define RENDER_KUSTOMIZE_SORT_H

#include "base/value.h"
#include "render/kustomize/kustomize.h"
#include "render/kustomize/resmap.h"

// Where a kind stands in the legacy order: below 0 first, above 0 last, 0 between.
int sort_rank(const char *kind);

// sort_options is the field of that name (checked), or NULL: then `order` decides. ERROR_INVALID
// for an order that does not exist.
int sort_resources(struct resmap *map, const struct value *sort_options, enum kustomize_order order,
                   struct error *err) __attribute__((warn_unused_result));

#endif
