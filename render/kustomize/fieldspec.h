// "In Deployments of apps, spec/template/metadata/labels, made where absent": which fields a
// transformer changes, and the walk to them. Paths are kustomize's: '/' between names, "\/" for a
// slash in a name, "[]" behind a name that must be a list; lists are walked through anywhere.
#ifndef RENDER_KUSTOMIZE_FIELDSPEC_H
#define RENDER_KUSTOMIZE_FIELDSPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/resource.h"

// All text is borrowed: from a static table, or from the JSON it was read from.
struct fieldspec {
    const char *group; // "" = any
    const char *version;
    const char *kind;
    const char *path;
    bool create;
};
#define FIELDSPECS VEC_OF(struct fieldspec, NULL)

// The place a value has in its parent. Borrowed: valid until the parent changes otherwise.
struct slot {
    struct value *parent; // an object or array
    const char *key;      // in an object, else NULL
    size_t index;         // in an array
};
struct value *slot_get(const struct slot *slot);             // borrowed; NULL when absent
void slot_set(const struct slot *slot, struct value *value); // consumes value

// What to make where a field is absent or null and the specification says create.
enum fieldspec_create {
    CREATE_NOTHING,
    CREATE_STRING,
    CREATE_INTEGER,
    CREATE_OBJECT,
    CREATE_ARRAY
};

// Called for every value found. `resource` is the object it is part of.
typedef int fieldspec_apply(void *arg, struct resource *resource, const struct slot *slot,
                            struct error *err);

bool fieldspec_matches(const struct fieldspec *spec, const struct resource *resource);
// Applies where spec matches the object. ERROR_INVALID when the path meets a scalar.
int fieldspec_walk(const struct fieldspec *spec, struct resource *resource,
                   enum fieldspec_create create, fieldspec_apply *apply, void *arg,
                   struct error *err) __attribute__((warn_unused_result));
// All of a vec of struct fieldspec, in order.
int fieldspec_walk_all(const struct vec *specs, struct resource *resource,
                       enum fieldspec_create create, fieldspec_apply *apply, void *arg,
                       struct error *err) __attribute__((warn_unused_result));

// From JSON ([{group, version, kind, path, create}], checked); pushes struct fieldspec, borrowed
// until list is changed or freed.
void fieldspec_read_all(const struct value *list, struct vec *specs);
// Adds those that specs does not hold; ERROR_INVALID when two differ in `create` alone.
int fieldspec_merge(struct vec *specs, const struct vec *incoming, struct error *err)
    __attribute__((warn_unused_result));

// The names of a path: pushes char * (owned), "\/" taken back.
void fieldspec_split(const char *path, char separator, struct vec *names);

#endif
