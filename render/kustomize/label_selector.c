#include "render/kustomize/label_selector.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue.h"

enum { MAX_REQUIREMENTS = 100, MAX_NAME_BYTES = 63, MAX_PREFIX_BYTES = 253 };

enum token {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_IN,
    TOKEN_NOT_IN,
    TOKEN_EQUALS,
    TOKEN_NOT_EQUALS,
    TOKEN_GREATER,
    TOKEN_LESS,
    TOKEN_NOT,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
};

enum operation {
    OPERATION_IN, // and = and ==
    OPERATION_NOT_IN,
    OPERATION_EXISTS,
    OPERATION_MISSING,
    OPERATION_GREATER,
    OPERATION_LESS,
};

struct requirement {
    char *key;
    enum operation operation;
    struct vec values; // char *
};

static void requirement_release(void *element)
{
    struct requirement *requirement = element;
    free(requirement->key);
    vec_free(&requirement->values);
}

void label_selector_release(struct label_selector *selector)
{
    vec_free(&selector->requirements);
}

// The token at `at`, which begins behind blanks.
struct reader {
    const char *at;
    size_t length;
    enum token token;
};

static void read_token(struct reader *reader)
{
    static const struct {
        const char *text;
        enum token token;
    } symbols[] = {
        {"==", TOKEN_EQUALS}, {"=", TOKEN_EQUALS},  {"!=", TOKEN_NOT_EQUALS},
        {"!", TOKEN_NOT},     {">", TOKEN_GREATER}, {"<", TOKEN_LESS},
        {"(", TOKEN_OPEN},    {")", TOKEN_CLOSE},   {",", TOKEN_COMMA},
    };
    reader->at += reader->length;
    reader->at += strspn(reader->at, " \t\r\n");
    for (size_t i = 0; i < ARRAY_LENGTH(symbols); i++) {
        reader->length = strlen(symbols[i].text);
        reader->token = symbols[i].token;
        if (strncmp(reader->at, symbols[i].text, reader->length) == 0)
            return;
    }
    reader->length = strcspn(reader->at, "=!(),>< \t\r\n");
    reader->token = reader->length == 0 ? TOKEN_END : TOKEN_WORD;
    if (reader->length == 2 && strncmp(reader->at, "in", 2) == 0)
        reader->token = TOKEN_IN;
    if (reader->length == 5 && strncmp(reader->at, "notin", 5) == 0)
        reader->token = TOKEN_NOT_IN;
}

// "in" and "notin" are words wherever no operator is expected.
static bool at_word(const struct reader *reader)
{
    return reader->token == TOKEN_WORD || reader->token == TOKEN_IN ||
           reader->token == TOKEN_NOT_IN;
}

static int unexpected(const struct reader *reader, const char *expected, struct error *err)
{
    if (reader->token == TOKEN_END)
        return error_set(err, ERROR_INVALID, "it ends where %s is expected", expected);
    return error_set(err, ERROR_INVALID, "\"%.*s\" stands where %s is expected",
                     (int)reader->length, reader->at, expected);
}

