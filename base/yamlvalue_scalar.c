// Scalars as go-yaml reads them (resolve.go of v2 and v3), because what kustomize and kubectl make
// of `0777`, `1_000`, `yes` and `2001-01-01` is what people's manifests mean.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue_internal.h"

enum { MAX_NUMBER_BYTES = 1024 }; // a longer run of digits is text

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static int digit_value(char ch)
{
    if (is_digit(ch))
        return ch - '0';
    if (ch >= 'a' && ch <= 'f')
        return ch - 'a' + 10;
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : 99;
}

static unsigned base_of(const char **text)
{
    const char *digits = *text;
    if (digits[0] != '0')
        return 10;
    if (digits[1] != '\0' && digits[2] != '\0') {
        static const struct {
            char letter;
            unsigned base;
        } prefixes[] = {{'x', 16}, {'b', 2}, {'o', 8}};
        for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++)
            if ((digits[1] | 0x20) == prefixes[i].letter) {
                *text = digits + 2;
                return prefixes[i].base;
            }
    }
    *text = digits + 1;
    return 8;
}

// strconv.ParseInt(text, 0, 64), then ParseUint.
static bool parse_integer(const char *text, struct yamlvalue_scalar *ret)
{
    bool negative = *text == '-';
    bool sign = negative || *text == '+';
    text += sign;
    if (*text == '\0')
        return false;
    unsigned base = base_of(&text);
    uint64_t magnitude = 0;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)digit_value(*text);
        if (digit >= base || __builtin_mul_overflow(magnitude, base, &magnitude) ||
            __builtin_add_overflow(magnitude, digit, &magnitude))
            return false;
    }
    if (magnitude <= INT64_MAX) {
        ret->kind = YAMLVALUE_INTEGER;
        ret->integer = negative ? -(int64_t)magnitude : (int64_t)magnitude;
        return true;
    }
    if (negative && magnitude == (uint64_t)INT64_MAX + 1) {
        ret->kind = YAMLVALUE_INTEGER;
        ret->integer = INT64_MIN;
        return true;
    }
    if (sign)
        return false;
    ret->kind = YAMLVALUE_UNSIGNED;
    ret->unsigned_integer = magnitude;
    return true;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
static bool is_float(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, "0123456789");
    text += whole;
    if (*text == '.') {
        size_t fraction = strspn(text + 1, "0123456789");
        if (whole == 0 && fraction == 0)
            return false;
        text += 1 + fraction;
    } else if (whole == 0) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = strspn(text, "0123456789");
        if (exponent == 0)
            return false;
        text += exponent;
    }
    return *text == '\0';
}

static bool parse_float(const char *text, struct yamlvalue_scalar *ret)
{
    if (!is_float(text))
        return false;
    double real = strtod(text, NULL);
    if (!isfinite(real))
        return false;
    ret->kind = YAMLVALUE_FLOAT;
    ret->real = real;
    return true;
}

static void strip_underscores(const char *text, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '_')
            *out++ = text[i];
    *out = '\0';
}

// Go's rule for underscores in a decimal float: only between two digits.
static bool underscores_between_digits(const char *text)
{
    for (const char *at = strchr(text, '_'); at != NULL; at = strchr(at + 1, '_'))
        if (at == text || !is_digit(at[-1]) || !is_digit(at[1]))
            return false;
    return true;
}

// One or two digits below `limit`, as Go's time.Parse takes hours to seconds.
static bool take_number(const char **text, int limit, int *ret)
{
    if (!is_digit(**text))
        return false;
    *ret = *(*text)++ - '0';
    if (is_digit(**text))
        *ret = *ret * 10 + (*(*text)++ - '0');
    return *ret < limit;
}

static bool take_char(const char **text, char ch)
{
    if (**text != ch)
        return false;
    (*text)++;
    return true;
}

