// Values of JSON, changed by a line of text. Included after cmocka.h.
#ifndef TESTS_UNIT_JSON_CHANGE_H
#define TESTS_UNIT_JSON_CHANGE_H

#include "base/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "a.0.b": members and indexes. The value's owner, and the last step.
static inline json_t *owner_of(json_t *value, const char *path, char last[64])
{
    for (;;) {
        size_t length = strcspn(path, ".");
        snprintf(last, 64, "%.*s", (int)length, path);
        if (path[length] == '\0')
            return value;
        value = json_is_array(value) ? json_array_get(value, strtoul(last, NULL, 10))
                                     : json_object_get(value, last);
        path += length + 1;
    }
}

// Changes of the form "path=JSON", or "path=" to remove it; several are separated by newlines.
static inline void change(json_t *value, const char *changes)
{
    for (const char *at = changes; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        cleanup_free char *text = xstrndup(at, length);
        char *equals = strchr(text, '=');
        assert_non_null(equals);
        *equals = '\0';
        char last[64];
        json_t *owner = owner_of(value, text, last);
        assert_non_null(owner);
        json_t *new_value =
            equals[1] != '\0' ? json_loads(equals + 1, JSON_DECODE_ANY, NULL) : NULL;
        if (json_is_array(owner) && new_value == NULL)
            json_array_remove(owner, strtoul(last, NULL, 10));
        else if (json_is_array(owner) && strtoul(last, NULL, 10) >= json_array_size(owner))
            json_array_append_new(owner, new_value);
        else if (json_is_array(owner))
            json_array_set_new(owner, strtoul(last, NULL, 10), new_value);
        else if (new_value == NULL)
            json_object_del(owner, last);
        else
            json_object_set_new(owner, last, new_value);
        at += length + (at[length] == '\n');
    }
}

#endif