static bool is_alphanumeric(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

// ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9], at most 63 bytes.
static bool is_name(const char *text, size_t length)
{
    if (length == 0 || length > MAX_NAME_BYTES || !is_alphanumeric(text[0]) ||
        !is_alphanumeric(text[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(text[i]) && strchr("-_.", text[i]) == NULL)
            return false;
    return true;
}

// A DNS subdomain.
static bool is_prefix(const char *text, size_t length)
{
    if (length == 0 || length > MAX_PREFIX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool edge = i == 0 || i + 1 == length || text[i - 1] == '.' || text[i + 1] == '.';
        bool lower = is_alphanumeric(text[i]) && !(text[i] >= 'A' && text[i] <= 'Z');
        bool inner = text[i] == '-' || text[i] == '.';
        if (!lower && (edge || !inner))
            return false;
    }
    return true;
}

static int check_key(const char *key, struct error *err)
{
    const char *slash = strchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    if (slash != NULL && !is_prefix(key, (size_t)(slash - key)))
        return error_set(err, ERROR_INVALID,
                         "the key \"%s\" has no DNS name before its slash (example.com/name)", key);
    if (!is_name(name, strlen(name)))
        return error_set(
            err, ERROR_INVALID,
            "the key \"%s\" is no label name (1 to 63 of letters, digits, '-', '_' and "
            "'.', a letter or digit at both ends)",
            key);
    return 0;
}

static bool parse_number(const char *text, long long *ret_number)
{
    char *end = NULL;
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && strchr(" \t\n\v\f\r", *text) == NULL;
}

static int check_values(const struct requirement *requirement, struct error *err)
{
    bool number =
        requirement->operation == OPERATION_GREATER || requirement->operation == OPERATION_LESS;
    vec_foreach (char *, value, &requirement->values) {
        long long ignored = 0;
        if (number && !parse_number(*value, &ignored))
            return error_set(err, ERROR_INVALID, "\"%s\" is no integer to compare %s with", *value,
                             requirement->key);
        if (**value != '\0' && !is_name(*value, strlen(*value)))
            return error_set(
                err, ERROR_INVALID,
                "\"%s\" is no label value (at most 63 of letters, digits, '-', '_' and "
                "'.', a letter or digit at both ends)",
                *value);
    }
    return 0;
}

static void push_word(const struct reader *reader, struct vec *values)
{
    *(char **)vec_push(values) = xstrndup(reader->at, reader->length);
}

// Behind "in": "(a, b)"; a place between commas that holds nothing is "".
static int read_list(struct reader *reader, struct vec *values, struct error *err)
{
    if (reader->token != TOKEN_OPEN)
        return unexpected(reader, "'('", err);
    do {
        read_token(reader);
        if (at_word(reader)) {
            push_word(reader, values);
            read_token(reader);
        } else if (reader->token == TOKEN_COMMA || reader->token == TOKEN_CLOSE) {
            vec_push_string(values, "");
        } else {
            return unexpected(reader, "a value, ',' or ')'", err);
        }
    } while (reader->token == TOKEN_COMMA);
    if (reader->token != TOKEN_CLOSE)
        return unexpected(reader, "',' or ')'", err);
    read_token(reader);
    return 0;
}

static int read_one(struct reader *reader, struct vec *values, struct error *err)
{
    if (reader->token == TOKEN_END || reader->token == TOKEN_COMMA) {
        vec_push_string(values, "");
        return 0;
    }
    if (!at_word(reader))
        return unexpected(reader, "a value", err);
    push_word(reader, values);
    read_token(reader);
    return 0;
}

static int read_operation(struct reader *reader, struct requirement *requirement, struct error *err)
{
    static const struct {
        enum token token;
        enum operation operation;
        bool list;
    } operations[] = {
        {TOKEN_IN, OPERATION_IN, true},
        {TOKEN_NOT_IN, OPERATION_NOT_IN, true},
        {TOKEN_EQUALS, OPERATION_IN, false},
        {TOKEN_NOT_EQUALS, OPERATION_NOT_IN, false},
        {TOKEN_GREATER, OPERATION_GREATER, false},
        {TOKEN_LESS, OPERATION_LESS, false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(operations); i++) {
        if (operations[i].token != reader->token)
            continue;
        requirement->operation = operations[i].operation;
        read_token(reader);
        return operations[i].list ? read_list(reader, &requirement->values, err)
                                  : read_one(reader, &requirement->values, err);
    }
    return unexpected(reader, "'=', '==', '!=', 'in' or 'notin'", err);
}

static int read_requirement(struct reader *reader, struct requirement *requirement,
                            struct error *err)
{
    requirement->values = VEC_OF(char *, vec_release_string);
    bool negated = reader->token == TOKEN_NOT;
    if (negated)
        read_token(reader);
    if (!at_word(reader))
        return unexpected(reader, "a key", err);
    requirement->key = xstrndup(reader->at, reader->length);
    if (check_key(requirement->key, err) < 0)
        return -1;
    read_token(reader);
    requirement->operation = negated ? OPERATION_MISSING : OPERATION_EXISTS;
    if (negated || reader->token == TOKEN_END || reader->token == TOKEN_COMMA)
        return 0;
    if (read_operation(reader, requirement, err) < 0)
        return -1;
    return check_values(requirement, err);
}

static int read_requirements(struct reader *reader, struct vec *requirements, struct error *err)
{
    read_token(reader);
    if (reader->token == TOKEN_END)
        return 0;
    for (;;) {
        if (requirements->len >= MAX_REQUIREMENTS)
            return error_set(err, ERROR_LIMIT, "more than %d requirements", MAX_REQUIREMENTS);
        if (read_requirement(reader, vec_push(requirements), err) < 0)
            return -1;
        if (reader->token == TOKEN_END)
            return 0;
        if (reader->token != TOKEN_COMMA)
            return unexpected(reader, "',' or the end", err);
        read_token(reader);
    }
}

int label_selector_parse(const char *text, struct label_selector *ret_selector, struct error *err)
{
    cleanup_label_selector struct label_selector selector = {
        .requirements = VEC_OF(struct requirement, requirement_release)};
    struct reader reader = {.at = text};
    if (read_requirements(&reader, &selector.requirements, err) < 0)
        return error_wrap(err, "the selector \"%s\"", text);
    *ret_selector = selector;
    selector.requirements = (struct vec){0};
    return 0;
}

static bool has_value(const struct requirement *requirement, const char *text)
{
    vec_foreach (char *, value, &requirement->values)
        if (strcmp(*value, text) == 0)
            return true;
    return false;
}

static bool requirement_matches(const struct requirement *requirement, const struct value *labels)
{
    const struct value *label = value_object_get(labels, requirement->key);
    switch (requirement->operation) {
    case OPERATION_EXISTS:
        return label != NULL;
    case OPERATION_MISSING:
        return label == NULL;
    case OPERATION_IN:
    case OPERATION_NOT_IN:
    case OPERATION_GREATER:
    case OPERATION_LESS:
        break;
    }
    if (label == NULL)
        return requirement->operation == OPERATION_NOT_IN;
    cleanup_free char *text = yamlvalue_scalar_text(label);
    if (requirement->operation == OPERATION_IN || requirement->operation == OPERATION_NOT_IN)
        return has_value(requirement, text) == (requirement->operation == OPERATION_IN);
    long long mine = 0;
    long long wanted = 0;
    if (!parse_number(text, &mine) ||
        !parse_number(*(char **)vec_at(&requirement->values, 0), &wanted))
        return false;
    return requirement->operation == OPERATION_GREATER ? mine > wanted : mine < wanted;
}

bool label_selector_matches(const struct label_selector *selector, const struct value *labels)
{
    vec_foreach (struct requirement, requirement, &selector->requirements)
        if (!requirement_matches(requirement, labels))
            return false;
    return true;
}
