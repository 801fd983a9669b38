// Plain manifests: every .yaml, .yml and .json file below a path, recursively, in sorted order;
// names that start with a dot are skipped, Lists are taken apart, empty documents skipped.
#ifndef RENDER_PLAIN_H
#define RENDER_PLAIN_H

#include "render/render.h"
#include "render/substitute.h"

// Pushes struct render_object. Errors as render_tree.
int plain_render(struct tree *tree, const char *path, const struct render_options *options,
                 const struct substitute *substitute, struct vec *objects, struct error *err)
    __attribute__((warn_unused_result));

// The sentence for a Chart.yaml, or a kustomization.yaml where none is expected. Always -1.
int plain_refuse_unrendered(const char *file, struct error *err);

#endif
