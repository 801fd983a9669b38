#include "oci/sign/json_proto.h"

#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bytes_release(void *element)
{
    struct bytes *bytes = element;
    free(STEAL(bytes->data));
    bytes->size = 0;
}

bool bytes_equal(const struct bytes *bytes, const void *data, size_t size)
{
    return bytes->size == size && (size == 0 || memcmp(bytes->data, data, size) == 0);
}

// "mediaType" for "media_type"; NULL for what no field of a message is called. Owned.
static char *camel_name(const char *name)
{
    if (strchr(name, '_') == NULL || *name == '_')
        return NULL;
    char *camel = xcalloc(1, strlen(name) + 1);
    char *to = camel;
    for (const char *at = name; *at != '\0'; at++) {
        bool joint = *at == '_';
        at += joint;
        if (joint ? !islower((unsigned char)*at)
                  : !islower((unsigned char)*at) && !isdigit((unsigned char)*at)) {
            free(camel);
            return NULL;
        }
        *to++ = (char)(joint ? toupper((unsigned char)*at) : *at);
    }
    return camel;
}

static int rename_member(json_t *object, const char *name, struct error *err)
{
    cleanup_free char *camel = camel_name(name);
    if (camel == NULL)
        return 0;
    if (json_object_get(object, camel) != NULL)
        return error_set(err, ERROR_INVALID, "it has both \"%.64s\" and \"%.64s\"", camel, name);
    if (json_object_set(object, camel, json_object_get(object, name)) < 0)
        abort();
    json_object_del(object, name);
    return 0;
}

static int rename_members(json_t *value, struct error *err)
{
    cleanup_vec struct vec names = VEC_OF(char *, vec_release_string);
    const char *name = NULL;
    json_t *member = NULL;
    size_t i = 0;
    json_array_foreach (value, i, member)
        if (rename_members(member, err) < 0)
            return -1;
    jval_foreach (value, name, member) {
        if (rename_members(member, err) < 0)
            return -1;
        if (strchr(name, '_') != NULL)
            vec_push_string(&names, name);
    }
    for (i = 0; i < names.len; i++)
        if (rename_member(value, *(char **)vec_at(&names, i), err) < 0)
            return -1;
    return 0;
}

int json_proto_parse(const char *text, size_t size, const char *what, json_t **ret_value,
                     struct error *err)
{
    cleanup_json json_t *value = NULL;
    if (jval_parse_object(text, size, what, &value, err) < 0)
        return -1;
    if (rename_members(value, err) < 0)
        return error_wrap(err, "%s", what);
    *ret_value = STEAL(value);
    return 0;
}

const json_t *json_proto_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

static bool text_to_number(const char *text, int64_t *ret_number)
{
    if (*text < '0' || *text > '9' || strlen(text) > 19 || (*text == '0' && text[1] != '\0'))
        return false;
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    *ret_number = number;
    return true;
}

int json_proto_number(const json_t *object, const char *name, bool required, int64_t *ret_number,
                      struct error *err)
{
    const json_t *value = json_proto_member(object, name);
    int64_t number = -1;
    if (value == NULL && !required)
        number = 0;
    else if (json_is_integer(value))
        number = json_integer_value(value);
    else if (json_is_string(value) && !text_to_number(json_string_value(value), &number))
        number = -1;
    if (number < 0)
        return error_set(err, ERROR_INVALID, "%s is missing or no whole number from 0 to 2^63 - 1",
                         name);
    *ret_number = number;
    return 0;
}

// Both alphabets of RFC 4648, with or without padding, as the strict form that base64_decode takes;
// what mixes them, or has some of the padding, stays what it is. text has room for two more.
static size_t plain_base64(char *text, size_t length)
{
    bool of_urls = strpbrk(text, "-_") != NULL && strpbrk(text, "+/") == NULL;
    for (char *at = text; of_urls && *at != '\0'; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    bool padded = strchr(text, '=') != NULL;
    while (!padded && length % 4 > 1)
        text[length++] = '=';
    text[length] = '\0';
    return length;
}

int json_proto_bytes_of(const json_t *value, const char *what, struct bytes *ret_bytes,
                        struct error *err)
{
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "%s is missing or no text", what);
    size_t length = json_string_length(value);
    cleanup_free char *text = xmalloc(length + 3);
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        char ch = json_string_value(value)[i];
        if (ch != '\r' && ch != '\n')
            text[kept++] = ch;
    }
    text[kept] = '\0';
    kept = plain_base64(text, kept);
    cleanup_bytes struct bytes bytes = {0};
    if (base64_decode(text, kept, &bytes.data, &bytes.size, err) < 0)
        return error_wrap(err, "%s", what);
    if (bytes.size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", what);
    *ret_bytes = bytes;
    bytes = (struct bytes){0};
    return 0;
}

int json_proto_bytes(const json_t *object, const char *name, struct bytes *ret_bytes,
                     struct error *err)
{
    return json_proto_bytes_of(json_proto_member(object, name), name, ret_bytes, err);
}

int json_proto_fixed(const json_t *object, const char *name, void *ret_data, size_t size,
                     struct error *err)
{
    cleanup_bytes struct bytes bytes = {0};
    if (json_proto_bytes(object, name, &bytes, err) < 0)
        return -1;
    if (bytes.size != size)
        return error_set(err, ERROR_INVALID, "%s has %zu bytes, not %zu", name, bytes.size, size);
    memcpy(ret_data, bytes.data, size);
    return 0;
}

int json_proto_array(const json_t *object, const char *name, size_t max, const json_t **ret_array,
                     struct error *err)
{
    const json_t *array = json_proto_member(object, name);
    if (array != NULL && !json_is_array(array))
        return error_set(err, ERROR_INVALID, "%s is no list", name);
    if (json_array_size(array) > max)
        return error_set(err, ERROR_LIMIT, "%s has %zu entries; at most %zu are read", name,
                         json_array_size(array), max);
    *ret_array = array;
    return 0;
}
