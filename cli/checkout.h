// Where a folder that a command names stands: the repository around it is the tree that is
// rendered, as the packager has it, so that an overlay finds its bases.
#ifndef CLI_CHECKOUT_H
#define CLI_CHECKOUT_H

#include <stdbool.h>

#include "base/error.h"

struct checkout {
    char *root;         // owned; the folder that becomes the tree
    char *path;         // owned; what of it is rendered, "" for all
    bool is_repository; // .git stands in root
};

// A path that was asked for is below the folder itself. Without one (NULL), the tree is the nearest
// folder from `folder` upwards that holds a .git, and the folder where there is none.
int checkout_find(const char *folder, const char *path, struct checkout *ret_checkout,
                  struct error *err) __attribute__((warn_unused_result));

void checkout_release(struct checkout *checkout);
#define cleanup_checkout __attribute__((cleanup(checkout_release)))

#endif
