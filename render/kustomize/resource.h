// An object on its way through a build: what it is, what it was called before, and where it comes
// from. What kustomize keeps in annotations under internal.config.kubernetes.io is in members here,
// so the object itself never holds it.
//
// Values are base/value.h's. A container (object or array) belongs to one resource alone and is
// changed in place: copy with value_deep_copy before a part of one resource goes into another.
// Strings and numbers are never changed in place, always replaced, so they may be shared.
#ifndef RENDER_KUSTOMIZE_RESOURCE_H
#define RENDER_KUSTOMIZE_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"

// A name of an object. Borrowed from the resource: valid until its value changes. Never NULL; an
// absent part is "". The group and the version are one member, as nothing needs them apart but
// gvk_matches.
struct schema; // render/kustomize/schema.h
struct resource_id {
    const char *api_version; // "apps/v1", "v1"
    const char *kind;
    const char *name;
    const char *ns; // as written, so "" and "default" differ; compare with resource_id_equals
    const struct schema *schema; // what else than the built-in API knows scopes; NULL for nothing
    bool past; // ns is the effective one that was noted then, whatever is known of scopes by now
};

enum resource_behavior {
    BEHAVIOR_UNSPECIFIED, // as create
    BEHAVIOR_CREATE,
    BEHAVIOR_REPLACE,
    BEHAVIOR_MERGE,
};

struct resource {
    struct value *value;         // owned; an object
    const struct schema *schema; // borrowed from the build; NULL where only built-in kinds count
    // Owned arrays; NULL where nothing was noted, as of most objects.
    struct value *past;     // kind, name and effective namespace of each earlier name, oldest first
    struct value *prefixes; // texts, in the order they were added
    struct value *suffixes; // texts
    struct value *ref_vars; // names of the vars that read from it
    enum resource_behavior behavior;
    bool needs_hash;               // a generator made it, and a hash of its content ends its name
    bool has_history;              // kustomize has annotations of its own in it by now
    struct value *file;            // owned text; the file of the tree it came from; may be NULL
    size_t line;                   // where it starts there, from 1; 0 when it was generated
    struct value *explained;       // owned; see explain.h; NULL unless the build explains
    struct vec *aliases;           // owned; struct alias_group, see alias.h; NULL for none
    struct value *origin;          // owned; NULL unless buildMetadata asks for it
    struct value *transformations; // owned; NULL or an array
};

// Consumes value (an object). Owned result; file may be NULL.
struct resource *resource_new(struct value *value, const char *file, size_t line);
// The same with a file's name that others share.
struct resource *resource_new_of(struct value *value, struct value *file, size_t line);
// NULL where it came from no file.
const char *resource_file(const struct resource *resource);
// Values and history.
struct resource *resource_copy(const struct resource *resource);
void resource_free(struct resource *resource); // NULL is fine
void cleanup_resource_pointer(struct resource **resource);
#define cleanup_resource __attribute__((cleanup(cleanup_resource_pointer)))

// The present name, and the first it had.
struct resource_id resource_current_id(const struct resource *resource);
struct resource_id resource_original_id(const struct resource *resource);
// Earlier names, 0 = the first.
size_t resource_past_count(const struct resource *resource);
struct resource_id resource_past_id(const struct resource *resource, size_t index);
// Remembers the present name before it changes.
void resource_remember_id(struct resource *resource);
// Appends to one of its arrays, which is made where it is NULL. Consumes item.
void resource_note(struct value **list, struct value *item);

// kustomize keeps its memory in the object's annotations, where patches add to them, and may take
// them away. Lend puts a mark there while there is something to remember; take removes it, and says
// whether it was gone.
void resource_lend_history(struct resource *resource);
// Takes the mark from wherever a patch may have copied it.
void resource_drop_marks(struct value *value);
bool resource_take_history(struct resource *resource);
// Names and origin; or the origin alone.
void resource_forget_history(struct resource *resource);
void resource_forget_origin(struct resource *resource);

// "" where absent or no string.
const char *resource_kind(const struct resource *resource);
const char *resource_name(const struct resource *resource);
const char *resource_namespace(const struct resource *resource);
// Makes metadata where it is absent; "" removes the namespace.
void resource_set_kind(struct resource *resource, const char *kind);
void resource_set_name(struct resource *resource, const char *name);
void resource_set_namespace(struct resource *resource, const char *ns);
// metadata.labels and metadata.annotations; NULL when absent or of another type.
struct value *resource_labels(const struct resource *resource);
struct value *resource_annotations(const struct resource *resource);
// A name of metadata that is a number or a boolean is one still, whose text can be read.
void resource_keep_readable(struct value *metadata, const char *field);
// Labels or annotations as kustomize makes them anew: all values become text (a null its own, words
// such as yes in quotes), and an empty mapping goes.
void resource_make_texts(struct value *metadata, const char *field);
// Made where absent. NULL only when metadata is of another type.
struct value *resource_make_annotations(struct resource *resource);

// Same group, version, kind, name and effective namespace.
bool resource_id_equals(struct resource_id a, struct resource_id b);
// "default" for none, RESOURCE_NO_NAMESPACE for kinds that are certainly cluster-scoped.
#define RESOURCE_NO_NAMESPACE "_non_namespaceable_" // no namespace can be called so
const char *resource_id_effective_namespace(struct resource_id id);
bool resource_id_is_cluster_scoped(struct resource_id id);
// "Deployment.apps/v1 shop/web", for people. Owned.
char *resource_id_describe(struct resource_id id);

// "apps" of "apps/v1" into a length; "" (0) for the core group. The version starts behind it.
size_t api_version_group_length(const char *api_version);
const char *api_version_version(const char *api_version);
// Whether group, version and kind are those given; NULL or "" matches anything.
bool gvk_matches(const char *api_version, const char *object_kind, const char *group,
                 const char *version, const char *kind);

// Certainly cluster-scoped, by the API that kustomize 5.8.1 has built in; unknown kinds are not.
bool scope_is_cluster(const char *api_version, const char *kind);

// The objects of a file, Lists taken apart, empty documents dropped, in kustomize's order (the
// items of a List come behind the rest of the file). Pushes struct resource * (owned). Every object
// has kind and metadata.name. ERROR_INVALID names file and line.
// schema (may be NULL) is asked for scopes from then on, and outlives the resources.
int resource_parse(const char *text, size_t size, const char *file, struct schema *schema,
                   struct vec *resources, struct error *err) __attribute__((warn_unused_result));
void resource_release_element(void *element); // for VEC_OF(struct resource *, …)
#define RESOURCES VEC_OF(struct resource *, resource_release_element)

#endif
