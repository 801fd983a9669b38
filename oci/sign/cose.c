// Notation's COSE envelope: a tagged COSE_Sign1 (RFC 9052), with the certificates (RFC 9360) in the
// header that is not signed.
#include "oci/sign/notation_envelope_internal.h"

#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/cbor.h"

#include <stdbool.h>
#include <string.h>

enum {
    TAG_TIME = 1,
    TAG_SIGN1 = 18,
    LABEL_ALGORITHM = 1,
    LABEL_CRITICAL = 2,
    LABEL_CONTENT_TYPE = 3,
    LABEL_CHAIN = 33,
    MAX_CRITICAL = 16,
};

// A CBOR head of at most 9 bytes.
static void add_head(struct strbuf *out, unsigned kind, size_t value)
{
    unsigned char head[9];
    unsigned info = value < 24 ? 0 : value < 1 << 8 ? 1 : value < 1 << 16 ? 2 : 4;
    head[0] = (unsigned char)(kind << 5 | (info == 0   ? (unsigned)value
                                           : info == 1 ? 24
                                           : info == 2 ? 25
                                                       : 26));
    for (unsigned i = 0; i < info; i++)
        head[1 + i] = (unsigned char)(value >> 8 * (info - 1 - i));
    strbuf_add(out, head, 1 + info);
}

static void add_bytes(struct strbuf *out, const struct cbor_item *item)
{
    add_head(out, CBOR_BYTES, item->size);
    strbuf_add(out, item->data, item->size);
}

// Sig_structure (RFC 9052, section 4.4): ["Signature1", protected, no external data, payload]
static void set_signed(struct notation_envelope *envelope, const struct cbor_item *protected,
                       const struct cbor_item *payload)
{
    static const char context[] = "Signature1";
    struct strbuf out;
    strbuf_init(&out, protected->size + payload->size + 64);
    add_head(&out, CBOR_ARRAY, 4);
    add_head(&out, CBOR_TEXT, sizeof context - 1);
    strbuf_addstr(&out, context);
    add_bytes(&out, protected);
    add_head(&out, CBOR_BYTES, 0);
    add_bytes(&out, payload);
    envelope->signed_bytes.size = out.len;
    envelope->signed_bytes.data = (unsigned char *)strbuf_steal(&out);
}

// The next item of a value that cbor_map has checked; past its end, a simple value.
static struct cbor_item take(struct cbor_span *span)
{
    struct cbor_item item = {.kind = CBOR_SIMPLE};
    int result = cbor_next(span, &item, NULL);
    (void)result;
    return item;
}

static int parse_algorithm(struct cbor_span value, struct notation_envelope *envelope,
                           struct error *err)
{
    // -1 - value of RFC 9053's numbers.
    static const struct {
        uint64_t value;
        enum notation_algorithm algorithm;
    } numbers[] = {{36, NOTATION_PS256}, {37, NOTATION_PS384}, {38, NOTATION_PS512},
                   {6, NOTATION_ES256},  {34, NOTATION_ES384}, {35, NOTATION_ES512}};
    struct cbor_item item = take(&value);
    for (size_t i = 0; i < ARRAY_LENGTH(numbers) && item.kind == CBOR_NEGATIVE; i++)
        if (numbers[i].value == item.value) {
            envelope->algorithm = numbers[i].algorithm;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "its algorithm is none of Notation's");
}

