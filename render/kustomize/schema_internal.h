// The table that generate_schema.py writes.
#ifndef RENDER_KUSTOMIZE_SCHEMA_INTERNAL_H
#define RENDER_KUSTOMIZE_SCHEMA_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

// A field that is a keyed list, or leads to one.
struct schema_row {
    const char *field;
    const char *const *keys; // NULL: no keyed list; {NULL}: a list of scalars
    uint8_t node;            // of the field's value, or of the list's elements
};

// Rows [first, first + count) of schema_rows, sorted by field. Node 0 has none.
struct schema_node {
    uint8_t first;
    uint8_t count;
};

struct schema_root {
    const char *api_version;
    const char *kind;
    uint8_t node;
};

extern const struct schema_row schema_rows[];
extern const struct schema_node schema_nodes[];
extern const struct schema_root schema_roots[]; // sorted by api_version, then kind
extern const size_t schema_root_count;

#endif
