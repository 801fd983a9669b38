// Typed access to jansson values from outside: absent and of-another-type are told apart, nothing
// crashes on a value of the wrong type. Borrowed pointers live as long as the value they came from.
#ifndef BASE_JVAL_H
#define BASE_JVAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

void cleanup_json_pointer(json_t **value);
#define cleanup_json __attribute__((cleanup(cleanup_json_pointer)))

// jansson's iteration and reference counting take no const, though neither changes the value. Only
// for them: jval_foreach, or a new reference to a value that is shared and immutable (owned).
json_t *jval_unconst(const json_t *value);
json_t *jval_ref(const json_t *value);

// Members of an object in insertion order; none when it is NULL or no object.
#define jval_foreach(object, key, value)                                                     \
    for (void *jval_at = json_object_iter(jval_unconst(object));                             \
         jval_at != NULL && ((key) = json_object_iter_key(jval_at), (void)(key),             \
                            (value) = json_object_iter_value(jval_at), (void)(value), true); \
         jval_at = json_object_iter_next(jval_unconst(object), jval_at))

// Elements of an array; none when it is NULL or no array.
#define jval_array_foreach(array, index, value) \
    for ((index) = 0; ((value) = json_array_get(array, index)) != NULL; (index)++)

// Dotted path of object members ("status.artifact.digest"); NULL when any step is absent or no
// object. Members whose names hold dots need json_object_get.
const json_t *jval_get(const json_t *value, const char *path);
// NULL, `fallback` or 0 when absent or of another type.
const char *jval_string(const json_t *value, const char *path);
const char *jval_string_or(const json_t *value, const char *path, const char *fallback);
int64_t jval_int(const json_t *value, const char *path, int64_t fallback);
bool jval_bool(const json_t *value, const char *path, bool fallback);
// An object or array, else NULL.
const json_t *jval_object(const json_t *value, const char *path);
const json_t *jval_array(const json_t *value, const char *path);

// Sets path, making the objects on the way; consumes new_value. The value must be an object.
void jval_set(json_t *value, const char *path, json_t *new_value);
void jval_set_string(json_t *value, const char *path, const char *text); // NULL removes
void jval_set_int(json_t *value, const char *path, int64_t number);
void jval_set_bool(json_t *value, const char *path, bool truth);
void jval_remove(json_t *value, const char *path);

// Parses exactly one JSON text: no duplicate names, nothing behind it, at most 2048 levels
// (jansson's own bound). The result is owned (a new reference). ERROR_INVALID names `what`, line
// and column.
int jval_parse(const char *text, size_t size, const char *what, json_t **ret_value,
               struct error *err) __attribute__((warn_unused_result));
// As jval_parse, but the value must be an object.
int jval_parse_object(const char *text, size_t size, const char *what, json_t **ret_value,
                      struct error *err) __attribute__((warn_unused_result));

// About how much a value holds: the bytes of its names and strings, and 16 for each value in it.
size_t jval_size(const json_t *value);

// Compact with sorted names: equal values give equal bytes. Owned.
char *jval_canonical(const json_t *value);
// Compact, in insertion order. Owned.
char *jval_compact(const json_t *value);
// Indented by two, in insertion order, with a newline at its end. Owned.
char *jval_pretty(const json_t *value);

#endif
