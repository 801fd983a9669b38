// Where objects come from and what changed them, while buildMetadata asks for it
// (api/resource/origin.go): JSON objects {path, repo, ref, configuredIn, configuredBy: {apiVersion,
// kind, name, namespace}} in resources, annotations at the end.
#ifndef RENDER_KUSTOMIZE_ORIGIN_H
#define RENDER_KUSTOMIZE_ORIGIN_H

#include "base/value.h"
#include "render/kustomize/frame.h"
#include "render/kustomize/resmap.h"

// All owned, and NULL where the frame keeps no origins.
struct value *origin_of_file(const struct frame *frame, const char *path);
struct value *origin_of_builtin(const struct frame *frame, const char *plugin_kind);
// Of what the plugin does that `config` configures.
struct value *origin_of_plugin(const struct resource *config);

// `origin` is shared, and may be NULL (then nothing happens). Generated: for those that have none
// yet. Transformed: noted as the last that changed each object.
void origin_mark_generated(struct resmap *map, struct value *origin);
void origin_mark_transformed(struct resmap *map, struct value *origin);

// The child's origin: where `path`, as the frame names it, leads. Nothing happens where the frame
// keeps no origins.
void origin_enter(const struct frame *frame, const char *path, struct frame *child);

// Writes the annotations that build_metadata (a list) asks for.
void origin_annotate(struct resmap *map, const struct value *build_metadata);

#endif
