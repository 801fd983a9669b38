// Values of YAML and JSON documents in little memory, for what holds many at once: a header of 8
// bytes, members and items right behind it, names and texts shared where they repeat. The functions
// are called as jansson's are and mean the same; values of jansson's are made at the border
// (value_to_json).
//
// A value belongs to one thread at a time: references are not counted atomically, unlike jansson's.
// true, false and null are never freed and may be anywhere. Scalars never change, so they are
// shared freely; objects and arrays change in place. Members keep the order in which they came.
// Functions that give a value give a new reference unless they say "borrowed"; those called _new
// consume the reference they are given, also on failure. NULL is taken for a value that is absent:
// of no type, without members.
#ifndef BASE_VALUE_H
#define BASE_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_OBJECT,
    VALUE_ARRAY,
    VALUE_STRING,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_TRUE,
    VALUE_FALSE,
    VALUE_NULL,
};

#define VALUE_IMMORTAL UINT32_MAX

// What all values begin with; the rest is value_internal.h's.
struct value {
    uint32_t references; // VALUE_IMMORTAL: never freed, never written to
    uint8_t type;        // enum value_type
    uint8_t capacity;    // of a string its note; of a container with its mark
    uint16_t size;
};

// A value of one's own that is told by its address, such as a null that is spelt otherwise.
#define VALUE_STATIC(of_type)                                      \
    {                                                              \
        .references = VALUE_IMMORTAL, .type = (of_type), .size = 0 \
    }

void value_destroy(struct value *value); // for value_decref alone

static inline struct value *value_incref(struct value *value)
{
    if (value != NULL && value->references != VALUE_IMMORTAL)
        value->references++;
    return value;
}

static inline void value_decref(struct value *value)
{
    if (value != NULL && value->references != VALUE_IMMORTAL && --value->references == 0)
        value_destroy(value);
}

void cleanup_value_pointer(struct value **value);
#define cleanup_value __attribute__((cleanup(cleanup_value_pointer)))

// Neither iteration nor reference counting takes const, though neither changes what a value is.
struct value *value_unconst(const struct value *value);
struct value *value_ref(const struct value *value); // a new reference

// ---- types ----

static inline bool value_has_type(const struct value *value, enum value_type type)
{
    return value != NULL && value->type == type;
}
#define value_typeof(value) ((enum value_type)(value)->type)
#define value_is_object(value) value_has_type((value), VALUE_OBJECT)
#define value_is_array(value) value_has_type((value), VALUE_ARRAY)
#define value_is_string(value) value_has_type((value), VALUE_STRING)
#define value_is_integer(value) value_has_type((value), VALUE_INTEGER)
#define value_is_real(value) value_has_type((value), VALUE_REAL)
#define value_is_number(value) (value_is_integer(value) || value_is_real(value))
#define value_is_true(value) value_has_type((value), VALUE_TRUE)
#define value_is_false(value) value_has_type((value), VALUE_FALSE)
#define value_is_boolean(value) (value_is_true(value) || value_is_false(value))
#define value_is_null(value) value_has_type((value), VALUE_NULL)

// ---- scalars ----

struct value *value_true(void);
struct value *value_false(void);
struct value *value_null(void);
struct value *value_boolean(bool truth);
struct value *value_integer(int64_t number);
struct value *value_real(double number); // finite
// What an int64_t cannot hold: a real that still knows all of its digits.
struct value *value_unsigned(uint64_t number);
bool value_is_unsigned(const struct value *value, uint64_t *ret_number);
// NULL for NULL, and where the text is no UTF-8. May hold NULs; one more stands at its end.
struct value *value_string(const char *text);
struct value *value_stringn(const char *text, size_t length);
// Of a text that is known to be UTF-8.
struct value *value_stringn_nocheck(const char *text, size_t length);

// A byte that whoever makes a string may leave on it before it is shared, and that is no part of
// what it is. 0 unless somebody did.
void value_string_note(struct value *string, char note);
char value_string_noted(const struct value *value);

// 0 and NULL for another type; the text is borrowed from the value.
int64_t value_integer_value(const struct value *value);
double value_real_value(const struct value *value);
const char *value_string_value(const struct value *value);
size_t value_string_length(const struct value *value);

// The same for objects and arrays, at any time: a mark that copies of them have, too.
void value_container_mark(struct value *container, bool marked);
bool value_container_marked(const struct value *value);

