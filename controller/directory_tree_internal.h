// Layout Tree in two files: directory_tree.c compares what is wanted with what is there,
// directory_swap.c builds the new tree and moves it in.
#ifndef CONTROLLER_DIRECTORY_TREE_INTERNAL_H
#define CONTROLLER_DIRECTORY_TREE_INTERNAL_H

#include "controller/directory_internal.h"

// What there is and what there should be, for one piece of work.
struct directory_tree {
    struct directory *directory;
    const struct target_request *request;
    enum directory_state state;
    int root; // of the directory; -1 when absent
    struct directory_cursor live;
    struct vec entries;   // DIRECTORY_ENTRIES: objects, kept objects, folders, marker
    struct vec inventory; // char *, sorted: the objects that the last apply left
    struct vec results;
    struct strbuf marker;
    bool changed; // something but the marker
    bool marker_changed;
    size_t foreign;
};

void directory_tree_release(struct directory_tree *tree);
#define cleanup_directory_tree __attribute__((cleanup(directory_tree_release)))

// Fills *tree, which the caller releases whatever the result. `applying` lists unchanged objects
// too, and begins to listen before it looks.
int directory_tree_compare(struct directory_tree *tree, struct directory *directory,
                           const struct target_request *request, bool applying, struct error *err)
    __attribute__((warn_unused_result));
// Moves the results out.
void directory_tree_hand_over(struct directory_tree *tree, struct vec *ret_results);

int directory_tree_prune_candidates(struct target *target, const struct target_request *request,
                                    struct vec *ret_results, struct error *err)
    __attribute__((warn_unused_result));
int directory_tree_apply(struct target *target, const struct target_request *request,
                         struct vec *ret_results, struct error *err)
    __attribute__((warn_unused_result));
int directory_tree_remove_all(struct target *target, struct cancel *cancel, struct vec *ret_results,
                              struct error *err) __attribute__((warn_unused_result));

#endif
