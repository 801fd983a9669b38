// A reader of CBOR for signed envelopes: the part that has one form only. Lengths are definite and
// numbers as short as can be (RFC 8949, section 4.2.1, without the order of keys), text is UTF-8,
// keys are numbers or texts and none comes twice. No floats, no simple values but false, true and
// null. Nesting and the number of elements are bounded.
// Format: RFC 8949.
#ifndef OCI_SIGN_CBOR_H
#define OCI_SIGN_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vec.h"

enum { CBOR_MAX_DEPTH = 16, CBOR_MAX_ELEMENTS = 256 };

enum cbor_kind {
    CBOR_NUMBER,   // value, from 0 up
    CBOR_NEGATIVE, // -1 - value
    CBOR_BYTES,    // data, size
    CBOR_TEXT,     // data, size
    CBOR_ARRAY,    // value elements follow
    CBOR_MAP,      // value pairs follow
    CBOR_TAG,      // value; its content follows
    CBOR_SIMPLE,   // value: 20 false, 21 true, 22 null
};

struct cbor_item {
    enum cbor_kind kind;
    uint64_t value;
    const unsigned char *data; // borrowed from what is read
    size_t size;
};

// What is left to read; borrowed bytes.
struct cbor_span {
    const unsigned char *at;
    size_t left;
};

// The next item; of an array, map or tag its head alone. ERROR_INVALID.
int cbor_next(struct cbor_span *span, struct cbor_item *ret_item, struct error *err)
    __attribute__((warn_unused_result));
// Passes over a whole item, checking all of it.
int cbor_skip(struct cbor_span *span, struct error *err) __attribute__((warn_unused_result));
// Fails when anything is left.
int cbor_end(const struct cbor_span *span, struct error *err) __attribute__((warn_unused_result));

struct cbor_pair {
    struct cbor_item key;
    struct cbor_span value; // exactly one item, checked
};
// A whole map: appends struct cbor_pair to `pairs`.
int cbor_map(struct cbor_span *span, struct vec *pairs, struct error *err)
    __attribute__((warn_unused_result));

#endif
