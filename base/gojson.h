// JSON text as Go's encoding/json writes it, where bytes matter: hashes of names, functions of
// templates.
#ifndef BASE_GOJSON_H
#define BASE_GOJSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/strbuf.h"

enum gojson_flags {
    GOJSON_ESCAPE_HTML = 1, // <, > and & as \u003c …, as json.Marshal does unless told otherwise
    GOJSON_FLOATS = 2,      // integers too pass through float64, as after json.Unmarshal into any
};

// Compact, names sorted bytewise. What does not fit is marked in `out` (strbuf_check).
void gojson_write(const json_t *value, unsigned flags, struct strbuf *out);

// A quoted string; with U+2028 and U+2029 escaped in any case.
void gojson_write_string(const char *text, size_t size, unsigned flags, struct strbuf *out);

// The shortest digits that read as the same number; an exponent below 1e-6 and from 1e21.
void gojson_write_real(double real, struct strbuf *out);

#endif
