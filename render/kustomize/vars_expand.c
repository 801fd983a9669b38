// $(NAME) in text, as api/filters/refvar of kustomize replaces it.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/kustomize/vars.h"

// Beyond the text itself; what references make longer.
enum { MAX_EXPANDED_BYTES = 1 << 20 };

// fmt.Sprint of a float64.
static void add_real(struct strbuf *out, double real)
{
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
    bool whole = fabs(real) < 0x1p63 && real == (double)(int64_t)real;
    if (exponent >= -4 && (exponent < 6 || whole))
        strbuf_addf(out, "%.*f", precision > exponent ? (int)(precision - exponent) : 0, real);
    else
        strbuf_addstr(out, text);
}

static void add_value(struct strbuf *out, const struct value *value)
{
    if (value_is_string(value))
        strbuf_add(out, value_string_value(value), value_string_length(value));
    else if (value_is_integer(value))
        strbuf_addf(out, "%" PRId64, value_integer_value(value));
    else if (value_is_real(value))
        add_real(out, value_real_value(value));
    else
        strbuf_addstr(out, value_is_true(value) ? "true" : "false");
}

// The value of the variable called `size` bytes of name; borrowed, NULL when there is none that a
// text can hold.
static struct value *value_of(const struct value *values, const char *name, size_t size,
                              struct value *used)
{
    cleanup_free char *key = xstrndup(name, size);
    struct value *value = value_object_get(values, key);
    if (value == NULL || value_is_object(value) || value_is_array(value))
        return NULL;
    value_object_set_new(used, key, value_true());
    return value;
}

struct value *vars_expand(const char *text, size_t size, const struct value *values,
                          struct value *used)
{
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_EXPANDED_BYTES + size);
    for (size_t at = 0; at < size; at++) {
        if (text[at] != '$' || at + 1 == size) {
            strbuf_addch(&out, text[at]);
            continue;
        }
        const char *close = text[at + 1] == '(' ? memchr(text + at, ')', size - at) : NULL;
        if (close == NULL) {
            strbuf_addch(&out, '$');
            if (text[at + 1] != '$')
                strbuf_addch(&out, text[at + 1]);
            at++;
            continue;
        }
        const char *name = text + at + 2;
        size_t end = (size_t)(close - text);
        struct value *value = value_of(values, name, (size_t)(close - name), used);
        if (value != NULL && at == 0 && end + 1 == size)
            return value_incref(value);
        if (value != NULL)
            add_value(&out, value);
        else
            strbuf_add(&out, text + at, end + 1 - at);
        at = end;
    }
    return out.overflowed ? NULL : value_stringn(out.data, out.len);
}