// [.,]digits; up to nine of them count, zeros at the end do not.
static void take_fraction(const char **text, char fraction[11])
{
    fraction[0] = '\0';
    if ((**text != '.' && **text != ',') || !is_digit((*text)[1]))
        return;
    size_t digits = strspn(*text + 1, "0123456789");
    size_t length = digits < 9 ? digits : 9;
    while (length > 0 && (*text)[length] == '0')
        length--;
    if (length > 0)
        snprintf(fraction, 11, ".%.*s", (int)length, *text + 1);
    *text += 1 + digits;
}

static bool take_zone(const char **text, char zone[7])
{
    if (take_char(text, 'Z')) {
        snprintf(zone, 7, "Z");
        return true;
    }
    const char *at = *text;
    if ((at[0] != '+' && at[0] != '-') || !is_digit(at[1]) || !is_digit(at[2]) || at[3] != ':' ||
        !is_digit(at[4]) || !is_digit(at[5]))
        return false;
    int hours = (at[1] - '0') * 10 + at[2] - '0';
    int minutes = (at[4] - '0') * 10 + at[5] - '0';
    if (hours > 23 || minutes > 59)
        return false;
    if (hours == 0 && minutes == 0)
        snprintf(zone, 7, "Z");
    else
        snprintf(zone, 7, "%.6s", at);
    *text += 6;
    return true;
}

