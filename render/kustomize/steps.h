// The builtin generators and transformers, each a frame_step (render/kustomize/frame.h). What
// `config` holds is noted beside each; fieldSpecs, where absent, means none.
#ifndef RENDER_KUSTOMIZE_STEPS_H
#define RENDER_KUSTOMIZE_STEPS_H

#include "render/kustomize/frame.h"

// Generators: config as in configMapGenerator and secretGenerator, generatorOptions merged in.
frame_step configmap_generate;
frame_step secret_generate;

frame_step patch_transform;           // {path | patch, target, options}
frame_step patch_strategic_transform; // {paths: […], patches: text}
// The same, for a field whose entries are the paths: *ret_index is the one at fault, or SIZE_MAX.
int patch_strategic_entries(struct frame *frame, const struct value *config, struct resmap *map,
                            size_t *ret_index, struct error *err)
    __attribute__((warn_unused_result));
frame_step patch_json6902_transform; // {target, path | jsonOp}
frame_step namespace_transform;      // {metadata: {namespace}, fieldSpecs, unsetOnly, …}
frame_step prefix_transform;         // {prefix, fieldSpecs}
frame_step suffix_transform;         // {suffix, fieldSpecs}
frame_step label_transform;          // {labels: {}, fieldSpecs}
frame_step annotation_transform;     // {annotations: {}, fieldSpecs}
frame_step image_transform;          // {imageTag: {name, newName, …}, fieldSpecs}
frame_step replica_transform;        // {replica: {name, count}, fieldSpecs}
frame_step replacement_transform;    // {replacements: [{path} | {source, targets}]}
// The same; *ret_index is the entry at fault.
int replacement_entries(struct frame *frame, const struct value *config, struct resmap *map,
                        size_t *ret_index, struct error *err) __attribute__((warn_unused_result));
frame_step hash_transform;      // config is NULL
frame_step value_add_transform; // {value, targets, targetFilePath}

// Runs what `generators`, `transformers` and `validators` name: each resource of `configs` is the
// configuration of one builtin plugin (apiVersion builtin). ERROR_INVALID for a plugin that would
// have to be executed.
int plugin_generate(struct frame *frame, struct resmap *configs, struct resmap *map,
                    struct error *err) __attribute__((warn_unused_result));
int plugin_transform(struct frame *frame, struct resmap *configs, struct resmap *map,
                     struct error *err) __attribute__((warn_unused_result));
// The same without a trace of it: validators are no transformers.
int plugin_validate(struct frame *frame, struct resmap *configs, struct resmap *map,
                    struct error *err) __attribute__((warn_unused_result));

// Puts the values of `vars` (the kustomizations' entries, checked, of all frames) where $(NAME)
// stands in the fields that `specs` (struct fieldspec) name.
int vars_resolve(struct frame *frame, const struct value *vars, const struct vec *specs,
                 struct resmap *map, struct error *err) __attribute__((warn_unused_result));

#endif
