// What a kustomization and its parts look like: the fields of v5 with their types, as Go's decoder
// holds them to its structs (api/types). Field names are matched in any case.
#ifndef RENDER_KUSTOMIZE_SHAPE_H
#define RENDER_KUSTOMIZE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"

enum shape_type {
    SHAPE_TEXT,
    SHAPE_BOOL,
    SHAPE_INTEGER,
    SHAPE_TEXTS,    // a list of text
    SHAPE_TEXT_MAP, // text by name
    SHAPE_OBJECT,
    SHAPE_OBJECTS, // a list of them
    SHAPE_PATH,    // text: the names on the way to a field, a slash between them
    SHAPE_ANY,     // any mapping
};

struct shape_field {
    const char *name;
    enum shape_type type;
    const char *shape; // of SHAPE_OBJECT and SHAPE_OBJECTS
};

struct shape {
    const char *name;
    const struct shape_field *fields; // ends with a NULL name
    bool lenient; // unknown fields are kept, here and below: the configuration of a plugin
    bool exact;   // names are matched as they are written, here and below
};

// NULL when there is none of that name.
const struct shape *shape_find(const char *name);

// Brings value into the shape: names spelt as in the table, nulls gone. ERROR_INVALID: a sentence
// without a place; the path of the field at fault ("patches[2].target") is added to `path` when it
// is not NULL.
int shape_check(struct value *value, const struct shape *shape, struct strbuf *path,
                struct error *err) __attribute__((warn_unused_result));

#endif
