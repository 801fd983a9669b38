// Runs one kustomization: its resources, generators, components and transformers, in kustomize's
// order (api/internal/target/kusttarget.go).
#ifndef RENDER_KUSTOMIZE_ACCUMULATE_H
#define RENDER_KUSTOMIZE_ACCUMULATE_H

#include "base/value.h"
#include "render/kustomize/config.h"
#include "render/kustomize/frame.h"
#include "render/kustomize/resmap.h"

struct accumulator {
    struct resmap map;
    struct config config;
    struct value *vars; // owned; entries of `vars`, of all kustomizations run so far
};
void accumulator_init(struct accumulator *accumulator);
void accumulator_release(struct accumulator *accumulator);
#define cleanup_accumulator __attribute__((cleanup(accumulator_release)))

// What stands in `into` already is the parent's, for a component.
int accumulate(struct frame *frame, struct accumulator *into, struct error *err)
    __attribute__((warn_unused_result));

// Adds what `field` (a list of paths) names: files, and folders with a kustomization.
int accumulate_paths(struct frame *frame, const char *field, const struct value *paths,
                     struct accumulator *into, struct error *err)
    __attribute__((warn_unused_result));

// run.c: the generators and the transformers of one kustomization.
int run_generators(struct frame *frame, struct accumulator *into, struct error *err)
    __attribute__((warn_unused_result));
int run_transformers(struct frame *frame, struct accumulator *into, struct error *err)
    __attribute__((warn_unused_result));
int run_validators(struct frame *frame, struct accumulator *into, struct error *err)
    __attribute__((warn_unused_result));

#endif
