#include "oci/sign/json_strict.h"

#include "base/encoding.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int json_strict_members(const json_t *value, const char *what, const char *const names[],
                        struct error *err)
{
    if (!json_is_object(value))
        return error_set(err, ERROR_INVALID, "%s is missing or no object", what);
    // jansson's iterator wants to be able to change what it walks over.
    json_t *object;
    memcpy(&object, &value, sizeof object);
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], name) != 0)
            i++;
        if (names[i] == NULL)
            return error_set(err, ERROR_INVALID, "%s has the unknown member \"%.64s\"", what, name);
    }
    return 0;
}

int json_strict_string(const json_t *object, const char *name, const char **ret_text,
                       struct error *err)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL)
        return error_set(err, ERROR_INVALID, "%s is missing or no text", name);
    *ret_text = text;
    return 0;
}

int json_strict_bytes(const json_t *object, const char *name, unsigned char **ret_data,
                      size_t *ret_size, struct error *err)
{
    const char *text = NULL;
    cleanup_free unsigned char *data = NULL;
    size_t size = 0;
    if (json_strict_string(object, name, &text, err) < 0)
        return -1;
    if (base64_decode(text, json_string_length(json_object_get(object, name)), &data, &size, err) <
        0)
        return error_wrap(err, "%s", name);
    if (size == 0)
        return error_set(err, ERROR_INVALID, "%s is empty", name);
    *ret_data = STEAL(data);
    *ret_size = size;
    return 0;
}
