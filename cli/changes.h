// Which objects differ between two sets of files, by their path in an artifact.
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "base/vec.h"

struct oci_file;

// struct oci_file, by path.
void changes_sort(struct vec *files);

// Walks two sorted lists side by side. Begins as {before, after, 0, 0}.
struct changes_walk {
    const struct vec *before;
    const struct vec *after;
    size_t left;
    size_t right;
};
// The next path's file in each list, NULL where that has none of it (borrowed); false at the end.
bool changes_next(struct changes_walk *walk, const struct oci_file **ret_before,
                  const struct oci_file **ret_after);

// [{path, change}] of two sorted lists, in order; change is "added", "removed" or "changed". A new
// reference.
json_t *changes_list(const struct vec *before, const struct vec *after);
// Such a list for people, a line for each object, of which there are `most` at most.
void changes_write(const json_t *changes, size_t most, struct strbuf *out);

#endif
