// Objects that a command applies to a cluster together, or removes: each with its place there, and
// what stands there now.
#ifndef CLI_PIECES_H
#define CLI_PIECES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/kube/kube_client.h"
#include "base/kube/kube_discovery.h"
#include "base/vec.h"
#include "controller/kube_order.h"

struct piece {
    json_t *object; // as it is sent; owned
    json_t *live;   // as it stands in the cluster; NULL = it does not; owned
    json_t *answer; // to the last apply; owned; NULL when there was none
    char *text;     // "Deployment shop/web"
    char *group;
    char *version;
    char *plural; // NULL = the cluster does not know the kind yet
    char *ns;     // "" = cluster-scoped
    char *name;
    bool namespaced;
    enum apply_stage stage;
    size_t order;
    const char *outcome; // of what was done last: "created", "configured", "unchanged",
                         // "made anew"; or NULL and
    struct error error;
};
void piece_release(void *element);
#define PIECES VEC_OF(struct piece, piece_release)

// Appends each object, with a reference to it, and finds its place.
void pieces_add(struct vec *pieces, const struct kube_discovery *discovery, const json_t *objects);
// Finds the places of kinds that were not known.
void pieces_place(struct vec *pieces, const struct kube_discovery *discovery);
struct kube_ref piece_ref(const struct piece *piece); // borrows
bool piece_is(const struct piece *piece, const char *kind);
// By stage; in the order of adding within one.
int piece_compare(const void *a, const void *b);

// Reads what stands there, in parallel. ERROR_DENIED and the like end it.
int pieces_look(struct kube_client *client, struct vec *pieces, struct error *err)
    __attribute__((warn_unused_result));

// Applies those of the stages from `first` to `last`, in parallel, under our field manager. What
// came of each stands in it afterwards. Returns how many failed.
size_t pieces_apply(struct kube_client *client, struct vec *pieces, enum apply_stage first,
                    enum apply_stage last, bool dry_run);
// Deletes and makes anew those that were refused because a field cannot be changed: bindings, whose
// roleRef is fixed, and Deployments, whose selector is. Returns how many still failed.
size_t pieces_remake(struct kube_client *client, struct vec *pieces, enum apply_stage first,
                     enum apply_stage last);
// Deletes it, if it is still the one that was looked at; absent is fine. `propagation` as in
// kube_request.
int piece_delete(struct kube_client *client, const struct piece *piece, const char *propagation,
                 struct error *err) __attribute__((warn_unused_result));

#endif
