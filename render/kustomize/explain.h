// Which file and which transformer set each field of each object, noted while a build runs that was
// asked for it (kustomize_options.explain): {path: {value, source}} in every resource.
#ifndef RENDER_KUSTOMIZE_EXPLAIN_H
#define RENDER_KUSTOMIZE_EXPLAIN_H

#include <jansson.h>

#include "render/kustomize/frame.h"
#include "render/kustomize/resmap.h"

// What differs from the last call is the work of `source`, a sentence's subject: "base/web.yaml:3",
// "prod/kustomization.yaml:2: namePrefix". Does nothing unless the build explains.
void explain_resource(const struct frame *frame, struct resource *resource, const char *source);
void explain_all(const struct frame *frame, struct resmap *map, const char *source);
// The same for an entry of a field of the frame's kustomization ("images[0]").
void explain_field(const struct frame *frame, struct resmap *map, const char *field_format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
