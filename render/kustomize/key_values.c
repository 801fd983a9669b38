// The sources of generated data, as api/kv and api/internal/generators of kustomize read them.
#include "render/kustomize/key_values.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"

// bufio.MaxScanTokenSize, which counts the line end.
enum { MAX_LINE_BYTES = 64 * 1024 - 1 };

void key_value_release(void *element)
{
    struct key_value *pair = element;
    free(pair->key);
    free(pair->value);
}

static void add_pair(struct vec *pairs, const char *key, size_t key_size, const char *value,
                     size_t size)
{
    *(struct key_value *)vec_push(pairs) = (struct key_value){
        .key = xstrndup(key, key_size), .value = xstrndup(value, size), .size = size};
}

int key_values_add_literal(struct vec *pairs, const char *literal, struct error *err)
{
    const char *equals = strchr(literal, '=');
    if (equals == NULL || equals == literal)
        return error_set(err, ERROR_INVALID, "\"%s\" is no literal; write key=value", literal);
    const char *value = equals + 1;
    size_t size = strlen(value);
    if (size >= 2 && (value[0] == '"' || value[0] == '\'') && value[0] == value[size - 1]) {
        value++;
        size -= 2;
    }
    add_pair(pairs, literal, (size_t)(equals - literal), value, size);
    return 0;
}

// path.Base of Go.
static char *last_name(const char *path)
{
    size_t end = strlen(path);
    if (end == 0)
        return xstrdup(".");
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return start == end ? xstrdup("/") : xstrndup(path + start, end - start);
}

int key_values_split_file(const char *source, char **ret_key, char **ret_path, struct error *err)
{
    const char *equals = strchr(source, '=');
    if (equals == NULL) {
        *ret_key = last_name(source);
        *ret_path = xstrdup(source);
        return 0;
    }
    if (strchr(equals + 1, '=') != NULL)
        return error_set(err, ERROR_INVALID,
                         "\"%s\": neither a key nor a path of a file can hold '='", source);
    if (equals == source)
        return error_set(err, ERROR_INVALID, "\"%s\": the key is missing before '='", source);
    if (equals[1] == '\0')
        return error_set(err, ERROR_INVALID, "\"%s\": the path is missing behind '='", source);
    *ret_key = xstrndup(source, (size_t)(equals - source));
    *ret_path = xstrdup(equals + 1);
    return 0;
}

// How many bytes of white space, as Go's unicode.IsSpace has it, text starts with.
static size_t space_at(const unsigned char *text, size_t left)
{
    if (left >= 1 && (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r')))
        return 1;
    if (left >= 2 && text[0] == 0xc2 && (text[1] == 0x85 || text[1] == 0xa0))
        return 2;
    if (left < 3)
        return 0;
    unsigned code = text[0] == 0xe1 || text[0] == 0xe2 || text[0] == 0xe3
                        ? (text[0] & 0xfU) << 12 | (text[1] & 0x3fU) << 6 | (text[2] & 0x3fU)
                        : 0;
    bool space = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                 code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return space ? 3 : 0;
}

static bool is_utf8(const char *text, size_t size)
{
    struct value *value = value_stringn(text, size);
    value_decref(value);
    return value != NULL;
}

static int parse_line(struct vec *pairs, const char *line, size_t size, size_t number,
                      struct error *err)
{
    if (size >= MAX_LINE_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "line %zu is longer than 65,534 bytes; use `files` for long values",
                         number);
    if (!is_utf8(line, size))
        return error_set(err, ERROR_INVALID, "line %zu is not UTF-8; use `files` for such values",
                         number);
    if (number == 1 && size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        size -= 3;
    }
    for (size_t n; (n = space_at((const unsigned char *)line, size)) > 0;) {
        line += n;
        size -= n;
    }
    if (size == 0 || line[0] == '#')
        return 0;
    const char *equals = memchr(line, '=', size);
    size_t key_size = equals != NULL ? (size_t)(equals - line) : size;
    if (memchr(line, '\0', key_size) != NULL)
        return error_set(err, ERROR_INVALID, "line %zu has a NUL byte in its name", number);
    if (key_size == 0)
        return 0;
    const char *value = equals != NULL ? equals + 1 : line + size;
    add_pair(pairs, line, key_size, value, (size_t)(line + size - value));
    return 0;
}

int key_values_parse_env(struct vec *pairs, const char *text, size_t size, struct error *err)
{
    size_t number = 0;
    for (size_t start = 0; start < size;) {
        const char *newline = memchr(text + start, '\n', size - start);
        size_t end = newline != NULL ? (size_t)(newline - text) : size;
        size_t line_size = end - start;
        if (line_size > 0 && text[end - 1] == '\r')
            line_size--;
        if (parse_line(pairs, text + start, line_size, ++number, err) < 0)
            return -1;
        start = end + 1;
    }
    return 0;
}
