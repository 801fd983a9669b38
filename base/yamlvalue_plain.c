// Scalars by themselves, for those who change them one at a time.
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/gojson.h"
#include "base/memory.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_internal.h"

struct value *yamlvalue_of_real(double real)
{
    if (real == trunc(real) && fabs(real) < 0x1p53)
        return value_integer((int64_t)real);
    if (real != trunc(real) || fabs(real) > 0x1p64)
        return value_real(real);
    cleanup_strbuf struct strbuf text;
    struct yamlvalue_scalar scalar;
    strbuf_init(&text, 64);
    gojson_write_real(real, &text);
    yamlvalue_resolve(text.data, text.len, &scalar);
    if (scalar.kind == YAMLVALUE_UNSIGNED)
        return value_unsigned(scalar.unsigned_integer);
    return scalar.kind == YAMLVALUE_INTEGER ? value_integer(scalar.integer) : value_real(real);
}

struct value *yamlvalue_scalar(const char *text, size_t size)
{
    struct yamlvalue_scalar scalar;
    yamlvalue_resolve(text, size, &scalar);
    switch (scalar.kind) {
    case YAMLVALUE_NULL:
        return size == 0 ? yamlvalue_empty_null() : value_null();
    case YAMLVALUE_BOOL:
        return value_boolean(scalar.truth);
    case YAMLVALUE_INTEGER:
        return value_integer(scalar.integer);
    case YAMLVALUE_UNSIGNED:
        return value_unsigned(scalar.unsigned_integer);
    case YAMLVALUE_FLOAT:
        return yamlvalue_of_real(scalar.real);
    case YAMLVALUE_NOT_FINITE:
        return NULL;
    case YAMLVALUE_TIMESTAMP:
        return value_string(scalar.timestamp);
    case YAMLVALUE_STRING:
        break;
    }
    return value_stringn(text, size);
}

char *yamlvalue_scalar_text(const struct value *value)
{
    switch (value == NULL ? VALUE_NULL : value_typeof(value)) {
    case VALUE_STRING:
        return xstrdup(value_string_value(value));
    case VALUE_INTEGER:
        return xasprintf("%" PRId64, value_integer_value(value));
    case VALUE_REAL: {
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 512);
        yamlvalue_add_real(&text, value);
        return strbuf_steal(&text);
    }
    case VALUE_TRUE:
        return xstrdup("true");
    case VALUE_FALSE:
        return xstrdup("false");
    case VALUE_NULL:
    case VALUE_OBJECT:
    case VALUE_ARRAY:
    default:
        return xstrdup("");
    }
}

static bool has_control(const char *text, size_t length, bool *next_line)
{
    bool ascii = true;
    for (size_t i = 0; i < length; i++)
        ascii &= text[i] >= 0 && text[i] < 0x7F;
    if (ascii)
        return false;
    for (size_t i = 0; i < length; i++) {
        const unsigned char *at = (const unsigned char *)text + i;
        // A text ends with a NUL, which is none of the bytes looked for.
        if (at[0] == 0x7F || (at[0] == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F && at[1] != 0x85) ||
            (at[0] == 0xEF && at[1] == 0xBF && at[2] >= 0xBE))
            return true;
        *next_line |= at[0] == 0xC2 && at[1] == 0x85;
    }
    return false;
}

bool yamlvalue_has_controls(const struct value *value, bool *next_line)
{
    if (value_is_string(value))
        return has_control(value_string_value(value), value_string_length(value), next_line);
    const char *key = NULL;
    const struct value *member = NULL;
    value_foreach (value, key, member) {
        bool in_key = false;
        if (has_control(key, strlen(key), &in_key) || in_key ||
            yamlvalue_has_controls(member, next_line))
            return true;
    }
    for (size_t i = 0; i < value_array_size(value); i++)
        if (yamlvalue_has_controls(value_array_get(value, i), next_line))
            return true;
    return false;
}

// Whether a blank or the end follows.
static bool before_blank(const char *text, size_t length, size_t at)
{
    return at + 1 >= length || text[at + 1] == ' ' || text[at + 1] == '\t';
}

bool yamlvalue_may_be_plain(const char *text, size_t length)
{
    if (length == 0 || strchr(",[]{}#&*!|>'\"%@` \t\n", text[0]) != NULL ||
        text[length - 1] == ' ' || text[length - 1] == '\t')
        return false;
    if (strchr("-?", text[0]) != NULL && before_blank(text, length, 0))
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n' || (text[i] == ':' && before_blank(text, length, i)) ||
            (text[i] == '#' && text[i - 1] == ' '))
            return false;
    struct yamlvalue_scalar scalar;
    yamlvalue_resolve(text, length, &scalar);
    return scalar.kind == YAMLVALUE_STRING;
}
