// One install of sealift in a cluster: the objects that belong together, marked as one set
// (KEP-3659, ApplySet), and what the set says about itself in its parent, the Secret
// sealift-install:
//
//     open ─▶ load the overlay ─▶ look at what is there ─▶ preflight ─▶ apply, stage by stage
//          ─▶ prune what an older install left ─▶ wait until the roles run
//
// All of it blocks.
#ifndef CLI_INSTALLATION_H
#define CLI_INSTALLATION_H

#include "cli/command.h"
#include "cli/manifests.h"
#include "cli/pieces.h"

#define INSTALL_PARENT "sealift-install"
#define APPLYSET_GROUP_KINDS "applyset.kubernetes.io/contains-group-kinds"

struct installation {
    const struct cli *cli;
    struct kube_client *client;
    struct kube_discovery *discovery;
    const char *namespace; // borrowed
    char *set_id;
    struct vec pieces; // struct piece, in the order of applying
    json_t *parent;    // as it stands in the cluster; NULL = there is none
    bool dry_run;
};

// Connects, and reads the parent in `namespace`.
int installation_open(const struct cli *cli, const char *namespace,
                      struct installation *ret_installation, struct error *err)
    __attribute__((warn_unused_result));
void installation_release(struct installation *installation); // may be called twice
#define cleanup_installation __attribute__((cleanup(installation_release)))

// Where sealift is installed, by the account of its controller; owned, "" when it is not.
char *installation_find(struct kube_client *client);
// What the install that is there was made with; NULL when there is none. Borrowed.
const char *installation_overlay(const struct installation *installation);
const char *installation_image(const struct installation *installation);

// The objects of `choice`, as members of the set, and what stands in their place. ERROR_CONFLICT
// when one of them belongs to another set.
int installation_load(struct installation *installation, const struct manifests_choice *choice,
                      struct error *err) __attribute__((warn_unused_result));
// All that carries the set's label and is not among the pieces: appended to ret_pieces.
int installation_leftovers(struct installation *installation, struct vec *ret_pieces,
                           struct error *err) __attribute__((warn_unused_result));

// Instead of one overlay: all that any overlay of this version and the set have in the cluster, as
// members of the set or, where none was marked, by their names and label. What belongs to another
// set is told and left out.
int installation_load_all(struct installation *installation, struct error *err)
    __attribute__((warn_unused_result));

// "Kind.group" of all that the set has or had, sorted (of char *): what the parent records.
void installation_kinds(const struct installation *installation, bool recorded_too,
                        struct vec *ret_kinds);

// Whether the server is new enough, and this account may do what is to be done: one sentence that
// says all that is missing.
int installation_preflight(struct installation *installation, struct error *err)
    __attribute__((warn_unused_result));

// Applies and prunes, and tells of each object.
int installation_apply(struct installation *installation, const struct manifests_choice *choice,
                       struct error *err) __attribute__((warn_unused_result));

#endif
