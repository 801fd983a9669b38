#include "oci/sign/json_proto.h"

#include "base/encoding.h"
#include "base/memory.h"

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

int json_proto_bytes(const json_t *object, const char *name, struct bytes *ret_bytes,
                     struct error *err)
{
    const json_t *value = json_proto_member(object, name);
    if (!json_is_string(value))
        return error_set(err, ERROR_INVALID, "%s is missing or no text", name);
    size_t length = json_string_length(value);
    cleanup_free char *text = xmalloc(length + 1);
    size_t kept = 0;
    for (size_t i = 0; i < length; i++) {
        char ch = json_string_value(value)[i];
        if (ch != '\r' && ch != '\n')
            text[kept++] = ch;
    }
    text[kept] = '\0';
    cleanup_bytes struct bytes bytes = {0};
    if (base64_decode(text, kept, &bytes.data, &bytes.size, err) < 0)
        return error_wrap(err, "%s", name);
    if (bytes.size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", name);
    *ret_bytes = bytes;
    bytes = (struct bytes){0};
    return 0;
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
