// The order in which people read objects (and kubectl apply wants them): Namespaces and
// CustomResourceDefinitions first, webhooks last, as kustomize's legacy order. What has an order of
// its own (render_object.order) keeps it.
#ifndef RENDER_ORDER_H
#define RENDER_ORDER_H

#include "base/vec.h"

// Compares two struct render_object; for vec_sort.
int render_order_compare(const void *a, const void *b);

#endif
