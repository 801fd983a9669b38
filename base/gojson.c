// A walk over a jansson value; strings are valid UTF-8 there, so Go's replacement of bad bytes has
// nothing to do.
#include "base/gojson.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"

static const char *short_escape(unsigned char ch)
{
    switch (ch) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    default:
        return NULL;
    }
}

static bool is_line_separator(const char *text, size_t left)
{
    return left >= 3 && memcmp(text, "\xe2\x80", 2) == 0 &&
           (text[2] == '\xa8' || text[2] == '\xa9');
}

void gojson_write_string(const char *text, size_t size, unsigned flags, struct strbuf *out)
{
    strbuf_addch(out, '"');
    size_t kept = 0; // what is behind it and before i goes out as it is
    for (size_t i = 0; i < size; i++) {
        unsigned char ch = (unsigned char)text[i];
        bool separator = is_line_separator(text + i, size - i);
        bool html = (flags & GOJSON_ESCAPE_HTML) != 0 && (ch == '<' || ch == '>' || ch == '&');
        const char *escape = short_escape(ch);
        if (escape == NULL && ch >= 0x20 && !html && !separator)
            continue;
        strbuf_add(out, text + kept, i - kept);
        if (separator) {
            strbuf_addf(out, "\\u202%x", (unsigned)text[i + 2] & 0xf);
            i += 2;
        } else if (escape != NULL) {
            strbuf_addstr(out, escape);
        } else {
            strbuf_addf(out, "\\u%04x", ch);
        }
        kept = i + 1;
    }
    strbuf_add(out, text + kept, size - kept);
    strbuf_addch(out, '"');
}

// strconv's 'f' with the fewest digits that tell the number from others: zeros stand for the rest.
static void write_digits(const char *text, int precision, long exponent, double real,
                         struct strbuf *out)
{
    if (precision >= exponent) {
        strbuf_addf(out, "%.*f", (int)(precision - exponent), real);
        return;
    }
    for (const char *at = text; *at != 'e'; at++)
        if (*at != '.')
            strbuf_addch(out, *at);
    for (long zeros = exponent - precision; zeros > 0; zeros--)
        strbuf_addch(out, '0');
}

void gojson_write_real(double real, struct strbuf *out)
{
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    char *mark = strchr(text, 'e');
    if (mark == NULL) { // not a finite number; no JSON holds one
        strbuf_addstr(out, "null");
        return;
    }
    long exponent = strtol(mark + 1, NULL, 10);
    double size = fabs(real);
    if (size == 0 || (size >= 1e-6 && size < 1e21)) {
        write_digits(text, precision, exponent, real, out);
        return;
    }
    *mark = '\0';
    strbuf_addf(out, "%se%c%ld", text, exponent < 0 ? '-' : '+', labs(exponent));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void write_object(const json_t *object, unsigned flags, struct strbuf *out)
{
    size_t n = json_object_size(object);
    cleanup_free const char **names = xreallocarray(NULL, n + 1, sizeof *names);
    size_t at = 0;
    const char *name = NULL;
    json_t *member = NULL;
    jval_foreach (object, name, member)
        names[at++] = name;
    qsort(names, n, sizeof *names, compare_names);
    strbuf_addch(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            strbuf_addch(out, ',');
        gojson_write_string(names[i], strlen(names[i]), flags, out);
        strbuf_addch(out, ':');
        gojson_write(json_object_get(object, names[i]), flags, out);
    }
    strbuf_addch(out, '}');
}

static void write_array(const json_t *array, unsigned flags, struct strbuf *out)
{
    strbuf_addch(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            strbuf_addch(out, ',');
        gojson_write(json_array_get(array, i), flags, out);
    }
    strbuf_addch(out, ']');
}

void gojson_write(const json_t *value, unsigned flags, struct strbuf *out)
{
    if (json_is_object(value))
        write_object(value, flags, out);
    else if (json_is_array(value))
        write_array(value, flags, out);
    else if (json_is_string(value))
        gojson_write_string(json_string_value(value), json_string_length(value), flags, out);
    else if (json_is_integer(value) && (flags & GOJSON_FLOATS) != 0)
        gojson_write_real((double)json_integer_value(value), out);
    else if (json_is_integer(value))
        strbuf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        gojson_write_real(json_real_value(value), out);
    else
        strbuf_addstr(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}
