// Which objects a patch, a replacement or a plugin means: {group, version, kind, name, namespace}
// as regular expressions that the whole text must match, labelSelector and annotationSelector.
#ifndef RENDER_KUSTOMIZE_SELECTOR_H
#define RENDER_KUSTOMIZE_SELECTOR_H

#include <stdbool.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/resmap.h"
#include "render/kustomize/resource.h"

struct selector;

// `config` has the shape "selector". Owned. ERROR_INVALID and ERROR_LIMIT name the field.
int selector_new(const struct value *config, struct selector **ret_selector, struct error *err)
    __attribute__((warn_unused_result));
void selector_free(struct selector *selector); // NULL is fine
void cleanup_selector_pointer(struct selector **selector);
#define cleanup_selector __attribute__((cleanup(cleanup_selector_pointer)))

// Pushes the objects (struct resource *, borrowed) whose first or present name, and present kind,
// are selected, in their order.
int selector_select(struct selector *selector, const struct resmap *map, struct vec *found,
                    struct error *err) __attribute__((warn_unused_result));

// Reads the selectors for labels and annotations, which selector_select does when it meets an
// object that they are to be held against. Before selector_matches_labels.
int selector_read_labels(struct selector *selector, struct error *err)
    __attribute__((warn_unused_result));
// The parts of it: group, version, kind, name and namespace (as written) of one name; and labels
// and annotations. Whether any selector for labels or annotations was given.
int selector_matches_id(const struct selector *selector, struct resource_id id, bool *ret_matches,
                        struct error *err) __attribute__((warn_unused_result));
bool selector_matches_labels(const struct selector *selector, const struct resource *resource);
bool selector_has_labels(const struct selector *selector);

#endif
