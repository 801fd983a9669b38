// Which objects differ between two sets of files, by their path in an artifact.
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include <jansson.h>

#include "base/vec.h"

// struct oci_file, by path.
void changes_sort(struct vec *files);

// [{path, change}] of two sorted lists, in order; change is "added", "removed" or "changed". A new
// reference.
json_t *changes_list(const struct vec *before, const struct vec *after);

#endif
