#include "oci/layer.h"

#include <stdint.h>
#include <string.h>

enum { MAX_SEGMENT = 255 };

// The length of the UTF-8 sequence at text (RFC 3629: shortest form, no surrogates), 0 when it is
// none.
static size_t utf8_sequence(const unsigned char *text)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    uint32_t point = text[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3fU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

static int check_characters(const char *path, struct error *err)
{
    for (const unsigned char *cursor = (const unsigned char *)path; *cursor != '\0';) {
        if (*cursor < 0x20 || *cursor == 0x7f)
            return error_set(err, ERROR_INVALID, "a path in the archive holds a control character");
        if (*cursor == '\\')
            return error_set(err, ERROR_INVALID, "path \"%s\" holds a backslash", path);
        size_t length = utf8_sequence(cursor);
        if (length == 0)
            return error_set(err, ERROR_INVALID, "a path in the archive is not UTF-8");
        cursor += length;
    }
    return 0;
}

int layer_path_check(const char *path, struct error *err)
{
    size_t size = strlen(path);
    if (size > LAYER_MAX_PATH)
        return error_set(err, ERROR_LIMIT, "path \"%.60s…\" has %zu bytes; the limit is %d", path,
                         size, LAYER_MAX_PATH);
    if (check_characters(path, err) < 0)
        return -1;
    if (path[0] == '/')
        return error_set(err, ERROR_INVALID, "path \"%s\" is absolute", path);
    unsigned depth = 0;
    for (const char *segment = path;; segment += strcspn(segment, "/") + 1) {
        size_t length = strcspn(segment, "/");
        if (length == 0)
            return error_set(err, ERROR_INVALID, "path \"%s\" has an empty segment", path);
        if (strncmp(segment, "..", length) == 0 && length <= 2)
            return error_set(err, ERROR_INVALID, "path \"%s\" has a segment \"%.*s\"", path,
                             (int)length, segment);
        if (length > MAX_SEGMENT)
            return error_set(err, ERROR_LIMIT, "path \"%.60s…\" has a segment of %zu bytes", path,
                             length);
        if (++depth > LAYER_MAX_DEPTH)
            return error_set(err, ERROR_LIMIT, "path \"%s\" is deeper than %d", path,
                             LAYER_MAX_DEPTH);
        if (segment[length] == '\0')
            return 0;
    }
}

int layer_path_compare(const char *a, const char *b)
{
    while (*a == *b && *a != '\0') {
        a++;
        b++;
    }
    // No path holds a control character, so 1 is below all that can stand here but the end.
    int left = *a == '/' ? 1 : (unsigned char)*a;
    int right = *b == '/' ? 1 : (unsigned char)*b;
    return left - right;
}
