// The objects of a build in the order they were loaded, found by any name they have or had at a
// cost that does not grow with their number.
//
// The index is told of every change of a name: a transformer that changed kinds, names or
// namespaces calls resmap_renamed once behind its loop.
#ifndef RENDER_KUSTOMIZE_RESMAP_H
#define RENDER_KUSTOMIZE_RESMAP_H

#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/name_index.h"
#include "render/kustomize/resource.h"

struct resmap {
    struct vec list;    // struct resource *, owned; read it, change it through the functions below
    struct vec serials; // struct resource *, borrowed; NULL where removed; what the index holds
    struct name_index index; // serials by names
    bool indexed;            // else the index is to be built
    // What knows the scopes of its objects (borrowed; NULL while only built-in kinds count), and
    // what it said when the index was built: effective namespaces are in there.
    const struct schema *schema;
    const struct value *scopes;
};

void resmap_init(struct resmap *map);
void resmap_release(struct resmap *map);
#define cleanup_resmap __attribute__((cleanup(resmap_release)))

#define resmap_foreach(variable, map)                                                           \
    for (size_t variable##_at = 0; variable##_at < (map)->list.len; variable##_at++)            \
        for (struct resource *variable = ((struct resource **)(map)->list.data)[variable##_at]; \
             variable != NULL; variable = NULL)

// Consumes resource, also on failure. ERROR_INVALID when an object of this name is there already.
int resmap_append(struct resmap *map, struct resource *resource, struct error *err)
    __attribute__((warn_unused_result));
// ERROR_INVALID when two objects have one name, which transformers can bring about.
int resmap_check_unique(struct resmap *map, struct error *err) __attribute__((warn_unused_result));
// Moves all of `other` behind map's own.
int resmap_append_all(struct resmap *map, struct resmap *other, struct error *err)
    __attribute__((warn_unused_result));
// Adds, replaces or merges (data and binaryData) what a generator made, by its behavior. Leaves
// `other` empty.
int resmap_absorb(struct resmap *map, struct resmap *other, struct error *err)
    __attribute__((warn_unused_result));
// Frees it; positions behind it move up.
void resmap_remove(struct resmap *map, struct resource *resource);
void resmap_renamed(struct resmap *map);

// Those whose present name, or any name they ever had, is id (as resource_id_equals), in list
// order: pushes struct resource * (borrowed).
void resmap_find_current(struct resmap *map, struct resource_id id, struct vec *found);
void resmap_find_any(struct resmap *map, struct resource_id id, struct vec *found);
// " (did you mean Deployment.apps "web-v2"?)" for a name that no object of this kind has ("" = any
// kind), or ""; owned.
char *resmap_hint(const struct resmap *map, const char *kind, const char *name);
// The one that has or had this name. ERROR_NOT_FOUND and ERROR_INVALID (more than one) name it, and
// a similar name where there is one.
int resmap_get(struct resmap *map, struct resource_id id, struct resource **ret_resource,
               struct error *err) __attribute__((warn_unused_result));

#endif
