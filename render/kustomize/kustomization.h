// A kustomization file: read, checked against every field that v5 has, and brought into one form.
#ifndef RENDER_KUSTOMIZE_KUSTOMIZATION_H
#define RENDER_KUSTOMIZE_KUSTOMIZATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"

struct kustomization {
    char *file; // owned; a path in the tree
    char *text; // owned; as read, for lines
    size_t size;
    size_t start; // where its document begins in text
    // Owned. Checked: only fields of v5, spelt as documented (their case does not matter in the
    // file), each of its type or absent; null members are gone. Deprecated fields are folded into
    // their successors: bases into resources, imageTags into images, env into envs; what has an
    // order of its own (commonLabels, patchesStrategicMerge, patchesJson6902, vars) stays.
    struct value *value;
    bool component;       // kind: Component
    size_t own_resources; // entries of resources that were not written under bases
    size_t own_images;    // entries of images that were not written under imageTags
};

void kustomization_release(struct kustomization *kustomization); // may be called twice
#define cleanup_kustomization __attribute__((cleanup(kustomization_release)))

// `text` is copied. Pushes one warning (char *) per deprecated field. ERROR_INVALID names file,
// line and field.
int kustomization_parse(const char *file, const char *text, size_t size,
                        struct kustomization *ret_kustomization, struct vec *warnings,
                        struct error *err) __attribute__((warn_unused_result));

// "prod/kustomization.yaml:12: patches[2]", where the field stands in the file. Owned.
char *kustomization_place(const struct kustomization *kustomization, const char *field);
// The same for an entry of a list, by the field it was written under. Owned.
char *kustomization_place_item(const struct kustomization *kustomization, const char *field,
                               size_t index);
// Puts "prod/kustomization.yaml:12: patches[2]" in front, where the field stands in the file.
// Always -1.
int kustomization_wrap(const struct kustomization *kustomization, struct error *err,
                       const char *field_format, ...) __attribute__((format(printf, 3, 4)));

// The same for an entry of a list.
int kustomization_wrap_item(const struct kustomization *kustomization, struct error *err,
                            const char *field, size_t index);

// The same check for what is written as these parts in other places (a file of replacements, the
// config of a builtin plugin). `shape` names it, see kustomization_shapes.c. Changes value in place
// as above. ERROR_INVALID: a sentence that starts with the field.
int kustomization_check(struct value *value, const char *shape, struct error *err)
    __attribute__((warn_unused_result));

#endif