static bool is_day(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

// The four layouts of go-yaml: 2006-1-2, with T or t and a zone, or with a blank and none.
static bool parse_timestamp(const char *text, struct yamlvalue_scalar *ret)
{
    if (strspn(text, "0123456789") != 4 || text[4] != '-')
        return false;
    int year =
        (text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + text[3] - '0';
    const char *at = text + 5;
    int month = 0;
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    char fraction[11] = "";
    char zone[7] = "Z";
    if (!take_number(&at, 13, &month) || !take_char(&at, '-') || !take_number(&at, 32, &day) ||
        !is_day(year, month, day))
        return false;
    if (*at != '\0') {
        char separator = *at++;
        if ((separator != 'T' && separator != 't' && separator != ' ') ||
            !take_number(&at, 24, &hour) || !take_char(&at, ':') ||
            !take_number(&at, 60, &minute) || !take_char(&at, ':') ||
            !take_number(&at, 60, &second))
            return false;
        take_fraction(&at, fraction);
        if (separator != ' ' && !take_zone(&at, zone))
            return false;
        if (*at != '\0')
            return false;
    }
    ret->kind = YAMLVALUE_TIMESTAMP;
    snprintf(ret->timestamp, sizeof ret->timestamp, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", year,
             month, day, hour, minute, second, fraction, zone);
    return true;
}

static bool resolve_word(const char *text, struct yamlvalue_scalar *ret)
{
    static const char *const null_words[] = {"", "~", "null", "Null", "NULL"};
    static const char *const true_words[] = {"true", "True", "TRUE"};
    static const char *const false_words[] = {"false", "False", "FALSE"};
    static const char *const not_finite[] = {
        ".nan",  ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
        "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    };
    if (is_one_of(text, null_words, ARRAY_LENGTH(null_words)))
        ret->kind = YAMLVALUE_NULL;
    else if (is_one_of(text, true_words, ARRAY_LENGTH(true_words)))
        *ret = (struct yamlvalue_scalar){.kind = YAMLVALUE_BOOL, .truth = true};
    else if (is_one_of(text, false_words, ARRAY_LENGTH(false_words)))
        ret->kind = YAMLVALUE_BOOL;
    else if (is_one_of(text, not_finite, ARRAY_LENGTH(not_finite)))
        ret->kind = YAMLVALUE_NOT_FINITE;
    else
        return false;
    return true;
}

// Whether anything that is no string begins like this; most strings do not.
static bool may_be_typed(const char *text, size_t length)
{
    return length == 0 || strchr("~nNtTfFyYoO.+-0123456789", *text) != NULL;
}

void yamlvalue_resolve(const char *text, size_t length, struct yamlvalue_scalar *ret)
{
    *ret = (struct yamlvalue_scalar){.kind = YAMLVALUE_STRING};
    if (!may_be_typed(text, length))
        return;
    // A NUL inside would make the words below see less than there is.
    if (length > MAX_NUMBER_BYTES || memchr(text, '\0', length) != NULL)
        return;
    char exact[MAX_NUMBER_BYTES + 1];
    memcpy(exact, text, length);
    exact[length] = '\0';
    if (resolve_word(exact, ret))
        return;
    char plain[MAX_NUMBER_BYTES + 1];
    strip_underscores(text, length, plain);
    if (exact[0] == '.') {
        if (underscores_between_digits(exact))
            parse_float(plain, ret);
        return;
    }
    if (!is_digit(exact[0]) && exact[0] != '-' && exact[0] != '+')
        return;
    if (!parse_timestamp(exact, ret) && !parse_integer(plain, ret))
        parse_float(plain, ret);
}

// [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?
static bool is_base60(const char *text)
{
    text += *text == '-' || *text == '+';
    if (!is_digit(*text))
        return false;
    text += strspn(text, "0123456789_");
    if (*text != ':')
        return false;
    while (*text == ':') {
        size_t digits = strspn(text + 1, "0123456789");
        if (digits == 0 || digits > 2 || (digits == 2 && text[1] > '5'))
            return false;
        text += 1 + digits;
    }
    if (*text == '.')
        text += 1 + strspn(text + 1, "0123456789_");
    return *text == '\0';
}

// Those before FIRST_FALSE_WORD are true.
static const char *const yaml11_words[] = {
    "y", "Y", "yes", "Yes", "YES", "on",  "On",  "ON",
    "n", "N", "no",  "No",  "NO",  "off", "Off", "OFF",
};
enum { FIRST_FALSE_WORD = 8 };

void yamlvalue_resolve_11(const char *text, size_t length, struct yamlvalue_scalar *ret)
{
    yamlvalue_resolve(text, length, ret);
    if (ret->kind == YAMLVALUE_TIMESTAMP)
        ret->kind = YAMLVALUE_STRING;
    if (ret->kind != YAMLVALUE_STRING)
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(yaml11_words); i++)
        if (strlen(yaml11_words[i]) == length && memcmp(text, yaml11_words[i], length) == 0)
            *ret = (struct yamlvalue_scalar){.kind = YAMLVALUE_BOOL, .truth = i < FIRST_FALSE_WORD};
}

bool yamlvalue_looks_typed(const char *text, size_t length)
{
    if (!may_be_typed(text, length) || length > MAX_NUMBER_BYTES ||
        memchr(text, '\0', length) != NULL)
        return false;
    struct yamlvalue_scalar scalar;
    yamlvalue_resolve(text, length, &scalar);
    return scalar.kind != YAMLVALUE_STRING ||
           is_one_of(text, yaml11_words, ARRAY_LENGTH(yaml11_words)) || is_base60(text);
}

// strconv.FormatFloat(real, 'g', -1, 64), after what JSON knows to be an integer.
void yamlvalue_add_real(struct strbuf *out, const struct value *value)
{
    double real = value_real_value(value);
    uint64_t number = 0;
    if (value_is_unsigned(value, &number)) {
        strbuf_addf(out, "%" PRIu64, number);
        return;
    }
    if (real == trunc(real) && real > -0x1p63 && real < 0x1p64) {
        strbuf_addf(out, "%.0f", real == 0 ? 0.0 : real);
        return;
    }
    char text[40];
    int precision = 0;
    do
        snprintf(text, sizeof text, "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    if (exponent >= -4 && exponent < 6)
        strbuf_addf(out, "%.*f", precision > exponent ? precision - exponent : 0, real);
    else
        strbuf_addstr(out, text);
}
