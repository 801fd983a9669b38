// What the flat layouts share: the names of their files, and the folder they share with others.
#ifndef CONTROLLER_DIRECTORY_FLAT_INTERNAL_H
#define CONTROLLER_DIRECTORY_FLAT_INTERNAL_H

#include "controller/directory_internal.h"

// Owned names.
char *directory_flat_one_file(const struct directory *directory);
// A Pod's name as it stands in the file's name: long ones are cut and end in their hash.
char *directory_flat_pod_part(const char *name);
char *directory_flat_pod_file(const struct directory *directory, const char *part);

// *ret_fd is -1 where there is no folder and none was to be created; the caller closes it.
int directory_flat_open(struct directory *directory, bool create, int *ret_fd, struct error *err)
    __attribute__((warn_unused_result));
// After a removal that was refused: 0 where the path is another's, a file or a link, because then
// nothing of ours can be there and a deletion must not wait for it; else -1. Consumes *failure.
int directory_flat_gone(struct error *failure, struct error *err)
    __attribute__((warn_unused_result));
// The names in the folder that are ours; with `temporary`, what an interrupted write left instead
// (".<name>.XXXXXX"). Sorted.
void directory_flat_list(const struct directory *directory, int root, bool temporary,
                         struct vec *names);
void directory_flat_clean(const struct directory *directory, int root);
void directory_flat_watch(struct directory *directory);
int directory_flat_write(const struct directory *directory, const char *name, const char *bytes,
                         size_t size, struct error *err) __attribute__((warn_unused_result));

// Adds a file to what will be expected.
void directory_flat_expect(struct vec *entries, const char *name, const char *bytes, size_t size);
// Removes the results of one action.
void directory_flat_drop(struct vec *results, enum target_action action);
// Moves the results out.
void directory_flat_hand_over(struct vec *from, struct vec *ret_results);

#endif
