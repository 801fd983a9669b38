// How a scalar is written in YAML, kept with its value: kustomize works on the nodes of a document,
// so that quotes stay at the place where they stood, a number is copied as it is spelt, and a text
// without a type takes the one that it looks like. JSON values alone would forget all that.
//
// Nearly every scalar says by its value how it was written (5, true, web, "true"); it stays a plain
// JSON value. Any other is a JSON string: the text, a NUL, and a letter for tag and quotes.
// json_string_value() gives its text, as kustomize sees it; yamljson_settle() gives back the value.
// YAML read here holds no NUL, so that nothing else looks like this.
#ifndef BASE_YAMLJSON_WRITTEN_H
#define BASE_YAMLJSON_WRITTEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum yamljson_tag {
    YAMLJSON_TAG_NONE, // the text decides
    YAMLJSON_TAG_STR,
    YAMLJSON_TAG_INT,
    YAMLJSON_TAG_FLOAT,
    YAMLJSON_TAG_BOOL,
    YAMLJSON_TAG_NULL,
    YAMLJSON_TAG_TIMESTAMP,
    YAMLJSON_TAG_ALIAS, // no scalar: stands for the node whose anchor is the text
};

struct yamljson_written {
    const char *text; // borrowed from the value or from `room`: the struct is not to be moved
    size_t length;
    enum yamljson_tag tag;
    bool quoted; // in any way, block scalars included
    char room[64];
};

// Of a scalar; NULL counts as a null that is not written out.
void yamljson_written_of(const json_t *value, struct yamljson_written *ret);
// Owned. NULL when the text is no UTF-8.
json_t *yamljson_written_new(const char *text, size_t length, enum yamljson_tag tag, bool quoted);
// The same, always as a JSON string, for who reads its text: the name 8080 of an object.
json_t *yamljson_written_marked(const char *text, size_t length, enum yamljson_tag tag,
                                bool quoted);
// A text in the place of `old` and with its quotes; where nothing is (NULL), with quotes if it
// looks like another type. Owned.
json_t *yamljson_written_put(const json_t *old, const char *text, enum yamljson_tag tag);
// Whether a reader of YAML 1.1 would take the text for anything but text: yes, 1e3, [a], a: b.
bool yamljson_written_as_other(const char *text);
// Such a text without quotes, in quotes: a new value; NULL where the scalar stays as it is.
json_t *yamljson_written_quote_other(const json_t *scalar);
// Whether the value is a string, or becomes one where nothing is put beside it: a number or a date
// that was read as such is none.
bool yamljson_written_is_text(const json_t *value);

bool yamljson_written_is_alias(const json_t *value);

// The JSON value that a YAML reader makes of a scalar written like this: a new reference. NULL
// where the text cannot be of that type; yamljson_settle says so in an error.
json_t *yamljson_settled(const json_t *scalar);
// In place, everywhere below an object or array: afterwards all values are JSON's own.
// ERROR_INVALID.
int yamljson_settle(json_t *value, struct error *err) __attribute__((warn_unused_result));

#endif
