// What configMapGenerator and secretGenerator share with generatorOptions.
#ifndef RENDER_KUSTOMIZE_GENERATOR_H
#define RENDER_KUSTOMIZE_GENERATOR_H

#include "base/value.h"

// Adds the kustomization's generatorOptions (may be NULL) to the options of one generator: its own
// labels and annotations win, disableNameSuffixHash and immutable hold when either says so.
void generator_merge_options(struct value *generator, const struct value *global);

#endif
