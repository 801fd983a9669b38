// How a scalar is written in YAML, kept with its value: kustomize works on the nodes of a document,
// so that quotes stay at the place where they stood, a number is copied as it is spelt, and a text
// without a type takes the one that it looks like. JSON values alone would forget all that.
//
// Nearly every scalar says by its value how it was written (5, true, web, "true"); it stays a plain
// JSON value. Any other is a JSON string: the text, a NUL, and a letter for tag and quotes.
// value_string_value() gives its text, as kustomize sees it; yamlvalue_settle() gives back the
// value. YAML read here holds no NUL, so that nothing else looks like this.
#ifndef BASE_YAMLVALUE_WRITTEN_H
#define BASE_YAMLVALUE_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/value.h"

enum yamlvalue_tag {
    YAMLVALUE_TAG_NONE, // the text decides
    YAMLVALUE_TAG_STR,
    YAMLVALUE_TAG_INT,
    YAMLVALUE_TAG_FLOAT,
    YAMLVALUE_TAG_BOOL,
    YAMLVALUE_TAG_NULL,
    YAMLVALUE_TAG_TIMESTAMP,
    YAMLVALUE_TAG_ALIAS, // no scalar: stands for the node whose anchor is the text
};

struct yamlvalue_written {
    const char *text; // borrowed from the value or from `room`: the struct is not to be moved
    size_t length;
    enum yamlvalue_tag tag;
    bool quoted; // in any way, block scalars included
    char quote;  // of a text: its ' or ", the | or > of a block; 0 where it is not known
    char room[64];
};

// Of a scalar; NULL counts as a null that is not written out.
void yamlvalue_written_of(const struct value *value, struct yamlvalue_written *ret);
// Owned. NULL when the text is no UTF-8.
struct value *yamlvalue_written_new(const char *text, size_t length, enum yamlvalue_tag tag,
                                    bool quoted);
// The same, always as a JSON string, for who reads its text: the name 8080 of an object.
struct value *yamlvalue_written_marked(const char *text, size_t length, enum yamlvalue_tag tag,
                                       bool quoted);
// A text in the place of `old` and with its quotes; where nothing is (NULL), with quotes if it
// looks like another type. Owned.
struct value *yamlvalue_written_put(const struct value *old, const char *text,
                                    enum yamlvalue_tag tag);
// A text that is made anew, as kyaml does of labels, annotations and data: a block where it has
// several lines, in quotes if it looks like another type. Owned.
struct value *yamlvalue_written_anew(const char *text);
// Whether a reader of YAML 1.1 would take the text for anything but text: yes, 1e3, [a], a: b.
bool yamlvalue_written_as_other(const char *text);
// Such a text without quotes, in quotes: a new value; NULL where the scalar stays as it is.
struct value *yamlvalue_written_quote_other(const struct value *scalar);
// Whether the value is a string, or becomes one where nothing is put beside it: a number or a date
// that was read as such is none.
bool yamlvalue_written_is_text(const struct value *value);

bool yamlvalue_written_is_alias(const struct value *value);

// The JSON value that a YAML reader makes of a scalar written like this: a new reference. NULL
// where the text cannot be of that type; yamlvalue_settle says so in an error.
struct value *yamlvalue_settled(const struct value *scalar);
// In place, everywhere below an object or array: afterwards all values are JSON's own. Between
// brackets (value_container_marked) go-yaml puts more into quotes, and so more is text there.
// ERROR_INVALID.
int yamlvalue_settle(struct value *value, struct error *err) __attribute__((warn_unused_result));

// As Go makes JSON of a document and reads that as YAML: texts are in quotes and unfolded, numbers
// are spelt as JSON has them, and all stands between brackets. In place, everywhere below an object
// or array. ERROR_INVALID.
int yamlvalue_written_as_json(struct value *value, struct error *err)
    __attribute__((warn_unused_result));
// Of JSON's values, as go-yaml v3 writes them: texts that YAML 1.1 takes for something else (off,
// 12:30:45) stand in quotes, and brackets around nothing only. In place, everywhere below an object
// or array.
void yamlvalue_written_from_json(struct value *value);

#endif
