// What `uninstall` does to a cluster, as a plan: steps in their order, each one object. A dry run
// prints the plan; a run is the same plan, carried out.
//
//     [--prune: delete the Syncs, while the controller still clears up] ─▶ stop the roles
//     ─▶ let the Syncs go (finalizers) ─▶ [--crds: what `create` granted, definitions and all
//     objects] ─▶ rights and the rest ─▶ the namespace
//
// All of it blocks.
#ifndef CLI_REMOVAL_H
#define CLI_REMOVAL_H

#include "cli/installation.h"

enum removal_action {
    REMOVAL_DELETE,
    REMOVAL_LET_GO, // a Sync loses our finalizer, and what it applied stays
    REMOVAL_KEEP,   // nothing is done: it is named because one might expect otherwise
};

struct removal_step {
    enum removal_action action;
    const struct piece *piece; // of one of the lists below
    const char *propagation;   // of deleting; static
    const char *wait;          // where the next step needs it gone: what to say; static, or NULL
    char *note;                // owned; "" = none
};

struct removal {
    const struct cli *cli;
    struct installation installation;
    struct vec syncs;  // struct piece
    struct vec grants; // struct piece: what `sealift create` wrote beside objects
    struct vec parent; // struct piece
    struct vec others; // struct piece: bindings of others to roles that go
    json_t *bindings;  // with --crds: all RoleBindings and ClusterRoleBindings; owned
    json_t *objects;   // how many of our kinds there are: {plural: number}; owned
    struct vec steps;  // struct removal_step
    size_t stopped;    // how many of them there are until no role runs
};

// Looks at what is there; no step means that there is nothing to do. *ret_removal is released by
// removal_release even on failure.
int removal_plan(const struct cli *cli, const char *namespace, struct removal *ret_removal,
                 struct error *err) __attribute__((warn_unused_result));
void removal_release(struct removal *removal);
#define cleanup_removal __attribute__((cleanup(removal_release)))

// The plan on stdout: a table, or as --output says (of -o name what is deleted).
int removal_print(const struct removal *removal, struct error *err)
    __attribute__((warn_unused_result));
// Carries it out, and tells of each step.
int removal_run(const struct removal *removal, struct error *err)
    __attribute__((warn_unused_result));

#endif
