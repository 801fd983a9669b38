// Fields of one object that kustomize holds as one node: a label that one entry of `labels` or
// `commonLabels` puts into metadata, selector and template is a single node in three places, and
// what later overwrites it in one place overwrites it in all (kyaml's SetEntry and FieldSetter).
// A base with commonLabels and an overlay with labels show it, so its output is ours, too.
//
// The places are noted when such a label is set, and made equal again behind every step that may
// have written to one.
#ifndef RENDER_KUSTOMIZE_ALIAS_H
#define RENDER_KUSTOMIZE_ALIAS_H

#include "base/value.h"
#include "base/vec.h"
#include "render/kustomize/resource.h"

// A member of an object within a resource.
struct alias_place {
    struct value *parent; // owned reference
    char *key;            // owned
};
void alias_place_release(void *place);
#define ALIAS_PLACES VEC_OF(struct alias_place, alias_place_release)

struct alias_group {
    struct value *value; // owned; what every place holds
    struct vec places;   // struct alias_place
};
void alias_group_release(void *group);

// From now on the places (moved out of the vec) that hold the same value by pointer are one.
void alias_note(struct resource *resource, struct vec *places);
// Overwrites a member, everywhere; consumes value.
void alias_write(struct resource *resource, struct value *parent, const char *key,
                 struct value *value);
// Makes places equal again: the last that differs says what all hold, one of the object's own
// metadata only where no other differs.
void alias_settle(struct resource *resource);
// Makes places equal, and puts the quotes around their texts that a merge puts around any it meets
// (yamlvalue_written_quote_other): put there by each place alone, they would count as changes.
void alias_quote(struct resource *resource);
// The members of `parent` are nodes of their own from now on; NULL = all members of the resource.
void alias_forget(struct resource *resource, const struct value *parent);

struct resmap;
void alias_settle_all(struct resmap *map);

#endif
