// Variables of a Bundle (spec.render.substitute) in rendered objects, as Flux's postBuild puts them
// there: into the text of each object, so that a number in a value becomes a number.
#ifndef RENDER_SUBSTITUTE_H
#define RENDER_SUBSTITUTE_H

#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "render/tree.h"

struct substitute;

// `config` is {vars: {NAME: value}, from: [path], strict: true}. Files of `from` are paths in the
// tree and hold ConfigMaps and Secrets, whose entries are variables; later ones win, and vars win
// over all. Line ends are dropped from values. *ret_substitute is owned and borrows the tree.
// ERROR_INVALID names file and entry.
int substitute_new(struct tree *tree, const struct value *config,
                   struct substitute **ret_substitute, struct error *err)
    __attribute__((warn_unused_result));
void substitute_free(struct substitute *substitute); // NULL is fine
void cleanup_substitute_pointer(struct substitute **substitute);
#define cleanup_substitute __attribute__((cleanup(cleanup_substitute_pointer)))

// *ret_value becomes the object with its variables replaced (owned), or stays NULL where it holds
// none or is exempt by the annotation or label sealift.dev/substitute: disabled (or Flux's
// kustomize.toolkit.fluxcd.io/substitute: disabled). A NULL substitute replaces nothing.
// ERROR_INVALID names file, line and variable: the line that holds it, else `line`.
int substitute_apply(const struct substitute *substitute, const struct value *value,
                     const char *file, size_t line, struct value **ret_value, struct error *err)
    __attribute__((warn_unused_result));

#endif
