// OLPC canonical JSON (wiki.laptop.org/go/Canonical_JSON), over which TUF signs: members sorted by
// their bytes, no white space, only quote and backslash escaped. Control characters stand as they
// are, so the result need not be JSON.
#include "oci/sign/tuf_metadata.h"

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <string.h>

// What text needs at most: no parsed value is longer than its text, apart from \u escapes undone.
enum { MAX_CANONICAL = 16 << 20 };

static void add_string(struct strbuf *out, const char *text, size_t size)
{
    strbuf_addch(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\')
            strbuf_addch(out, '\\');
        strbuf_addch(out, text[i]);
    }
    strbuf_addch(out, '"');
}

static bool add_value(struct strbuf *out, const json_t *value);

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static bool add_object(struct strbuf *out, const json_t *object)
{
    cleanup_vec struct vec names = VEC_OF(const char *, NULL);
    bool sound = true;
    json_t *writable;
    // jansson's iterator wants to be able to change what it walks over.
    memcpy(&writable, &object, sizeof writable);
    for (void *at = json_object_iter(writable); at != NULL;
         at = json_object_iter_next(writable, at))
        *(const char **)vec_push(&names) = json_object_iter_key(at);
    vec_sort(&names, compare_names);
    strbuf_addch(out, '{');
    for (size_t i = 0; i < names.len; i++) {
        const char *name = *(const char **)vec_at(&names, i);
        if (i > 0)
            strbuf_addch(out, ',');
        add_string(out, name, strlen(name));
        strbuf_addch(out, ':');
        sound = add_value(out, json_object_get(object, name)) && sound;
    }
    strbuf_addch(out, '}');
    return sound;
}

static bool add_array(struct strbuf *out, const json_t *array)
{
    bool sound = true;
    strbuf_addch(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            strbuf_addch(out, ',');
        sound = add_value(out, json_array_get(array, i)) && sound;
    }
    strbuf_addch(out, ']');
    return sound;
}

static bool add_value(struct strbuf *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return add_object(out, value);
    case JSON_ARRAY:
        return add_array(out, value);
    case JSON_STRING:
        add_string(out, json_string_value(value), json_string_length(value));
        return true;
    case JSON_INTEGER:
        strbuf_addf(out, "%lld", (long long)json_integer_value(value));
        return true;
    case JSON_TRUE:
        strbuf_addstr(out, "true");
        return true;
    case JSON_FALSE:
        strbuf_addstr(out, "false");
        return true;
    case JSON_NULL:
        strbuf_addstr(out, "null");
        return true;
    case JSON_REAL:
        break;
    }
    return false;
}

char *tuf_canonical(const json_t *value, size_t *ret_size)
{
    struct strbuf out;
    strbuf_init(&out, MAX_CANONICAL);
    if (!add_value(&out, value) || out.overflowed) {
        strbuf_release(&out);
        return NULL;
    }
    *ret_size = out.len;
    return strbuf_steal(&out);
}
