// The transformers that change fields by specification. A kustomization's own fields call them with
// the specifications in force; the configurations of builtin plugins (steps.h) with their own.
//
// `specs` is a vec of struct fieldspec. All change `map` in place and return ERROR_INVALID where an
// object is not as the field needs it.
#ifndef RENDER_KUSTOMIZE_TRANSFORM_H
#define RENDER_KUSTOMIZE_TRANSFORM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/config.h"
#include "render/kustomize/resmap.h"

int transform_prefix(const char *prefix, const struct vec *specs, struct resmap *map,
                     struct error *err) __attribute__((warn_unused_result));
int transform_suffix(const char *suffix, const struct vec *specs, struct resmap *map,
                     struct error *err) __attribute__((warn_unused_result));

enum subjects_mode {
    SUBJECTS_DEFAULT_ONLY, // subjects called "default"
    SUBJECTS_SERVICE_ACCOUNTS,
    SUBJECTS_NONE,
};
struct namespace_options {
    const char *ns;
    bool unset_only; // only where there is none yet
    enum subjects_mode subjects;
};
int transform_namespace(const struct namespace_options *options, const struct vec *specs,
                        struct resmap *map, struct error *err) __attribute__((warn_unused_result));

// `pairs` go into every mapping that specs lead to: labels and annotations.
int transform_pairs(const struct value *pairs, const struct vec *specs, struct resmap *map,
                    struct error *err) __attribute__((warn_unused_result));

// `entries` (const struct value *) are some of `images`, one after the other.
int transform_images(const struct vec *entries, const struct vec *specs, struct resmap *map,
                     struct error *err) __attribute__((warn_unused_result));
// `replica` is an entry of `replicas`. ERROR_NOT_FOUND when no object matches.
int transform_replica(const struct value *replica, const struct vec *specs, struct resmap *map,
                      struct error *err) __attribute__((warn_unused_result));

// Puts the present names of objects where others have an earlier one. `references` is a vec of
// struct config_reference.
int transform_references(const struct vec *references, struct resmap *map, struct error *err)
    __attribute__((warn_unused_result));

#endif
