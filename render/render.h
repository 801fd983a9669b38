// From a read-only file tree to the objects that an artifact holds. A pure function: the same tree
// gives the same bytes, and nothing but the tree is read.
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"
#include "render/remote.h"
#include "render/tree.h"

enum render_type {
    RENDER_AUTO,      // by the files at the path; refused where their renderer is not built
    RENDER_PLAIN,     // every .yaml, .yml and .json file below the path, as kubectl apply -R does
    RENDER_KUSTOMIZE, // the kustomization at the path, as kustomize build does
};

// The type by its name in a Bundle ("Auto", "Plain", "Kustomize"); RENDER_AUTO for another.
enum render_type render_type_parse(const char *name);
// What provenance calls it: "plain", "kustomize".
const char *render_type_name(enum render_type type);

struct render_options {
    enum render_type type;
    bool explain;             // note in kustomized objects what set each field
    struct remotes *remotes;  // remote bases (render/remote.h); NULL refuses them
    bool allow_secrets;       // Secrets with data or stringData are refused otherwise
    const json_t *substitute; // variables, as render/substitute.h has it; borrowed, NULL = none
    size_t max_objects;       // and manifests that are read; 0 = 20,000
    size_t max_bytes;         // of all manifests read, and of all objects written; 0 = 128 MiB
};

struct render_object {
    char *path; // in the artifact: base/object_path.h
    char *api_version;
    char *group; // "" for the core group
    char *kind;
    char *ns; // NULL when the object names none
    char *name;
    char *yaml; // canonical: yamlvalue_write
    size_t yaml_size;
    char *source;      // the file it came from, a path in the tree
    size_t line;       // where it starts there, from 1
    json_t *explained; // owned; path of a field -> {value, source}, where that was asked for
    size_t order; // where its renderer puts it in print, from 1; 0 = it has no order of its own
};
void render_object_release(void *object);
#define RENDER_OBJECTS VEC_OF(struct render_object, render_object_release)

struct render_result {
    enum render_type type; // what rendered; never RENDER_AUTO
    struct vec objects;    // struct render_object, sorted by path, no path twice
    struct vec inputs;     // char *, sorted: what was looked at, as tree_record states it
    struct vec warnings;   // char *, sentences for whoever wrote the files
};
void render_result_release(struct render_result *result); // may be called twice, and on zeros
#define cleanup_render_result __attribute__((cleanup(render_result_release)))

// `path` is a folder (or one file) of the tree. No object at all is a result too. Errors name file,
// line and object: "apps/web.yaml:12: Deployment without metadata.name; give it one".
// ERROR_INVALID, ERROR_NOT_FOUND (no such path), ERROR_DENIED (a link out of the tree, a Secret
// with data, a SOPS file), ERROR_LIMIT (20,000 files or objects, 4 MiB each, 128 MiB in all, 32
// folders deep). While a remote base is missing it fails, and options->remotes says which; with
// another error than ERROR_LIMIT the call is worth repeating once they were brought.
int render_tree(struct tree *tree, const char *path, const struct render_options *options,
                struct render_result *ret_result, struct error *err)
    __attribute__((warn_unused_result));

#endif
