// Which fields of a kind hold names of other objects, gathered once for each kind: kustomize asks
// every object for every field, of which there are hundreds.
#ifndef RENDER_KUSTOMIZE_REFERENCE_FIELDS_H
#define RENDER_KUSTOMIZE_REFERENCE_FIELDS_H

#include <stddef.h>

#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/config.h"

// A field of some kind, and what it may name. Borrowed from the references.
struct reference_field {
    const struct config_reference *target;
    const char *path;
};

// The fields of a kind as a tree, so that what their paths share is looked up once.
struct reference_step {
    char *name;         // owned; NULL at the root; "containers[]" is another step than "containers"
    size_t length;      // without the brackets
    struct vec fields;  // struct reference_field, those whose path ends here
    struct vec further; // struct reference_step
};
// The first in it or behind it; there is one unless the step is a root.
const struct reference_field *reference_step_first(const struct reference_step *step);

struct reference_fields {
    const struct vec *references; // struct config_reference; borrowed
    struct value *by_kind;        // kind -> array of places in kinds, one per apiVersion
    struct vec kinds;
};
void reference_fields_init(struct reference_fields *fields, const struct vec *references);
void reference_fields_release(struct reference_fields *fields);

// The root for objects of this kind; valid until the next call.
const struct reference_step *reference_fields_of(struct reference_fields *fields,
                                                 const char *api_version, const char *kind);

#endif
