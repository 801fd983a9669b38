#include "oci/challenge.h"

#include "base/http_client.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUE = 8192, MAX_CHALLENGES = 16, MAX_PARAMS = 32 };

void oci_challenge_release(void *challenge)
{
    struct oci_challenge *this = challenge;
    free(this->scheme);
    vec_free(&this->params);
}

const struct oci_challenge *oci_challenge_find(const struct vec *challenges, const char *scheme)
{
    vec_foreach (const struct oci_challenge, challenge, challenges)
        if (strcmp(challenge->scheme, scheme) == 0)
            return challenge;
    return NULL;
}

const char *oci_challenge_param(const struct oci_challenge *challenge, const char *name)
{
    return http_headers_get(&challenge->params, name);
}

static bool is_token_char(char ch)
{
    return isalnum((unsigned char)ch) || (ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

static size_t token_length(const char *text)
{
    size_t length = 0;
    while (is_token_char(text[length]))
        length++;
    return length;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static char *lower_copy(const char *text, size_t length)
{
    char *copy = xstrndup(text, length);
    for (char *cursor = copy; *cursor != '\0'; cursor++)
        *cursor = (char)tolower((unsigned char)*cursor);
    return copy;
}

// The value behind '=': a token or a quoted string. *cursor is moved behind it.
static char *take_value(const char **cursor)
{
    const char *text = *cursor;
    if (*text != '"') {
        size_t length = token_length(text);
        // Base64 and paths without quotes are wrong but seen; a comma or blank ends them.
        while (text[length] != '\0' && strchr(", \t\"", text[length]) == NULL)
            length++;
        *cursor = text + length;
        return length > 0 ? xstrndup(text, length) : NULL;
    }
    cleanup_strbuf struct strbuf value;
    strbuf_init(&value, MAX_VALUE);
    for (text++; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (*text == '\0')
            return NULL;
        strbuf_addch(&value, *text);
    }
    *cursor = text + 1;
    return strbuf_steal(&value);
}

static int take_param(const char **cursor, struct oci_challenge *challenge, struct error *err)
{
    const char *name = *cursor;
    size_t length = token_length(name);
    *cursor = skip_blanks(skip_blanks(name + length) + 1);
    cleanup_free char *key = lower_copy(name, length);
    cleanup_free char *value = take_value(cursor);
    if (value == NULL)
        return error_set(err, ERROR_INVALID, "parameter %s of a challenge has no value", key);
    if (oci_challenge_param(challenge, key) != NULL)
        return error_set(err, ERROR_INVALID, "a challenge has two parameters %s", key);
    if (challenge->params.len >= MAX_PARAMS)
        return error_set(err, ERROR_LIMIT, "a challenge has more than %d parameters", MAX_PARAMS);
    http_headers_add(&challenge->params, key, value);
    return 0;
}

// "Negotiate YII=": a run of token68 up to the end or a comma.
static size_t token68_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) ||
           (text[length] != '\0' && strchr("-._~+/", text[length]) != NULL))
        length++;
    length += strspn(text + length, "=");
    const char *rest = skip_blanks(text + length);
    return *rest == '\0' || *rest == ',' ? length : 0;
}

static bool is_param(const char *text)
{
    size_t length = token_length(text);
    return length > 0 && *skip_blanks(text + length) == '=';
}

static int take_scheme(const char **cursor, struct vec *challenges, struct error *err)
{
    size_t length = token_length(*cursor);
    const char *rest = *cursor + length;
    if (length == 0 || (*rest != '\0' && strchr(", \t", *rest) == NULL))
        return error_set(err, ERROR_INVALID, "a challenge is malformed");
    if (challenges->len >= MAX_CHALLENGES)
        return error_set(err, ERROR_LIMIT, "there are more than %d challenges", MAX_CHALLENGES);
    struct oci_challenge *challenge = vec_push(challenges);
    challenge->params = HTTP_HEADERS;
    challenge->scheme = lower_copy(*cursor, length);
    rest = skip_blanks(rest);
    *cursor = rest + token68_length(rest);
    return 0;
}

int oci_challenges_parse(const char *value, struct vec *challenges, struct error *err)
{
    if (strlen(value) > MAX_VALUE)
        return error_set(err, ERROR_LIMIT, "WWW-Authenticate is longer than %d bytes", MAX_VALUE);
    size_t first = challenges->len;
    for (const char *cursor = value;;) {
        cursor += strspn(cursor, ", \t");
        if (*cursor == '\0')
            return 0;
        // A name with '=' belongs to the challenge before it; a name without one opens the next.
        bool param = is_param(cursor);
        if (param && challenges->len == first)
            return error_set(err, ERROR_INVALID, "a challenge has no scheme");
        int result = param ? take_param(&cursor, vec_at(challenges, challenges->len - 1), err)
                           : take_scheme(&cursor, challenges, err);
        if (result < 0)
            return -1;
    }
}
