// Notation's JWS envelope: RFC 7515 in its flattened JSON form, with the certificates in the
// header that is not signed.
#include "oci/sign/notation_envelope_internal.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/json_strict.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CRITICAL = 16 };

// URL alphabet without padding (RFC 4648 section 5), strict: turned into the other form, for which
// there is a strict reader.
static int decode_url(const char *text, size_t length, const char *what, struct bytes *ret_bytes,
                      struct error *err)
{
    cleanup_free char *copy = xmalloc(length + 4);
    size_t size = length;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '+' || text[i] == '/' || text[i] == '=')
            return error_set(err, ERROR_INVALID, "%s is no base64url", what);
        copy[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
    while (size % 4 != 0)
        copy[size++] = '=';
    if (base64_decode(copy, size, &ret_bytes->data, &ret_bytes->size, err) < 0)
        return error_wrap(err, "%s", what);
    return 0;
}

static int decode_member(const json_t *object, const char *name, struct bytes *ret_bytes,
                         struct error *err)
{
    const char *text = NULL;
    if (json_strict_string(object, name, &text, err) < 0)
        return -1;
    return decode_url(text, json_string_length(json_object_get(object, name)), name, ret_bytes,
                      err);
}

static int parse_algorithm(const char *name, enum notation_algorithm *ret_algorithm,
                           struct error *err)
{
    for (unsigned i = 0; i < NOTATION_ALGORITHMS; i++)
        if (strcmp(notation_algorithm_name((enum notation_algorithm)i), name) == 0) {
            *ret_algorithm = (enum notation_algorithm)i;
            return 0;
        }
    return error_set(err, ERROR_INVALID, "its algorithm \"%.32s\" is none of Notation's", name);
}

static int parse_critical(const json_t *list, struct notation_headers *headers, struct error *err)
{
    size_t index;
    json_t *name;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > MAX_CRITICAL)
        return error_set(err, ERROR_INVALID, "it has no list of critical headers (\"crit\")");
    jval_array_foreach(list, index, name)
    {
        if (!json_is_string(name))
            return error_set(err, ERROR_INVALID, "its \"crit\" holds something that is no text");
        if (notation_header_critical(headers, json_string_value(name), json_string_length(name),
                                     err) < 0)
            return -1;
    }
    return 0;
}

static int parse_header(const char *name, const json_t *value, struct notation_headers *headers,
                        struct error *err)
{
    unsigned header = notation_header_of(name, strlen(name));
    if (header == 0)
        return notation_header_unknown(name, strlen(name), err);
    const char *text = json_string_value(value);
    if (text == NULL)
        return error_set(err, ERROR_INVALID, "its header \"%s\" is no text", name);
    headers->present |= header;
    if (header == NOTATION_HEADER_SCHEME)
        return notation_header_text(headers->scheme, sizeof headers->scheme, "signing scheme", text,
                                    json_string_length(value), err);
    if (time_parse(text, notation_header_time(headers, header), err) < 0)
        return error_wrap(err, "its header \"%s\"", name);
    return 0;
}

static int parse_protected(const json_t *protected, struct notation_envelope *envelope,
                           struct notation_headers *headers, struct error *err)
{
    const char *algorithm = NULL;
    const char *type = NULL;
    const char *name;
    const json_t *value;
    if (json_strict_string(protected, "alg", &algorithm, err) < 0 ||
        json_strict_string(protected, "cty", &type, err) < 0 ||
        parse_algorithm(algorithm, &envelope->algorithm, err) < 0 ||
        notation_header_text(headers->content_type, sizeof headers->content_type, "content type",
                             type, strlen(type), err) < 0)
        return -1;
    jval_foreach (protected, name, value)
        if (parse_header(name, value, headers, err) < 0)
            return -1;
    return parse_critical(json_object_get(protected, "crit"), headers, err);
}

static int parse_chain(const json_t *list, struct notation_envelope *envelope, struct error *err)
{
    size_t index;
    json_t *text;
    if (!json_is_array(list))
        return error_set(err, ERROR_INVALID, "it has no certificates (\"x5c\")");
    jval_array_foreach(list, index, text)
    {
        cleanup_bytes struct bytes der = {0};
        if (!json_is_string(text) ||
            base64_decode(json_string_value(text), json_string_length(text), &der.data, &der.size,
                          NULL) < 0)
            return error_set(err, ERROR_INVALID, "certificate %zu of \"x5c\" is no base64",
                             index + 1);
        if (notation_add_certificate(envelope, der.data, der.size, err) < 0)
            return -1;
    }
    return 0;
}

// What is not signed may not say again, or otherwise, what is (RFC 7515, section 7.2.1).
static int parse_unprotected(const json_t *header, const json_t *protected,
                             struct notation_envelope *envelope, struct error *err)
{
    static const char stamp[] = "io.cncf.notary.timestampSignature";
    const char *name;
    const json_t *value;
    if (!json_is_object(header))
        return error_set(err, ERROR_INVALID, "it has no \"header\" with certificates");
    jval_foreach (header, name, value) {
        (void)value;
        if (json_object_get(protected, name) != NULL || notation_header_of(name, strlen(name)) != 0)
            return error_set(err, ERROR_INVALID, "its header \"%.64s\" is not signed", name);
    }
    if (json_object_get(header, stamp) != NULL &&
        json_strict_bytes(header, stamp, &envelope->timestamp.data, &envelope->timestamp.size,
                          err) < 0)
        return -1;
    return parse_chain(json_object_get(header, "x5c"), envelope, err);
}

// base64url(protected) "." base64url(payload)
static void set_signed(const json_t *root, struct notation_envelope *envelope)
{
    char *text = xasprintf("%s.%s", json_string_value(json_object_get(root, "protected")),
                           json_string_value(json_object_get(root, "payload")));
    envelope->signed_bytes = (struct bytes){(unsigned char *)text, strlen(text)};
}

int jws_parse(const char *data, size_t size, struct notation_envelope *envelope, struct error *err)
{
    static const char *const members[] = {"payload", "protected", "header", "signature", NULL};
    cleanup_json json_t *root = NULL;
    cleanup_json json_t *protected = NULL;
    cleanup_bytes struct bytes header = {0};
    cleanup_bytes struct bytes payload = {0};
    struct notation_headers headers = {0};
    if (jval_parse_object(data, size, "the JWS", &root, err) < 0 ||
        json_strict_members(root, "the JWS", members, err) < 0 ||
        decode_member(root, "protected", &header, err) < 0 ||
        decode_member(root, "payload", &payload, err) < 0 ||
        decode_member(root, "signature", &envelope->signature, err) < 0 ||
        jval_parse_object((const char *)header.data, header.size, "its signed header", &protected,
                          err) < 0 ||
        parse_protected(protected, envelope, &headers, err) < 0 ||
        parse_unprotected(json_object_get(root, "header"), protected, envelope, err) < 0)
        return -1;
    set_signed(root, envelope);
    return notation_envelope_finish(envelope, &headers, payload.data, payload.size, err);
}