// ---- objects ----

struct value *value_object(void);
// An object of pairs: a name, a value (consumed; NULL leaves the pair out), …, NULL.
struct value *value_object_of(const char *name, ...) __attribute__((sentinel));
size_t value_object_size(const struct value *object);
// Borrowed; NULL when absent or no object.
struct value *value_object_get(const struct value *object, const char *key);
struct value *value_object_getn(const struct value *object, const char *key, size_t length);
// 0; -1 where the object is none, the value is NULL or the name no UTF-8. A member that is there
// keeps its place.
int value_object_set(struct value *object, const char *key, struct value *member);
int value_object_set_new(struct value *object, const char *key, struct value *member);
int value_object_setn_new(struct value *object, const char *key, size_t length,
                          struct value *member);
// The name as a string value (borrowed, then shared).
int value_object_put_new(struct value *object, struct value *key, struct value *member);
// -1 when absent.
int value_object_del(struct value *object, const char *key);
void value_object_clear(struct value *object);
// The members of `other` that are absent here.
void value_object_update_missing(struct value *object, const struct value *other);

// Members in order. The one that it stands on may be removed or get another value; others may be
// added, but not in one loop with a removal.
bool value_object_next(const struct value *object, size_t *at, const struct value **ret_key,
                       struct value **ret_member);
struct value *value_object_step(const struct value *object, size_t *at, const char **ret_key);
#define value_foreach(object, key, member) \
    for (size_t value_at = 0; ((member) = value_object_step((object), &value_at, &(key))) != NULL;)

// Reads a mapping: an object of exactly its size at the end. Zeros are an empty builder.
enum { VALUE_FEW = 12 };
struct value_builder {
    struct value *object; // owned; once they are not few
    size_t n;
    struct value_pair {
        struct value *key;
        struct value *member;
    } few[VALUE_FEW]; // owned
};
bool value_builder_has(const struct value_builder *builder, const struct value *key);
// Consumes both. A key that is there already gets the new value.
void value_builder_add(struct value_builder *builder, struct value *key, struct value *member);
struct value *value_builder_finish(struct value_builder *builder);
void value_builder_release(struct value_builder *builder);
#define cleanup_value_builder __attribute__((cleanup(value_builder_release)))

// ---- arrays ----

struct value *value_array(void);
// Consumes the items, not the list.
struct value *value_array_of(struct value *const *items, size_t n);
size_t value_array_size(const struct value *array);
struct value *value_array_get(const struct value *array, size_t index); // borrowed; NULL behind it
int value_array_set(struct value *array, size_t index, struct value *item);
int value_array_set_new(struct value *array, size_t index, struct value *item);
int value_array_append(struct value *array, struct value *item);
int value_array_append_new(struct value *array, struct value *item);
int value_array_insert_new(struct value *array, size_t index, struct value *item);
int value_array_remove(struct value *array, size_t index);
void value_array_clear(struct value *array);
int value_array_extend(struct value *array, const struct value *other);

// ---- whole values ----

// Of one type and content; the order of members does not count. Nulls are equal by address.
bool value_equal(const struct value *a, const struct value *b);
// Objects and arrays anew, members and items shared (copy), or anew as well (deep copy).
struct value *value_copy(const struct value *value);
struct value *value_deep_copy(const struct value *value);
// About how much it holds: the bytes of its names and strings, and 16 for each value in it.
size_t value_size(const struct value *value);

// Compact JSON with sorted names: equal values give equal bytes. Owned.
char *value_canonical(const struct value *value);

// Values of jansson's, and back. NULL for NULL.
json_t *value_to_json(const struct value *value);
struct value *value_from_json(const json_t *json);

// ---- by path, as jval.h has it ----

const struct value *value_at_path(const struct value *value, const char *path);
const char *value_text(const struct value *value, const char *path);
const char *value_text_or(const struct value *value, const char *path, const char *fallback);
int64_t value_int_at(const struct value *value, const char *path, int64_t fallback);
bool value_bool_at(const struct value *value, const char *path, bool fallback);
const struct value *value_object_at(const struct value *value, const char *path);
const struct value *value_array_at(const struct value *value, const char *path);
// Sets path, making the objects on the way. The value must be an object.
void value_set_text(struct value *value, const char *path, const char *text);

#endif