static int parse_critical(struct cbor_span value, struct notation_headers *headers,
                          struct error *err)
{
    struct cbor_item list = take(&value);
    if (list.kind != CBOR_ARRAY || list.value == 0 || list.value > MAX_CRITICAL)
        return error_set(err, ERROR_INVALID, "it has no list of critical headers");
    for (uint64_t i = 0; i < list.value; i++) {
        struct cbor_item name = take(&value);
        if (name.kind != CBOR_TEXT)
            return error_set(err, ERROR_INVALID,
                             "it has a critical header that is not understood here");
        if (notation_header_critical(headers, (const char *)name.data, name.size, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_text(struct cbor_span value, const char *what, char *ret_text, size_t room,
                      struct error *err)
{
    struct cbor_item item = take(&value);
    if (item.kind != CBOR_TEXT)
        return error_set(err, ERROR_INVALID, "its %s is no text", what);
    return notation_header_text(ret_text, room, what, (const char *)item.data, item.size, err);
}

// Tag 1: seconds since 1970, as a whole number.
static int parse_time(struct cbor_span value, int64_t *ret_ms, struct error *err)
{
    struct cbor_item tag = take(&value);
    struct cbor_item seconds = take(&value);
    if (tag.kind != CBOR_TAG || tag.value != TAG_TIME || seconds.kind != CBOR_NUMBER ||
        seconds.value > INT64_MAX / 1000)
        return error_set(err, ERROR_INVALID, "one of its times is no number of seconds (tag 1)");
    *ret_ms = (int64_t)seconds.value * 1000;
    return 0;
}

static int parse_named(const struct cbor_pair *pair, struct notation_headers *headers,
                       struct error *err)
{
    const char *name = (const char *)pair->key.data;
    unsigned header = notation_header_of(name, pair->key.size);
    if (header == 0)
        return notation_header_unknown(name, pair->key.size, err);
    headers->present |= header;
    if (header == NOTATION_HEADER_SCHEME)
        return parse_text(pair->value, "signing scheme", headers->scheme, sizeof headers->scheme,
                          err);
    return parse_time(pair->value, notation_header_time(headers, header), err);
}

static int parse_protected(const struct cbor_item *protected, struct notation_envelope *envelope,
                           struct notation_headers *headers, struct error *err)
{
    cleanup_vec struct vec pairs = VEC_OF(struct cbor_pair, NULL);
    struct cbor_span span = {protected->data, protected->size};
    bool has_algorithm = false;
    if (cbor_map(&span, &pairs, err) < 0 || cbor_end(&span, err) < 0)
        return -1;
    vec_foreach (const struct cbor_pair, pair, &pairs) {
        int result = 0;
        if (pair->key.kind == CBOR_TEXT) {
            result = parse_named(pair, headers, err);
        } else if (pair->key.kind == CBOR_NUMBER && pair->key.value == LABEL_ALGORITHM) {
            has_algorithm = true;
            result = parse_algorithm(pair->value, envelope, err);
        } else if (pair->key.kind == CBOR_NUMBER && pair->key.value == LABEL_CRITICAL) {
            result = parse_critical(pair->value, headers, err);
        } else if (pair->key.kind == CBOR_NUMBER && pair->key.value == LABEL_CONTENT_TYPE) {
            result = parse_text(pair->value, "content type", headers->content_type,
                                sizeof headers->content_type, err);
        }
        if (result < 0)
            return -1;
    }
    if (!has_algorithm)
        return error_set(err, ERROR_INVALID, "it names no algorithm");
    return 0;
}

// One certificate as bytes, or several in an array.
static int parse_chain(struct cbor_span value, struct notation_envelope *envelope,
                       struct error *err)
{
    struct cbor_item item = take(&value);
    if (item.kind == CBOR_BYTES)
        return notation_add_certificate(envelope, item.data, item.size, err);
    if (item.kind != CBOR_ARRAY)
        return error_set(err, ERROR_INVALID, "its certificates are no list");
    for (uint64_t i = 0, count = item.value; i < count; i++) {
        item = take(&value);
        if (item.kind != CBOR_BYTES)
            return error_set(err, ERROR_INVALID, "certificate %d of its chain is no bytes",
                             (int)i + 1);
        if (notation_add_certificate(envelope, item.data, item.size, err) < 0)
            return -1;
    }
    return 0;
}

static int parse_stamp(struct cbor_span value, struct notation_envelope *envelope,
                       struct error *err)
{
    struct cbor_item item = take(&value);
    if (item.kind != CBOR_BYTES || item.size == 0)
        return error_set(err, ERROR_INVALID, "its timestamp is no bytes");
    envelope->timestamp = (struct bytes){xmemdup(item.data, item.size), item.size};
    return 0;
}

static int parse_unprotected(struct cbor_span *span, struct notation_envelope *envelope,
                             struct error *err)
{
    static const char stamp[] = "io.cncf.notary.timestampSignature";
    cleanup_vec struct vec pairs = VEC_OF(struct cbor_pair, NULL);
    if (cbor_map(span, &pairs, err) < 0)
        return -1;
    vec_foreach (const struct cbor_pair, pair, &pairs) {
        const struct cbor_item *key = &pair->key;
        bool text = key->kind == CBOR_TEXT;
        int result = 0;
        if ((text && notation_header_of((const char *)key->data, key->size) != 0) ||
            (key->kind == CBOR_NUMBER && key->value <= LABEL_CONTENT_TYPE))
            return error_set(err, ERROR_INVALID, "one of its headers must be signed and is not");
        if (text && key->size == sizeof stamp - 1 && memcmp(key->data, stamp, key->size) == 0)
            result = parse_stamp(pair->value, envelope, err);
        else if (key->kind == CBOR_NUMBER && key->value == LABEL_CHAIN)
            result = parse_chain(pair->value, envelope, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int next_bytes(struct cbor_span *span, const char *what, struct cbor_item *ret_item,
                      struct error *err)
{
    if (cbor_next(span, ret_item, err) < 0)
        return -1;
    if (ret_item->kind != CBOR_BYTES)
        return error_set(err, ERROR_INVALID, "its %s is no bytes", what);
    return 0;
}

int cose_parse(const void *data, size_t size, struct notation_envelope *envelope, struct error *err)
{
    struct cbor_span span = {data, size};
    struct cbor_item tag;
    struct cbor_item list = {.kind = CBOR_SIMPLE};
    struct cbor_item protected;
    struct cbor_item payload;
    struct cbor_item signature;
    struct notation_headers headers = {0};
    if (cbor_next(&span, &tag, err) < 0 ||
        (tag.kind == CBOR_TAG && cbor_next(&span, &list, err) < 0))
        return -1;
    if (tag.value != TAG_SIGN1 || list.kind != CBOR_ARRAY || list.value != 4)
        return error_set(err, ERROR_INVALID, "it is no COSE_Sign1 (tag 18)");
    if (next_bytes(&span, "signed header", &protected, err) < 0 ||
        parse_unprotected(&span, envelope, err) < 0 ||
        next_bytes(&span, "payload", &payload, err) < 0 ||
        next_bytes(&span, "signature", &signature, err) < 0 || cbor_end(&span, err) < 0 ||
        parse_protected(&protected, envelope, &headers, err) < 0)
        return -1;
    if (signature.size > 0)
        envelope->signature =
            (struct bytes){xmemdup(signature.data, signature.size), signature.size};
    set_signed(envelope, &protected, &payload);
    return notation_envelope_finish(envelope, &headers, payload.data, payload.size, err);
}
