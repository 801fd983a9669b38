// The text that ValueAddTransformer makes of a path.
#ifndef RENDER_KUSTOMIZE_VALUE_ADD_H
#define RENDER_KUSTOMIZE_VALUE_ADD_H

#include <stddef.h>

// `part` as the name at `position` (from 0; beyond the end: behind all) of a path; an absolute path
// stays one. Owned.
char *value_add_insert(const char *path, size_t position, const char *part);

#endif
