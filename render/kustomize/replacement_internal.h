// The three parts of a replacement: where its value comes from (replacement_source.c), how it is
// written into a field (replacement_write.c), and which objects' fields (replacements.c).
#ifndef RENDER_KUSTOMIZE_REPLACEMENT_INTERNAL_H
#define RENDER_KUSTOMIZE_REPLACEMENT_INTERNAL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/value.h"
#include "render/kustomize/resmap.h"

#define REPLACEMENT_DEFAULT_PATH "metadata.name"

// What is written.
struct source_value {
    struct value *value; // owned; as it goes where a mapping or a list was
    char *text;          // owned; as it goes where a scalar was; "" for mappings and lists
    size_t size;         // about
    size_t *written;     // borrowed; bytes that all replacements of a list have written so far
    // Where it is read again when the object it came from was written to; NULL when it is fixed.
    struct value *object; // borrowed from the map
    const char *path;     // borrowed from the replacement
};
void source_value_release(struct source_value *source);
#define cleanup_source_value __attribute__((cleanup(source_value_release)))

// By `source` or `sourceValue` of a replacement. ERROR_NOT_FOUND, ERROR_INVALID.
int source_value_read(const struct resmap *map, const struct value *replacement,
                      struct source_value *ret_source, struct error *err)
    __attribute__((warn_unused_result));

// Behind a change of `object`: kustomize holds the node, not a copy of its value.
void source_value_refresh(struct source_value *source, const struct value *object);

// Into every place of an object that the path names. options: of the target.
int source_value_write(struct value *object, const char *path, const struct value *options,
                       struct source_value *source, struct error *err)
    __attribute__((warn_unused_result));

// Text in the place of `old`, with its tag and its quotes, whether it fits or not. Owned.
struct value *replacement_retype(const struct value *old, const char *text);
bool replacement_is_scalar(const struct value *value);
// options.delimiter; whether it is set, and -1 where the value is not one that can be cut.
bool replacement_has_delimiter(const struct value *options);
int replacement_check_delimiter(const struct value *value, struct error *err)
    __attribute__((warn_unused_result));

#endif
