#include "oci/sign/cbor.h"

#include <stdbool.h>
#include <string.h>

enum { SIMPLE_FALSE = 20, SIMPLE_NULL = 22 };

static const uint64_t smallest[] = {24, 1 << 8, 1 << 16, UINT64_C(1) << 32};

// The number in an item's head: in the byte itself, or in 1, 2, 4 or 8 bytes behind it.
static int read_value(struct cbor_span *span, unsigned info, uint64_t *ret_value, struct error *err)
{
    if (info < 24) {
        *ret_value = info;
        return 0;
    }
    if (info > 27)
        return error_set(err, ERROR_INVALID, "its CBOR has an item of indefinite length");
    size_t size = (size_t)1 << (info - 24);
    uint64_t value = 0;
    if (span->left < size)
        return error_set(err, ERROR_INVALID, "its CBOR ends too early");
    for (size_t i = 0; i < size; i++)
        value = value << 8 | span->at[i];
    if (value < smallest[info - 24])
        return error_set(err, ERROR_INVALID, "its CBOR has a number that is longer than needed");
    span->at += size;
    span->left -= size;
    *ret_value = value;
    return 0;
}

// How many bytes the character takes; 0 when it is none (RFC 3629: no surrogates, nothing longer
// than needed, nothing above U+10FFFF).
static size_t utf8_length(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    size_t size = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || left < size)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool fits = !(at[0] == 0xE0 && at[1] < 0xA0) && !(at[0] == 0xED && at[1] > 0x9F) &&
                !(at[0] == 0xF0 && at[1] < 0x90) && !(at[0] == 0xF4 && at[1] > 0x8F);
    return fits ? size : 0;
}

static bool is_utf8(const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t length = utf8_length(data + i, size - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static int take_string(struct cbor_span *span, struct cbor_item *item, struct error *err)
{
    if (item->value > span->left)
        return error_set(err, ERROR_INVALID, "its CBOR ends too early");
    item->data = span->at;
    item->size = (size_t)item->value;
    if (item->kind == CBOR_TEXT && !is_utf8(item->data, item->size))
        return error_set(err, ERROR_INVALID, "its CBOR has a text that is no UTF-8");
    span->at += item->size;
    span->left -= item->size;
    return 0;
}

int cbor_next(struct cbor_span *span, struct cbor_item *ret_item, struct error *err)
{
    if (span->left == 0)
        return error_set(err, ERROR_INVALID, "its CBOR ends too early");
    unsigned info = *span->at & 0x1F;
    struct cbor_item item = {.kind = (enum cbor_kind)(*span->at >> 5)};
    if (item.kind == CBOR_SIMPLE && (info < SIMPLE_FALSE || info > SIMPLE_NULL))
        return error_set(err, ERROR_INVALID, "its CBOR has a float or an unknown simple value");
    span->at++;
    span->left--;
    if (read_value(span, info, &item.value, err) < 0)
        return -1;
    if ((item.kind == CBOR_ARRAY || item.kind == CBOR_MAP) && item.value > CBOR_MAX_ELEMENTS)
        return error_set(err, ERROR_LIMIT, "its CBOR has more than %d elements in one place",
                         CBOR_MAX_ELEMENTS);
    if ((item.kind == CBOR_BYTES || item.kind == CBOR_TEXT) && take_string(span, &item, err) < 0)
        return -1;
    *ret_item = item;
    return 0;
}

int cbor_end(const struct cbor_span *span, struct error *err)
{
    if (span->left > 0)
        return error_set(err, ERROR_INVALID, "its CBOR has something behind its end");
    return 0;
}

static int skip_at(struct cbor_span *span, unsigned depth, struct error *err);

static bool same_key(const struct cbor_item *a, const struct cbor_item *b)
{
    return a->kind == b->kind && a->value == b->value &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static int map_at(struct cbor_span *span, uint64_t count, unsigned depth, struct vec *pairs,
                  struct error *err)
{
    for (uint64_t i = 0; i < count; i++) {
        struct cbor_pair pair = {0};
        if (cbor_next(span, &pair.key, err) < 0)
            return -1;
        if (pair.key.kind != CBOR_NUMBER && pair.key.kind != CBOR_NEGATIVE &&
            pair.key.kind != CBOR_TEXT)
            return error_set(err, ERROR_INVALID,
                             "its CBOR has a key that is neither number nor text");
        vec_foreach (const struct cbor_pair, known, pairs)
            if (same_key(&known->key, &pair.key))
                return error_set(err, ERROR_INVALID, "its CBOR has a key twice");
        pair.value.at = span->at;
        if (skip_at(span, depth, err) < 0)
            return -1;
        pair.value.left = (size_t)(span->at - pair.value.at);
        *(struct cbor_pair *)vec_push(pairs) = pair;
    }
    return 0;
}

static int skip_at(struct cbor_span *span, unsigned depth, struct error *err)
{
    struct cbor_item item;
    if (depth >= CBOR_MAX_DEPTH)
        return error_set(err, ERROR_LIMIT, "its CBOR is nested deeper than %d levels",
                         CBOR_MAX_DEPTH);
    if (cbor_next(span, &item, err) < 0)
        return -1;
    if (item.kind == CBOR_MAP) {
        struct vec pairs = VEC_OF(struct cbor_pair, NULL);
        int result = map_at(span, item.value, depth + 1, &pairs, err);
        vec_free(&pairs);
        return result;
    }
    uint64_t count = item.kind == CBOR_ARRAY ? item.value : item.kind == CBOR_TAG ? 1 : 0;
    for (uint64_t i = 0; i < count; i++)
        if (skip_at(span, depth + 1, err) < 0)
            return -1;
    return 0;
}

int cbor_skip(struct cbor_span *span, struct error *err)
{
    return skip_at(span, 0, err);
}

int cbor_map(struct cbor_span *span, struct vec *pairs, struct error *err)
{
    struct cbor_item item;
    if (cbor_next(span, &item, err) < 0)
        return -1;
    if (item.kind != CBOR_MAP)
        return error_set(err, ERROR_INVALID, "its CBOR has no map where one must be");
    return map_at(span, item.value, 1, pairs, err);
}
