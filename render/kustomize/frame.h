// One kustomization while it is run, and the build it is part of. Everything that reads a file does
// it through the frame whose kustomization names that file.
#ifndef RENDER_KUSTOMIZE_FRAME_H
#define RENDER_KUSTOMIZE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/kustomization.h"
#include "render/kustomize/kustomize.h"
#include "render/kustomize/resmap.h"
#include "render/tree.h"

struct schema; // render/kustomize/schema.h

// What is one for the whole build.
struct build {
    struct tree *tree; // of the kustomization at the top
    const struct kustomize_options *options;
    struct schema *schema; // owned; merge keys by field, with what openapi and crds added
    struct vec warnings;   // char *
    size_t read_bytes;
    size_t frames; // opened so far
    size_t visits; // frame_count
    size_t put_bytes;
};

struct frame {
    struct build *build;
    const struct frame *parent;  // the kustomization that names this one; NULL at the top
    struct tree *tree;           // that `dir` is in
    const struct remote *remote; // the repository that the tree is of; NULL = what is rendered
    // As the parent names it, in the first frame of a repository; NULL in others. Borrowed.
    const char *remote_text;
    char *dir; // owned; a path in the tree without links, "" = its root
    struct kustomization kustomization;
    // Which path of the kustomization is being followed now; field is NULL while none is.
    const char *field;
    size_t index;
    // Owned; while buildMetadata asks for it: where this folder is, as the top names it ("" = the
    // top), or as the repository that it is in does. NULL otherwise.
    char *origin;
    char *origin_repository; // with origin; NULL outside of repositories
    char *origin_ref;
};
void frame_release(struct frame *frame); // may be called twice
#define cleanup_frame __attribute__((cleanup(frame_release)))

// The kustomization in folder `dir` (a path in the parent's tree without links). ERROR_NOT_FOUND
// when there is none, ERROR_INVALID for two of them, or for one that is being built already: the
// sentence shows the circle.
int frame_open(struct build *build, const struct frame *parent, const char *dir,
               struct frame *ret_frame, struct error *err) __attribute__((warn_unused_result));

// frame_remote.c: what stands elsewhere (render/remote.h).
//
// The kustomization in a repository. ERROR_UNAVAILABLE when it was not brought yet: then it is
// wanted, and *ret_missing is true. `text` is borrowed from the parent's kustomization.
struct remote_spec;
int frame_open_remote(const struct frame *parent, const char *text, const struct remote_spec *spec,
                      struct frame *ret_frame, bool *ret_missing, struct error *err)
    __attribute__((warn_unused_result));
// A file of a web server, borrowed. *ret_missing as above. may_be_absent: *ret_remote may then have
// the state REMOTE_ABSENT; otherwise that is ERROR_NOT_FOUND.
int frame_fetch_file(const struct frame *frame, const char *url, bool may_be_absent,
                     const struct remote **ret_remote, bool *ret_missing, struct error *err)
    __attribute__((warn_unused_result));
// A path of the frame's tree as people know it: with the repository in front. Owned.
char *frame_name(const struct frame *frame, const char *path);
// "prod/kustomization.yaml:4: resources[0]: base/kustomization.yaml:2: resources[1]": the path that
// is being followed. Owned.
char *frame_place(const struct frame *frame);
// Where the builder was not given what it needs from elsewhere. Always -1.
int frame_refuse_remote(const char *text, struct error *err);

// What a path of the kustomization leads to: *ret_path (owned) is without links. Folders may stand
// anywhere in the tree, files are restricted as in frame_read. ERROR_INVALID for what is not in the
// tree at all (an absolute path).
int frame_resolve(struct frame *frame, const char *path, char **ret_path, enum tree_kind *ret_kind,
                  struct error *err) __attribute__((warn_unused_result));

// A file named in the kustomization, relative to its folder, or of a web server. *ret_data is owned
// with a NUL behind its *ret_size bytes; *ret_path (may be NULL) is its name, owned, for messages.
// ERROR_DENIED outside the folder, unless the options allow it; ERROR_NOT_FOUND; ERROR_LIMIT.
int frame_read(struct frame *frame, const char *path, char **ret_data, size_t *ret_size,
               char **ret_path, struct error *err) __attribute__((warn_unused_result));

// The same of a file that frame_resolve gave.
int frame_read_resolved(struct frame *frame, const char *resolved, char **ret_data,
                        size_t *ret_size, char **ret_path, struct error *err)
    __attribute__((warn_unused_result));

// Counts what entries of the kustomizations do to objects, since entries times objects is what a
// small tree can make long work of: how often an entry looks at an object, and the bytes that it
// puts into objects. ERROR_LIMIT.
int frame_count(struct frame *frame, size_t visits, size_t bytes, struct error *err)
    __attribute__((warn_unused_result));

// The same for an entry that gives each object a new name: the one before is kept, too.
int frame_count_names(struct frame *frame, const struct resmap *map, struct error *err)
    __attribute__((warn_unused_result));

// A sentence for people, said once per build; the file of the kustomization goes in front.
void frame_warn(struct frame *frame, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What every transformer and every generator is. `config` has the form of the builtin plugin's
// configuration ({prefix, fieldSpecs}, {path, patch, target, options}, …), checked; what the
// kustomization says in its own fields is brought into that form first, so that
// `transformers:` and `namePrefix:` end in the same function. A generator appends to an empty map.
// Errors name what is wrong, not the file and field: the caller puts those in front.
typedef int frame_step(struct frame *frame, const struct value *config, struct resmap *map,
                       struct error *err);

#endif
