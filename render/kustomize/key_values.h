// What generators read: literals, files, and files of NAME=value lines.
#ifndef RENDER_KUSTOMIZE_KEY_VALUES_H
#define RENDER_KUSTOMIZE_KEY_VALUES_H

#include <stddef.h>

#include "base/error.h"
#include "base/vec.h"

struct key_value {
    char *key;   // owned
    char *value; // owned; size bytes of anything, and a NUL
    size_t size;
};
void key_value_release(void *element);
#define KEY_VALUES VEC_OF(struct key_value, key_value_release)

// "key=value"; one pair of quotes around the value is taken off.
int key_values_add_literal(struct vec *pairs, const char *literal, struct error *err)
    __attribute__((warn_unused_result));

// "[key=]path" to its two halves (owned); the key is else the last name in the path.
int key_values_split_file(const char *source, char **ret_key, char **ret_path, struct error *err)
    __attribute__((warn_unused_result));

// Lines NAME=value, as kustomize reads them: a BOM, white space before a name, empty lines and
// those that start with '#' are skipped, nothing else is trimmed, quotes mean nothing.
// ERROR_INVALID names the line. ERROR_LIMIT for a line of 64 KiB, at which kustomize stops reading
// without a word.
int key_values_parse_env(struct vec *pairs, const char *text, size_t size, struct error *err)
    __attribute__((warn_unused_result));

#endif
