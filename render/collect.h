// Where every renderer brings its objects: what an artifact may hold is decided here, once.
#ifndef RENDER_COLLECT_H
#define RENDER_COLLECT_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/value.h"
#include "base/vec.h"
#include "render/object.h"
#include "render/render.h"

struct collect {
    const struct render_options *options; // borrowed
    struct vec *objects;                  // borrowed; struct render_object
    struct value *places;                 // owned; artifact path -> place in objects
    size_t max_objects;
    size_t max_bytes;
    size_t written_bytes;
    struct strbuf text; // of one object after the other
};
void collect_init(struct collect *collect, const struct render_options *options,
                  struct vec *objects);
void collect_release(struct collect *collect);
#define cleanup_collect __attribute__((cleanup(collect_release)))

// What nothing here decrypts, and what a signed artifact should not carry. `identity` may be empty.
int collect_check_secret(const struct collect *collect, const struct object_identity *identity,
                         const struct value *value, const char *file, size_t line,
                         struct error *err) __attribute__((warn_unused_result));

// Adds an object with its place and its canonical bytes; moves what identity holds. ERROR_DENIED
// for a Secret with data, ERROR_INVALID for an object that is there already, ERROR_LIMIT. Errors
// name file and line.
int collect_add(struct collect *collect, const struct value *value,
                struct object_identity *identity, const char *file, size_t line, struct error *err)
    __attribute__((warn_unused_result));

// By path in the artifact.
void collect_sort(struct vec *objects);

#endif
