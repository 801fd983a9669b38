// Scalars by themselves, for those who change them one at a time.
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamljson.h"
#include "base/yamljson_internal.h"

static json_t *real_or_integer(double real)
{
    if (real == trunc(real) && real >= -0x1p63 && real < 0x1p63)
        return json_integer((json_int_t)real);
    return json_real(real);
}

json_t *yamljson_scalar(const char *text, size_t size)
{
    struct yamljson_scalar scalar;
    yamljson_resolve(text, size, &scalar);
    switch (scalar.kind) {
    case YAMLJSON_NULL:
        return size == 0 ? yamljson_empty_null() : json_null();
    case YAMLJSON_BOOL:
        return json_boolean(scalar.truth);
    case YAMLJSON_INTEGER:
        return json_integer(scalar.integer);
    case YAMLJSON_UNSIGNED: {
        double real = (double)scalar.unsigned_integer;
        return real < 0x1p64 && (uint64_t)real == scalar.unsigned_integer ? json_real(real) : NULL;
    }
    case YAMLJSON_FLOAT:
        return real_or_integer(scalar.real);
    case YAMLJSON_NOT_FINITE:
        return NULL;
    case YAMLJSON_TIMESTAMP:
        return json_string(scalar.timestamp);
    case YAMLJSON_STRING:
        break;
    }
    return json_stringn(text, size);
}

char *yamljson_scalar_text(const json_t *value)
{
    switch (value == NULL ? JSON_NULL : json_typeof(value)) {
    case JSON_STRING:
        return xstrdup(json_string_value(value));
    case JSON_INTEGER:
        return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: {
        cleanup_strbuf struct strbuf text;
        strbuf_init(&text, 512);
        yamljson_add_real(&text, json_real_value(value));
        return strbuf_steal(&text);
    }
    case JSON_TRUE:
        return xstrdup("true");
    case JSON_FALSE:
        return xstrdup("false");
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
    default:
        return xstrdup("");
    }
}

// Whether a blank or the end follows.
static bool before_blank(const char *text, size_t length, size_t at)
{
    return at + 1 >= length || text[at + 1] == ' ' || text[at + 1] == '\t';
}

bool yamljson_may_be_plain(const char *text, size_t length)
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
    struct yamljson_scalar scalar;
    yamljson_resolve(text, length, &scalar);
    return scalar.kind == YAMLJSON_STRING;
}
