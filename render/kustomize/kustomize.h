// Kustomize trees, as `kustomize build` v5.8.1 renders them (docs/kustomize.md).
#ifndef RENDER_KUSTOMIZE_KUSTOMIZE_H
#define RENDER_KUSTOMIZE_KUSTOMIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/tree.h"

enum kustomize_order {
    KUSTOMIZE_ORDER_LEGACY, // kinds that others need come first; what the command does by default
    KUSTOMIZE_ORDER_FIFO,   // as loaded
};                          // sortOptions of the kustomization decide before either

struct remotes; // render/remote.h

struct kustomize_options {
    enum kustomize_order order;
    bool unrestricted; // files outside the folder of a kustomization may be read (not of the tree)
    bool explain;      // note which file and which transformer set each field
    // Remote bases and files that were brought, and where those are noted that are missing; NULL
    // refuses them. While some are missing, the build fails with ERROR_UNAVAILABLE.
    struct remotes *remotes;
};

struct kustomize_object {
    struct value *value;     // owned
    char *file;              // owned; where it was read or generated: a path in the tree
    size_t line;             // there, from 1
    struct value *explained; // owned; path of a field -> {value, source}; NULL unless asked for
};
void kustomize_object_release(void *element);
#define KUSTOMIZE_OBJECTS VEC_OF(struct kustomize_object, kustomize_object_release)

// Pushes the objects of the kustomization in folder `path` in output order (struct
// kustomize_object), and warnings (char *), each once. Errors name the chain of files:
// "prod/kustomization.yaml:4: resources[0]: base/kustomization.yaml:9: patches[2]: …".
// ERROR_INVALID, ERROR_NOT_FOUND, ERROR_DENIED, ERROR_LIMIT.
int kustomize_build(struct tree *tree, const char *path, const struct kustomize_options *options,
                    struct vec *objects, struct vec *warnings, struct error *err)
    __attribute__((warn_unused_result));

// The objects as kustomize prints them: YAML with sorted keys, "---" between. For tests and
// `sealift render`.
struct strbuf;
int kustomize_print(const struct vec *objects, struct strbuf *out, struct error *err)
    __attribute__((warn_unused_result));

// Whether a file of this name makes its folder a kustomization.
bool kustomize_is_file_name(const char *name);

#endif
